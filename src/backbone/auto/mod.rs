//! `provider: auto`: the fastest provider and precision of this machine whose features are near
//! enough to those of the CPU in fp32.
//!
//! [`candidates`] says what there is to measure, [`fastest`] chooses, and a [`Key`] names all that
//! a measurement depends on, so that it is made once a machine and model and again when anything of
//! that changes. Measuring itself needs a process for each library and is not done here.
//!
//! ```yaml
//! provider: auto                      # parity: close
//! ---
//! provider:
//!   auto:
//!     parity: close                   # strict
//!     # images: photographs/          # a folder; default: pictures that catpipe draws
//! ```

mod bar;
mod choice;
mod key;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use bar::Bar;
pub use choice::{Candidate, Trial, candidates, fastest};
pub use key::{Kept, Key, gpus};

/// Options of `auto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoOptions {
    /// How near features must be to those of the CPU in fp32. Default `close`.
    pub parity: Bar,
    /// A folder of images to judge that by; default: pictures that catpipe draws, which are the
    /// same everywhere. Another picture in the folder is another measurement, which may end with
    /// another choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
}
