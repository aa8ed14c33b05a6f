//! `kill -9` at random moments.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::Project;
use crate::random::Random;
use crate::world::{self, Rows, SHARD, counts, extract};
use crate::{say, seed, times};

/// Three full shards and one of a few rows.
const IMAGES: usize = 3 * SHARD + 5;

/// What a run leaves that nobody disturbs.
struct Undisturbed {
    features: Vec<u8>,
    rows: Rows,
    listing: Vec<String>,
    took: Duration,
    /// Names that such a run gives to files of the store, one after the other.
    names: usize,
}

fn undisturbed(project: &Project) -> Undisturbed {
    let start = Instant::now();
    let mut child = start_run(project, "f.npy");
    let mut names = BTreeSet::new();
    while child.try_wait().expect("a child").is_none() {
        look(project, &mut names);
    }
    let took = start.elapsed();
    assert_eq!(counts(&project.run(&extract("f.npy"))), (0, IMAGES));
    let rows = world::rows(project);
    assert_eq!(rows.len(), IMAGES);
    let different: BTreeSet<&Vec<u8>> = rows.values().collect();
    assert_eq!(different.len(), IMAGES, "no two rows are the same");
    Undisturbed {
        features: fs::read(project.path("f.npy")).expect("a file"),
        rows,
        listing: world::listing(project),
        took,
        names: names.len(),
    }
}

fn start_run(project: &Project, out: &str) -> Child {
    let mut command = project.command(&extract(out));
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().expect("a start")
}

/// Adds the names that are now in the store.
fn look(project: &Project, names: &mut BTreeSet<std::path::PathBuf>) {
    let mut found = Vec::new();
    world::walk(&project.path("cache/features"), &mut found);
    names.extend(found);
    std::thread::sleep(Duration::from_micros(100));
}

/// Kills a run at a moment drawn: half of them at any time of its life, the earlier the more often,
/// as it ends with reading; half of them soon after something has appeared in the store.
fn kill(project: &Project, child: &mut Child, random: &mut Random, calm: &Undisturbed) {
    if random.once_in(2) {
        let most = calm.took.as_micros() as usize * 11 / 10;
        let moment = random.below(most).min(random.below(most));
        let moment = Instant::now() + Duration::from_micros(moment as u64);
        // A run that is already at its end is not waited for.
        while Instant::now() < moment && child.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
    } else {
        let wanted = 1 + random.below(calm.names);
        let mut names = BTreeSet::new();
        look(project, &mut names);
        let before = names.len();
        while names.len() < before + wanted && child.try_wait().expect("a child").is_none() {
            look(project, &mut names);
        }
        std::thread::sleep(Duration::from_micros(random.below(4000) as u64));
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
}

/// Every row that is in the store is right; how many there are.
fn right(project: &Project, calm: &Undisturbed) -> usize {
    let rows = world::rows(project);
    for (key, row) in &rows {
        assert!(calm.rows.get(key) == Some(row), "a wrong row");
    }
    rows.len()
}

/// What a killed run has published is whole: full shards, and the rest only at its very end.
fn right_and_full(project: &Project, calm: &Undisturbed) -> usize {
    let published = right(project, calm);
    let full = published.is_multiple_of(SHARD) || published == IMAGES;
    assert!(full, "{published} rows: more than one shard's worth lost");
    published
}

fn forget(project: &Project, out: &[&str]) {
    for path in out.iter().chain(&["f.ids.txt"]) {
        let _ = fs::remove_file(project.path(path));
    }
    let _ = fs::remove_dir_all(project.path("cache/features"));
}

#[test]
fn a_killed_run_costs_less_than_a_shard_of_rows() {
    let count = times(50, 1000);
    let project = world::project(IMAGES);
    let calm = undisturbed(&project);
    let mut random = Random::new(seed(), "kills", 0);
    let (mut killed, mut seen) = (0, [0; 4]);
    while killed < count {
        forget(&project, &["f.npy"]);
        let mut published = 0;
        // Now and then the run that goes on is killed too.
        loop {
            let mut child = start_run(&project, "f.npy");
            kill(&project, &mut child, &mut random, &calm);
            killed += 1;
            let now = right_and_full(&project, &calm);
            assert!(now >= published, "rows that were published are gone");
            published = now;
            if let Ok(features) = fs::read(project.path("f.npy")) {
                assert!(features == calm.features, "a file that is there is whole");
            }
            if killed == count || !random.once_in(4) {
                break;
            }
        }
        seen[published / SHARD] += 1;
        let ran = project.run(&extract("f.npy"));
        assert_eq!(counts(&ran), (IMAGES - published, published));
        assert!(!ran.stderr.contains("damaged"), "{}", ran.stderr);
        assert!(fs::read(project.path("f.npy")).expect("a file") == calm.features);
        assert_eq!(right(&project, &calm), IMAGES);
        assert_eq!(world::listing(&project), calm.listing, "kill {killed}");
        if killed % 100 == 0 {
            say(&format!("{killed} of {count} runs killed"));
        }
    }
    assert_eq!(counts(&project.run(&extract("f.npy"))), (0, IMAGES));
    assert_eq!(world::listing(&project), calm.listing);
    // Moments that are all before or all after the work would show nothing.
    assert!(seen[0] > 0 && seen[1] + seen[2] > 0, "{seen:?}");
    say(&format!(
        "{count} runs killed; when they went on, 0, 1, 2, 3 shards were there: {seen:?} times"
    ));
}

#[test]
fn a_run_beside_a_killed_one_finishes() {
    let count = times(5, 100);
    let project = world::project(IMAGES);
    let calm = undisturbed(&project);
    let mut random = Random::new(seed(), "a run beside a killed one", 0);
    for _ in 0..count {
        forget(&project, &["f.npy", "g.npy"]);
        let mut killed = start_run(&project, "g.npy");
        std::thread::sleep(Duration::from_micros(random.below(20_000) as u64));
        let mut other = start_run(&project, "f.npy");
        kill(&project, &mut killed, &mut random, &calm);
        assert!(other.wait().expect("an end").success());
        assert!(fs::read(project.path("f.npy")).expect("a file") == calm.features);
        assert_eq!(right(&project, &calm), IMAGES);
        assert_eq!(counts(&project.run(&extract("f.npy"))), (0, IMAGES));
    }
    // The killed run's file that was never whole is the next run's to write over.
    assert_eq!(counts(&project.run(&extract("g.npy"))), (0, IMAGES));
    assert!(fs::read(project.path("g.npy")).expect("a file") == calm.features);
}
