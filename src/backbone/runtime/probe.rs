//! Opening a library and asking for its version before `ort` sees it.

use std::error::Error;
use std::ffi::CStr;

use libloading::Library;
use ort::sys::OrtApiBase;

use super::elf::{self, Extent};
use super::{Candidate, OLDEST_MINOR, RuntimeError};

/// A library that answered: ONNX Runtime, with the interface that is needed.
pub(super) struct Probe {
    /// Kept so that the library stays mapped.
    _library: Library,
    pub(super) version: String,
}

/// What a library said of itself.
enum Answer {
    NoSymbol,
    NoBase,
    Version {
        version: String,
        has_interface: bool,
    },
}

/// Opens the candidate and refuses what is not a usable ONNX Runtime.
pub(super) fn open(at: &Candidate) -> Result<Probe, RuntimeError> {
    refuse_short_file(at)?;
    let library = load(at)?;
    let not_onnx = |reason: &str| {
        Err(RuntimeError::NotOnnxRuntime {
            at: at.clone(),
            reason: reason.to_owned(),
        })
    };
    match ask(&library) {
        Answer::NoSymbol => not_onnx("it does not export OrtGetApiBase"),
        Answer::NoBase => not_onnx("OrtGetApiBase gives nothing"),
        Answer::Version { version, .. } if is_too_old(&version) => Err(RuntimeError::TooOld {
            at: at.clone(),
            found: version,
        }),
        Answer::Version {
            version,
            has_interface: false,
        } => Err(RuntimeError::NoInterface {
            at: at.clone(),
            found: version,
        }),
        Answer::Version { version, .. } => Ok(Probe {
            _library: library,
            version,
        }),
    }
}

/// `1.N.x` with `N` below what is needed, or `0.x`. A version that can't be read is not judged
/// here: the interface decides.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(0), _) => true,
        (Some(1), Some(minor)) => minor < OLDEST_MINOR,
        _ => false,
    }
}

fn refuse_short_file(at: &Candidate) -> Result<(), RuntimeError> {
    let unreadable = |error: std::io::Error| RuntimeError::Unreadable {
        at: at.clone(),
        reason: error.to_string(),
    };
    match elf::extent(&at.path).map_err(unreadable)? {
        Extent::Whole => Ok(()),
        Extent::Short { needed, found } => {
            let reason = format!("it is cut short: {found} bytes of at least {needed}");
            Err(RuntimeError::NotALibrary {
                at: at.clone(),
                reason,
            })
        }
    }
}

fn load(at: &Candidate) -> Result<Library, RuntimeError> {
    // SAFETY: loading runs the library's initialisers. The path is the one that the user named or
    // that catpipe fetched and checked, and whoever can change that file could change the program.
    #[allow(unsafe_code)]
    let opened = unsafe { Library::new(&at.path) };
    opened.map_err(|error| {
        // libloading keeps what the loader said in the source.
        let reason = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        RuntimeError::NotALibrary {
            at: at.clone(),
            reason,
        }
    })
}

/// Calls `OrtGetApiBase`, `GetVersionString` and `GetApi` of a library.
fn ask(library: &Library) -> Answer {
    // SAFETY: the symbol, where a library has it, is ONNX Runtime's C entry point with this
    // signature in every release; its result is null or points to a static table of two
    // functions, and the version is a static C string. Nothing borrowed outlives `library`.
    #[allow(unsafe_code)]
    unsafe {
        type GetApiBase = unsafe extern "C" fn() -> *const OrtApiBase;
        let Ok(get_base) = library.get::<GetApiBase>(b"OrtGetApiBase\0") else {
            return Answer::NoSymbol;
        };
        let Some(base) = get_base().as_ref() else {
            return Answer::NoBase;
        };
        let version = (base.GetVersionString)();
        let version = if version.is_null() {
            "of an unknown version".to_owned()
        } else {
            CStr::from_ptr(version).to_string_lossy().into_owned()
        };
        // An old library prints a line of its own when asked for an interface that it lacks, so
        // one that is too old by its version is not asked.
        let has_interface = !is_too_old(&version) && !(base.GetApi)(OLDEST_MINOR).is_null();
        Answer::Version {
            version,
            has_interface,
        }
    }
}
