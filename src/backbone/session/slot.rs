//! One batch on its way: its buffers, and their binding to the graph's input and output.

use std::ffi::{CStr, CString};
use std::fmt;
use std::ptr;

use ort::AsPointer;
use ort::memory::MemoryType;
use ort::session::{IoBinding, NoSelectedOutputs, RunOptions, Session};
use ort::value::{DynTensor, Tensor, TensorElementType};

use super::memory::{Buffer, Copier, Memory, Way};
use super::told;
use crate::backbone::manifest::Dtype;

/// What every slot of a session is made by.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) memory: Memory,
    /// The graph's input: its name, its type and its dimensions after the batch.
    pub(super) input: CString,
    pub(super) dtype: Dtype,
    pub(super) dims: [usize; 3],
    /// The graph's output: its name, the number of features, and how many dimensions it has.
    pub(super) output: CString,
    pub(super) width: usize,
    pub(super) rank: usize,
    /// Where the device replays what it has recorded: how batches get into its fixed buffers.
    pub(super) replay: Option<Copier>,
}

impl Plan {
    /// `[rows, width]`, with further dimensions of length 1 where the graph has more.
    fn output_shape(&self, rows: usize) -> Vec<usize> {
        let mut shape = vec![rows, self.width];
        shape.resize(self.rank.max(2), 1);
        shape
    }
}

/// The buffers of one batch of a fixed number of rows.
#[derive(Debug)]
pub(super) struct Slot {
    /// Before the tensors that it points to: dropped first.
    binding: IoBinding,
    rows: usize,
    width: usize,
    name: CString,
    input: Input,
    output: Buffer<f32>,
    replay: Option<Replay>,
}

#[derive(Debug)]
enum Input {
    Floats(Buffer<f32>),
    Bytes(Buffer<u8>),
}

impl Slot {
    /// A slot for batches of `rows`. `number` is the slot's own.
    pub(super) fn new(
        session: &Session,
        plan: &Plan,
        rows: usize,
        number: u32,
    ) -> ort::Result<Self> {
        let [first, second, third] = plan.dims;
        let shape = [rows, first, second, third];
        let staged = plan.memory.staging(session, MemoryType::CPUInput)?;
        let input = match plan.dtype {
            // A graph of float16 has been given a float32 input.
            Dtype::Float32 | Dtype::Float16 => Input::Floats(Buffer::new(&staged, &shape)?),
            Dtype::Uint8 => Input::Bytes(Buffer::new(&staged, &shape)?),
        };
        let results = plan.memory.staging(session, MemoryType::CPUOutput)?;
        let output = Buffer::new(&results, &plan.output_shape(rows))?;
        let mut slot = Self {
            binding: session.create_binding()?,
            rows,
            width: plan.width,
            name: plan.input.clone(),
            input,
            output,
            replay: None,
        };
        match &plan.replay {
            None => slot.bind_output(&plan.output, slot.output.pointer())?,
            Some(copier) => {
                let replay = Replay::new(session, plan, &slot, copier.clone(), number)?;
                slot.bind_output(&plan.output, replay.output.ptr())?;
                slot.bind_input(replay.input.ptr())?;
                slot.replay = Some(replay);
            }
        }
        Ok(slot)
    }

    /// The rows that it is made for.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes in a batch of at most as many rows; those that it lacks become zeros.
    pub(super) fn fill(&mut self, batch: &[f32]) {
        match &mut self.input {
            Input::Floats(buffer) => {
                let values = buffer.values();
                let (given, rest) = values.split_at_mut(batch.len().min(values.len()));
                given.copy_from_slice(&batch[..given.len()]);
                rest.fill(0.0);
            }
            Input::Bytes(buffer) => {
                let values = buffer.values();
                let (given, rest) = values.split_at_mut(batch.len().min(values.len()));
                for (to, from) in given.iter_mut().zip(batch) {
                    // Whole numbers of 0..=255: the manifest lets nothing else through.
                    *to = *from as u8;
                }
                rest.fill(0);
            }
        }
    }

    /// Computes the batch that it holds.
    ///
    /// # Errors
    /// In the words of ONNX Runtime or of the device.
    pub(super) fn run(&mut self, session: &mut Session) -> Result<(), String> {
        let failed = |error: ort::Error| told(&error);
        if let Some(replay) = &mut self.replay {
            replay.put(&mut self.input)?;
        } else {
            // Each time: this is when the batch is copied to a device.
            let value = self.input.pointer();
            self.bind_input(value).map_err(failed)?;
            self.binding.synchronize_inputs().map_err(failed)?;
        }
        let options = self.replay.as_ref().map(|replay| replay.options.ptr());
        // SAFETY: session, binding and options are alive, and nobody else runs the session or
        // touches the slot: both are borrowed exclusively. What is bound lives in the slot.
        #[allow(unsafe_code)]
        let status = unsafe {
            (ort::api().RunWithBinding)(
                session.ptr_mut(),
                options.unwrap_or(ptr::null()),
                self.binding.ptr(),
            )
        };
        checked(status).map_err(failed)?;
        self.binding.synchronize_outputs().map_err(failed)?;
        match &mut self.replay {
            Some(replay) => replay.get(&mut self.output),
            None => Ok(()),
        }
    }

    /// The features of the first `rows` of the batch that was computed.
    pub(super) fn features(&mut self, rows: usize) -> &[f32] {
        let values = self.output.values();
        let length = values.len().min(rows.saturating_mul(self.width));
        &values[..length]
    }

    /// `ort`'s own function does the same, and allocates for each batch.
    fn bind_input(&mut self, value: *const ort::sys::OrtValue) -> ort::Result<()> {
        let name = self.name.as_ptr();
        // SAFETY: the binding and the name are alive, and so is the value, which the caller takes
        // from a tensor of this slot: it stays there as long as the binding.
        #[allow(unsafe_code)]
        let status = unsafe { (ort::api().BindInput)(self.binding.ptr_mut(), name, value) };
        checked(status)
    }

    fn bind_output(&mut self, name: &CStr, value: *const ort::sys::OrtValue) -> ort::Result<()> {
        // SAFETY: as for the input.
        #[allow(unsafe_code)]
        let status =
            unsafe { (ort::api().BindOutput)(self.binding.ptr_mut(), name.as_ptr(), value) };
        checked(status)
    }
}

impl Input {
    fn pointer(&self) -> *const ort::sys::OrtValue {
        match self {
            Self::Floats(buffer) => buffer.pointer(),
            Self::Bytes(buffer) => buffer.pointer(),
        }
    }

    fn element(&self) -> TensorElementType {
        match self {
            Self::Floats(_) => TensorElementType::Float32,
            Self::Bytes(_) => TensorElementType::Uint8,
        }
    }
}

/// Buffers on the device that never move, so that what the device has recorded can be replayed.
struct Replay {
    input: DynTensor,
    output: Tensor<f32>,
    /// Names the recording: each slot has its own addresses, and so its own.
    options: RunOptions<NoSelectedOutputs>,
    copier: Copier,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("copier", &self.copier)
            .finish_non_exhaustive()
    }
}

impl Replay {
    fn new(
        session: &Session,
        plan: &Plan,
        slot: &Slot,
        copier: Copier,
        number: u32,
    ) -> ort::Result<Self> {
        let device = plan.memory.device(session)?;
        let [first, second, third] = plan.dims;
        let shape = [slot.rows, first, second, third];
        let mut options = RunOptions::new()?;
        options.set("gpu_graph_id", number.to_string())?;
        Ok(Self {
            input: DynTensor::new(&device, slot.input.element(), shape)?,
            output: Tensor::new(&device, plan.output_shape(slot.rows))?,
            options,
            copier,
        })
    }

    fn put(&mut self, from: &mut Input) -> Result<(), String> {
        let (from, bytes) = match from {
            Input::Floats(buffer) => buffer.bytes(),
            Input::Bytes(buffer) => buffer.bytes(),
        };
        let to = self.input.data_ptr_mut();
        // SAFETY: both tensors are of the same shape and type, so of as many bytes, and no run is
        // under way, as the slot is borrowed exclusively.
        #[allow(unsafe_code)]
        unsafe {
            self.copier.copy(Way::ToDevice, to, from, bytes)
        }
    }

    fn get(&mut self, to: &mut Buffer<f32>) -> Result<(), String> {
        let (to, bytes) = to.bytes();
        let from = self.output.data_ptr();
        // SAFETY: as above.
        #[allow(unsafe_code)]
        unsafe {
            self.copier.copy(Way::FromDevice, to, from, bytes)
        }
    }
}

fn checked(status: ort::sys::OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the status has just come from ONNX Runtime's interface, and is looked at once.
    #[allow(unsafe_code)]
    unsafe {
        ort::Error::result_from_status(status)
    }
}
