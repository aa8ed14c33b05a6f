//! Processes of the program: several at once on one cache, and such that are interrupted.
//!
//! Nothing here depends on how long anything takes: what is waited for is a file or a line that
//! shows how far a process is, and whatever it has done by the time it is ended, the sums have to
//! be right.
// Helpers of a test fail like the test itself.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub
)]
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod interrupted;
mod measuring;
mod predicting;
mod process;
mod shared;
