//! ONNX Runtime's shared library, out of its Python wheel.

use super::error::AssetError;
use super::folder::{Folder, check_fetched};
use super::pins::Pins;
use super::tool::Tools;
use super::{Log, pip, unpack};
use sha2::Sha256;
use std::path::{Path, PathBuf};

/// The version of ONNX Runtime that is pinned.
pub const RUNTIME_VERSION: &str = "1.31.0";
/// The file name of its shared library.
pub const RUNTIME_LIBRARY: &str = "libonnxruntime.so.1.31.0";

/// A wheel for one kind of machine.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The tag of the platform that pip is asked for.
    pub(super) platform: &'static str,
    /// The wheel's file name.
    pub(super) file: &'static str,
    /// The wheel's SHA-256 in hex.
    pub(super) sha256: &'static str,
    /// What is unpacked from it.
    pub(super) pins: Pins,
}

const X86_64: Wheel = Wheel {
    platform: "manylinux_2_28_x86_64",
    file: "onnxruntime-1.31.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    sha256: "5e129d6c56abd53e659cb70f00a108d6824086470ff99c2e47a82e5786563db3",
    pins: Pins(
        "\
21901b1b02233484b80888c16f4f5473742f796bf5528d5d0c4073dbe9802001  libonnxruntime.so.1.31.0
086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d  libonnxruntime_providers_shared.so
2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c  LICENSE
143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3  ThirdPartyNotices.txt",
    ),
};

const AARCH64: Wheel = Wheel {
    platform: "manylinux_2_28_aarch64",
    file: "onnxruntime-1.31.0-cp312-cp312-manylinux_2_28_aarch64.whl",
    sha256: "35758d7606d578ec5b9d65f6e8a1f488013194c3f6097038a3223cb26d35ef9a",
    pins: Pins(
        "\
b79d2fcf36b8870f4b2da95784a6ad846c47f05511ffa7be409c79a44f9dc9a4  libonnxruntime.so.1.31.0
3b6be288fbfb7dff8770d08a23defdde18e8f7e0f5a2b344a0e5e238c999ea88  libonnxruntime_providers_shared.so
2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c  LICENSE
143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3  ThirdPartyNotices.txt",
    ),
};

/// The folder of the pinned runtime: `<cache>/runtime/onnxruntime-1.31.0-cpu`.
pub fn runtime_dir(cache: &Path) -> PathBuf {
    cache
        .join("runtime")
        .join(format!("onnxruntime-{RUNTIME_VERSION}-cpu"))
}

/// Sees to it that ONNX Runtime's shared library is in the cache, and gives its path. It comes in
/// a Python wheel; neither Python nor the wheel is needed once it is there.
///
/// # Errors
/// A machine without a pinned wheel, no pip, no network, a wrong checksum, a full disk.
pub fn fetch_runtime(tools: &Tools, cache: &Path, log: Log<'_>) -> Result<PathBuf, AssetError> {
    let wheel = wheel_for(std::env::consts::OS, std::env::consts::ARCH)?;
    fetch_wheel(wheel, tools, cache, log)
}

/// The wheel for a machine.
pub(super) fn wheel_for(os: &str, arch: &str) -> Result<&'static Wheel, AssetError> {
    match (os, arch) {
        ("linux", "x86_64") => Ok(&X86_64),
        ("linux", "aarch64") => Ok(&AARCH64),
        _ => Err(AssetError::UnsupportedPlatform {
            os: os.to_owned(),
            arch: arch.to_owned(),
        }),
    }
}

/// [`fetch_runtime`] of a given wheel.
pub(super) fn fetch_wheel(
    wheel: &Wheel,
    tools: &Tools,
    cache: &Path,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    let title = format!("ONNX Runtime {RUNTIME_VERSION}");
    let folder = Folder {
        title,
        path: runtime_dir(cache),
        pins: wheel.pins,
        stamped: false,
    };
    folder.ensure(log, |scratch, unpacked, log| {
        log(&format!(
            "{}: fetching its wheel with pip (about 24 MB)",
            folder.title
        ));
        download(wheel, tools, scratch)?;
        let archive = scratch.join(wheel.file);
        check_fetched::<Sha256>(&archive, wheel.file, "pip", wheel.sha256)?;
        unpack::zip(&archive, unpacked, wheel.pins, pinned_name)
    })?;
    Ok(folder.path.join(RUNTIME_LIBRARY))
}

/// Asks pip for exactly the pinned wheel, whatever Python and machine this is.
fn download(wheel: &Wheel, tools: &Tools, scratch: &Path) -> Result<(), AssetError> {
    let requirement = format!("onnxruntime=={RUNTIME_VERSION}");
    let machine = [
        "--implementation=cp",
        "--python-version=3.12",
        "--abi=cp312",
        "--platform",
        wheel.platform,
    ];
    let purpose = "fetch ONNX Runtime's wheel";
    pip::download(tools, scratch, &requirement, &machine, purpose)
}

/// Where a file of the wheel goes.
fn pinned_name(path: &str) -> Option<&str> {
    path.strip_prefix("onnxruntime/capi/")
        .or_else(|| path.strip_prefix("onnxruntime/"))
}
