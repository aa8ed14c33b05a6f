//! Flipped bits in any file of a store.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use catpipe::features::{RowId, Space, Store, StoreError, Warning};

use crate::random::Random;
use crate::world::{self, counts, extract};
use crate::{say, seed, times};

const WIDTH: usize = 48;
/// Rows of a shard, and shards.
const ROWS: usize = 5;
const SHARDS: usize = 6;

fn space() -> Space {
    let text = format!(
        r#"{{"format": 1, "preprocessing": "rgb", "graph": "pixels", "output": "pixels",
            "width": {WIDTH}, "numeric": "none"}}"#
    );
    serde_json::from_str(&text).expect("a space")
}

fn ids() -> Vec<RowId> {
    let image = |i: usize| [i as u8; 32];
    (0..ROWS * SHARDS)
        .map(|i| space().row(&image(i), "plain"))
        .collect()
}

/// The numbers of row `i`, with digits that no rounding keeps.
fn row(i: usize) -> Vec<f32> {
    (0..WIDTH)
        .map(|j| ((1 + i * WIDTH + j) as f32).sqrt() - 7.0)
        .collect()
}

/// What a run does: what it was told of damage, and how many rows it computed.
struct Told {
    damaged: BTreeSet<PathBuf>,
    computed: usize,
}

/// Opens the store, computes what it lacks and reads all rows, which must be right to the bit. A
/// shard that shows its damage only when it is read makes it begin again.
fn run(root: &Path) -> Told {
    let (mut damaged, mut computed) = (BTreeSet::new(), 0);
    for _ in 0..=SHARDS {
        let (store, warnings) = Store::open(root, &space()).expect("a store that opens");
        for warning in warnings {
            if let Warning::Damaged { path, moved_to, .. } = warning {
                assert!(moved_to.is_some_and(|path| path.exists()), "set aside");
                damaged.insert(path);
            }
        }
        let ids = ids();
        let missing = store.missing(&ids);
        for shard in missing.chunks(ROWS) {
            let mut writer = store.writer().expect("a writer");
            for &i in shard {
                writer.append(ids[i], &row(i)).expect("room");
            }
            computed += writer.finish().expect("room");
        }
        match store.read(&ids) {
            Ok(rows) => {
                for (i, found) in rows.rows().into_iter().enumerate() {
                    let right = found
                        .iter()
                        .map(|x| x.to_bits())
                        .eq(row(i).iter().map(|x| x.to_bits()));
                    assert!(right, "row {i} is wrong");
                }
                return Told { damaged, computed };
            }
            Err(StoreError::Damaged { path, moved_to, .. }) => {
                assert!(moved_to.is_some_and(|path| path.exists()), "set aside");
                damaged.insert(path);
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("more shards damaged than there are");
}

/// Every file of the one space below `features`, beside those that were set aside.
fn files(features: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    world::walk(features, &mut found);
    found.retain(|path| !path.parent().is_some_and(|dir| dir.ends_with("damaged")));
    // A lock file has no bits.
    found.retain(|path| fs::metadata(path).is_ok_and(|about| about.len() > 0));
    found
}

/// Flips some bits, mostly one, of the file; which.
fn flip(path: &Path, random: &mut Random) -> Vec<(usize, u8)> {
    let mut bytes = fs::read(path).expect("a file");
    let before = bytes.clone();
    let count = if random.once_in(4) {
        1 + random.below(8)
    } else {
        1
    };
    let mut flipped = Vec::new();
    for _ in 0..count {
        let (at, bit) = (random.below(bytes.len()), random.below(8) as u8);
        bytes[at] ^= 1 << bit;
        flipped.push((at, bit));
    }
    if bytes == before {
        // Twice the same bit.
        return flip(path, random);
    }
    fs::write(path, bytes).expect("a file");
    flipped
}

fn is_shard(path: &Path) -> bool {
    path.parent().is_some_and(|dir| dir.ends_with("shards"))
}

#[test]
fn a_flipped_bit_in_any_file_never_gives_a_wrong_row() {
    let count = times(200, 10_000);
    let root = tempfile::tempdir().expect("a folder");
    assert_eq!(run(root.path()).computed, ROWS * SHARDS);
    let mut random = Random::new(seed(), "flips", 0);
    let mut hit = [0, 0];
    for number in 0..count {
        let files = files(root.path());
        let path = &files[random.below(files.len())];
        let flipped = flip(path, &mut random);
        let told = run(root.path());
        let context = format!("flip {number}: {} {flipped:?}", path.display());
        if is_shard(path) {
            assert_eq!(told.damaged, BTreeSet::from([path.clone()]), "{context}");
            assert_eq!(told.computed, ROWS, "{context}");
        } else {
            assert!(told.damaged.is_empty(), "{context}");
            assert_eq!(told.computed, 0, "{context}");
        }
        let again = run(root.path());
        assert!(again.damaged.is_empty() && again.computed == 0, "{context}");
        hit[usize::from(is_shard(path))] += 1;
        for path in files_set_aside(root.path()) {
            fs::remove_file(path).expect("a file");
        }
    }
    assert!(hit[0] > 0 && hit[1] > 0);
    say(&format!(
        "{count} times bits flipped: {} times in shards, {} times in other files of the store",
        hit[1], hit[0]
    ));
}

fn files_set_aside(features: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    world::walk(features, &mut found);
    found.retain(|path| path.parent().is_some_and(|dir| dir.ends_with("damaged")));
    // A lock file has no bits.
    found.retain(|path| fs::metadata(path).is_ok_and(|about| about.len() > 0));
    found
}

/// The same with the program, on shards of full size.
#[test]
fn a_run_over_flipped_bits_names_the_shard_and_computes_its_rows_again() {
    let count = times(6, 100);
    let images = 2 * world::SHARD + 3;
    let project = world::project(images);
    assert_eq!(counts(&project.run(&extract("f.npy"))), (images, 0));
    let calm = fs::read(project.path("f.npy")).expect("a file");
    let mut random = Random::new(seed(), "flips under the program", 0);
    for number in 0..count {
        let features = project.path("cache/features");
        let files = files(&features);
        let path = &files[random.below(files.len())];
        let rows = if is_shard(path) {
            world::shard_rows(path).len()
        } else {
            0
        };
        let flipped = flip(path, &mut random);
        fs::remove_file(project.path("f.npy")).expect("a file");
        let ran = project.run(&extract("f.npy"));
        let context = format!(
            "flip {number}: {} {flipped:?}\n{}",
            path.display(),
            ran.stderr
        );
        assert_eq!(ran.code, 0, "{context}");
        assert!(
            fs::read(project.path("f.npy")).expect("a file") == calm,
            "{context}"
        );
        assert_eq!(counts(&ran), (rows, images - rows), "{context}");
        if is_shard(path) {
            let name = path.file_name().expect("a name").to_string_lossy();
            assert!(
                ran.stderr.contains(&*name) && ran.stderr.contains("damaged"),
                "{context}"
            );
        }
    }
}
