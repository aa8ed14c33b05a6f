//! The classifier whose preprocessing is not known: what it takes and gives.

use std::path::{Path, PathBuf};

use super::error::DetectError;
use crate::backbone::manifest::{Dtype, InputConfig, Layout, Side};
use crate::backbone::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use crate::backbone::onnx::proto::{GraphProto, TensorShapeProto, type_proto};
use crate::backbone::onnx::{self, Dim, Element, ModelProto, Port, Shapes, Summary};

/// Height and width that are tried where the graph takes any.
const USUAL_SIDE: i64 = 224;

/// How many classes a classifier of ImageNet may have; 1001 with one for "none of them".
const CLASSES: [i64; 2] = [1000, 1001];

/// What an attention layer of an exported transformer is made of.
const TRANSFORMER: [&str; 3] = ["LayerNormalization", "MultiHeadAttention", "Attention"];

/// A classifier of ImageNet's classes, read from an ONNX file.
#[derive(Debug)]
pub struct Classifier {
    /// The ONNX file.
    pub path: PathBuf,
    /// What it takes; free heights and widths are 224.
    pub input: InputConfig,
    /// Whether the graph left height and width free.
    pub free_size: bool,
    /// The output of its answers.
    pub output: String,
    /// How many classes it tells apart: 1000 or 1001.
    pub classes: u32,
    /// Whether it looks like a transformer (it has attention or layer normalisation).
    pub transformer: bool,
    /// The graph with all its weights, and with the input's size fixed.
    pub(super) model: ModelProto,
    /// Whether some of the weights lie in other files.
    pub(super) scattered: bool,
}

impl Classifier {
    /// Reads the ONNX file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, has another input than a free batch of images, or no output of
    /// 1000 or 1001 classes.
    pub fn read(path: &Path) -> Result<Self, DetectError> {
        let mut model = onnx::read(path)?;
        let before = onnx::encode(&model).len();
        onnx::inline(path, &mut model)?;
        let scattered = onnx::encode(&model).len() != before;
        let (input, free_size) = input(path, &model)?;
        if let Some(graph) = &mut model.graph {
            fix_size(graph, &input);
        }
        let (output, classes) = output(path, &model)?;
        let transformer = model.graph.as_ref().is_some_and(is_transformer);
        Ok(Self {
            path: path.to_owned(),
            input,
            free_size,
            output,
            classes,
            transformer,
            model,
            scattered,
        })
    }
}

fn input(path: &Path, model: &ModelProto) -> Result<(InputConfig, bool), DetectError> {
    let summary = Summary::of(model);
    let refuse = |reason: &str| DetectError::Input {
        path: path.to_owned(),
        found: (summary
            .inputs
            .iter()
            .map(Port::to_string)
            .collect::<Vec<_>>())
        .join(", "),
        reason: reason.to_owned(),
    };
    let [port] = &summary.inputs[..] else {
        return Err(refuse(
            "is not one batch of images: the graph needs one input",
        ));
    };
    let Some([batch, dims @ ..]) = port.dims.as_deref() else {
        return Err(refuse(
            "has no stated dimensions: export the graph with them",
        ));
    };
    let Ok(dims) = <&[Dim; 3]>::try_from(dims) else {
        return Err(refuse("is no batch of images: it needs 4 dimensions"));
    };
    if let Dim::Fixed(batch) = batch {
        let reason = format!(
            "takes batches of {batch} alone: export the graph with a free batch dimension \
             (PyTorch: `dynamic_axes` or `dynamic_shapes`)"
        );
        return Err(refuse(&reason));
    }
    let dtype = match port.element {
        Some(Element::FLOAT32) => Dtype::Float32,
        Some(Element::UINT8) => Dtype::Uint8,
        _ => return Err(refuse("is of another type than float32 or uint8")),
    };
    let layout = layout(model, &port.name, dims).ok_or_else(|| {
        refuse("leaves open where the three colours stand, [N, 3, H, W] or [N, H, W, 3]")
    })?;
    let sides = match layout {
        Layout::Nchw => [&dims[1], &dims[2]],
        Layout::Nhwc => [&dims[0], &dims[1]],
    };
    let side = |dim: &Dim| {
        let length = fixed(dim).unwrap_or(USUAL_SIDE);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Side::try_from(length).map_err(|reason| refuse(&format!("has a side that {reason}")))
    };
    let config = InputConfig {
        name: port.name.clone(),
        layout,
        dtype,
        size: [side(sides[0])?, side(sides[1])?],
    };
    Ok((config, sides.into_iter().any(|dim| fixed(dim).is_none())))
}

fn fixed(dim: &Dim) -> Option<i64> {
    match dim {
        Dim::Fixed(length) => Some(*length),
        Dim::Symbol(_) | Dim::Unknown => None,
    }
}

/// Where the three colours stand: as the dimensions say, else as the first node takes them.
fn layout(model: &ModelProto, input: &str, dims: &[Dim; 3]) -> Option<Layout> {
    let three = |dim: &Dim| fixed(dim) == Some(3);
    match (three(&dims[0]), three(&dims[2])) {
        (true, false) => return Some(Layout::Nchw),
        (false, true) => return Some(Layout::Nhwc),
        (true, true) => return None,
        (false, false) if dims.iter().all(|dim| fixed(dim).is_some()) => return None,
        (false, false) => {}
    }
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    let mut takers = nodes.filter(|node| node.input.iter().any(|name| name == input));
    match takers.next()?.op_type() {
        "Conv" => Some(Layout::Nchw),
        "Transpose" => Some(Layout::Nhwc),
        _ => None,
    }
}

/// Writes the input's dimensions into the graph, so that shapes can be followed from there.
fn fix_size(graph: &mut GraphProto, input: &InputConfig) {
    let value = graph.input.iter_mut().find(|v| v.name() == input.name);
    let kind = value.and_then(|value| value.r#type.as_mut()?.value.as_mut());
    let Some(type_proto::Value::TensorType(tensor)) = kind else {
        return;
    };
    let Some(TensorShapeProto { dim }) = &mut tensor.shape else {
        return;
    };
    for (place, length) in dim.iter_mut().skip(1).zip(input.dims()) {
        *place = Dimension {
            value: Some(dimension::Value::DimValue(length as i64)),
            ..Dimension::default()
        };
    }
}

/// The output of the classes. One that is called features is none, whatever its length.
fn output(path: &Path, model: &ModelProto) -> Result<(String, u32), DetectError> {
    let (summary, shapes) = (Summary::of(model), Shapes::of(model));
    for port in summary.outputs.iter().filter(|p| p.name != "features") {
        let stated = port.dims.as_ref().and_then(|dims| dims.get(1));
        let followed = shapes.get(&port.name).and_then(|dims| dims.get(1)).copied();
        let length = stated.and_then(fixed).or(followed);
        let rest = port.dims.iter().flatten().skip(2);
        let vector = rest.map(fixed).all(|length| length.is_none_or(|n| n == 1));
        let wanted = length.filter(|length| CLASSES.contains(length) && vector);
        let classes = wanted.and_then(|length| u32::try_from(length).ok());
        if let (Some(classes), Some(Element::FLOAT32)) = (classes, port.element) {
            return Ok((port.name.clone(), classes));
        }
    }
    Err(DetectError::NoClasses {
        path: path.to_owned(),
        found: summary.outputs.iter().map(Port::to_string).collect(),
    })
}

fn is_transformer(graph: &GraphProto) -> bool {
    let count = |operators: &[&str]| {
        let of = |node: &&_| operators.contains(&onnx::proto::NodeProto::op_type(node));
        graph.node.iter().filter(of).count()
    };
    // One softmax may be that of the answers.
    count(&TRANSFORMER) > 0 || count(&["Softmax"]) > 1
}
