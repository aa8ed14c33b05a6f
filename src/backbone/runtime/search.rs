//! Where to look for the library, in which order.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::provider::ProviderKind;
use super::{PINNED_VERSION, RuntimeError};

/// The environment variable that names the library.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The places that may name the library, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The path given on the command line.
    pub flag: Option<PathBuf>,
    /// The path given in `ORT_DYLIB_PATH`.
    pub env: Option<PathBuf>,
    /// The libraries that `catpipe fetch runtime` gets, one a build.
    pub cached: Vec<(Build, PathBuf)>,
    /// A folder of Python packages in which NVIDIA's libraries may lie, beside the usual ones.
    pub packages: Option<PathBuf>,
}

impl Search {
    /// A search that takes `ORT_DYLIB_PATH` from the process's environment; an empty value counts
    /// as not set. `runtime_dir` is the folder of the build for the CPU.
    #[must_use]
    pub fn from_env(flag: Option<PathBuf>, runtime_dir: PathBuf) -> Self {
        let env = std::env::var_os(VARIABLE)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        let library = runtime_dir.join(library_name(PINNED_VERSION));
        Self {
            flag,
            env,
            cached: vec![(Build::Cpu, library)],
            packages: None,
        }
    }

    /// The same search with the library of another build.
    #[must_use]
    pub fn with(mut self, build: Build, library: PathBuf) -> Self {
        self.cached.push((build, library));
        self
    }

    /// Every file that this search may lead to: what was named, else the cache's.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        if let Some(named) = self.flag.as_ref().or(self.env.as_ref()) {
            return vec![named.clone()];
        }
        self.cached.iter().map(|(_, path)| path.clone()).collect()
    }

    /// The one library for the CPU that this search leads to: what was asked for, else the
    /// cache's.
    ///
    /// The path comes back absolute and with links resolved, so that two names of one file are
    /// one file, and `ort` does not look for it beside the program.
    pub(super) fn candidate(&self) -> Result<Candidate, RuntimeError> {
        self.candidate_for(ProviderKind::Cpu)
    }

    /// The one library for a provider.
    pub(super) fn candidate_for(&self, kind: ProviderKind) -> Result<Candidate, RuntimeError> {
        if let Some(path) = &self.flag {
            return Candidate::asked(Asked::Flag, path);
        }
        if let Some(path) = &self.env {
            return Candidate::asked(Asked::Env, path);
        }
        let build = Build::of(kind);
        let path = self
            .cached
            .iter()
            .find(|(of, _)| *of == build)
            .map(|(_, path)| path.clone())
            .unwrap_or_default();
        match Candidate::asked(Asked::Cache, &path) {
            Err(RuntimeError::Missing { .. }) if build == Build::Cpu => {
                Err(RuntimeError::NotFound { path })
            }
            Err(RuntimeError::Missing { .. }) => Err(RuntimeError::NotFetched {
                provider: kind,
                path,
            }),
            other => other,
        }
    }
}

/// A build of ONNX Runtime, by the hardware that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// The CPU alone.
    Cpu,
    /// OpenVINO.
    Openvino,
    /// CUDA and TensorRT.
    Cuda,
}

impl Build {
    /// The build that has a provider. Every build has the CPU's; rows of one version and those of
    /// another are not the same, so that the CPU has a build of its own.
    #[must_use]
    pub fn of(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Cpu => Self::Cpu,
            ProviderKind::Openvino => Self::Openvino,
            ProviderKind::Cuda | ProviderKind::Tensorrt => Self::Cuda,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Openvino => "openvino",
            Self::Cuda => "cuda",
        }
    }

    /// The command that gets it.
    #[must_use]
    pub fn fetch(self) -> &'static str {
        match self {
            Self::Cpu => "catpipe fetch runtime",
            Self::Openvino => "catpipe fetch runtime --ep openvino",
            Self::Cuda => "catpipe fetch runtime --ep cuda",
        }
    }
}

/// Who named a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The command line.
    Flag,
    /// `ORT_DYLIB_PATH`.
    Env,
    /// Nobody: it lies in the cache folder.
    Cache,
}

impl Asked {
    /// Whether a person named it: then no other library takes its place.
    #[must_use]
    pub fn is_named(self) -> bool {
        self != Self::Cache
    }

    /// What to do so that the cache's library is taken.
    pub(super) fn undo(self) -> &'static str {
        match self {
            Self::Flag => ", and leave out --ort-dylib",
            Self::Env => ", and unset ORT_DYLIB_PATH",
            Self::Cache => "",
        }
    }
}

/// A library that is about to be opened, and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who asked for it.
    pub by: Asked,
    /// Where it lies: absolute if it exists, as given if not.
    pub path: PathBuf,
}

impl Candidate {
    pub(super) fn asked(by: Asked, path: &Path) -> Result<Self, RuntimeError> {
        let at = Self {
            by,
            path: path.to_path_buf(),
        };
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RuntimeError::Missing { at });
            }
            Err(error) => {
                return Err(RuntimeError::Unreadable {
                    at,
                    reason: error.to_string(),
                });
            }
        };
        if path.is_file() {
            return Ok(Self { by, path });
        }
        let reason = format!(
            "it is not a file; give the path of {}",
            library_name(PINNED_VERSION)
        );
        Err(RuntimeError::Unreadable { at, reason })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.by {
            Asked::Flag => write!(f, " (given on the command line)"),
            Asked::Env => write!(f, " (from {VARIABLE})"),
            Asked::Cache => Ok(()),
        }
    }
}

/// The file name of ONNX Runtime's library of `version` on this system.
#[must_use]
pub fn library_name(version: &str) -> String {
    if cfg!(target_os = "macos") {
        format!("libonnxruntime.{version}.dylib")
    } else if cfg!(windows) {
        "onnxruntime.dll".to_owned()
    } else {
        format!("libonnxruntime.so.{version}")
    }
}
