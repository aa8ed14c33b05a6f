//! Joining backbone, head and preprocessing to one graph.

use super::config::Form;
use super::error::ClassifierError;
use super::layers::{answers, head};
use super::map::class_maps;
use super::opset::{OPSET, raised};
use super::prefix::prefix;
use super::preprocess::{self, IMAGE};
use super::trunk::{NetworkTrunk, Trunk};
use crate::backbone::onnx::build::GraphBuilder;
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto};
use crate::backbone::onnx::{Dim, PooledMap};
use crate::head::Head;

/// The name of the input of the tensor form.
pub(super) const TENSOR: &str = "input";
/// What stands before every name of the backbone's.
const BACKBONE: &str = "backbone/";
/// The file format's version that operator set 18 came with.
const IR_VERSION: i64 = 8;

/// What a file is to take and give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What it takes.
    pub form: Form,
    /// Whether it gives the features.
    pub features: bool,
    /// Whether it gives the class activation maps.
    pub map: bool,
}

/// One graph of `trunk` and `head`, with what is `wanted`. The batch is free in all of it.
///
/// # Errors
/// Parts that do not fit together, and what cannot be said in ONNX: see [`ClassifierError`].
pub fn build(trunk: &Trunk, head: &Head, wanted: Wanted) -> Result<ModelProto, ClassifierError> {
    if head.has_convolutions() {
        return Err(ClassifierError::Convolutions);
    }
    if head.inputs() != trunk.width() {
        return Err(ClassifierError::Width {
            head: head.inputs(),
            backbone: trunk.width(),
        });
    }
    match trunk {
        Trunk::Pixels { width, height } => of_pixels((*width, *height), head, wanted),
        Trunk::Network(network) => of_network(network, head, wanted),
    }
}

fn of_pixels(
    (width, height): (u32, u32),
    head: &Head,
    wanted: Wanted,
) -> Result<ModelProto, ClassifierError> {
    if wanted.map {
        let why = "`backbone: pixels` has no feature map".to_owned();
        return Err(ClassifierError::NoMap(why));
    }
    let mut graph = GraphBuilder::new("classifier");
    let features = match wanted.form {
        Form::Image => {
            let sides = [height, width].map(|side| Dim::Fixed(side.into()));
            declare_image(&mut graph, sides);
            preprocess::pixels(&mut graph)
        }
        Form::Tensor => {
            graph.input(TENSOR, &[head.inputs()]);
            TENSOR.to_owned()
        }
    };
    finish(&mut graph, &features, None, head, wanted);
    Ok(model(graph.into_graph(), None))
}

fn of_network(
    network: &NetworkTrunk,
    head: &Head,
    wanted: Wanted,
) -> Result<ModelProto, ClassifierError> {
    let map = match (&network.map, wanted.map) {
        (Ok(map), true) => Some(map),
        (Err(reason), true) => return Err(ClassifierError::NoMap(reason.clone())),
        (_, false) => None,
    };
    let mut backbone = raised(network.model.clone())?;
    let mut inner = backbone.graph.take().unwrap_or_default();
    prefix(&mut inner, BACKBONE);
    let inside = |name: &str| format!("{BACKBONE}{name}");
    let mut graph = GraphBuilder::new("classifier");
    let given = match wanted.form {
        Form::Image => {
            let sides = ["height", "width"].map(|side| Dim::Symbol(side.to_owned()));
            declare_image(&mut graph, sides);
            preprocess::preprocess(&mut graph, &network.input, &network.preprocess)?
        }
        Form::Tensor => {
            declare_tensor(&mut graph, network);
            TENSOR.to_owned()
        }
    };
    let input = inside(&network.given);
    graph.node("Identity", "catpipe/given", &[&given], &input, Vec::new());
    take_in(&mut graph, inner, &input);
    let axis = vec![crate::backbone::onnx::build::int("axis", 1)];
    let features = graph.add("flat", "Flatten", &[&inside(&network.output)], axis);
    let map = map.map(|map| (map, inside(&map.tensor)));
    finish(&mut graph, &features, map, head, wanted);
    Ok(model(graph.into_graph(), Some(backbone)))
}

fn declare_image(graph: &mut GraphBuilder, [height, width]: [Dim; 2]) {
    let batch = Dim::Symbol("N".to_owned());
    let dims = [batch, height, width, Dim::Fixed(3)];
    graph.take(IMAGE, DataType::Uint8, dims.into_iter());
}

fn declare_tensor(graph: &mut GraphBuilder, network: &NetworkTrunk) {
    use crate::backbone::manifest::Dtype;
    let element = match network.input.dtype {
        Dtype::Float32 | Dtype::Float16 => DataType::Float,
        Dtype::Uint8 => DataType::Uint8,
    };
    let dims = network.input.dims().map(|dim| Dim::Fixed(dim as i64));
    let dims = std::iter::once(Dim::Symbol("N".to_owned())).chain(dims);
    graph.take(TENSOR, element, dims);
}

/// Puts the backbone's nodes behind what stands in the graph already; its own input is a tensor
/// inside now.
fn take_in(graph: &mut GraphBuilder, inner: GraphProto, input: &str) {
    let outer = graph.graph_mut();
    outer.node.extend(inner.node);
    outer.initializer.extend(inner.initializer);
    outer.sparse_initializer.extend(inner.sparse_initializer);
    let mut known = inner.value_info;
    // Old files list weights among the inputs.
    known.extend(inner.input.into_iter().filter(|port| port.name() == input));
    known.extend(inner.output);
    outer.value_info.extend(known);
}

/// Head and outputs.
fn finish(
    graph: &mut GraphBuilder,
    features: &str,
    map: Option<(&PooledMap, String)>,
    of: &Head,
    wanted: Wanted,
) {
    let layers = of.layers();
    let nodes = head(graph, features, &layers);
    let logits = nodes.before.last().cloned().unwrap_or_default();
    answers(graph, &logits, of.temperature(), of.class_names());
    graph.output("probabilities", &[of.classes()]);
    graph.give(
        "label",
        DataType::String,
        [Dim::Symbol("N".to_owned())].into_iter(),
    );
    if wanted.features {
        graph.node("Identity", "features", &[features], "features", Vec::new());
        graph.output("features", &[of.inputs()]);
    }
    if let Some((map, tensor)) = map {
        class_maps(graph, map, &tensor, &nodes, &layers);
        let batch = Dim::Symbol("N".to_owned());
        #[allow(clippy::cast_possible_wrap)] // few classes
        graph.output_of("map", &batch, &[of.classes() as i64, map.height, map.width]);
    }
}

fn model(graph: GraphProto, backbone: Option<ModelProto>) -> ModelProto {
    let own = OperatorSetIdProto {
        domain: Some(String::new()),
        version: Some(OPSET),
    };
    let (opsets, ir_version, functions) = match backbone {
        Some(model) => {
            let ir = model.ir_version().max(IR_VERSION);
            (model.opset_import, ir, model.functions)
        }
        None => (vec![own], IR_VERSION, Vec::new()),
    };
    ModelProto {
        ir_version: Some(ir_version),
        opset_import: opsets,
        functions,
        producer_name: Some("catpipe".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph),
        ..ModelProto::default()
    }
}
