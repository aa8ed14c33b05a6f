//! The map that features are the mean of.

use super::Shapes;
use super::features::{Walk, label};
use super::proto::ModelProto;

/// A tensor of which an output is the global average.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledMap {
    /// Its name.
    pub tensor: String,
    /// Its channels, one for each feature.
    pub channels: i64,
    /// Its height.
    pub height: i64,
    /// Its width.
    pub width: i64,
}

/// Why an output is not the global average of a map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPooled {
    /// No pool stands before it.
    #[error(
        "no global average pool stands before the backbone's features, so that they come from no \
         place of the image"
    )]
    NoPool,
    /// Something between the pool and the output changes the numbers.
    #[error(
        "`{node}` ({operator}) stands between the backbone's last global pool and its features, so \
         that these are not the means of a map"
    )]
    Changed {
        /// The node.
        node: String,
        /// Its operator.
        operator: String,
    },
    /// The pool takes the largest value.
    #[error(
        "the backbone's features are the largest values of a map (`{node}`), and a class activation \
         map needs their means"
    )]
    Largest {
        /// The pool.
        node: String,
    },
}

/// The map `[N, channels, height, width]` that the tensor `output` is the global average of: only
/// changes of shape and of the type of number stand between them.
///
/// # Errors
/// [`NotPooled`]: why there is none.
pub fn pooled_map(model: &ModelProto, output: &str) -> Result<PooledMap, NotPooled> {
    let shapes = Shapes::of(model);
    let graph = model.graph.as_ref().ok_or(NotPooled::NoPool)?;
    let walk = Walk::new(graph, &shapes);
    for (input, node) in walk.back(output) {
        let told = || label(node).to_owned();
        match (node.op_type(), walk.pools_a_map(node)) {
            ("GlobalMaxPool" | "ReduceMax", true) => {
                return Err(NotPooled::Largest { node: told() });
            }
            (_, true) => {
                let Some(&[_, channels, height, width]) = shapes.get(input) else {
                    return Err(NotPooled::NoPool);
                };
                return Ok(PooledMap {
                    tensor: input.to_owned(),
                    channels,
                    height,
                    width,
                });
            }
            (
                "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Identity" | "Dropout" | "Cast",
                false,
            ) => {}
            (operator, false) => {
                let later = walk.back(input);
                let pools = later.iter().any(|(_, node)| walk.pools_a_map(node));
                let (node, operator) = (told(), operator.to_owned());
                return Err(match pools {
                    true => NotPooled::Changed { node, operator },
                    false => NotPooled::NoPool,
                });
            }
        }
    }
    Err(NotPooled::NoPool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::onnx::tiny::{TinyConfig, residual};

    fn pool(change: impl FnOnce(&mut ModelProto)) -> Result<PooledMap, NotPooled> {
        let mut model = residual(&TinyConfig::default());
        change(&mut model);
        pooled_map(&model, "features")
    }

    #[test]
    fn the_map_before_the_pool_is_found() {
        let map = pool(|_| ()).unwrap();
        assert_eq!(map.tensor, "feature_map");
        assert_eq!((map.channels, map.height, map.width), (8, 16, 16));
    }

    #[test]
    fn what_is_no_mean_is_refused_with_the_reason() {
        let largest = pool(|model| {
            let graph = model.graph.as_mut().unwrap();
            graph.node[7].op_type = Some("ReduceMax".into());
        });
        assert!(matches!(largest, Err(NotPooled::Largest { .. })));
        let changed = pool(|model| {
            let graph = model.graph.as_mut().unwrap();
            graph.node[7].output[0] = "mean".into();
            let mut relu = graph.node[6].clone();
            relu.name = Some("late".into());
            relu.input = vec!["mean".into()];
            relu.output = vec!["features".into()];
            graph.node.push(relu);
        });
        let told = changed.unwrap_err().to_string();
        assert!(told.starts_with("`late` (Relu) stands between"), "{told}");
        let none = pooled_map(&residual(&TinyConfig::default()), "input");
        assert_eq!(none, Err(NotPooled::NoPool));
        assert_eq!(
            pooled_map(&ModelProto::default(), "x"),
            Err(NotPooled::NoPool)
        );
    }
}
