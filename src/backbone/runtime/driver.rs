//! NVIDIA's driver: which GPUs it sees.
//!
//! The driver's library is loaded and called, which an old or broken driver may answer with a
//! crash or a long wait: ask it in a process of its own.

use std::ffi::{CStr, c_char, c_int};

use libloading::{Library, Symbol};
use serde::{Deserialize, Serialize};

use super::nvidia::CUDA_MAJOR;

/// What the driver says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// The newest CUDA that the driver can run, such as `13.0`.
    pub cuda: String,
    /// The GPUs, in the order of their numbers.
    pub gpus: Vec<Gpu>,
}

impl Driver {
    /// The GPUs in words.
    ///
    /// # Errors
    /// There is none, or the driver is too old for the pinned build of ONNX Runtime.
    pub fn gpus(&self) -> Result<String, String> {
        if self.gpus.is_empty() {
            return Err("the driver sees no GPU".to_owned());
        }
        let major = self.cuda.split('.').next();
        let major = major.and_then(|text| text.parse::<u32>().ok());
        if major.is_none_or(|major| major < CUDA_MAJOR) {
            return Err(format!(
                "the driver knows CUDA {} at most, and CUDA {CUDA_MAJOR} is needed: update it",
                self.cuda
            ));
        }
        let gpu = |gpu: &Gpu| format!("{}, {} GiB", gpu.name, gpu.memory >> 30);
        let gpus: Vec<_> = self.gpus.iter().map(gpu).collect();
        Ok(format!(
            "{} (driver for CUDA {})",
            gpus.join("; "),
            self.cuda
        ))
    }
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Its name, such as `NVIDIA H200`.
    pub name: String,
    /// Its memory in bytes.
    pub memory: u64,
    /// Its compute capability, such as `9.0`.
    #[serde(default)]
    pub capability: String,
}

/// Asks the driver in `library` (a path, or a name for the system's loader) for its GPUs.
///
/// # Errors
/// The library cannot be loaded, lacks a function, or a call of it fails: the driver's words.
pub fn ask(library: &str) -> Result<Driver, String> {
    // SAFETY: loading runs the driver's initialisers. The system's loader found it, or a test
    // made it.
    #[allow(unsafe_code)]
    let library = unsafe { Library::new(library) }.map_err(|error| error.to_string())?;
    let calls = Calls::of(&library).map_err(|error| error.to_string())?;
    calls.driver()
}

type Status = c_int;

/// The driver's functions that are called, with their signatures in `cuda.h`.
struct Calls<'a> {
    init: Symbol<'a, unsafe extern "C" fn(u32) -> Status>,
    version: Symbol<'a, unsafe extern "C" fn(*mut c_int) -> Status>,
    count: Symbol<'a, unsafe extern "C" fn(*mut c_int) -> Status>,
    get: Symbol<'a, unsafe extern "C" fn(*mut c_int, c_int) -> Status>,
    name: Symbol<'a, unsafe extern "C" fn(*mut c_char, c_int, c_int) -> Status>,
    memory: Symbol<'a, unsafe extern "C" fn(*mut usize, c_int) -> Status>,
    attribute: Symbol<'a, unsafe extern "C" fn(*mut c_int, c_int, c_int) -> Status>,
}

/// The attributes of a device's compute capability in `cuda.h`: its major and its minor number.
const CAPABILITY: [c_int; 2] = [75, 76];

impl<'a> Calls<'a> {
    fn of(library: &'a Library) -> Result<Self, libloading::Error> {
        // SAFETY: these symbols have had these signatures in every driver since CUDA 4.
        #[allow(unsafe_code)]
        unsafe {
            Ok(Self {
                init: library.get(b"cuInit\0")?,
                version: library.get(b"cuDriverGetVersion\0")?,
                count: library.get(b"cuDeviceGetCount\0")?,
                get: library.get(b"cuDeviceGet\0")?,
                name: library.get(b"cuDeviceGetName\0")?,
                memory: library.get(b"cuDeviceTotalMem_v2\0")?,
                attribute: library.get(b"cuDeviceGetAttribute\0")?,
            })
        }
    }

    fn driver(&self) -> Result<Driver, String> {
        let (mut version, mut count) = (0, 0);
        // SAFETY: each pointer is to a local of the type that the function writes.
        #[allow(unsafe_code)]
        unsafe {
            done("cuInit", (self.init)(0))?;
            done("cuDriverGetVersion", (self.version)(&raw mut version))?;
            done("cuDeviceGetCount", (self.count)(&raw mut count))?;
        }
        let gpus = (0..count).map(|number| self.gpu(number));
        Ok(Driver {
            cuda: format!("{}.{}", version / 1000, version % 1000 / 10),
            gpus: gpus.collect::<Result<_, _>>()?,
        })
    }

    fn gpu(&self, number: c_int) -> Result<Gpu, String> {
        let mut device = 0;
        let mut name = [0; 256];
        let mut memory = 0_usize;
        let mut capability = [0; 2];
        // SAFETY: as above; the driver writes at most the given length with its final zero, and
        // the last element, which it is not given, stays zero.
        #[allow(unsafe_code)]
        let name = unsafe {
            done("cuDeviceGet", (self.get)(&raw mut device, number))?;
            done(
                "cuDeviceGetName",
                (self.name)(name.as_mut_ptr(), 255, device),
            )?;
            done("cuDeviceTotalMem", (self.memory)(&raw mut memory, device))?;
            for (value, which) in capability.iter_mut().zip(CAPABILITY) {
                let status = (self.attribute)(value, which, device);
                done("cuDeviceGetAttribute", status)?;
            }
            CStr::from_ptr(name.as_ptr())
        };
        Ok(Gpu {
            name: name.to_string_lossy().into_owned(),
            memory: memory as u64,
            capability: format!("{}.{}", capability[0], capability[1]),
        })
    }
}

fn done(call: &str, status: Status) -> Result<(), String> {
    match status {
        0 => Ok(()),
        100 => Err("the driver sees no GPU (cuInit: no CUDA-capable device)".to_owned()),
        803 => Err("the driver and the GPU do not fit together (error 803)".to_owned()),
        999 => {
            Err("the driver is not running (error 999): is its kernel module loaded?".to_owned())
        }
        other => Err(format!("the driver's {call} failed with error {other}")),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A driver made of a few lines of C.
    fn fake(init: i32) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("cuda.c"), dir.path().join("libcuda.so.1"));
        let text = format!(
            "#include <string.h>\n#include <stddef.h>\n\
             int cuInit(unsigned f) {{ (void)f; return {init}; }}\n\
             int cuDriverGetVersion(int *v) {{ *v = 13010; return 0; }}\n\
             int cuDeviceGetCount(int *n) {{ *n = 2; return 0; }}\n\
             int cuDeviceGet(int *d, int i) {{ *d = i; return 0; }}\n\
             int cuDeviceGetName(char *s, int n, int d) {{ strncpy(s, d ? \"Two\" : \"One\", n); return 0; }}\n\
             int cuDeviceGetAttribute(int *v, int a, int d) {{ *v = a == 75 ? 8 + d : 6; return 0; }}\n\
             int cuDeviceTotalMem_v2(size_t *m, int d) {{ *m = (size_t)(d + 1) << 30; return 0; }}\n"
        );
        std::fs::write(&source, text).unwrap();
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(done.expect("these tests need a C compiler, cc").success());
        (dir, library.display().to_string())
    }

    #[test]
    fn a_driver_names_its_gpus() {
        let (_dir, library) = fake(0);
        let gpu = |name: &str, memory, capability: &str| Gpu {
            name: name.to_owned(),
            memory,
            capability: capability.to_owned(),
        };
        let expected = Driver {
            cuda: "13.1".to_owned(),
            gpus: vec![gpu("One", 1 << 30, "8.6"), gpu("Two", 2 << 30, "9.6")],
        };
        assert_eq!(ask(&library).unwrap(), expected);
    }

    #[test]
    fn a_driver_that_fails_says_why() {
        let (_dir, library) = fake(100);
        assert!(ask(&library).unwrap_err().contains("sees no GPU"));
        let (_dir, library) = fake(7);
        assert_eq!(
            ask(&library).unwrap_err(),
            "the driver's cuInit failed with error 7"
        );
        assert!(ask("/nowhere/libcuda.so.1").is_err());
    }
}
