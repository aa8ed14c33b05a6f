//! The libraries that the CUDA and TensorRT providers need beside ONNX Runtime: are they there,
//! and where?
//!
//! pip puts them into `site-packages/nvidia/*/lib`, where the system's loader does not look.
//! Loaded once by their full path, in the order in which they need each other, they are found by
//! name from then on: no `LD_LIBRARY_PATH` is needed.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::provider::ProviderKind;

/// The major version of CUDA that onnxruntime-gpu 1.31 is built for: the driver must know it.
pub const CUDA_MAJOR: u32 = 13;

/// NVIDIA's driver: a part of the system, never of a Python package.
pub const DRIVER: &str = "libcuda.so.1";

/// A library, and the Python package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Its name as the loader knows it.
    pub soname: &'static str,
    /// The package on PyPI.
    pub package: &'static str,
}

const fn needed(soname: &'static str, package: &'static str) -> Needed {
    Needed { soname, package }
}

/// What onnxruntime-gpu 1.31 loads for CUDA 13, each after what it needs itself. cuFFT is not
/// among them: only Fourier transforms ask for it.
const CUDA: [Needed; 6] = [
    needed("libcudart.so.13", "nvidia-cuda-runtime~=13.0"),
    needed("libnvrtc.so.13", "nvidia-cuda-nvrtc~=13.0"),
    needed("libcublasLt.so.13", "nvidia-cublas~=13.0"),
    needed("libcublas.so.13", "nvidia-cublas~=13.0"),
    needed("libcurand.so.10", "nvidia-curand~=10.0"),
    needed("libcudnn.so.9", "nvidia-cudnn-cu13~=9.0"),
];

/// What its TensorRT provider is linked with besides. `libnvinfer_plugin` is not among them: the
/// provider does without where a graph has no operator of TensorRT's own.
const TENSORRT: [Needed; 2] = [
    needed("libnvinfer.so.10", "tensorrt-cu13-libs~=10.0"),
    needed("libnvonnxparser.so.10", "tensorrt-cu13-libs~=10.0"),
];

/// What a provider needs, in the order in which it is to be loaded; nothing for those that come
/// whole.
#[must_use]
pub fn needs(kind: ProviderKind) -> Vec<Needed> {
    match kind {
        ProviderKind::Cpu | ProviderKind::Openvino => Vec::new(),
        ProviderKind::Cuda => CUDA.to_vec(),
        ProviderKind::Tensorrt => [CUDA.as_slice(), TENSORRT.as_slice()].concat(),
    }
}

/// Where systems and CUDA toolkits have their libraries.
const SYSTEM: [&str; 3] = [
    "/usr/local/cuda/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
];

/// The folders in which libraries are looked for, before the system's loader is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(Vec<PathBuf>);

impl Places {
    /// The folders of this process: `LD_LIBRARY_PATH`, `packages` (where `pip install --target` may
    /// have put them), the active virtual environment or conda environment, the user's and the
    /// system's Python packages, and where systems and CUDA toolkits have their libraries.
    #[must_use]
    pub fn of_this_process(packages: Option<&Path>) -> Self {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let mut roots: Vec<PathBuf> = packages.map(Path::to_path_buf).into_iter().collect();
        for prefix in ["VIRTUAL_ENV", "CONDA_PREFIX"]
            .into_iter()
            .filter_map(variable)
        {
            roots.extend(site_packages(&prefix));
        }
        roots.extend(site_packages(Path::new(".venv")));
        if let Some(home) = variable("HOME") {
            roots.extend(site_packages(&home.join(".local")));
        }
        for prefix in ["/usr/local", "/usr"] {
            roots.extend(site_packages(Path::new(prefix)));
        }
        let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&named).collect();
        folders.extend(Self::of_packages(&roots).0);
        // Found as a file, a library needs not be loaded to know that it is there.
        folders.extend(SYSTEM.map(PathBuf::from));
        folders.retain(|folder| folder.is_dir());
        Self(folders)
    }

    /// The folders of libraries in the given folders of Python packages.
    #[must_use]
    pub fn of_packages(roots: &[PathBuf]) -> Self {
        let mut folders = Vec::new();
        for root in roots {
            // CUDA 13's packages share `nvidia/cu13/lib`; cuDNN has `nvidia/cudnn/lib`.
            folders.extend(children(&root.join("nvidia")).map(|child| child.join("lib")));
            folders.push(root.join("tensorrt_libs"));
        }
        folders.retain(|folder| folder.is_dir());
        Self(folders)
    }

    fn find(&self, soname: &str) -> Option<PathBuf> {
        let mut paths = self.0.iter().map(|folder| folder.join(soname));
        let found = paths.find(|path| path.is_file())?;
        Some(found.canonicalize().unwrap_or(found))
    }
}

fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let is_python = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("python3"))
    };
    children(&prefix.join("lib"))
        .filter(is_python)
        .flat_map(|python| ["site-packages", "dist-packages"].map(|name| python.join(name)))
        .collect()
}

/// What lies in a folder, in the order of names; nothing where it can't be read.
fn children(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths.into_iter()
}

/// What was found of a provider's libraries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Libraries that are to be loaded by path, in this order, before the first session.
    pub load: Vec<PathBuf>,
    /// Whether the driver is there; true where none is needed.
    pub driver: bool,
    /// What is not there.
    pub missing: Vec<Needed>,
}

impl Found {
    /// Looks for all that `kind` needs. `loads` asks the system's loader for a name.
    #[must_use]
    pub fn of(kind: ProviderKind, places: &Places, loads: &dyn Fn(&str) -> bool) -> Self {
        let needs = needs(kind);
        let mut found = Self {
            driver: needs.is_empty() || loads(DRIVER),
            ..Self::default()
        };
        for one in needs {
            match places.find(one.soname) {
                Some(path) => found.load.push(path),
                None if loads(one.soname) => {}
                None => found.missing.push(one),
            }
        }
        found
    }

    /// What is missing and what to install, a line each; empty where all is there. `packages` is a
    /// folder that is searched, into which pip may install.
    #[must_use]
    pub fn complaints(&self, packages: Option<&Path>) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.driver {
            lines.push(format!(
                "no NVIDIA driver ({DRIVER}) was found: it comes with the GPU's driver package (on \
                 Debian: apt install nvidia-driver)"
            ));
        }
        let each = self.missing.iter().map(|one| {
            let package = one.package.split(['~', '=']).next().unwrap_or(one.package);
            format!("{} (of {package})", one.soname)
        });
        let each: Vec<_> = each.collect();
        if !each.is_empty() {
            lines.push(format!("not found: {}", each.join(", ")));
        }
        let mut names: Vec<_> = self
            .missing
            .iter()
            .map(|one| format!("\"{}\"", one.package))
            .collect();
        names.dedup();
        if !names.is_empty() {
            let target = packages
                .map(|folder| format!(" --target {}", folder.display()))
                .unwrap_or_default();
            lines.push(format!(
                "get them: python3 -m pip install{target} {}",
                names.join(" ")
            ));
        }
        lines
    }
}

/// Whether the system's loader finds a library by its name. What it finds stays loaded.
#[must_use]
pub fn loads(soname: &str) -> bool {
    ort::util::preload_dylib(soname).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(files: &[&str]) -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let places = Places::of_packages(&[dir.path().to_path_buf()]);
        (dir, places)
    }

    const WHOLE: [&str; 6] = [
        "nvidia/cu13/lib/libcublas.so.13",
        "nvidia/cu13/lib/libcublasLt.so.13",
        "nvidia/cu13/lib/libcudart.so.13",
        "nvidia/cu13/lib/libcurand.so.10",
        "nvidia/cu13/lib/libnvrtc.so.13",
        "nvidia/cudnn/lib/libcudnn.so.9",
    ];

    #[test]
    fn pip_packages_are_found_and_loaded_in_the_order_of_need() {
        let (_dir, places) = packages(&WHOLE);
        let found = Found::of(ProviderKind::Cuda, &places, &|name| name == DRIVER);
        assert_eq!(found.complaints(None), Vec::<String>::new());
        let names: Vec<_> = found
            .load
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        let place = |name: &str| names.iter().position(|one| *one == name).unwrap();
        assert_eq!(names.len(), 6);
        assert!(place("libcublasLt.so.13") < place("libcublas.so.13"));
        assert!(place("libcublas.so.13") < place("libcudnn.so.9"));
        assert!(found.load.iter().all(|path| path.is_absolute()));
    }

    #[test]
    fn what_the_system_has_is_left_to_it() {
        let found = Found::of(ProviderKind::Cuda, &Places::default(), &|_| true);
        assert_eq!((found.load.len(), found.complaints(None).len()), (0, 0));
    }

    #[test]
    fn each_missing_library_is_named_with_its_package() {
        let (_dir, places) = packages(&WHOLE[..5]);
        let found = Found::of(ProviderKind::Tensorrt, &places, &|name| name == DRIVER);
        assert_eq!(
            found.complaints(Some(Path::new("/c/packages"))),
            [
                "not found: libcudnn.so.9 (of nvidia-cudnn-cu13), libnvinfer.so.10 (of \
                 tensorrt-cu13-libs), libnvonnxparser.so.10 (of tensorrt-cu13-libs)",
                "get them: python3 -m pip install --target /c/packages \"nvidia-cudnn-cu13~=9.0\" \
                 \"tensorrt-cu13-libs~=10.0\"",
            ]
        );
    }

    #[test]
    fn tensorrts_libraries_are_found_in_its_package_and_loaded_after_cudas() {
        let mut files = WHOLE.to_vec();
        files.extend([
            "tensorrt_libs/libnvinfer.so.10",
            "tensorrt_libs/libnvonnxparser.so.10",
        ]);
        let (_dir, places) = packages(&files);
        let found = Found::of(ProviderKind::Tensorrt, &places, &|name| name == DRIVER);
        assert_eq!(found.complaints(None), Vec::<String>::new());
        let names: Vec<_> = found
            .load
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[6..], ["libnvinfer.so.10", "libnvonnxparser.so.10"]);

        // A version of another interface is none.
        let (_dir, places) = packages(&["tensorrt_libs/libnvinfer.so.8"]);
        let found = Found::of(ProviderKind::Tensorrt, &places, &|name| {
            name == DRIVER || CUDA.iter().any(|one| one.soname == name)
        });
        assert_eq!(
            found.complaints(None),
            [
                "not found: libnvinfer.so.10 (of tensorrt-cu13-libs), libnvonnxparser.so.10 (of \
                 tensorrt-cu13-libs)",
                "get them: python3 -m pip install \"tensorrt-cu13-libs~=10.0\"",
            ]
        );
    }

    #[test]
    fn a_machine_without_a_driver_is_told_so_first() {
        let (_dir, places) = packages(&WHOLE);
        let found = Found::of(ProviderKind::Cuda, &places, &|_| false);
        let complaints = found.complaints(None);
        assert_eq!(complaints.len(), 1);
        assert!(
            complaints[0].starts_with("no NVIDIA driver (libcuda.so.1) was found"),
            "{complaints:?}"
        );
    }

    #[test]
    fn cpu_and_openvino_need_nothing() {
        for kind in [ProviderKind::Cpu, ProviderKind::Openvino] {
            let found = Found::of(kind, &Places::default(), &|_| false);
            assert_eq!(found.complaints(None), Vec::<String>::new());
        }
    }
}
