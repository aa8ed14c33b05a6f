//! ONNX Runtime's shared libraries, out of their Python wheels.

use super::error::AssetError;
use super::folder::{Folder, check_fetched};
use super::news::{Log, News, megabytes};
use super::tool::Tools;
use super::wheels::{RuntimeBuild, Wheel, wheel_for};
use super::{pip, unpack};
use sha2::Sha256;
use std::path::{Path, PathBuf};

/// The version of ONNX Runtime that is pinned for the CPU.
pub const RUNTIME_VERSION: &str = RuntimeBuild::Cpu.version();
/// The file name of its shared library.
pub const RUNTIME_LIBRARY: &str = RuntimeBuild::Cpu.library();

/// The folder of the pinned runtime for the CPU: `<cache>/runtime/onnxruntime-1.31.0-cpu`.
pub fn runtime_dir(cache: &Path) -> PathBuf {
    RuntimeBuild::Cpu.dir(cache)
}

/// Sees to it that a build of ONNX Runtime is in the cache, and gives its library's path. It comes
/// in a Python wheel; neither Python nor the wheel is needed once it is there.
///
/// # Errors
/// A machine without a pinned wheel, no pip, no network, a wrong checksum, a full disk.
pub fn fetch_runtime(
    build: RuntimeBuild,
    tools: &Tools,
    cache: &Path,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    let wheel = wheel_for(build, std::env::consts::OS, std::env::consts::ARCH)?;
    fetch_wheel(wheel, tools, cache, log)
}

/// [`fetch_runtime`] of a given wheel.
pub(super) fn fetch_wheel(
    wheel: &Wheel,
    tools: &Tools,
    cache: &Path,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    let build = wheel.build;
    let title = match build {
        RuntimeBuild::Cpu => format!("ONNX Runtime {}", build.version()),
        _ => format!("ONNX Runtime {} for {}", build.version(), build.name()),
    };
    let folder = Folder {
        title,
        path: wheel.dir(cache),
        pins: wheel.pins,
        // The others are a quarter of a gigabyte and more.
        stamped: build != RuntimeBuild::Cpu,
    };
    folder.ensure(log, |scratch, unpacked, log| {
        log(News::Line(format!(
            "{}: fetching its wheel with pip (about {})",
            folder.title,
            megabytes(wheel.bytes)
        )));
        download(wheel, tools, scratch, &mut *log)?;
        let archive = scratch.join(wheel.file);
        check_fetched::<Sha256>(&archive, wheel.file, "pip", wheel.sha256, &mut *log)?;
        unpack::zip(&archive, unpacked, wheel.pins, pinned_name, log)
    })?;
    Ok(folder.path.join(build.library()))
}

/// Asks pip for exactly the pinned wheel, whatever Python and machine this is.
fn download(wheel: &Wheel, tools: &Tools, scratch: &Path, log: Log<'_>) -> Result<(), AssetError> {
    let requirement = format!("{}=={}", wheel.build.package(), wheel.build.version());
    let machine = [
        "--implementation=cp",
        "--python-version=3.12",
        "--abi=cp312",
        "--platform",
        wheel.platform,
    ];
    let request = pip::Request {
        requirement: &requirement,
        machine: &machine,
        bytes: wheel.bytes,
        purpose: "fetch ONNX Runtime's wheel",
    };
    pip::download(&request, tools, scratch, log)
}

/// Where a file of the wheel goes.
fn pinned_name(path: &str) -> Option<&str> {
    path.strip_prefix("onnxruntime/capi/")
        .or_else(|| path.strip_prefix("onnxruntime/"))
}
