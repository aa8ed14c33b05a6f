//! Finding out what a classifier of ImageNet's classes expects of the pixels.
//!
//! Whoever trained a network chose an order of the colours, a scale, a mean and a deviation, and a
//! graph does not say which. But a classifier that gets what it was trained on gives answers that
//! are sure, that stay the same when a picture is mirrored or shifted, and that differ from picture
//! to picture. [`detect`] tries the known conventions ([`Convention::plausible`]) on pictures of
//! any subject, measures that ([`Figures`]), and says which convention leads, if one does
//! ([`Verdict`]); a [`Plan`] writes it down as a manifest.

mod answers;
mod classifier;
mod convention;
mod error;
mod pictures;
mod publish;
mod race;
#[cfg(test)]
mod tests;
mod verdict;

pub use answers::Figures;
pub use classifier::Classifier;
pub use convention::{Convention, Rule};
pub use error::DetectError;
pub use pictures::Pictures;
pub use publish::Plan;
pub use race::{Report, Trial, detect};
pub use verdict::{FEWEST, LEAST, MARGIN, Verdict};
