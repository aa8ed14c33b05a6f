//! A network in ONNX Runtime, ready to turn batches of inputs into features.

#[cfg(test)]
mod half;
mod placement;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::thread;

use ort::logging::LogLevel;
use ort::value::TensorRef;

use super::error::BackboneError;
use super::manifest::{Dtype, Manifest, load_graph};
use super::onnx;
use super::provider::{Provider, ProviderKind, Registration};
use super::runtime::Runtime;
pub use placement::Elsewhere;
use placement::Listener;

/// How a network is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// What runs it.
    pub provider: Provider,
    /// Threads inside one operator, where the provider's options say nothing of them; `None` is
    /// one for each processor that this process may use.
    pub threads: Option<usize>,
    /// The folder for what a provider builds once for this machine, such as TensorRT's engines;
    /// without it nothing is kept.
    pub engines: Option<PathBuf>,
}

impl SessionOptions {
    /// The threads that one inference gets.
    #[must_use]
    pub fn threads(&self) -> usize {
        let all = || thread::available_parallelism().map_or(1, Into::into);
        let asked = self.provider.threads().or(self.threads);
        asked.unwrap_or_else(all).max(1)
    }
}

/// A network in ONNX Runtime, cut down to the manifest's feature output: what else the file
/// offers is not computed.
///
/// On the CPU a row's bits depend on its input alone: not on the batch that it came in, nor on the
/// number of threads. Where another provider cannot promise that,
/// [`Provider::unsteady`](super::Provider::unsteady) says so.
#[derive(Debug)]
pub struct Session {
    inner: ort::session::Session,
    path: PathBuf,
    /// The checksum of what was loaded.
    digest: String,
    input: String,
    dims: [usize; 3],
    dtype: Dtype,
    /// The input as bytes, for a graph that takes those.
    levels: Vec<u8>,
    output: String,
    width: usize,
    elsewhere: Elsewhere,
}

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
        let graph = load_graph(manifest, root)?;
        let path = graph.path;
        // The decoded weights share the file's bytes: gone before the session makes its own.
        let content = onnx::encode(&graph.model);
        drop(graph.model);
        runtime.load_dependencies()?;
        let input = &manifest.config.input;
        let at = Registration {
            threads: options.threads(),
            input: &input.name,
            dims: input.dims(),
            engines: options.engines.as_deref(),
        };
        let (inner, elsewhere) = place(&content, runtime, options, &at)
            .map_err(|failure| failure.told(&path, &options.provider))?;
        Ok(Self {
            inner,
            path,
            digest: graph.digest,
            input: graph.input,
            dims: manifest.config.input.dims(),
            dtype: manifest.config.input.dtype,
            levels: Vec::new(),
            output: manifest.config.output.name.clone(),
            width: manifest.width(),
            elsewhere,
        })
    }

    /// The nodes that run elsewhere than on the provider that was asked for; none, unless it
    /// [allows](Provider::allows_partial) that.
    #[must_use]
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.elsewhere
    }

    /// What was loaded, as [`Backbone::key`](super::Backbone::key) has it.
    #[must_use]
    pub fn graph_key(&self) -> String {
        graph_key(&self.digest, &self.output)
    }

    /// The ONNX file that was loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of values of one row's input.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.dims.iter().product()
    }

    /// The number of features of one row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Computes `out` (`[batch, width]`) from `input` (`[batch, 3, height, width]`, or as the
    /// manifest's layout has it). The input is lent to ONNX Runtime, not copied (a graph of
    /// `uint8` gets a quarter of its size in bytes); the few kilobytes of a row's features are copied out.
    ///
    /// It takes `&mut self` because ONNX Runtime's arena is not made for two runs at a time.
    ///
    /// # Errors
    /// A buffer of the wrong length, a failing run, an output of another shape than declared, and
    /// any feature that is NaN or infinite: `out` is then not to be used.
    pub fn run(
        &mut self,
        input: &[f32],
        batch: usize,
        out: &mut [f32],
    ) -> Result<(), BackboneError> {
        expect_len("the batch's input", batch, self.input_len(), input.len())?;
        expect_len("the batch's features", batch, self.width, out.len())?;
        if batch == 0 {
            return Ok(());
        }
        let path = &self.path;
        let failed = |error: ort::Error| BackboneError::Run {
            path: path.clone(),
            batch,
            reason: told(&error),
        };
        let [first, second, third] = self.dims;
        let shape = [batch, first, second, third];
        let name = self.input.as_str();
        let given = match self.dtype {
            // A graph of float16 has been given a float32 input.
            Dtype::Float32 | Dtype::Float16 => {
                let tensor = TensorRef::from_array_view((shape, input)).map_err(failed)?;
                ort::inputs![name => tensor]
            }
            Dtype::Uint8 => {
                self.levels.clear();
                // Whole numbers of 0..=255: the manifest lets nothing else through.
                self.levels.extend(input.iter().map(|value| *value as u8));
                let levels = self.levels.as_slice();
                let tensor = TensorRef::from_array_view((shape, levels)).map_err(failed)?;
                ort::inputs![name => tensor]
            }
        };
        let outputs = self.inner.run(given).map_err(failed)?;
        let (shape, features) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        if !is_batch_of(shape, batch, self.width) {
            return Err(BackboneError::OutputShape {
                path: path.clone(),
                output: self.output.clone(),
                declared: [batch, self.width],
                found: shape.to_vec(),
            });
        }
        out.copy_from_slice(features);
        refuse_non_finite(path, self.width, out)
    }
}

/// The network's part of a row's key: the graph's checksum and the name of the output.
pub(super) fn graph_key(digest: &str, output: &str) -> String {
    format!("onnx sha256:{digest} output {output}")
}

/// Why a session could not be made.
enum NotPlaced {
    /// In ONNX Runtime's words.
    Refused(ort::Error),
    /// Some nodes would run elsewhere.
    Elsewhere(Elsewhere),
}

impl NotPlaced {
    fn told(self, path: &Path, provider: &Provider) -> BackboneError {
        let path = path.to_path_buf();
        match (self, provider.kind()) {
            (Self::Refused(error), ProviderKind::Cpu) => BackboneError::Load {
                path,
                reason: told(&error),
            },
            (Self::Refused(error), provider) => BackboneError::Provider {
                path,
                provider,
                reason: without_source(&told(&error)).to_owned(),
            },
            (Self::Elsewhere(elsewhere), provider) => BackboneError::Elsewhere {
                path,
                provider,
                elsewhere,
            },
        }
    }
}

/// Makes the session, whole on the provider that was asked for; or, where that is allowed, with
/// the nodes that landed elsewhere.
fn place(
    content: &[u8],
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
) -> Result<(ort::session::Session, Elsewhere), NotPlaced> {
    let (partial, cpu) = (
        options.provider.allows_partial(),
        options.provider.kind() == ProviderKind::Cpu,
    );
    if cpu || !partial {
        let made = commit(content, runtime, options, at, !cpu, None);
        return match made {
            Ok(session) => Ok((session, Elsewhere::default())),
            Err(error) if is_fallback(&error) => {
                Err(what_lands_elsewhere(content, runtime, options, at, error))
            }
            Err(error) => Err(NotPlaced::Refused(error)),
        };
    }
    let listener = Listener::default();
    let session = commit(content, runtime, options, at, false, Some(&listener))
        .map_err(NotPlaced::Refused)?;
    let elsewhere = listener.elsewhere(options.provider.kind().onnx_name());
    Ok((session, elsewhere))
}

/// ONNX Runtime refuses nodes on the CPU without naming them: made once more, it is listened to.
fn what_lands_elsewhere(
    content: &[u8],
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
    error: ort::Error,
) -> NotPlaced {
    let listener = Listener::default();
    let _ = commit(content, runtime, options, at, false, Some(&listener));
    let elsewhere = listener.elsewhere(options.provider.kind().onnx_name());
    if elsewhere.count() == 0 {
        return NotPlaced::Refused(error);
    }
    NotPlaced::Elsewhere(elsewhere)
}

fn is_fallback(error: &ort::Error) -> bool {
    error
        .message()
        .contains("fallback to CPU EP has been explicitly disabled")
}

fn commit(
    content: &[u8],
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
    whole: bool,
    listener: Option<&Listener>,
) -> ort::Result<ort::session::Session> {
    let mut builder = ort::session::Session::builder(runtime.environment())?
        .with_intra_threads(at.threads)?
        .with_inter_threads(1)?
        // Idle threads sleep instead of spinning: decoding and augmentation run beside this.
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(true)?;
    if whole {
        builder = builder.with_disable_cpu_fallback()?;
    }
    if let Some(listener) = listener {
        builder = builder
            .with_logger(listener.logger())?
            .with_log_level(LogLevel::Verbose)?;
    }
    builder
        .with_execution_providers([options.provider.dispatch(at)])?
        .commit_from_memory(content)
}

/// ONNX Runtime's message on one line.
fn told(error: &ort::Error) -> String {
    error
        .message()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A message without the place in ONNX Runtime's sources that some begin with:
/// `/src/x.cc:20 f() [ONNXRuntimeError] : 1 : FAIL : what happened`.
fn without_source(message: &str) -> &str {
    let after = message.split_once("[ONNXRuntimeError] : ");
    let what = after.and_then(|(_, rest)| rest.splitn(3, " : ").nth(2));
    what.unwrap_or(message)
}

fn expect_len(
    what: &'static str,
    batch: usize,
    each: usize,
    found: usize,
) -> Result<(), BackboneError> {
    let expected = batch.saturating_mul(each);
    if found == expected {
        return Ok(());
    }
    Err(BackboneError::BufferLength {
        what,
        expected,
        found,
    })
}

/// `[batch, width]`, or with further dimensions of length 1.
fn is_batch_of(shape: &[i64], batch: usize, width: usize) -> bool {
    let is = |dim: i64, length: usize| usize::try_from(dim) == Ok(length);
    match shape {
        [first, second, ones @ ..] => {
            is(*first, batch) && is(*second, width) && ones.iter().all(|dim| *dim == 1)
        }
        _ => false,
    }
}

fn refuse_non_finite(path: &Path, width: usize, rows: &[f32]) -> Result<(), BackboneError> {
    match rows.iter().position(|feature| !feature.is_finite()) {
        None => Ok(()),
        Some(at) => Err(BackboneError::NonFinite {
            path: path.to_path_buf(),
            row: at / width,
            column: at % width,
            value: rows[at],
        }),
    }
}
