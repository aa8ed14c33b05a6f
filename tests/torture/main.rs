//! Faults that a store of features must survive, with the real program on real files.
//!
//! `make test` runs a short form of each, `make torture` the long one. Faults that no program can
//! ask the system for (power loss, a disk full or failing at the nth operation) are simulated where
//! the store touches files, in `src/features/tests/`.
//!
//! | variable | what |
//! | --- | --- |
//! | `CATPIPE_TORTURE` | `long`: the long forms; a number: that many thousandths of them |
//! | `CATPIPE_TORTURE_SEED` | another seed than 1 gives other moments and other bits |
// Helpers of a test fail like the test itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod flips;
mod kills;
#[path = "../common/random.rs"]
mod random;
mod refused;
mod world;

/// How often a fault is tried: `short` times, or `long` times where `CATPIPE_TORTURE` says so.
fn times(short: usize, long: usize) -> usize {
    match std::env::var("CATPIPE_TORTURE").as_deref() {
        Err(_) | Ok("") => short,
        Ok("long") => long,
        Ok(text) => {
            let share: usize = text.parse().unwrap_or_else(|_| {
                panic!("CATPIPE_TORTURE is `long` or thousandths of it, not {text}")
            });
            (long * share / 1000).max(1)
        }
    }
}

/// The seed of every draw.
fn seed() -> u64 {
    match std::env::var("CATPIPE_TORTURE_SEED") {
        Ok(text) => text.parse().expect("CATPIPE_TORTURE_SEED is a number"),
        Err(_) => 1,
    }
}

/// A line for the person who reads the test's output. Written at once and past the test harness,
/// which keeps what is printed to itself.
fn say(line: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
}
