//! The settings of a dataset beside its sources.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

use crate::dataset::{MAX_PIXELS, MAX_SIDE};

/// What is done about a file that cannot be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The first one ends the run, with its name and what is wrong with it.
    #[default]
    Stop,
    /// It is left out of the examples, named and counted. Every file is then decoded when the
    /// dataset is opened, so that nothing bad is met later: that is one more decoding of each
    /// file, at every `run`, `check` and `data`.
    Skip,
}

/// What is done about pictures that stand on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicates {
    /// They end the run. Every image is decoded once more to find them, before any run that is
    /// not up to date.
    Error,
    /// They are named in a warning. They are looked for when features are computed, not whenever
    /// another head is trained on them.
    #[default]
    Warn,
    /// They are not looked for (but by `catpipe data`).
    Allow,
}

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// The whole.
    pub const ALL: Share = Share(1.0);

    /// The share as a number, 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Share {
    /// The share of examples that may be skipped: 0.05.
    fn default() -> Self {
        Share(0.05)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Share(share))
        } else {
            Err(format!("must be between 0 and 1, found {share}"))
        }
    }
}

/// How one source is divided. An example's side depends on its own content (or on its group) and
/// the seed, and on nothing else: adding, removing or reordering examples moves no other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// The probability with which an example (or a group) becomes a test example: the expected
    /// share of them, in all and in each class.
    pub test: TestShare,
    /// Another seed gives another division. Default 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Whether each class must have examples on both sides, or else the run ends. Every example is
    /// drawn for itself, which is what makes the division stable; so the share of test examples is
    /// `test` in the mean for each class, and varies as draws do: 0.2 of 100 is 20 give or take 4.
    /// Default true.
    #[serde(default = "default_stratified")]
    pub stratified: bool,
}

fn default_seed() -> u64 {
    1
}

fn default_stratified() -> bool {
    true
}

/// The share of test examples, above 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct TestShare(f64);

impl TestShare {
    /// The share as a number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl From<TestShare> for f64 {
    fn from(share: TestShare) -> f64 {
        share.0
    }
}

impl TryFrom<f64> for TestShare {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if share > 0.0 && share < 1.0 {
            Ok(TestShare(share))
        } else {
            Err(format!("must be above 0 and below 1, found {share}"))
        }
    }
}

/// What is too large to be read: a file of a few bytes can declare any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most pixels of an image. Default 100 million.
    pub max_pixels: NonZeroU64,
    /// The longest side of an image. Default 32768.
    pub max_side: NonZeroU32,
    /// The most bytes of an image's file. Default 1 GiB.
    pub max_bytes: NonZeroU64,
}

impl Limits {
    /// Whether an image of this size may be decoded.
    pub fn allow(&self, width: u32, height: u32) -> bool {
        let side = self.max_side.get();
        let pixels = u64::from(width) * u64::from(height);
        width <= side && height <= side && pixels <= self.max_pixels.get()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_pixels: NonZeroU64::new(MAX_PIXELS).unwrap_or(NonZeroU64::MAX),
            max_side: NonZeroU32::new(MAX_SIDE).unwrap_or(NonZeroU32::MAX),
            max_bytes: NonZeroU64::new(1 << 30).unwrap_or(NonZeroU64::MAX),
        }
    }
}

/// A colour: red, green and blue, 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background(pub [u8; 3]);

impl Default for Background {
    fn default() -> Self {
        Background([255; 3])
    }
}
