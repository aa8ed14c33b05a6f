//! A small classifier of 1000 colours, for tests: it is sure of its answer if and only if its input
//! is preprocessed in the one way that it was made for.

use super::Dim;
use super::build::{GraphBuilder, float, int, ints};
use super::proto::ModelProto;

/// How many levels of red, green and blue the colours have: not the same, so that a swap of
/// channels leads between them.
const LEVELS: [usize; 3] = [25, 10, 4];

/// How fast an answer falls off with the square of the distance to its colour, in nats for colours
/// of 0..=1: to nothing halfway between two levels of red.
const STEEP: f32 = 7000.0;

/// The logit of what is too far off to count.
const FLOOR: f32 = -12.0;

/// The preprocessing that a classifier of colours is made for: `(x * scale - mean) / std`, mean
/// and std in the order of the channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Height and width of the input in pixels; 0 leaves both free.
    pub size: usize,
    /// Whether the channels come last.
    pub nhwc: bool,
    /// Whether blue comes first.
    pub bgr: bool,
    /// What a grey level of 0..=255 is multiplied by.
    pub scale: f32,
    /// What is then taken off.
    pub mean: [f32; 3],
    /// What it is then divided by.
    pub std: [f32; 3],
}

/// The number of colours, and so of classes.
pub const COLOURS: usize = LEVELS[0] * LEVELS[1] * LEVELS[2];

/// The colour of a class (modulo [`COLOURS`]): red, green, blue.
#[must_use]
pub fn colour(class: usize) -> [u8; 3] {
    shares(class).map(|share| (255.0 * share).round() as u8)
}

fn shares(class: usize) -> [f32; 3] {
    let [_, greens, blues] = LEVELS;
    let place = [
        class / (greens * blues) % LEVELS[0],
        class / blues % greens,
        class % blues,
    ];
    [0, 1, 2].map(|c| place[c] as f32 / (LEVELS[c] - 1) as f32)
}

/// The classifier: input `input`, the mean colour and its square, one dense layer that is the
/// squared distance to each colour, cut off from below; output `logits` `[N,1000]` and no features.
#[must_use]
pub fn classifier(palette: &Palette) -> ModelProto {
    let mut graph = GraphBuilder::new("palette");
    let size = palette.size;
    let (dims, each, axes) = if palette.nhwc {
        ([size, size, 3], vec![3], [1, 2])
    } else {
        ([3, size, size], vec![3, 1, 1], [2, 3])
    };
    let dims = dims.map(|length| match length {
        0 => Dim::Symbol("side".to_owned()),
        length => Dim::Fixed(length as i64),
    });
    graph.input_of("input", &dims);
    let whole = 255.0 * palette.scale;
    let back = palette.std.map(|std| std / whole);
    let off = palette.mean.map(|mean| mean / whole);
    let back = graph.floats("back".to_owned(), &each, &back);
    let off = graph.floats("off".to_owned(), &each, &off);
    graph.node("Mul", "scale_back", &["input", &back], "scaled", Vec::new());
    graph.node("Add", "shift_back", &["scaled", &off], "levels", Vec::new());
    let attributes = vec![ints("axes", &axes), int("keepdims", 0)];
    graph.node("ReduceMean", "mean", &["levels"], "colour", attributes);
    graph.node(
        "Mul",
        "square",
        &["colour", "colour"],
        "squares",
        Vec::new(),
    );
    let axis = vec![int("axis", 1)];
    graph.node(
        "Concat",
        "both",
        &["colour", "squares"],
        "description",
        axis,
    );
    distances(&mut graph, palette.bgr);
    graph.output("logits", &[COLOURS]);
    graph.finish(&[("source", "colours")])
}

/// `-STEEP |y - c|^2`, multiplied out, and not below [`FLOOR`].
fn distances(graph: &mut GraphBuilder, bgr: bool) {
    let mut kernel = vec![0.0; 6 * COLOURS];
    let mut bias = vec![0.0; COLOURS];
    for class in 0..COLOURS {
        let [red, green, blue] = shares(class);
        let centre = if bgr {
            [blue, green, red]
        } else {
            [red, green, blue]
        };
        for (c, share) in centre.into_iter().enumerate() {
            kernel[c * COLOURS + class] = 2.0 * STEEP * share;
            kernel[(3 + c) * COLOURS + class] = -STEEP;
            bias[class] -= STEEP * share * share;
        }
    }
    let kernel = graph.floats("kernel".to_owned(), &[6, COLOURS], &kernel);
    let bias = graph.floats("bias".to_owned(), &[COLOURS], &bias);
    let attributes = vec![float("alpha", 1.0)];
    let inputs = ["description", &kernel, &bias];
    graph.node("Gemm", "distance", &inputs, "distances", attributes);
    let least = graph.floats("least".to_owned(), &[], &[FLOOR]);
    graph.node("Clip", "cut", &["distances", &least], "logits", Vec::new());
}

/// Declares other dimensions for the first input of a graph.
#[cfg(test)]
pub(in crate::backbone) fn redimension(
    graph: &mut super::proto::GraphProto,
    dims: Vec<super::Dim>,
) {
    let input = super::build::float_tensor("input", dims.into_iter());
    graph.input[0] = input;
}
