//! Versions of what lies below a provider: NVIDIA's driver, CUDA's libraries, OpenVINO. What is
//! not written down anywhere is absent, never guessed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::provider::ProviderKind;
use super::nvidia::{self, Found, Places};

/// Where NVIDIA's kernel module says its version.
const KERNEL: &str = "/proc/driver/nvidia/version";
/// How long NVIDIA's own tool may take.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What is known of a provider's driver and libraries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The version of NVIDIA's driver.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub driver: Option<String>,
    /// Versions of libraries, by the name that people call them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub libraries: BTreeMap<String, String>,
}

impl Versions {
    /// Those of a provider in the library of ONNX Runtime at `runtime`; `packages` as in
    /// [`Search`](super::Search). A driver is asked on behalf of NVIDIA's providers alone.
    #[must_use]
    pub fn of(kind: ProviderKind, runtime: &Path, packages: Option<&Path>) -> Self {
        match kind {
            ProviderKind::Cpu => Self::default(),
            ProviderKind::Openvino => {
                let folder = runtime.parent().unwrap_or(Path::new("."));
                let version = openvino(folder).map(|version| ("openvino".to_owned(), version));
                Self {
                    driver: None,
                    libraries: version.into_iter().collect(),
                }
            }
            ProviderKind::Cuda | ProviderKind::Tensorrt => Self {
                driver: driver(),
                libraries: cuda(kind, &Places::of_this_process(packages)),
            },
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.driver.is_none() && self.libraries.is_empty()
    }
}

/// `driver 580.95.05, cuda 13.0.96, cudnn 9.13.0`
impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let driver = self
            .driver
            .iter()
            .map(|version| format!("driver {version}"));
        let libraries = self.libraries.iter();
        let libraries = libraries.map(|(name, version)| format!("{name} {version}"));
        f.write_str(&driver.chain(libraries).collect::<Vec<_>>().join(", "))
    }
}

/// The version of NVIDIA's driver: by the kernel, else by NVIDIA's tool (where the kernel is
/// another's, as in WSL).
fn driver() -> Option<String> {
    static DRIVER: OnceLock<Option<String>> = OnceLock::new();
    let ask = || {
        let kernel = fs::read_to_string(KERNEL).ok();
        let kernel = kernel.and_then(|text| of_kernel(&text));
        kernel.or_else(|| of_tool(&asked_tool(Path::new("nvidia-smi"), PATIENCE)?))
    };
    DRIVER.get_or_init(ask).clone()
}

/// The driver's version in the kernel's words:
/// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 ...`.
fn of_kernel(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.starts_with("NVRM version:"))?;
    let word = line.split_whitespace().find(|word| is_version(word))?;
    Some(word.to_owned())
}

/// The same in the tool's: a line `550.54.14` for each GPU, which all have one driver.
fn of_tool(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().filter(|line| is_version(line))?;
    lines.all(|line| line == first).then(|| first.to_owned())
}

/// Two or more numbers with dots between them.
fn is_version(word: &str) -> bool {
    let mut parts = word.split('.');
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    word.contains('.') && parts.all(number)
}

/// What NVIDIA's tool says of the driver; nothing where there is none, it fails, or it takes too
/// long.
fn asked_tool(tool: &Path, patience: Duration) -> Option<String> {
    let mut child = Command::new(tool)
        .args(["--query-gpu=driver_version", "--format=csv,noheader"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let start = Instant::now();
    let done = loop {
        match child.try_wait() {
            Ok(Some(done)) => break done,
            Ok(None) if start.elapsed() < patience => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    // A few bytes a GPU, which a pipe holds.
    let mut text = String::new();
    child.stdout?.read_to_string(&mut text).ok()?;
    done.success().then_some(text)
}

/// OpenVINO's version by the name of its library in a folder: `libopenvino.so.2025.4.1`, or
/// `libopenvino.so.2541`, which is how it shortens that.
fn openvino(folder: &Path) -> Option<String> {
    let names = fs::read_dir(folder).ok()?;
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut versions: Vec<String> = names
        .filter_map(|name| of_openvino(name.strip_prefix("libopenvino.so.")?))
        .collect();
    versions.sort();
    versions.dedup();
    // Two libraries tell nothing of which is loaded.
    versions.pop().filter(|_| versions.is_empty())
}

fn of_openvino(ending: &str) -> Option<String> {
    if is_version(ending) {
        return Some(ending.to_owned());
    }
    let digits = ending.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || ending.len() != 4 {
        return None;
    }
    let (year, rest) = ending.split_at(2);
    let (minor, patch) = rest.split_at(1);
    Some(format!("20{year}.{minor}.{patch}"))
}

/// The versions of what a provider loads by path; what the system's loader finds by itself is not
/// known.
fn cuda(kind: ProviderKind, places: &Places) -> BTreeMap<String, String> {
    let found = Found::of(kind, places, &|_| false);
    let named = [
        ("libcudart.so", "cuda"),
        ("libcudnn.so", "cudnn"),
        ("libnvinfer.so", "tensorrt"),
    ];
    let mut versions = BTreeMap::new();
    for path in &found.load {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let called = named.iter().find(|(library, _)| file.starts_with(library));
        let Some((_, name)) = called else {
            continue;
        };
        let needed = nvidia::needs(kind);
        let soname = needed.iter().find(|one| file.starts_with(one.soname));
        let packaged = soname.and_then(|one| of_package(path, one.package));
        if let Some(version) = packaged.or_else(|| of_file(&file)) {
            versions.insert((*name).to_owned(), version);
        }
    }
    versions
}

/// `13.0.96` of `libcudart.so.13.0.96`; a major version alone says less than it seems to.
fn of_file(name: &str) -> Option<String> {
    let (_, version) = name.split_once(".so.")?;
    is_version(version).then(|| version.to_owned())
}

/// The version that pip wrote down for the package that a library lies in: the folder
/// `nvidia_cudnn_cu13-9.13.0.50.dist-info` beside the package's own.
fn of_package(library: &Path, package: &str) -> Option<String> {
    let name = package.split(['~', '=']).next()?.replace('-', "_");
    let folders = library.ancestors().skip(1).take(4);
    for folder in folders {
        let entries = fs::read_dir(folder).into_iter().flatten();
        for entry in entries.flatten() {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            let version = file
                .strip_prefix(&format!("{name}-"))
                .and_then(|rest| rest.strip_suffix(".dist-info"));
            if let Some(version) = version.filter(|version| is_version(version)) {
                return Some(version.to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_kernel_tells_the_drivers_version() {
        let plain = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 \
                     01:44:30 UTC 2024\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n";
        assert_eq!(of_kernel(plain).unwrap(), "550.54.14");
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release \
                    Build  (dvs-builder@U16-I1-N07-12-3)  Fri Aug 16 21:39:15 UTC 2024\n";
        assert_eq!(of_kernel(open).unwrap(), "560.35.03");
        for odd in [
            "",
            "\n\n",
            "GCC version:  gcc version 12.2.0",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module",
            "NVRM version: 550",
            "NVRM version: 550.x",
            "NVRM version: .5 5. ..",
        ] {
            assert_eq!(of_kernel(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn the_tool_tells_it_once_a_gpu() {
        assert_eq!(of_tool("550.54.14\n").unwrap(), "550.54.14");
        assert_eq!(
            of_tool("\n 580.95.05 \n580.95.05\r\n").unwrap(),
            "580.95.05"
        );
        for odd in [
            "",
            "\n",
            "[N/A]\n",
            "550.54.14\n[Unknown Error]\n",
            "No devices were found\n",
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
        ] {
            assert_eq!(of_tool(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_tool_that_fails_or_hangs_tells_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tool = |text: &str| {
            let path = dir.path().join("smi");
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            asked_tool(&path, Duration::from_millis(300))
        };
        assert_eq!(asked_tool(Path::new("/nowhere/smi"), PATIENCE), None);
        assert_eq!(tool("exec sleep 60"), None);
        assert_eq!(tool("echo 550.54.14; exit 9"), None);
        assert_eq!(
            asked_tool(Path::new("/bin/echo"), Duration::from_secs(60)).unwrap(),
            "--query-gpu=driver_version --format=csv,noheader\n"
        );
    }

    #[test]
    fn openvino_is_known_by_its_librarys_name() {
        assert_eq!(of_openvino("2541").unwrap(), "2025.4.1");
        assert_eq!(of_openvino("2025.4.1").unwrap(), "2025.4.1");
        for odd in ["", "254", "25410", "x541", "2025.", "so"] {
            assert_eq!(of_openvino(odd), None, "{odd:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| fs::write(dir.path().join(name), "").unwrap();
        assert_eq!(openvino(dir.path()), None);
        file("libopenvino_onnx_frontend.so.2541");
        assert_eq!(openvino(dir.path()), None);
        file("libopenvino.so.2541");
        file("libopenvino.so.2025.4.1");
        assert_eq!(openvino(dir.path()).unwrap(), "2025.4.1");
        file("libopenvino.so.2500");
        assert_eq!(openvino(dir.path()), None);
        assert_eq!(openvino(Path::new("/nowhere")), None);
    }

    #[test]
    fn cudas_libraries_are_known_by_their_package_or_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("packages");
        let lib = root.join("nvidia/cu13/lib");
        let cudnn = root.join("nvidia/cudnn/lib");
        for folder in [
            &lib,
            &cudnn,
            &root.join("nvidia_cudnn_cu13-9.13.0.50.dist-info"),
            &root.join("nvidia_cudnn_cu12-8.0.0.dist-info"),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(lib.join("libcudart.so.13.0.96"), "").unwrap();
        std::os::unix::fs::symlink("libcudart.so.13.0.96", lib.join("libcudart.so.13")).unwrap();
        fs::write(cudnn.join("libcudnn.so.9"), "").unwrap();
        fs::write(lib.join("libcublas.so.13"), "").unwrap();
        let places = Places::of_packages(&[root]);
        let found = cuda(ProviderKind::Cuda, &places);
        let found: Vec<_> = found.iter().map(|(a, b)| format!("{a} {b}")).collect();
        assert_eq!(found, ["cuda 13.0.96", "cudnn 9.13.0.50"]);
        let versions = Versions {
            driver: Some("580.95.05".to_owned()),
            libraries: cuda(ProviderKind::Tensorrt, &places),
        };
        assert_eq!(
            versions.to_string(),
            "driver 580.95.05, cuda 13.0.96, cudnn 9.13.0.50"
        );
        // A major version alone is no version.
        assert_eq!(of_file("libcudnn.so.9"), None);
        let cpu = Versions::of(ProviderKind::Cpu, Path::new("/x/libonnxruntime.so"), None);
        assert!(cpu.is_empty());
    }
}
