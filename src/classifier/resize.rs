//! Resizing as nodes of a graph, on images as they lie: uint8 `[N, height, width, 3]`.

use super::error::ClassifierError;
use crate::backbone::manifest::{Filter, ResizeConfig};
use crate::backbone::onnx::build::{GraphBuilder, float, int, text};
use crate::backbone::onnx::proto::AttributeProto;
use crate::backbone::onnx::proto::tensor_proto::DataType;

/// A height and a width, each the name of an int64 tensor `[1]`.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    pub(super) height: String,
    pub(super) width: String,
}

/// Makes the uint8 tensor `image` as large as `to`; `from` is how large it is. Gives the name of
/// the result, uint8 too.
pub(super) fn resize(
    graph: &mut GraphBuilder,
    image: &str,
    from: &Sides,
    to: &Sides,
    config: ResizeConfig,
) -> Result<String, ClassifierError> {
    let Some(mode) = mode(config)? else {
        return Ok(nearest(graph, image, from, to));
    };
    let mut attributes = vec![
        text("mode", mode),
        text("coordinate_transformation_mode", "half_pixel"),
    ];
    if mode == "cubic" {
        // Catmull and Rom's, as Pillow's.
        attributes.push(float("cubic_coeff_a", -0.5));
    }
    if config.antialias {
        // Weights beyond the image are shared among the others, as in Pillow.
        attributes.push(int("exclude_outside", 1));
        attributes.push(int("antialias", 1));
        return Ok(scaled(graph, "resized", image, to, attributes));
    }
    // ONNX Runtime cuts bytes off here instead of rounding them: each direction by itself in
    // float32, rounded as Pillow's arithmetic does.
    let levels = cast(graph, "levels", image, DataType::Float);
    let across = Sides {
        height: from.height.clone(),
        width: to.width.clone(),
    };
    let wide = scaled(graph, "across", &levels, &across, attributes.clone());
    let wide = rounded(graph, "across", &wide);
    let down = scaled(graph, "down", &wide, to, attributes);
    let down = rounded(graph, "down", &down);
    Ok(cast(graph, "resized", &down, DataType::Uint8))
}

/// What `Resize` calls a filter; none for the nearest pixel, which it is not used for.
pub(super) fn mode(config: ResizeConfig) -> Result<Option<&'static str>, ClassifierError> {
    let refused = |filter, why| Err(ClassifierError::Filter { filter, why });
    match (config.filter, config.antialias) {
        (Filter::Nearest, _) => Ok(None),
        (Filter::Bilinear, _) => Ok(Some("linear")),
        (Filter::Bicubic, true) => Ok(Some("cubic")),
        (Filter::Bicubic, false) => refused(
            "filter: bicubic, antialias: false",
            "ONNX Runtime does not compute for images that shrink",
        ),
        (Filter::Lanczos, _) => refused("filter: lanczos", "ONNX's Resize does not have"),
    }
}

/// One `Resize` to `sides`, whatever the batch.
fn scaled(
    graph: &mut GraphBuilder,
    name: &str,
    image: &str,
    sides: &Sides,
    attributes: Vec<AttributeProto>,
) -> String {
    let batch = graph.add(
        &format!("{name}/batch"),
        "Shape",
        &[image],
        vec![int("start", 0), int("end", 1)],
    );
    let three = graph.integers(format!("catpipe/{name}/three"), &[3]);
    let sizes = [&batch, &sides.height, &sides.width, &three].map(String::as_str);
    let sizes = graph.add(
        &format!("{name}/sizes"),
        "Concat",
        &sizes,
        vec![int("axis", 0)],
    );
    graph.add(name, "Resize", &[image, "", "", &sizes], attributes)
}

/// floor(x + 1/2), within 0 and 255.
fn rounded(graph: &mut GraphBuilder, name: &str, x: &str) -> String {
    let half = graph.floats(format!("catpipe/{name}/half"), &[], &[0.5]);
    let least = graph.floats(format!("catpipe/{name}/least"), &[], &[0.0]);
    let most = graph.floats(format!("catpipe/{name}/most"), &[], &[255.0]);
    let up = graph.add(&format!("{name}/up"), "Add", &[x, &half], Vec::new());
    let whole = graph.add(&format!("{name}/whole"), "Floor", &[&up], Vec::new());
    let inputs = [whole.as_str(), &least, &most];
    graph.add(&format!("{name}/within"), "Clip", &inputs, Vec::new())
}

/// The pixel under the middle of each new one: (2 k + 1) * from / (2 * to), rounded down.
fn nearest(graph: &mut GraphBuilder, image: &str, from: &Sides, to: &Sides) -> String {
    let rows = under(graph, "rows", &from.height, &to.height);
    let high = graph.add("down", "Gather", &[image, &rows], vec![int("axis", 1)]);
    let columns = under(graph, "columns", &from.width, &to.width);
    graph.add(
        "resized",
        "Gather",
        &[&high, &columns],
        vec![int("axis", 2)],
    )
}

fn under(graph: &mut GraphBuilder, name: &str, from: &str, to: &str) -> String {
    let [zero, one, two] = [0, 1, 2].map(|n| graph.integer(format!("catpipe/{name}/{n}"), n));
    let axis = graph.integers(format!("catpipe/{name}/axis"), &[0]);
    let count = graph.add(
        &format!("{name}/count"),
        "Squeeze",
        &[to, &axis],
        Vec::new(),
    );
    let inputs = [zero.as_str(), &count, &one];
    let k = graph.add(&format!("{name}/k"), "Range", &inputs, Vec::new());
    let mut step = |operator: &str, of: &str, by: &str, what: &str| {
        graph.add(&format!("{name}/{what}"), operator, &[of, by], Vec::new())
    };
    let twice = step("Mul", &k, &two, "twice");
    let middle = step("Add", &twice, &one, "middle");
    let above = step("Mul", &middle, from, "above");
    let below = step("Mul", to, &two, "below");
    step("Div", &above, &below, "under")
}

/// A `Cast` to another type of element.
pub(super) fn cast(graph: &mut GraphBuilder, name: &str, x: &str, to: DataType) -> String {
    graph.add(name, "Cast", &[x], vec![int("to", i64::from(to as i32))])
}
