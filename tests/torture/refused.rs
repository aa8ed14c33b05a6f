//! A disk that is full, a store that may not be written, a store of a newer program.
//!
//! A file system without locks is not to be had on a machine of tests: `src/features/tests/`
//! refuses the locks themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::common::{Project, Ran};
use crate::random::Random;
use crate::world::{self, SHARD, counts, extract};
use crate::{say, seed, times};

/// Runs a program on a small disk, makes room and runs it again. `$1` is the disk's size in KiB,
/// `$2` where it is; the rest is the program with its arguments.
const ON_A_SMALL_DISK: &str = r#"
size=$1 disk=$2; shift 2
mount -t tmpfs -o size="${size}k" tmpfs "$disk" || exit 99
"$@" >one.json 2>one.txt; echo $? >one.code
find "$disk" -type f >one.files
mount -o remount,size=1g "$disk"
"$@" >two.json 2>two.txt; echo $? >two.code
find "$disk" -type f >two.files
"#;

fn ran(project: &Project, name: &str) -> Ran {
    Ran {
        code: project
            .read(&format!("{name}.code"))
            .trim()
            .parse()
            .expect("a code"),
        stdout: project.read(&format!("{name}.json")),
        stderr: project.read(&format!("{name}.txt")),
    }
}

#[test]
fn a_full_disk_is_told_and_with_room_the_run_goes_on() {
    const IMAGES: usize = 2 * SHARD + 5;
    let project = world::project(IMAGES);
    project.ok(&extract("calm.npy"));
    let calm = fs::read(project.path("calm.npy")).expect("a file");
    fs::remove_dir_all(project.path("cache")).expect("a folder");
    fs::create_dir(project.path("cache")).expect("a folder");
    let mut random = Random::new(seed(), "disks", 0);
    // Nothing fits, one shard does, and something between two shards and all (rows of 128 KiB).
    let mut sizes = vec![16, 9 << 10, (16 << 10) + 200];
    sizes.resize_with(times(3, 60), || 4 + random.below(128 * IMAGES - 300));
    for size in sizes {
        let _ = fs::remove_file(project.path("f.npy"));
        let program = project.command(&extract("f.npy"));
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            ON_A_SMALL_DISK,
            "sh",
        ]);
        command.arg(size.to_string()).arg(project.path("cache"));
        command.arg(program.get_program()).args(program.get_args());
        let set = program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.envs(set).current_dir(project.path(""));
        if !command.output().is_ok_and(|output| output.status.success()) {
            return say("\nNOT TESTED: a full disk: this user may not mount a small one\n");
        }
        let (one, two) = (ran(&project, "one"), ran(&project, "two"));
        assert_eq!(one.code, 1, "{size} KiB: {}", one.stderr);
        assert_eq!(one.stdout, "");
        let told = one.stderr.contains("no room on the disk") && one.stderr.contains("run again");
        assert!(told, "{size} KiB: {}", one.stderr);
        let there = project.read("one.files");
        let published = there.lines().filter(|file| file.ends_with(".h5")).count() * SHARD;
        assert!(!there.contains(".writer-"), "{there}");
        assert_eq!(
            counts(&two),
            (IMAGES - published, published),
            "{size} KiB: {}",
            two.stderr
        );
        assert!(!two.stderr.contains("damaged"), "{}", two.stderr);
        assert!(fs::read(project.path("f.npy")).expect("a file") == calm);
        assert_eq!(project.read("two.files").matches(".h5").count(), 3);
    }
}

/// A program as a user who does not own the store: nobody, where the tests are root's.
fn unprivileged(command: &mut Command) {
    // SAFETY: it only asks a number.
    #[allow(unsafe_code)]
    let root = unsafe { libc::geteuid() } == 0;
    if root {
        command.uid(65_534).gid(65_534);
    }
}

/// Whether such a user can run the program here at all.
fn can_run(project: &Project) -> bool {
    let mut command = project.command(&["--version"]);
    unprivileged(&mut command);
    command.output().is_ok_and(|output| output.status.success())
}

/// Gives everything below `dir` the rights to be read, and to be written where `writable`.
fn allow(dir: &Path, writable: bool) {
    let mut files = Vec::new();
    world::walk(dir, &mut files);
    let folders = files.iter().flat_map(|file| file.ancestors().skip(1));
    let mut folders: Vec<_> = folders.filter(|path| path.starts_with(dir)).collect();
    folders.push(dir);
    for folder in folders {
        let mode = if writable { 0o755 } else { 0o555 };
        fs::set_permissions(folder, PermissionsExt::from_mode(mode)).expect("rights");
    }
    for file in &files {
        let mode = if writable { 0o644 } else { 0o444 };
        fs::set_permissions(file, PermissionsExt::from_mode(mode)).expect("rights");
    }
}

#[test]
fn a_store_that_may_not_be_written_serves_what_it_has_and_says_what_it_cannot() {
    let project = Project::new();
    fs::set_permissions(project.path(""), PermissionsExt::from_mode(0o755)).expect("rights");
    if !can_run(&project) {
        return say("\nNOT TESTED: a read-only store: another user cannot run the program here\n");
    }
    project.ok(&[
        "synth",
        "photos",
        "--classes",
        "1",
        "--train",
        "9",
        "--test",
        "0",
        "--size",
        "24x16",
    ]);
    let extract = "extract --backbone pixels --images photos/train --json --out";
    let extract = |out| extract.split(' ').chain([out]).collect::<Vec<_>>();
    assert_eq!(counts(&project.run(&extract("f.npy"))), (9, 0));
    fs::create_dir(project.path("out")).expect("a folder");
    fs::set_permissions(project.path("out"), PermissionsExt::from_mode(0o777)).expect("rights");
    allow(&project.path("cache"), false);
    let before = world::listing(&project);

    let run = |out| {
        let mut command = project.command(&extract(out));
        unprivileged(&mut command);
        project.ran(command.output().expect("a start"))
    };
    let ran = run("out/f.npy");
    assert_eq!(counts(&ran), (0, 9), "{}", ran.stderr);
    let same = fs::read(project.path("out/f.npy")).expect("a file")
        == fs::read(project.path("f.npy")).expect("a file");
    assert!(same);
    for file in ["out/f.npy", "out/f.ids.txt"] {
        fs::remove_file(project.path(file)).expect("a file");
    }

    let mut pictures = Vec::new();
    world::walk(&project.path("photos/train"), &mut pictures);
    let new = image::RgbImage::from_fn(24, 16, |x, y| image::Rgb([x as u8, y as u8, 7]));
    new.save(pictures[0].with_file_name("new.png"))
        .expect("a picture");
    let ran = run("out/f.npy");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let told = ran.stderr.contains("not writable") && ran.stderr.contains("CATPIPE_CACHE");
    assert!(told, "{}", ran.stderr);
    assert_eq!(world::listing(&project), before);
    allow(&project.path("cache"), true);
    assert_eq!(counts(&project.run(&extract("f.npy"))), (1, 9));
}

#[test]
fn a_store_of_a_newer_program_is_left_as_it_is() {
    let project = world::project(9);
    project.ok(&extract("f.npy"));
    let mut files = Vec::new();
    world::walk(&project.path("cache/features"), &mut files);
    let said = files
        .iter()
        .find(|path| path.ends_with("space.json"))
        .expect("a description");
    fs::write(said, "{\"store_format\": 2}").expect("a file");
    let before = world::listing(&project);
    let ran = project.run(&extract("f.npy"));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let told = ran.stderr.contains("has format 2") && ran.stderr.contains("use a newer catpipe");
    assert!(told, "{}", ran.stderr);
    assert_eq!(world::listing(&project), before);
    assert_eq!(
        fs::read_to_string(said).expect("a file"),
        "{\"store_format\": 2}"
    );
}
