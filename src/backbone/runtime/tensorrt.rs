//! Which TensorRT is there: its engines fit one version only.

use std::error::Error;
use std::ffi::c_int;

use libloading::Library;

/// TensorRT's library, by the name that its provider knows it by.
pub const TENSORRT: &str = "libnvinfer.so.10";

/// Asks TensorRT's `library` (a path, or a name for the system's loader) for its version, such as
/// `10.13.3`.
///
/// # Errors
/// The library cannot be loaded or lacks the function: the loader's words.
pub fn version(library: &str) -> Result<String, String> {
    let told = |error: libloading::Error| {
        let source = error.source().map(ToString::to_string);
        format!("{library}: {}", source.unwrap_or_else(|| error.to_string()))
    };
    // SAFETY: loading runs the library's initialisers; the provider is about to load it too, or a
    // test made it. The function has had this signature in every version of TensorRT.
    #[allow(unsafe_code)]
    let number = unsafe {
        let library = Library::new(library).map_err(told)?;
        let ask = library.get::<unsafe extern "C" fn() -> c_int>(b"getInferLibVersion\0");
        (ask.map_err(told)?)()
    };
    Ok(written(number))
}

/// From version 10 on the number is 10000 x major + 100 x minor + patch; before, it was
/// 1000 x major + 100 x minor + patch.
fn written(number: c_int) -> String {
    let major = if number >= 10_000 { 10_000 } else { 1_000 };
    let (rest, patch) = (number % major, number % 100);
    format!("{}.{}.{patch}", number / major, rest / 100)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_number_is_a_version() {
        assert_eq!(written(101_303), "10.13.3");
        assert_eq!(written(100_000), "10.0.0");
        assert_eq!(written(8_601), "8.6.1");
    }

    #[test]
    fn a_library_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("nv.c"), dir.path().join(TENSORRT));
        std::fs::write(&source, "int getInferLibVersion(void) { return 101400; }").unwrap();
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(done.expect("these tests need a C compiler, cc").success());
        assert_eq!(version(&library.display().to_string()).unwrap(), "10.14.0");
        let error = version("/nowhere/libnvinfer.so.10").expect_err("missing");
        assert!(error.starts_with("/nowhere/libnvinfer.so.10: "), "{error}");
    }
}
