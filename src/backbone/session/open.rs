//! From a manifest to a session.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

use ort::value::ValueType;

use super::bound::{Bound, Failed};
use super::cudart::{CUDART, Cudart};
use super::memory::{Copier, Memory};
use super::place::{Content, place, place_all};
use super::several::Several;
use super::slot::Plan;
use super::watch::{EVERY, Herald, Opening, watched};
use super::{Lane, Lent, Session, SessionOptions, graph_key};
use crate::backbone::engines::{EngineKey, Engines, Machine};
use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{Graph, Manifest, load_graph};
use crate::backbone::onnx::{self, ModelProto};
use crate::backbone::provider::{Provider, ProviderKind, Registration};
use crate::backbone::runtime::nvidia::DRIVER;
use crate::backbone::runtime::{Runtime, driver, tensorrt};
use crate::backbone::winograd;

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
        Self::open_in(memory, manifest, root, runtime, options, &Herald::silent())
    }

    /// [`Session::open`], which tells `watch` every second of what takes minutes: TensorRT building
    /// an engine that is not in the cache.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_watched(
        manifest: &Manifest,
        root: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
        watch: &mut dyn FnMut(&Opening),
    ) -> Result<Self, BackboneError> {
        if options.provider.kind() != ProviderKind::Tensorrt {
            return Self::open(manifest, root, runtime, options);
        }
        let memory = gpu(&options.provider).map(|device| Memory::Cuda { device });
        let open =
            |herald: &Herald| Self::open_in(memory, manifest, root, runtime, options, herald);
        watched(open, EVERY, watch).unwrap_or(Err(Failed::Lost.told(root)))
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
        let (memory, herald) = (Some(memory), Herald::silent());
        Self::open_in(memory, manifest, root, runtime, options, &herald)
    }

    pub(super) fn open_in(
        memory: Option<Memory>,
        manifest: &Manifest,
        root: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
        herald: &Herald,
    ) -> Result<Self, BackboneError> {
        let mut graph = load_graph(manifest, root)?;
        let convolutions = match options.provider.filters_convolutions() {
            true => winograd::replace(&mut graph.model),
            false => Arc::default(),
        };
        // The decoded weights share the file's bytes: gone before the session makes its own.
        let bytes = onnx::encode(&graph.model);
        graph.model = ModelProto::default();
        runtime.load_dependencies()?;
        let engines = engines(manifest, &graph, runtime, options)?;
        let input = &manifest.config.input;
        // Buffers for a device are one session's.
        let count = memory.as_ref().map_or(options.sessions(), |_| 1);
        let at = Registration {
            // As even as can be: where they do not come out even, some cores are left to decoding.
            threads: options.threads() / count,
            shared: count > 1,
            input: &graph.input,
            dims: input.dims(),
            engines: engines.as_ref().map(Engines::path),
            builds: engines.as_ref().is_some_and(Engines::is_to_build),
        };
        if let Some(engines) = engines.as_ref().filter(|one| one.is_to_build()) {
            let name = &manifest.config.name;
            herald.says(format!("building a TensorRT engine for {name} ({engines})"));
        }
        let path = graph.path.clone();
        let content = Content {
            bytes: &bytes,
            convolutions,
        };
        let (inner, others, elsewhere) = place_all(count, &content, runtime, options, &at)
            .map_err(|failure| failure.told(&path, &options.provider))?;
        drop(bytes);
        let engine = engines.map(Engines::publish);
        let give =
            |memory, pads, inner| bound(manifest, &graph, &options.provider, (memory, pads), inner);
        let lane = match memory {
            None if others.is_empty() => Lane::Lent(Lent {
                inner,
                levels: Vec::new(),
            }),
            None => {
                let all = std::iter::once(inner).chain(others);
                let all = all.map(|inner| give(Memory::Host, false, inner));
                Lane::Several(Several::new(all.collect::<Result<_, _>>()?))
            }
            Some(memory) => Lane::Bound(give(memory, true, inner)?),
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
            engine,
        })
    }
}

/// Makes a session of a graph that is no backbone, `content`; its input has this name and these
/// dimensions after the batch. `path` is for the errors.
pub(crate) fn load_graph_of(
    path: &Path,
    content: &[u8],
    (input, dims): (&str, [usize; 3]),
    runtime: &Runtime,
    options: &SessionOptions,
) -> Result<ort::session::Session, BackboneError> {
    runtime.load_dependencies()?;
    let at = Registration {
        threads: options.threads(),
        shared: false,
        input,
        dims,
        engines: None,
        builds: false,
    };
    let content = Content {
        bytes: content,
        convolutions: Arc::default(),
    };
    let placed = place(&content, runtime, options, &at);
    let (session, _) = placed.map_err(|failure| failure.told(path, &options.provider))?;
    Ok(session)
}

/// The folder of TensorRT's engine for this graph on this machine.
fn engines(
    manifest: &Manifest,
    graph: &Graph,
    runtime: &Runtime,
    options: &SessionOptions,
) -> Result<Option<Engines>, BackboneError> {
    let (Provider::Tensorrt(trt), Some(root)) = (&options.provider, &options.engines) else {
        return Ok(None);
    };
    let machine = machine(tensorrt::TENSORRT, DRIVER, trt.device.get().into());
    let machine = machine.map_err(|reason| BackboneError::Device {
        path: graph.path.clone(),
        provider: options.provider.kind(),
        reason,
    })?;
    let [first, second, third] = manifest.config.input.dims();
    let key = EngineKey {
        graph: graph_key(&graph.digest, &manifest.config.output.name),
        input: format!("{}:{first}x{second}x{third}", graph.input),
        precision: trt.precision.get(),
        batch: trt.batch,
        workspace: trt.workspace,
        onnxruntime: runtime.version().to_owned(),
        machine,
    };
    Engines::prepare(root, key, trt.engine_cache, trt.timing_cache)
        .map(Some)
        .map_err(|source| BackboneError::Engines {
            path: root.clone(),
            source,
        })
}

/// What TensorRT and the driver say of themselves.
pub(super) fn machine(tensorrt: &str, driver: &str, device: usize) -> Result<Machine, String> {
    let version = tensorrt::version(tensorrt)?;
    let gpus = driver::ask(driver)?.gpus;
    let count = gpus.len();
    let gpu = gpus.into_iter().nth(device);
    let gpu = gpu.ok_or_else(|| format!("the driver sees no GPU {device}, but {count} in all"))?;
    Ok(Machine {
        tensorrt: version,
        gpu: gpu.name,
        capability: gpu.capability,
    })
}

/// The number of the NVIDIA GPU that a provider runs on.
fn gpu(provider: &Provider) -> Option<i32> {
    match provider {
        Provider::Cuda(options) => Some(options.device.get().into()),
        Provider::Tensorrt(options) => Some(options.device.get().into()),
        Provider::Cpu(_) | Provider::Openvino(_) => None,
    }
}

/// Gives the session buffers and a thread.
fn bound(
    manifest: &Manifest,
    graph: &Graph,
    provider: &Provider,
    (memory, pads): (Memory, bool),
    session: ort::session::Session,
) -> Result<Bound, BackboneError> {
    let failed = |reason| BackboneError::Device {
        path: graph.path.clone(),
        provider: provider.kind(),
        reason,
    };
    let replay = replay(provider).map_err(failed)?;
    let plan = plan(manifest, &graph.input, memory, replay, &session);
    let plan = plan.map_err(|error| failed(error.to_string()))?;
    Bound::new(session, plan, pads).map_err(failed)
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
