//! From RGB images of any size to the backbone's input, as nodes of a graph.

use super::error::ClassifierError;
use super::resize::{Sides, cast, resize};
use crate::backbone::manifest::{Centre, Color, Dtype, Fit, InputConfig, Layout, PreprocessConfig};
use crate::backbone::onnx::build::{GraphBuilder, int, ints};
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::preprocess::shorter_side;

/// The name of the input of the image form: uint8 `[N, height, width, 3]`.
pub(super) const IMAGE: &str = "image";

/// Adds the nodes of a manifest's preprocessing; gives the name of the backbone's input.
pub(super) fn preprocess(
    graph: &mut GraphBuilder,
    input: &InputConfig,
    config: &PreprocessConfig,
) -> Result<String, ClassifierError> {
    let from = sides_of(graph, IMAGE);
    let wanted = Sides {
        height: graph.integers("catpipe/input/height".into(), &[input.height().into()]),
        width: graph.integers("catpipe/input/width".into(), &[input.width().into()]),
    };
    let fitted = match config.resize.fit {
        Fit::Stretch => {
            let whole = resize(graph, IMAGE, &from, &wanted, config.resize)?;
            cast(graph, "levels/float", &whole, DataType::Float)
        }
        Fit::ShortestSide(shortest, centre) => {
            let size = (input.width(), input.height());
            let side = shorter_side(shortest, size);
            let whole = whole_of(graph, &from, side);
            let resized = resize(graph, IMAGE, &from, &whole, config.resize)?;
            let cropped = crop(graph, &resized, &whole, &wanted, centre);
            let levels = cast(graph, "levels/float", &cropped, DataType::Float);
            match side < size.0.max(size.1) {
                true => {
                    let has = sides_of(graph, &levels);
                    surround(graph, &levels, &has, &wanted, [0; 3])
                }
                false => levels,
            }
        }
        Fit::Letterbox(fill) => {
            let whole = fitting(graph, &from, input);
            let resized = resize(graph, IMAGE, &from, &whole, config.resize)?;
            let levels = cast(graph, "levels/float", &resized, DataType::Float);
            surround(graph, &levels, &whole, &wanted, fill)
        }
    };
    let values = normalise(graph, &fitted, config);
    let laid = match input.layout {
        Layout::Nhwc => values,
        Layout::Nchw => {
            let order = vec![ints("perm", &[0, 3, 1, 2])];
            graph.add("planes", "Transpose", &[&values], order)
        }
    };
    Ok(match input.dtype {
        // A graph of float16 has been given a float32 input.
        Dtype::Float32 | Dtype::Float16 => laid,
        Dtype::Uint8 => cast(graph, "bytes", &laid, DataType::Uint8),
    })
}

/// Adds the nodes of `backbone: pixels`: each value divided by 255, in the order row, column,
/// colour.
pub(super) fn pixels(graph: &mut GraphBuilder) -> String {
    let levels = cast(graph, "levels/float", IMAGE, DataType::Float);
    let most = graph.floats("catpipe/most".into(), &[], &[255.0]);
    let values = graph.add("values", "Div", &[&levels, &most], Vec::new());
    graph.add("pixels", "Flatten", &[&values], vec![int("axis", 1)])
}

/// Height and width of a tensor `[N, height, width, 3]`.
fn sides_of(graph: &mut GraphBuilder, image: &str) -> Sides {
    let mut side = |name: &str, axis: i64| {
        let attributes = vec![int("start", axis), int("end", axis + 1)];
        graph.add(&format!("{image}/{name}"), "Shape", &[image], attributes)
    };
    Sides {
        height: side("height", 1),
        width: side("width", 2),
    }
}

/// The size with a shorter side of `side`, the longer one rounded down but not to nothing.
fn whole_of(graph: &mut GraphBuilder, from: &Sides, side: u32) -> Sides {
    let side = graph.integers("catpipe/side".into(), &[side.into()]);
    let one = graph.integers("catpipe/side/one".into(), &[1]);
    let both = [from.height.as_str(), &from.width];
    let short = graph.add("short", "Min", &both, Vec::new());
    let long = graph.add("long", "Max", &both, Vec::new());
    let scaled = graph.add("longer/scaled", "Mul", &[&side, &long], Vec::new());
    let floor = graph.add("longer/floor", "Div", &[&scaled, &short], Vec::new());
    let longer = graph.add("longer", "Max", &[&floor, &one], Vec::new());
    let upright = [from.width.as_str(), &from.height];
    let upright = graph.add("upright", "LessOrEqual", &upright, Vec::new());
    Sides {
        width: graph.add(
            "whole/width",
            "Where",
            &[&upright, &side, &longer],
            Vec::new(),
        ),
        height: graph.add(
            "whole/height",
            "Where",
            &[&upright, &longer, &side],
            Vec::new(),
        ),
    }
}

/// Cuts `wanted` out of the middle of what is `whole`; a shorter side stays as it is.
fn crop(
    graph: &mut GraphBuilder,
    image: &str,
    whole: &Sides,
    wanted: &Sides,
    centre: Centre,
) -> String {
    let (top, bottom) = span(graph, "rows", &whole.height, &wanted.height, centre);
    let (left, right) = span(graph, "columns", &whole.width, &wanted.width, centre);
    let joined = vec![int("axis", 0)];
    let starts = graph.add("crop/starts", "Concat", &[&top, &left], joined.clone());
    let ends = graph.add("crop/ends", "Concat", &[&bottom, &right], joined);
    let axes = graph.integers("catpipe/crop/axes".into(), &[1, 2]);
    graph.add("crop", "Slice", &[image, &starts, &ends, &axes], Vec::new())
}

/// From where to where the middle of `wanted` pixels reaches; `Slice` ends at the edge by itself.
fn span(
    graph: &mut GraphBuilder,
    name: &str,
    whole: &str,
    wanted: &str,
    centre: Centre,
) -> (String, String) {
    let zero = graph.integers(format!("catpipe/{name}/zero"), &[0]);
    let two = graph.integers(format!("catpipe/{name}/two"), &[2]);
    let mut step = |what: &str, operator: &str, a: &str, b: &str| {
        graph.add(&format!("{name}/{what}"), operator, &[a, b], Vec::new())
    };
    let more = step("more", "Sub", whole, wanted);
    let cut = step("cut", "Max", &more, &zero);
    let half = step("half", "Div", &cut, &two);
    let start = match centre {
        Centre::Floor => half,
        Centre::Even => {
            // Python's round(cut / 2): of an odd cut the even neighbour.
            let odd = step("odd", "Mod", &cut, &two);
            let uneven = step("uneven", "Mod", &half, &two);
            let up = step("up", "Mul", &odd, &uneven);
            step("start", "Add", &half, &up)
        }
    };
    let end = step("end", "Add", &start, wanted);
    (start, end)
}

/// The largest size of the same shape that fits into the input: sides rounded to the nearest, at
/// least 1.
fn fitting(graph: &mut GraphBuilder, from: &Sides, input: &InputConfig) -> Sides {
    let sides = [
        ("fit/height", &from.height, input.height()),
        ("fit/width", &from.width, input.width()),
    ];
    let reals = sides.map(|(name, from, most)| {
        let from = cast(graph, &format!("{name}/real"), from, DataType::Double);
        let most = graph.doubles(format!("catpipe/{name}/most"), &[most.into()]);
        let factor = graph.add(
            &format!("{name}/factor"),
            "Div",
            &[&most, &from],
            Vec::new(),
        );
        (name, from, most, factor)
    });
    let factors = [reals[0].3.as_str(), &reals[1].3];
    let factor = graph.add("fit/factor", "Min", &factors, Vec::new());
    let [height, width] = reals.map(|(name, from, most, _)| {
        let half = graph.doubles(format!("catpipe/{name}/half"), &[0.5]);
        let one = graph.doubles(format!("catpipe/{name}/one"), &[1.0]);
        let mut step = |what: &str, operator: &str, inputs: &[&str]| {
            graph.add(&format!("{name}/{what}"), operator, inputs, Vec::new())
        };
        let scaled = step("scaled", "Mul", &[&from, &factor]);
        let up = step("up", "Add", &[&scaled, &half]);
        let whole = step("whole", "Floor", &[&up]);
        let least = step("least", "Max", &[&whole, &one]);
        let within = step("within", "Min", &[&least, &most]);
        cast(graph, name, &within, DataType::Int64)
    });
    Sides { height, width }
}

/// Puts float32 levels into the middle of an input of the `wanted` size and the colour `fill`.
fn surround(
    graph: &mut GraphBuilder,
    levels: &str,
    has: &Sides,
    wanted: &Sides,
    fill: [u8; 3],
) -> String {
    let two = graph.integers("catpipe/pad/two".into(), &[2]);
    let none = graph.integers("catpipe/pad/none".into(), &[0]);
    let mut around = |name: &str, has: &str, wanted: &str| {
        let mut step = |what: &str, operator: &str, a: &str, b: &str| {
            graph.add(&format!("pad/{name}/{what}"), operator, &[a, b], Vec::new())
        };
        let more = step("more", "Sub", wanted, has);
        let before = step("before", "Div", &more, &two);
        let after = step("after", "Sub", &more, &before);
        (before, after)
    };
    let (top, bottom) = around("rows", &has.height, &wanted.height);
    let (left, right) = around("columns", &has.width, &wanted.width);
    let sides = [&none, &top, &left, &none, &none, &bottom, &right, &none].map(String::as_str);
    let pads = graph.add("pads", "Concat", &sides, vec![int("axis", 0)]);
    let colour = fill.map(f32::from);
    if colour == [0.0; 3] {
        return graph.add("padded", "Pad", &[levels, &pads], Vec::new());
    }
    // `Pad` knows one value for all channels: zero, in a picture that the colour is taken off.
    let fill = graph.floats("catpipe/fill".into(), &[3], &colour);
    let off = graph.add("unfilled", "Sub", &[levels, &fill], Vec::new());
    let padded = graph.add("padded", "Pad", &[&off, &pads], Vec::new());
    graph.add("filled", "Add", &[&padded, &fill], Vec::new())
}

/// (x * scale - mean) / std in the order of the channels, without the steps that do nothing.
fn normalise(graph: &mut GraphBuilder, levels: &str, config: &PreprocessConfig) -> String {
    let mut values = levels.to_owned();
    if config.color == Color::Bgr {
        let order = graph.integers("catpipe/bgr/order".into(), &[2, 1, 0]);
        values = graph.add("bgr", "Gather", &[&values, &order], vec![int("axis", 3)]);
    }
    #[allow(clippy::cast_possible_truncation)] // constants of a graph of float32
    let mut step = |name: &str, operator: &str, by: [f64; 3], idle: f64| {
        if by.iter().any(|value| *value != idle) {
            let by = by.map(|value| value as f32);
            let by = graph.floats(format!("catpipe/{name}/by"), &[3], &by);
            values = graph.add(name, operator, &[&values, &by], Vec::new());
        }
    };
    step("scale", "Mul", [config.scale.get(); 3], 1.0);
    step("mean", "Sub", config.mean.map(|mean| mean.get()), 0.0);
    step("std", "Div", config.std.map(|std| std.get()), 1.0);
    values
}
