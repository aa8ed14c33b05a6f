//! `provider: auto`: the fastest provider and precision of this machine whose features are near
//! enough to those of the CPU in fp32.
//!
//! [`candidates`] says what there is to measure, [`fastest`] chooses, and a [`Key`] names all that
//! a measurement depends on, so that it is made once a machine and model and again when anything of
//! that changes. Measuring itself needs a process for each library and is not done here.
//!
//! Speed is that of inference alone, 16 images at a time, on all cores: neither `extract.batch` nor
//! `extract.threads` changes the choice, as they may change no row. What was chosen is a provider
//! in a precision like any other: it stands in each row's key, so that another choice, on another
//! machine or after an update, computes rows of its own and mixes with none.
//!
//! A quantized graph that `catpipe model quantize` made of the one that was asked for and that lies
//! beside it is a candidate too. Where it is chosen, it is the backbone of the rows.
//!
//! `fast` is for pipelines that train a head: see [`Bar::Fast`].
//!
//! The drawn pictures are no easier than photographs. For OpenVINO's bf16 against the CPU, least
//! and mean cosine: ResNet50 0.99980 and 0.99988 on 32 of them, 0.99978 and 0.99991 on 48
//! photographs; MobileNet v1 0.9952 and 0.9971, and 0.9946 and 0.9980 on 100 photographs.
//! `images` judges by one's own, and `catpipe model certify` writes down what came out.
//!
//! ```yaml
//! provider: auto                      # parity: close
//! ---
//! provider:
//!   auto:
//!     parity: close                   # strict, fast
//!     # images: photographs/          # a folder; default: pictures that catpipe draws
//! ```

mod bar;
mod choice;
mod key;
mod sibling;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use bar::Bar;
pub use choice::{Candidate, HeadScore, Trial, candidates, fastest};
pub use key::{Kept, Key, gpus};
pub use sibling::{Sibling, Siblings};

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
