//! From a manifest to a session.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

use ort::value::ValueType;

use super::bound::Bound;
use super::cudart::{CUDART, Cudart};
use super::memory::{Copier, Memory};
use super::place::place;
use super::slot::Plan;
use super::{Lane, Lent, Session, SessionOptions};
use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{Manifest, load_graph};
use crate::backbone::onnx;
use crate::backbone::provider::{Provider, Registration};
use crate::backbone::runtime::Runtime;

impl Session {
    /// Reads and checks the manifest's ONNX file under `root` and makes it ready to run.
    ///
    /// # Errors
    /// Whatever [`Manifest::check_graph`] refuses, and a graph that ONNX Runtime or the provider
    /// can't take.
    pub fn open(
        manifest: &Manifest,
        root: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, BackboneError> {
        let memory = gpu(&options.provider).map(|device| Memory::Cuda { device });
        Self::open_in(memory, manifest, root, runtime, options)
    }

    /// [`Session::open`], with the buffers of a GPU's session on any provider: batches are copied
    /// and padded, and two of them are under way at once. On the processor that is no faster; it
    /// gives the same features.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_bound(
        manifest: &Manifest,
        root: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, BackboneError> {
        let device = gpu(&options.provider);
        let memory = device.map_or(Memory::Host, |device| Memory::Cuda { device });
        Self::open_in(Some(memory), manifest, root, runtime, options)
    }

    pub(super) fn open_in(
        memory: Option<Memory>,
        manifest: &Manifest,
        root: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, BackboneError> {
        let graph = load_graph(manifest, root)?;
        // The decoded weights share the file's bytes: gone before the session makes its own.
        let content = onnx::encode(&graph.model);
        drop(graph.model);
        runtime.load_dependencies()?;
        let input = &manifest.config.input;
        let at = Registration {
            threads: options.threads(),
            input: &graph.input,
            dims: input.dims(),
            engines: options.engines.as_deref(),
        };
        let path = graph.path;
        let (inner, elsewhere) = place(&content, runtime, options, &at)
            .map_err(|failure| failure.told(&path, &options.provider))?;
        drop(content);
        let lane = match memory {
            None => Lane::Lent(Lent {
                inner,
                levels: Vec::new(),
            }),
            Some(memory) => {
                let failed = |reason| BackboneError::Device {
                    path: path.clone(),
                    provider: options.provider.kind(),
                    reason,
                };
                let replay = replay(&options.provider).map_err(failed)?;
                let plan = plan(manifest, &graph.input, memory, replay, &inner);
                let plan = plan.map_err(|error| failed(error.to_string()))?;
                Lane::Bound(Bound::new(inner, plan).map_err(failed)?)
            }
        };
        Ok(Self {
            lane,
            provider: options.provider.clone(),
            path,
            digest: graph.digest,
            input: graph.input,
            dims: input.dims(),
            dtype: input.dtype,
            output: manifest.config.output.name.clone(),
            width: manifest.width(),
            elsewhere,
        })
    }
}

/// The number of the NVIDIA GPU that a provider runs on.
fn gpu(provider: &Provider) -> Option<i32> {
    match provider {
        Provider::Cuda(options) => Some(options.device.get().into()),
        Provider::Tensorrt(options) => Some(options.device.get().into()),
        Provider::Cpu(_) | Provider::Openvino(_) => None,
    }
}

/// How batches get into fixed buffers on the device, where what it has recorded is replayed.
fn replay(provider: &Provider) -> Result<Option<Copier>, String> {
    let Some(device) = gpu(provider).filter(|_| provider.records_graphs()) else {
        return Ok(None);
    };
    Ok(Some(Arc::new(Cudart::load(CUDART, device)?)))
}

pub(super) fn plan(
    manifest: &Manifest,
    input: &str,
    memory: Memory,
    replay: Option<Copier>,
    session: &ort::session::Session,
) -> Result<Plan, std::ffi::NulError> {
    let output = &manifest.config.output.name;
    let rank = session.outputs().iter().find(|one| one.name() == output);
    let rank = rank.map_or(2, |output| match output.dtype() {
        ValueType::Tensor { shape, .. } => shape.len(),
        _ => 2,
    });
    Ok(Plan {
        memory,
        input: CString::new(input)?,
        dtype: manifest.config.input.dtype,
        dims: manifest.config.input.dims(),
        output: CString::new(output.as_str())?,
        width: manifest.width(),
        rank,
        replay,
    })
}
