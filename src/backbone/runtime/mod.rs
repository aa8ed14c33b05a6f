//! Finding and opening ONNX Runtime's shared library.
//!
//! Three places are looked at, and the first that was asked for is the only one: the command
//! line, the environment (`ORT_DYLIB_PATH`), and where neither names a library, the cache folder
//! that `catpipe fetch runtime` fills. A library that was asked for and does not work is an error,
//! never a reason to try the next. The cache folder may hold several builds: the one that has the
//! provider that was asked for is taken.
//!
//! The library is opened and questioned here before the `ort` crate sees it: `ort` panics on a
//! library that lacks the wanted interface, and the system's loader kills the process on a file
//! that was cut short.

mod choose;
pub mod driver;
mod elf;
mod error;
pub mod nvidia;
mod probe;
mod search;
pub mod survey;
pub mod tensorrt;
#[cfg(test)]
mod tests;
mod versions;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::logging::LogLevel;

pub use choose::{Choice, PassedOver, has_bf16};
pub use error::RuntimeError;
pub use search::{Asked, Build, Candidate, Search, library_name};
pub use versions::Versions;

/// The version of ONNX Runtime that `catpipe fetch runtime` gets.
pub const PINNED_VERSION: &str = "1.31.0";

/// The oldest minor version of ONNX Runtime 1.x whose interface catpipe can use.
pub const OLDEST_MINOR: u32 = ort::MINOR_VERSION;

/// One environment a process: ONNX Runtime itself is a process-wide thing.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// An opened ONNX Runtime: to hold one is to know that the library is loaded and its environment
/// made.
#[derive(Clone)]
pub struct Runtime {
    path: PathBuf,
    version: String,
    environment: Environment,
    /// Libraries that the provider needs loaded before the first session, in order.
    first: Arc<[PathBuf]>,
}

impl Runtime {
    /// Finds the library by `search`, checks it, loads it and makes the process's environment.
    ///
    /// A second call gets the same runtime back; a second call that leads to another file is
    /// [`RuntimeError::AnotherLoaded`], since a process can hold one ONNX Runtime only.
    ///
    /// # Errors
    /// Nothing found, not a library, not ONNX Runtime, or too old: see [`RuntimeError`].
    pub fn locate(search: &Search) -> Result<Self, RuntimeError> {
        Self::open(&search.candidate()?)
    }

    /// [`Runtime::locate`] of a library that has been found.
    fn open(candidate: &Candidate) -> Result<Self, RuntimeError> {
        // A poisoned lock holds a whole value all the same: it is written in one assignment.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return runtime.again(candidate);
        }
        let runtime = Self::load(candidate)?;
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Where the library lies (absolute).
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version that the library gives itself, such as `1.31.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The same runtime, which loads `libraries` before its first session.
    fn loading_first(mut self, libraries: Vec<PathBuf>) -> Self {
        self.first = libraries.into();
        self
    }

    /// Loads what the provider needs, by full path and in order, so that it is found by name from
    /// then on. Nothing is loaded twice.
    pub(crate) fn load_dependencies(&self) -> Result<(), RuntimeError> {
        for path in self.first.iter() {
            ort::util::preload_dylib(path).map_err(|error| RuntimeError::Dependency {
                path: path.clone(),
                reason: error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string),
            })?;
        }
        Ok(())
    }

    /// What sessions are created in.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    fn again(&self, candidate: &Candidate) -> Result<Self, RuntimeError> {
        if candidate.path == self.path {
            return Ok(self.clone());
        }
        Err(RuntimeError::AnotherLoaded {
            loaded: self.path.clone(),
            wanted: candidate.path.clone(),
        })
    }

    fn load(candidate: &Candidate) -> Result<Self, RuntimeError> {
        // The probe stays open until `ort` has opened the library too: it is mapped once.
        let probe = probe::open(candidate)?;
        let init = |reason: String| RuntimeError::Environment {
            at: candidate.clone(),
            reason,
        };
        let environment = ort::init_from(&candidate.path)
            .map_err(|error| init(told(&error)))?
            .with_name("catpipe")
            .with_telemetry(false)
            .build()
            .map_err(|error| init(error.to_string()))?;
        // What goes wrong comes back as an error; ONNX Runtime's own line on stderr, in colours,
        // would say it twice. `ORT_LOG` (read by `ort`) turns its log on.
        if std::env::var_os("ORT_LOG").is_none() {
            environment.set_log_level(LogLevel::Fatal);
        }
        Ok(Self {
            path: candidate.path.clone(),
            version: probe.version,
            environment,
            first: Arc::from([]),
        })
    }
}

/// What `ort` says; its words for a refusal of the system's loader leave out the reason.
fn told(error: &LoadDynamicError) -> String {
    match error {
        LoadDynamicError::Dlopen { error, .. } => error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string),
        other => other.to_string(),
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("path", &self.path)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ONNX Runtime {} ({})", self.version, self.path.display())
    }
}
