//! A network in ONNX Runtime, ready to turn batches of inputs into features.

mod bound;
#[cfg(test)]
mod bound_tests;
mod cudart;
#[cfg(test)]
mod half;
mod maps;
mod memory;
mod open;
mod place;
mod placement;
mod several;
mod slot;
#[cfg(test)]
mod tests;
mod watch;

use std::path::{Path, PathBuf};
use std::thread;

use ort::value::TensorRef;

use super::engines::Origin;
use super::error::BackboneError;
use super::manifest::Dtype;
use super::provider::Provider;
use bound::Bound;
pub use maps::Maps;
pub(crate) use open::load_graph_of;
pub use placement::Elsewhere;
use several::Several;
pub use watch::Opening;

/// How a network is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// What runs it.
    pub provider: Provider,
    /// Threads inside one operator, where the provider's options say nothing of them; `None` is
    /// one for each processor that this process may use.
    pub threads: Option<usize>,
    /// Sessions that share the threads, and each batch, on the processor; never more than there
    /// are threads, and 0 counts as 1. Each has the network's weights. Features do not depend on
    /// it.
    pub sessions: usize,
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

    /// The sessions that are opened: one, unless it runs on the processor.
    #[must_use]
    pub fn sessions(&self) -> usize {
        match self.provider.is_on_processor() {
            true => self.sessions.clamp(1, self.threads()),
            false => 1,
        }
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
    lane: Lane,
    provider: Provider,
    path: PathBuf,
    /// The checksum of what was loaded.
    digest: String,
    input: String,
    dims: [usize; 3],
    dtype: Dtype,
    output: String,
    width: usize,
    elsewhere: Elsewhere,
    engine: Option<Origin>,
}

/// How batches get to the network.
#[derive(Debug)]
enum Lane {
    /// It computes on the caller's memory.
    Lent(Lent),
    /// They are copied into memory that a device fetches them from.
    Bound(Bound),
    /// Several sessions compute a part of each.
    Several(Several),
}

#[derive(Debug)]
struct Lent {
    inner: ort::session::Session,
    /// The input as bytes, for a graph that takes those.
    levels: Vec<u8>,
}

impl Session {
    /// The nodes that run elsewhere than on the provider that was asked for; none, unless it
    /// [allows](Provider::allows_partial) that.
    #[must_use]
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.elsewhere
    }

    /// Where TensorRT's engine came from; `None` for other providers, and where no folder for
    /// engines was given.
    #[must_use]
    pub fn engine(&self) -> Option<&Origin> {
        self.engine.as_ref()
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
    /// manifest's layout has it). On the processor the input is lent to ONNX Runtime, not copied
    /// (a graph of `uint8` gets a quarter of its size in bytes); the few kilobytes of a row's
    /// features are copied out. For a GPU it is copied into pinned memory, and a batch smaller than
    /// those before it is padded to their size: for a device another size is another program.
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
        match &mut self.lane {
            Lane::Lent(_) => self.run_lent(input, batch, out)?,
            Lane::Bound(bound) => {
                bound.abandon();
                self.start(input, batch)?;
                return self.finish(out).map(|_| ());
            }
            Lane::Several(several) => {
                several.abandon();
                self.start(input, batch)?;
                return self.finish(out).map(|_| ());
            }
        }
        refuse_non_finite(&self.path, self.width, out)
    }

    /// How many batches can be under way at once by [`Session::start`] and [`Session::finish`]: 0
    /// where there is only [`Session::run`], as for one session on the processor, which has no
    /// time for another batch while it computes one.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self.lane {
            Lane::Lent(_) => 0,
            Lane::Bound(_) | Lane::Several(_) => bound::DEPTH,
        }
    }

    /// Takes in a batch that is computed while the caller goes on: `input` is free when this
    /// returns. Its features come from [`Session::finish`], in the order in which batches were
    /// started.
    ///
    /// # Errors
    /// A buffer of the wrong length, no memory for so large a batch, more than
    /// [`Session::depth`] batches at once.
    pub fn start(&mut self, input: &[f32], batch: usize) -> Result<(), BackboneError> {
        expect_len("the batch's input", batch, self.input_len(), input.len())?;
        let most = self.provider.max_batch();
        if let Some(most) = most.filter(|most| batch > *most) {
            return Err(BackboneError::BatchTooLarge {
                path: self.path.clone(),
                provider: self.provider.kind(),
                found: batch,
                most,
            });
        }
        let least = self.provider.min_batch();
        match &mut self.lane {
            Lane::Lent(_) => Err(BackboneError::Order(NOT_BESIDE)),
            Lane::Bound(bound) => bound
                .start(input, batch, least)
                .map_err(|failed| failed.told(&self.path)),
            Lane::Several(several) => several
                .start(input, batch)
                .map_err(|failed| failed.told(&self.path)),
        }
    }

    /// Waits for the batch that was started first and puts its features into the beginning of
    /// `out`; gives the number of its rows.
    ///
    /// # Errors
    /// No batch was started, a buffer that is too small, a failing run, and any feature that is
    /// NaN or infinite: the batch is then gone.
    pub fn finish(&mut self, out: &mut [f32]) -> Result<usize, BackboneError> {
        let width = self.width;
        let taken = match &mut self.lane {
            Lane::Lent(_) => return Err(BackboneError::Order(NOT_BESIDE)),
            Lane::Bound(bound) => bound.finish(|features, rows| {
                if let Some(out) = out.get_mut(..features.len()) {
                    out.copy_from_slice(features);
                }
                rows
            }),
            Lane::Several(several) => several.finish(width, out),
        };
        let rows = taken.map_err(|failed| failed.told(&self.path))?;
        let Some(features) = out.get(..rows * width) else {
            return expect_len("the batch's features", rows, width, out.len()).map(|()| rows);
        };
        refuse_non_finite(&self.path, width, features)?;
        Ok(rows)
    }

    fn run_lent(
        &mut self,
        input: &[f32],
        batch: usize,
        out: &mut [f32],
    ) -> Result<(), BackboneError> {
        let Lane::Lent(Lent { inner, levels }) = &mut self.lane else {
            return Err(BackboneError::Order(NOT_BESIDE));
        };
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
                levels.clear();
                // Whole numbers of 0..=255: the manifest lets nothing else through.
                levels.extend(input.iter().map(|value| *value as u8));
                let tensor = TensorRef::from_array_view((shape, levels.as_slice()));
                ort::inputs![name => tensor.map_err(failed)?]
            }
        };
        let outputs = inner.run(given).map_err(failed)?;
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
        Ok(())
    }
}

const NOT_BESIDE: &str = "this session computes one batch at a time, by `run` alone";

/// The network's part of a row's key: the graph's checksum and the name of the output.
pub(super) fn graph_key(digest: &str, output: &str) -> String {
    format!("onnx sha256:{digest} output {output}")
}

/// ONNX Runtime's message on one line.
pub(crate) fn told(error: &ort::Error) -> String {
    error
        .message()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
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
