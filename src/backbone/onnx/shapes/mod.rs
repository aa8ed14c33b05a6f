//! The shape of every tensor for one image, and the arithmetic it takes, without running the
//! graph.
//!
//! The operators of image networks are known, and integer vectors are followed where exporters
//! compute the shape of a `Reshape` on the way. What can't be told is left out, with the first
//! reason why.

mod node;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::proto::{GraphProto, ModelProto, TensorProto};
use super::summary::{Dim, Summary};
use node::Node;

/// More dimensions than any network has.
const MAX_RANK: usize = 16;

/// Shapes and arithmetic of a graph for one image.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    of: HashMap<String, Vec<i64>>,
    values: HashMap<String, Vec<i64>>,
    flops: u64,
    uncounted: Option<String>,
}

impl Shapes {
    /// Follows the shapes of `model` from its inputs, with a batch of one where the batch is free.
    #[must_use]
    pub fn of(model: &ModelProto) -> Self {
        let empty = GraphProto::default();
        let graph = model.graph.as_ref().unwrap_or(&empty);
        let mut shapes = Self::default();
        for tensor in &graph.initializer {
            shapes.constant(tensor.name(), tensor);
        }
        let stated = stated(model);
        for input in &Summary::of(model).inputs {
            if let Some(dims) = stated.get(&input.name) {
                shapes.set(&input.name, dims.clone());
            }
        }
        for node in &graph.node {
            let node = Node::new(node, &shapes);
            let results = rules::outputs(&node);
            let (values, multiplied) = (rules::values(&node), rules::flops(&node, &results));
            let outputs = node.outputs();
            let what = format!("`{}` ({})", node.label(), node.operator());
            for (place, name) in outputs.enumerate() {
                let known = results.get(place).cloned().flatten();
                if let Some(dims) = known.or_else(|| stated.get(name).cloned()) {
                    shapes.set(name, dims);
                }
                if let (0, Some(values)) = (place, &values) {
                    shapes.values.insert(name.to_owned(), values.clone());
                }
            }
            match multiplied {
                Some(count) => shapes.flops = shapes.flops.saturating_add(count),
                None => {
                    shapes.uncounted.get_or_insert(what);
                }
            }
        }
        shapes
    }

    /// The dimensions of a tensor for one image, where they are known.
    #[must_use]
    pub fn get(&self, tensor: &str) -> Option<&[i64]> {
        self.of.get(tensor).map(Vec::as_slice)
    }

    /// Floating-point operations for one image: two for each multiplication of convolutions and
    /// matrix products, which is all but a few percent of a network.
    ///
    /// # Errors
    /// The first node that could not be counted, since the shape of its input is not known.
    pub fn flops(&self) -> Result<u64, &str> {
        match &self.uncounted {
            None => Ok(self.flops),
            Some(node) => Err(node),
        }
    }

    fn set(&mut self, name: &str, dims: Vec<i64>) {
        if dims.len() <= MAX_RANK && dims.iter().all(|dim| *dim >= 0) && !name.is_empty() {
            self.of.insert(name.to_owned(), dims);
        }
    }

    fn constant(&mut self, name: &str, tensor: &TensorProto) {
        self.set(name, tensor.dims.clone());
        if let Some(values) = node::integers(tensor) {
            self.values.insert(name.to_owned(), values);
        }
    }
}

/// The shapes that the graph itself states, a free first dimension being one image.
fn stated(model: &ModelProto) -> HashMap<String, Vec<i64>> {
    let ports = Summary::stated(model);
    let dims = |dims: Vec<Dim>| -> Option<Vec<i64>> {
        let each = dims.into_iter().enumerate().map(|(place, dim)| match dim {
            Dim::Fixed(length) => Some(length),
            _ if place == 0 => Some(1),
            _ => None,
        });
        each.collect()
    };
    let known = ports
        .into_iter()
        .filter_map(|port| Some((port.name, dims(port.dims?)?)));
    known.collect()
}
