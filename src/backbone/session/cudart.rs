//! Copies by CUDA's runtime library, for buffers of fixed addresses on the device.
//!
//! ONNX Runtime takes a new device buffer for every input that it copies itself. A CUDA graph
//! replays what was recorded, addresses and all: its input has to be put into the same place.

use std::error::Error;
use std::ffi::{c_int, c_void};
use std::fmt;

use libloading::Library;

use super::memory::{Transfer, Way};

/// The library, as its provider needs it too: it is loaded by then.
pub(super) const CUDART: &str = "libcudart.so.13";

type Status = c_int;
type SetDevice = unsafe extern "C" fn(c_int) -> Status;
type Synchronize = unsafe extern "C" fn() -> Status;
type Memcpy = unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int) -> Status;

/// CUDA's runtime library, for one GPU.
pub(super) struct Cudart {
    device: c_int,
    set_device: SetDevice,
    synchronize: Synchronize,
    memcpy: Memcpy,
    /// Keeps the functions where they are.
    _library: Library,
}

impl Cudart {
    /// Loads `library` (a name or a path).
    ///
    /// # Errors
    /// It is not there, or lacks a function: the loader's words.
    pub(super) fn load(library: &str, device: i32) -> Result<Self, String> {
        let told = |error: libloading::Error| {
            let source = error.source().map(ToString::to_string);
            format!("{library}: {}", source.unwrap_or_else(|| error.to_string()))
        };
        // SAFETY: loading runs the library's initialisers; the provider has loaded it before. The
        // functions have had these signatures in every version of CUDA, and live as long as the
        // library, which is kept beside them.
        #[allow(unsafe_code)]
        unsafe {
            let library = Library::new(library).map_err(told)?;
            let set_device = *library.get::<SetDevice>(b"cudaSetDevice\0").map_err(told)?;
            let synchronize = *library
                .get::<Synchronize>(b"cudaDeviceSynchronize\0")
                .map_err(told)?;
            let memcpy = *library.get::<Memcpy>(b"cudaMemcpy\0").map_err(told)?;
            Ok(Self {
                device,
                set_device,
                synchronize,
                memcpy,
                _library: library,
            })
        }
    }
}

impl Transfer for Cudart {
    #[allow(unsafe_code)]
    unsafe fn copy(
        &self,
        way: Way,
        to: *mut c_void,
        from: *const c_void,
        bytes: usize,
    ) -> Result<(), String> {
        let kind = match way {
            Way::ToDevice => 1,
            Way::FromDevice => 2,
        };
        // SAFETY: the addresses are as the trait's contract says. The device is chosen for this
        // thread alone, and what it still computes is waited for: ONNX Runtime's stream is one
        // that a copy does not wait for by itself.
        unsafe {
            done("cudaSetDevice", (self.set_device)(self.device))?;
            done("cudaDeviceSynchronize", (self.synchronize)())?;
            done("cudaMemcpy", (self.memcpy)(to, from, bytes, kind))
        }
    }
}

fn done(call: &str, status: Status) -> Result<(), String> {
    match status {
        0 => Ok(()),
        other => Err(format!("{call} failed with CUDA's error {other}")),
    }
}

impl fmt::Debug for Cudart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cudart")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::process::Command;

    use super::*;

    /// A runtime library made of a few lines of C, whose device is the processor.
    pub(in super::super) fn fake(status: i32) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("cudart.c"), dir.path().join(CUDART));
        let text = format!(
            "#include <string.h>\n\
             static int device = -1;\n\
             int cudaSetDevice(int d) {{ device = d; return 0; }}\n\
             int cudaDeviceSynchronize(void) {{ return device == 3 ? 0 : 46; }}\n\
             int cudaMemcpy(void *t, const void *f, size_t n, int k) {{\n\
             if (k != 1 && k != 2) return 21;\n\
             memcpy(t, f, n); return {status}; }}\n"
        );
        std::fs::write(&source, text).unwrap();
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(done.expect("these tests need a C compiler, cc").success());
        (dir, library.display().to_string())
    }

    #[allow(unsafe_code)]
    fn copied(cudart: &Cudart, way: Way) -> Result<[u8; 4], String> {
        let (from, mut to) = ([1_u8, 2, 3, 4], [0_u8; 4]);
        // SAFETY: two arrays of four bytes, on a device that is the processor.
        unsafe { cudart.copy(way, to.as_mut_ptr().cast(), from.as_ptr().cast(), 4) }?;
        Ok(to)
    }

    #[test]
    fn bytes_are_copied_both_ways_on_the_device_that_was_named() {
        let (_dir, library) = fake(0);
        let cudart = Cudart::load(&library, 3).unwrap();
        for way in [Way::ToDevice, Way::FromDevice] {
            assert_eq!(copied(&cudart, way), Ok([1, 2, 3, 4]));
        }
        let other = Cudart::load(&library, 1).unwrap();
        let error = copied(&other, Way::ToDevice).expect_err("another device");
        assert_eq!(error, "cudaDeviceSynchronize failed with CUDA's error 46");
    }

    #[test]
    fn a_copy_that_fails_and_a_library_that_is_not_there_are_told() {
        let (_dir, library) = fake(2);
        let cudart = Cudart::load(&library, 3).unwrap();
        let error = copied(&cudart, Way::ToDevice).expect_err("out of memory");
        assert_eq!(error, "cudaMemcpy failed with CUDA's error 2");
        let error = Cudart::load("/nowhere/libcudart.so.13", 0).expect_err("missing");
        assert!(error.starts_with("/nowhere/libcudart.so.13: "), "{error}");
    }
}
