//! The layers in the order in which they can run, each with its inputs.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::json::Topology;
use super::{Problem, TfjsError};

/// A layer graph with one input and one output.
#[derive(Debug)]
pub(super) struct Network {
    /// The model's name; may be empty.
    pub(super) name: String,
    /// The layers, each after its inputs; otherwise in the file's order.
    pub(super) layers: Vec<Layer>,
    /// The layer whose output is the model's.
    pub(super) output: usize,
}

/// One layer.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) config: Value,
    /// Places in [`Network::layers`] of the layers whose outputs it takes.
    pub(super) inputs: Vec<usize>,
}

impl Layer {
    /// The error that this layer has this problem.
    pub(super) fn error(&self, path: &Path, problem: Problem) -> TfjsError {
        layer_error(path, &self.name, &self.class, problem)
    }
}

fn layer_error(path: &Path, layer: &str, class: &str, problem: Problem) -> TfjsError {
    TfjsError::Layer {
        path: path.into(),
        layer: layer.to_owned(),
        class: class.to_owned(),
        problem: Box::new(problem),
    }
}

#[derive(Debug, Deserialize)]
struct RawLayer {
    class_name: String,
    name: Option<String>,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    inbound_nodes: Vec<Value>,
}

impl RawLayer {
    /// A functional graph names a layer beside its config, a sequence only inside it.
    fn name(&self) -> &str {
        let inner = || self.config.get("name").and_then(Value::as_str);
        self.name.as_deref().or_else(inner).unwrap_or_default()
    }

    fn error(&self, path: &Path, problem: Problem) -> TfjsError {
        layer_error(path, self.name(), &self.class_name, problem)
    }
}

#[derive(Debug, Deserialize)]
struct RawNetwork {
    #[serde(default)]
    name: String,
    layers: Vec<RawLayer>,
    #[serde(default)]
    input_layers: Vec<Value>,
    #[serde(default)]
    output_layers: Vec<Value>,
}

impl Network {
    /// Reads the layer graph of `topology`; `path` is for the errors.
    pub(super) fn of(path: &Path, topology: &Topology) -> Result<Self, TfjsError> {
        let not_json = |source| TfjsError::NotJson {
            path: path.into(),
            source,
        };
        if topology.class_name == "Sequential" {
            // Old files give a bare list of layers, newer ones an object with a name.
            let raw = match &topology.config {
                Value::Array(_) => RawNetwork {
                    name: String::new(),
                    layers: Vec::deserialize(&topology.config).map_err(not_json)?,
                    input_layers: Vec::new(),
                    output_layers: Vec::new(),
                },
                config => RawNetwork::deserialize(config).map_err(not_json)?,
            };
            return sequence(path, raw);
        }
        functional(
            path,
            RawNetwork::deserialize(&topology.config).map_err(not_json)?,
        )
    }
}

/// Layers in a row; the first states the input's shape, in its own config or as an `InputLayer`.
fn sequence(path: &Path, raw: RawNetwork) -> Result<Network, TfjsError> {
    let mut layers: Vec<Layer> = Vec::with_capacity(raw.layers.len() + 1);
    places(path, &raw.layers)?;
    for layer in raw.layers {
        if layers.is_empty() && layer.class_name != "InputLayer" {
            layers.push(Layer {
                name: format!("{}/input", layer.name()),
                class: "InputLayer".to_owned(),
                config: layer.config.clone(),
                inputs: Vec::new(),
            });
        }
        let inputs = layers.len().checked_sub(1).into_iter().collect();
        layers.push(Layer {
            name: layer.name().to_owned(),
            class: layer.class_name,
            config: layer.config,
            inputs,
        });
    }
    match layers.len().checked_sub(1) {
        Some(output) => Ok(Network {
            name: raw.name,
            layers,
            output,
        }),
        None => Err(TfjsError::Ports {
            path: path.into(),
            inputs: 0,
            outputs: 0,
        }),
    }
}

fn functional(path: &Path, raw: RawNetwork) -> Result<Network, TfjsError> {
    let inputs = ends(&raw.input_layers);
    let outputs = ends(&raw.output_layers);
    let (&[_], &[output]) = (&inputs[..], &outputs[..]) else {
        let (inputs, outputs) = (inputs.len(), outputs.len());
        return Err(TfjsError::Ports {
            path: path.into(),
            inputs,
            outputs,
        });
    };
    let places = places(path, &raw.layers)?;
    let mut inputs = Vec::with_capacity(raw.layers.len());
    for layer in &raw.layers {
        inputs.push(inbound(layer, &places).map_err(|problem| layer.error(path, problem))?);
    }
    let order = order(&inputs).map_err(|place| raw.layers[place].error(path, Problem::Cycle))?;
    let mut rank = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        rank[old] = new;
    }
    let output = *places
        .get(output)
        .ok_or_else(|| TfjsError::NotLayersModel {
            path: path.into(),
            found: format!("an output layer `{output}` that is none of its layers"),
        })?;
    let output = rank[output];
    let mut layers: Vec<(usize, Layer)> = (raw.layers.into_iter().zip(inputs).zip(&rank))
        .map(|((layer, inputs), &rank_of)| {
            let name = layer.name().to_owned();
            let inputs = inputs.into_iter().map(|old| rank[old]).collect();
            (
                rank_of,
                Layer {
                    name,
                    class: layer.class_name,
                    config: layer.config,
                    inputs,
                },
            )
        })
        .collect();
    layers.sort_by_key(|(rank, _)| *rank);
    let layers = layers.into_iter().map(|(_, layer)| layer).collect();
    Ok(Network {
        name: raw.name,
        layers,
        output,
    })
}

/// The names in `[["a", 0, 0], ...]`, or in `["a", 0, 0]` as some writers put a single one.
fn ends(layers: &[Value]) -> Vec<&str> {
    if let [Value::String(name), ..] = layers {
        return vec![name];
    }
    layers
        .iter()
        .filter_map(|end| end.get(0).and_then(Value::as_str))
        .collect()
}

fn places<'a>(path: &Path, layers: &'a [RawLayer]) -> Result<HashMap<&'a str, usize>, TfjsError> {
    let mut places = HashMap::with_capacity(layers.len());
    for (place, layer) in layers.iter().enumerate() {
        if places.insert(layer.name(), place).is_some() {
            return Err(layer.error(path, Problem::DuplicateName));
        }
    }
    Ok(places)
}

/// The places of a layer's inputs: `[[["a", 0, 0, {}], ["b", 0, 0, {}]]]` is one call with two.
fn inbound(layer: &RawLayer, places: &HashMap<&str, usize>) -> Result<Vec<usize>, Problem> {
    let call = match &layer.inbound_nodes[..] {
        [] => return Ok(Vec::new()),
        [call] => call.as_array().ok_or(Problem::Inbound)?,
        calls => return Err(Problem::Shared { calls: calls.len() }),
    };
    (call.iter())
        .map(|tensor| {
            let first = |place: usize| tensor.get(place).and_then(Value::as_u64) == Some(0);
            let name = tensor
                .get(0)
                .and_then(Value::as_str)
                .ok_or(Problem::Inbound)?;
            // Second calls and second outputs only come with layers that are refused anyway.
            if !first(1) || !first(2) {
                return Err(Problem::Inbound);
            }
            let unknown = || Problem::UnknownInput {
                input: name.to_owned(),
            };
            places.get(name).copied().ok_or_else(unknown)
        })
        .collect()
}

/// An order in which each layer comes after its inputs, as near to the given one as can be. The
/// error is a layer that is part of a cycle or stands behind one.
fn order(inputs: &[Vec<usize>]) -> Result<Vec<usize>, usize> {
    let mut waiting: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); inputs.len()];
    for (place, inputs) in inputs.iter().enumerate() {
        for &input in inputs {
            users[input].push(place);
        }
    }
    let mut ready: BTreeSet<usize> = (0..inputs.len()).filter(|&p| waiting[p] == 0).collect();
    let mut order = Vec::with_capacity(inputs.len());
    while let Some(place) = ready.pop_first() {
        order.push(place);
        for &user in &users[place] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.insert(user);
            }
        }
    }
    match waiting.iter().position(|&inputs| inputs > 0) {
        None => Ok(order),
        Some(stuck) => Err(stuck),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_order_is_kept_and_a_bad_one_mended() {
        assert_eq!(
            order(&[vec![], vec![0], vec![0], vec![1, 2]]),
            Ok(vec![0, 1, 2, 3])
        );
        assert_eq!(order(&[vec![2], vec![0, 2], vec![]]), Ok(vec![2, 0, 1]));
        assert_eq!(order(&[vec![], vec![0, 2], vec![1]]), Err(1));
        assert_eq!(order(&[vec![0]]), Err(0));
    }
}
