//! The values that flow through a network.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ort::ep::CPU;
use ort::value::TensorRef;

use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{Dtype, Manifest};
use crate::backbone::onnx::proto::{
    GraphProto, TypeProto, ValueInfoProto, tensor_proto, type_proto,
};
use crate::backbone::onnx::{self, ModelProto, Shapes};
use crate::backbone::runtime::Runtime;

/// The most images of one run.
const BATCH: usize = 8;
/// About how many values of one run are held in memory.
const VALUES: usize = 64 << 20;

/// The float network that is quantized.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network<'a> {
    pub(super) model: &'a ModelProto,
    pub(super) path: &'a Path,
    pub(super) manifest: &'a Manifest,
    pub(super) runtime: &'a Runtime,
}

/// A tensor of a run.
#[derive(Debug, Clone)]
pub(super) struct Tensor<'a> {
    pub(super) dims: Vec<usize>,
    pub(super) values: &'a [f32],
}

/// What takes the tensors of a batch, and the number of images before it.
pub(super) type Each<'a, E> = dyn FnMut(usize, &[Tensor<'_>]) -> Result<(), E> + 'a;

/// A session that gives tensors from inside the network.
#[derive(Debug)]
pub(super) struct Capture {
    session: ort::session::Session,
    path: PathBuf,
    input: String,
    dims: [usize; 3],
    dtype: Dtype,
    wanted: Vec<String>,
    batch: usize,
}

impl Capture {
    /// Makes a session of `model`, which has the same input as the network, with the tensors
    /// `wanted` as its outputs.
    ///
    /// # Errors
    /// ONNX Runtime refuses the graph.
    pub(super) fn open(
        network: &Network<'_>,
        model: &ModelProto,
        wanted: &[&str],
    ) -> Result<Self, BackboneError> {
        let config = &network.manifest.config.input;
        let content = onnx::encode(&with_outputs(model, wanted, &config.name));
        let session = commit(&content, network.runtime).map_err(|error| BackboneError::Load {
            path: network.path.to_owned(),
            reason: told(&error),
        })?;
        Ok(Self {
            session,
            path: network.path.to_owned(),
            input: config.name.clone(),
            dims: config.dims(),
            dtype: config.dtype,
            wanted: wanted.iter().map(|&name| name.to_owned()).collect(),
            batch: batch(model, wanted),
        })
    }

    /// Runs all images and hands on what was wanted, in that order, batch by batch with the number
    /// of images before it.
    ///
    /// # Errors
    /// A run that fails, and those of `each`.
    pub(super) fn run<E: From<BackboneError>>(
        &mut self,
        images: &[&[f32]],
        each: &mut Each<'_, E>,
    ) -> Result<(), E> {
        for (number, batch) in images.chunks(self.batch).enumerate() {
            let input: Vec<f32> = batch.concat();
            self.one(&input, batch.len(), number * self.batch, each)?;
        }
        Ok(())
    }

    fn one<E: From<BackboneError>>(
        &mut self,
        input: &[f32],
        batch: usize,
        before: usize,
        each: &mut Each<'_, E>,
    ) -> Result<(), E> {
        let path = &self.path;
        let failed = |error: ort::Error| BackboneError::Run {
            path: path.clone(),
            batch,
            reason: told(&error),
        };
        let shape = [batch, self.dims[0], self.dims[1], self.dims[2]];
        let name = self.input.as_str();
        // Whole numbers of 0..=255: the manifest lets nothing else through.
        let levels: Vec<u8> = match self.dtype {
            Dtype::Float32 | Dtype::Float16 => Vec::new(),
            Dtype::Uint8 => input.iter().map(|value| *value as u8).collect(),
        };
        let given = match self.dtype {
            // A graph of float16 input is refused before anything runs.
            Dtype::Float32 | Dtype::Float16 => {
                ort::inputs![name => TensorRef::from_array_view((shape, input)).map_err(failed)?]
            }
            Dtype::Uint8 => {
                let levels = TensorRef::from_array_view((shape, levels.as_slice()));
                ort::inputs![name => levels.map_err(failed)?]
            }
        };
        let outputs = self.session.run(given).map_err(failed)?;
        let mut tensors = Vec::with_capacity(self.wanted.len());
        for wanted in &self.wanted {
            if wanted == name {
                let dims = shape.to_vec();
                tensors.push(Tensor {
                    dims,
                    values: input,
                });
                continue;
            }
            let (dims, values) = outputs[wanted.as_str()]
                .try_extract_tensor::<f32>()
                .map_err(failed)?;
            let dims = dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0));
            tensors.push(Tensor {
                dims: dims.collect(),
                values,
            });
        }
        each(before, &tensors)
    }
}

/// How many images fit into memory with what they make on the way.
fn batch(model: &ModelProto, wanted: &[&str]) -> usize {
    let shapes = Shapes::of(model);
    let values = wanted.iter().filter_map(|name| {
        let dims = shapes.get(name)?.iter();
        Some(dims.product::<i64>().max(0) as usize)
    });
    (VALUES / values.sum::<usize>().max(1)).clamp(1, BATCH)
}

/// The model with these tensors as its outputs, those that it states itself as it states them.
fn with_outputs(model: &ModelProto, wanted: &[&str], input: &str) -> ModelProto {
    let mut model = model.clone();
    let graph = model.graph.get_or_insert_with(GraphProto::default);
    let stated: HashMap<String, ValueInfoProto> = (graph.output.drain(..))
        .map(|output| (output.name().to_owned(), output))
        .collect();
    let inside = wanted.iter().filter(|name| **name != input);
    graph.output = inside
        .map(|&name| stated.get(name).cloned().unwrap_or_else(|| float(name)))
        .collect();
    // A graph must give something, even where its input is all that is wanted.
    if graph.output.is_empty() {
        graph.output.extend(stated.into_values());
    }
    model
}

/// A float32 tensor of whatever shape.
fn float(name: &str) -> ValueInfoProto {
    let tensor = type_proto::Tensor {
        elem_type: Some(tensor_proto::DataType::Float as i32),
        shape: None,
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn commit(content: &[u8], runtime: &Runtime) -> ort::Result<ort::session::Session> {
    let cpu = CPU::default().with_arena_allocator(true).build();
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    ort::session::Session::builder(runtime.environment())?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(true)?
        .with_execution_providers([cpu.error_on_failure()])?
        .commit_from_memory(content)
}

/// ONNX Runtime's message on one line.
fn told(error: &ort::Error) -> String {
    let words: Vec<_> = error.message().split_whitespace().collect();
    words.join(" ")
}
