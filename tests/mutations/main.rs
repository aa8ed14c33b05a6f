//! Mutated files through every loader: no panic, no crash, no hang, no memory over the limit.
//!
//! Files of each kind are changed by a seeded draw (bits, numbers, lengths, truncations, parts of
//! other files; for text also words, lines, depth) and loaded in child processes, which guard each
//! input: a panic, a signal, more than two seconds of processor time, more memory than the kind may
//! take. What fails is written to a file that the failure names, with the command that loads it
//! again.
//!
//! | variable | what |
//! | --- | --- |
//! | `CATPIPE_MUTATIONS_SEED` | another seed than 1 gives other inputs |
//! | `CATPIPE_MUTATIONS_COUNT` | inputs of all kinds together; 110,000 where not given |
//! | `CATPIPE_MUTATIONS_REPLAY` | a file to load with the kind that is named on the command line |
//! | `CATPIPE_MUTATIONS_CORPUS` | a folder that gets the seeds, as a start for `cargo fuzz` |
// Helpers of a test fail like the test itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod guard;
mod kinds;
mod loaders;
mod mutate;
#[path = "../common/random.rs"]
mod random;
mod seeds;

use std::path::Path;

use kinds::KINDS;

/// Inputs of all kinds together, unless the environment says otherwise.
const COUNT: u32 = 110_000;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    setting(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// Sends the inputs of a kind through its loader.
fn kind(name: &str) {
    let kind = kinds::named(name);
    if let Some(path) = setting("CATPIPE_MUTATIONS_REPLAY") {
        let room = tempfile::tempdir().expect("a temporary folder");
        let input = std::fs::read(&path).expect("the file to load again");
        eprintln!("{name} of {path}: {:?}", (kind.load)(&input, room.path()));
        return;
    }
    let all: u32 = KINDS.iter().map(|kind| kind.share).sum();
    let count = u64::from(number("CATPIPE_MUTATIONS_COUNT", COUNT));
    let count = (count * u64::from(kind.share)).div_ceil(u64::from(all)) as u32;
    guard::run(kind, number("CATPIPE_MUTATIONS_SEED", 1), count).judge();
}

/// The work of a child process; nothing where this is none.
#[test]
fn child() {
    let Some(work) = setting(guard::CHILD) else {
        return;
    };
    let [name, seed, start, end] = work.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{work}");
    };
    let [start, end] = [start, end].map(|number| number.parse().expect("a number"));
    let seed = seed.parse().expect("a seed");
    guard::work(kinds::named(name), seed, start..end);
}

#[test]
fn the_seeds_are_a_corpus() {
    let Some(corpus) = setting("CATPIPE_MUTATIONS_CORPUS") else {
        return;
    };
    for kind in KINDS {
        let folder = Path::new(&corpus).join(kind.name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in (kind.seeds)().iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), seed).expect("a file");
        }
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                kind(stringify!($name));
            }
        )*

        #[test]
        fn every_kind_has_its_test() {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            const { assert!(COUNT >= 100_000) }
        }
    };
}

tests! {
    jpeg png webp gif bmp tiff folder csv jsonl hdf5 shard pipeline manifest huggingface timm tfjs
    onnx head outputs
}
