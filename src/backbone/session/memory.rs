//! The memory in which batches lie on their way to a device and back.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::slice;
use std::sync::Arc;

use ort::AsPointer;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{DynTensor, PrimitiveTensorElementType};

/// Where a session's buffers lie.
#[derive(Debug, Clone)]
pub(super) enum Memory {
    /// Plain memory, on which the processor computes where it lies.
    Host,
    /// Pinned memory, which an NVIDIA GPU fetches from by itself while the processor goes on.
    Cuda {
        /// The number of the GPU.
        device: i32,
    },
}

impl Memory {
    /// Allocates what the processor fills and reads. There is no second choice: memory that is not
    /// pinned would halve the speed of the copies without a word.
    pub(super) fn staging(&self, session: &Session, way: MemoryType) -> ort::Result<Allocator> {
        let Self::Cuda { device } = *self else {
            return Ok(Allocator::default());
        };
        let pinned = |device| {
            let (name, kind) = (AllocationDevice::CUDA_PINNED, AllocatorType::Device);
            Allocator::new(session, MemoryInfo::new(name, device, kind, way)?)
        };
        // ONNX Runtime numbers pinned memory by its GPU in some versions, and always 0 in others.
        pinned(device).or_else(|error| pinned(0).map_err(|_| error))
    }

    /// Allocates what the device computes on.
    pub(super) fn device(&self, session: &Session) -> ort::Result<Allocator> {
        let Self::Cuda { device } = *self else {
            return Ok(Allocator::default());
        };
        let (name, kind) = (AllocationDevice::CUDA, AllocatorType::Device);
        Allocator::new(
            session,
            MemoryInfo::new(name, device, kind, MemoryType::Default)?,
        )
    }
}

/// A tensor in memory that the processor can fill and read.
#[derive(Debug)]
pub(super) struct Buffer<T> {
    tensor: DynTensor,
    length: usize,
    of: PhantomData<T>,
}

impl<T: PrimitiveTensorElementType + Copy + fmt::Debug> Buffer<T> {
    /// A tensor of zeros. The allocator must be one of [`Memory::staging`].
    pub(super) fn new(allocator: &Allocator, shape: &[usize]) -> ort::Result<Self> {
        let at = allocator.memory_info().allocation_device();
        if at != AllocationDevice::CPU && at != AllocationDevice::CUDA_PINNED {
            let found = at.as_str();
            return Err(ort::Error::new(format!(
                "memory of the kind {found} is not the processor's"
            )));
        }
        let mut tensor = DynTensor::new(allocator, T::into_tensor_element_type(), shape)?;
        let length = shape.iter().product();
        let values = tensor.data_ptr_mut().cast::<T>();
        if length > 0 && values.is_null() {
            return Err(ort::Error::new("the allocator gave no memory"));
        }
        // SAFETY: the tensor has `length` values, in memory that the processor can write to by the
        // check above; zero is a value of every number type.
        #[allow(unsafe_code)]
        unsafe {
            ptr::write_bytes(values, 0, length);
        }
        Ok(Self {
            tensor,
            length,
            of: PhantomData,
        })
    }

    /// The values. ONNX Runtime's own accessor takes pinned memory for the device's.
    pub(super) fn values(&mut self) -> &mut [T] {
        if self.length == 0 {
            return &mut [];
        }
        let start = self.tensor.data_ptr_mut().cast::<T>();
        // SAFETY: `new` made sure of memory that the processor can use and of values in it;
        // nothing else refers to them while `self` is borrowed: a run borrows it too.
        #[allow(unsafe_code)]
        unsafe {
            slice::from_raw_parts_mut(start, self.length)
        }
    }

    /// As ONNX Runtime's interface in C has it.
    pub(super) fn pointer(&self) -> *const ort::sys::OrtValue {
        self.tensor.ptr()
    }

    /// Its address and its size in bytes.
    pub(super) fn bytes(&mut self) -> (*mut c_void, usize) {
        let address = self.tensor.data_ptr_mut();
        (address, self.length * size_of::<T>())
    }
}

/// Copies between the processor's memory and a device's, and is done when it returns.
pub(super) trait Transfer: Send + Sync + fmt::Debug {
    /// Copies so many bytes.
    ///
    /// # Safety
    /// Both addresses are of that many bytes which nothing else writes to, `from` and `to` in the
    /// memories that `way` says, and the two do not overlap.
    #[allow(unsafe_code)]
    unsafe fn copy(
        &self,
        way: Way,
        to: *mut c_void,
        from: *const c_void,
        bytes: usize,
    ) -> Result<(), String>;
}

/// Which way a copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the processor's memory to the device's.
    ToDevice,
    /// From the device's memory to the processor's.
    FromDevice,
}

/// How a session's batches get to the device where ONNX Runtime does not copy them itself.
pub(super) type Copier = Arc<dyn Transfer>;
