//! Where to look for the library, in which order.

use std::fmt;
use std::path::{Path, PathBuf};

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
    /// The folder that `catpipe fetch runtime` fills.
    pub runtime_dir: PathBuf,
}

impl Search {
    /// A search that takes `ORT_DYLIB_PATH` from the process's environment; an empty value counts
    /// as not set.
    #[must_use]
    pub fn from_env(flag: Option<PathBuf>, runtime_dir: PathBuf) -> Self {
        let env = std::env::var_os(VARIABLE)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        Self {
            flag,
            env,
            runtime_dir,
        }
    }

    /// The one library that this search leads to: what was asked for, else the cache's.
    ///
    /// The path comes back absolute and with links resolved, so that two names of one file are
    /// one file, and `ort` does not look for it beside the program.
    pub(super) fn candidate(&self) -> Result<Candidate, RuntimeError> {
        if let Some(path) = &self.flag {
            return Candidate::asked(Asked::Flag, path);
        }
        if let Some(path) = &self.env {
            return Candidate::asked(Asked::Env, path);
        }
        let path = self.runtime_dir.join(library_name(PINNED_VERSION));
        match Candidate::asked(Asked::Cache, &path) {
            Err(RuntimeError::Missing { .. }) => Err(RuntimeError::NotFound { path }),
            other => other,
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

/// A library that is about to be opened, and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who asked for it.
    pub by: Asked,
    /// Where it lies: absolute if it exists, as given if not.
    pub path: PathBuf,
}

impl Candidate {
    fn asked(by: Asked, path: &Path) -> Result<Self, RuntimeError> {
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
