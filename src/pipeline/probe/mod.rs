//! Networks tried on a few pictures: how near the features of two arithmetics are.

mod certificate;
mod job;
mod pictures;

pub use certificate::{Certificate, Decisions, ImagesSummary, Outcome, ParitySummary, find};
pub use job::{Answers, Job, Measured, Side, saved};
pub(super) use pictures::digest;
pub use pictures::{Pictures, Sample};

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
