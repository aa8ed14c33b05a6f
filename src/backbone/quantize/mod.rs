//! int8 made here: a float graph and some images become a graph that integer kernels run.
//!
//! The result is a graph of the QDQ form: `QuantizeLinear` and `DequantizeLinear` around the
//! convolutions, activations in unsigned bytes (asymmetric, zero exact), weights in signed bytes
//! with a scale for each output channel, biases in 32 bits. ONNX Runtime and OpenVINO run such a
//! graph with integer kernels; everything that is not a convolution, and the last feature map,
//! stays in float.
//!
//! The steps of [`quantize`]: find what there is to quantize (`plan`), make the channels of a
//! tensor alike (`equalise`), watch the activations of the float network (`observe`,
//! `histogram`), round the weights so that what a layer gives on those inputs changes least
//! (`gptq`), write the graph (`emit`), and judge its features on images that none of this has seen
//! (`judge`).

mod capture;
mod cholesky;
mod emit;
mod equalise;
mod error;
mod geometry;
mod gptq;
mod grid;
mod histogram;
mod judge;
mod manifest;
mod observe;
mod opset;
mod parallel;
mod patches;
mod plan;
mod proto;
#[cfg(test)]
mod tests;
mod weights;

use std::path::Path;

use serde::Serialize;

use super::manifest::{Dtype, Manifest, load_graph};
use super::onnx::ModelProto;
use super::runtime::Runtime;
use capture::Network;
use emit::Emitter;
pub use error::QuantizeError;
pub use judge::{Cosine, LayerEffect};
pub use manifest::describe as manifest_text;
use plan::Plan;

/// The fewest images that are of any use: one of four is held out.
pub const FEWEST_IMAGES: usize = 4;

/// How an activation's range is chosen from what was seen of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Everything that was seen fits.
    MinMax,
    /// This many percent of the values fit below its upper end, and as many above its lower end.
    Percentile(f64),
    /// The end that loses the least information by the Kullback-Leibler divergence (Migacz 2017,
    /// "8-bit Inference with TensorRT").
    Entropy,
}

/// How weights become whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Each to the nearest.
    Nearest,
    /// One column after another, each making up for the errors before it (Frantar et al. 2022,
    /// "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers").
    Gptq,
}

/// How a network is quantized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizeConfig {
    /// How activations' ranges are chosen.
    pub method: Method,
    /// How weights are rounded.
    pub rounding: Rounding,
    /// The least mean cosine between float and int8 features of the held-out images.
    pub bar_mean: f64,
    /// The least cosine of any of them.
    pub bar_min: f64,
    /// Seeds which patches of the activations are sampled.
    pub seed: u64,
}

impl Default for QuantizeConfig {
    fn default() -> Self {
        Self {
            method: Method::Percentile(99.999),
            rounding: Rounding::Gptq,
            bar_mean: 0.999,
            bar_min: 0.997,
            seed: 1,
        }
    }
}

/// A step of the work, for those who watch: what it is, how much is done, and how much there is.
pub type Watch<'a> = dyn FnMut(&'static str, usize, usize) + 'a;

/// A quantized graph and how good it is.
#[derive(Debug)]
pub struct Quantized {
    /// The graph, with the manifest's output and no other.
    pub model: ModelProto,
    /// How it came out.
    pub report: Report,
}

/// How a quantization came out. All figures are of calibration images that were held out: neither
/// ranges nor weights have seen them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Convolutions of the graph that could be quantized.
    pub convolutions: usize,
    /// Those that were left in float, the most sensitive first.
    pub kept_float: Vec<String>,
    /// Those whose weights went to the nearest value, since their inputs said nothing better.
    pub rounded_nearest: Vec<String>,
    /// Images that ranges and weights were made by.
    pub calibration_images: usize,
    /// Images that were held out.
    pub held_out_images: usize,
    /// Cosine of int8 and float features with every convolution in int8.
    pub all_int8: Cosine,
    /// The same of the graph as it is written.
    pub cosine: Cosine,
    /// What each layer costs: by how much the mean cosine grows with this one in float. Measured
    /// only where the bar did not hold at once.
    pub sensitivity: Vec<LayerEffect>,
}

/// Quantizes the manifest's graph under `root`. `inputs` holds preprocessed images, one after
/// another, as [`Session::run`](super::Session::run) takes them; every fourth of them is held out
/// to judge by.
///
/// The same graph, images and configuration give the same bytes on the same kind of machine,
/// whatever the number of threads.
///
/// # Errors
/// A graph that is quantized already, without a convolution or of an operator set that knows no
/// scale by channel; too few images; a network that cannot run; a bar that cannot be reached.
pub fn quantize(
    manifest: &Manifest,
    root: &Path,
    runtime: &Runtime,
    inputs: &[f32],
    config: &QuantizeConfig,
    watch: &mut Watch<'_>,
) -> Result<Quantized, QuantizeError> {
    let graph = load_graph(manifest, root)?;
    if manifest.config.input.dtype == Dtype::Float16 {
        return Err(QuantizeError::HalfPrecision { path: graph.path });
    }
    let length: usize = manifest.config.input.dims().iter().product();
    let images: Vec<&[f32]> = inputs.chunks_exact(length.max(1)).collect();
    if images.len() < FEWEST_IMAGES {
        return Err(QuantizeError::TooFewImages {
            found: images.len(),
            needed: FEWEST_IMAGES,
        });
    }
    let (held_out, seen) = divide(&images);
    let model = opset::at_least_13(&graph.path, graph.model)?;
    let plan = Plan::of(&graph.path, &model)?;
    let float = Network {
        model: &model,
        path: &graph.path,
        manifest,
        runtime,
    };
    let equal = equalise::equalise(&float, &plan, &seen, watch)?;
    let plan = Plan::of(&graph.path, &equal)?;
    let network = Network {
        model: &equal,
        ..float
    };
    let grids = observe::grids(&network, &plan, &seen, config, watch)?;
    let rounded = weights::round(&network, &plan, &grids, &seen, config, watch)?;
    let emitter = Emitter::new(&network, &plan, &grids, &rounded.weights);
    let outcome = judge::choose(&float, &plan, &emitter, &held_out, config, watch)?;
    Ok(Quantized {
        report: Report {
            convolutions: plan.convs.len(),
            kept_float: outcome.kept,
            rounded_nearest: rounded.nearest,
            calibration_images: seen.len(),
            held_out_images: held_out.len(),
            all_int8: outcome.all_int8,
            cosine: outcome.cosine,
            sensitivity: outcome.sensitivity,
        },
        model: outcome.model,
    })
}

/// Every fourth image is held out, the others are seen.
fn divide<'a>(images: &[&'a [f32]]) -> (Vec<&'a [f32]>, Vec<&'a [f32]>) {
    let part = |held: bool| {
        let numbered = images.iter().enumerate();
        let of = numbered.filter(|(place, _)| (place % FEWEST_IMAGES == FEWEST_IMAGES - 1) == held);
        of.map(|(_, image)| *image).collect()
    };
    (part(true), part(false))
}
