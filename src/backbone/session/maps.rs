//! A network that gives its last feature map beside the features.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, Axis};
use ort::value::TensorRef;

use super::open::load_graph_of;
use super::{SessionOptions, expect_len, told};
use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{Dtype, Manifest, load_graph};
use crate::backbone::onnx::build::{GraphBuilder, int};
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::{self, Dim, ModelProto, PooledMap, pooled_map};
use crate::backbone::runtime::Runtime;

/// How far a feature may be from the mean of its map, as a share of the largest feature of a row:
/// arithmetic of 16 bits may round each place of the map.
const TOLERANCE: f32 = 0.01;

/// The name of the map as an output.
const MAP: &str = "catpipe/map";

/// A network in ONNX Runtime that gives the map of which its features are the means: a variant of
/// the manifest's graph, made in memory, with one output more.
#[derive(Debug)]
pub struct Maps {
    inner: ort::session::Session,
    path: PathBuf,
    input: String,
    output: String,
    dims: [usize; 3],
    dtype: Dtype,
    width: usize,
}

impl Maps {
    /// Opens the manifest's ONNX file under `root`.
    ///
    /// # Errors
    /// What [`Session::open`](super::Session::open) refuses, and [`BackboneError::NoMap`] where the
    /// features are not the means of a map.
    pub fn open(
        manifest: &Manifest,
        root: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, BackboneError> {
        let mut graph = load_graph(manifest, root)?;
        let output = graph.model.graph.as_ref().and_then(|g| g.output.first());
        let output = output.map_or("", |output| output.name()).to_owned();
        let map = pooled_map(&graph.model, &output).map_err(|reason| BackboneError::NoMap {
            path: graph.path.clone(),
            reason,
        })?;
        give(&mut graph.model, &map);
        let content = onnx::encode(&graph.model);
        graph.model = ModelProto::default();
        let input = (graph.input.as_str(), manifest.config.input.dims());
        let inner = load_graph_of(&graph.path, &content, input, runtime, options)?;
        Ok(Self {
            inner,
            path: graph.path,
            input: graph.input,
            output,
            dims: manifest.config.input.dims(),
            dtype: manifest.config.input.dtype,
            width: manifest.width(),
        })
    }

    /// The features `[batch, width]` and their maps `[batch, width, height, width of the map]` of
    /// `batch` preprocessed images, as [`Session::run`](super::Session::run) takes them. The
    /// features are those of this variant: their last bits may differ from the network's own.
    ///
    /// # Errors
    /// An input of the wrong length, a failing run, and [`BackboneError::NotTheMean`].
    pub fn run(
        &mut self,
        input: &[f32],
        batch: usize,
    ) -> Result<(Array2<f32>, Array4<f32>), BackboneError> {
        let each: usize = self.dims.iter().product();
        expect_len("the batch's input", batch, each, input.len())?;
        let path = &self.path;
        let failed = |error: ort::Error| BackboneError::Run {
            path: path.clone(),
            batch,
            reason: told(&error),
        };
        let shape = [batch, self.dims[0], self.dims[1], self.dims[2]];
        let name = self.input.as_str();
        // Whole numbers of 0..=255: the manifest lets nothing else through.
        let levels: Vec<u8> = match self.dtype {
            Dtype::Float32 | Dtype::Float16 => Vec::new(),
            Dtype::Uint8 => input.iter().map(|value| *value as u8).collect(),
        };
        let given = match self.dtype {
            Dtype::Float32 | Dtype::Float16 => {
                ort::inputs![name => TensorRef::from_array_view((shape, input)).map_err(failed)?]
            }
            Dtype::Uint8 => {
                let levels = TensorRef::from_array_view((shape, levels.as_slice()));
                ort::inputs![name => levels.map_err(failed)?]
            }
        };
        let outputs = self.inner.run(given).map_err(failed)?;
        let (found, values) = outputs[self.output.as_str()]
            .try_extract_tensor::<f32>()
            .map_err(failed)?;
        let wrong = |found: &[i64]| BackboneError::OutputShape {
            path: path.clone(),
            output: self.output.clone(),
            declared: [batch, self.width],
            found: found.to_vec(),
        };
        let features = Array2::from_shape_vec((batch, self.width), values.to_vec());
        let features = features.map_err(|_| wrong(found))?;
        let (found, values) = outputs[MAP].try_extract_tensor::<f32>().map_err(failed)?;
        let lengths: Vec<usize> = found
            .iter()
            .filter_map(|d| usize::try_from(*d).ok())
            .collect();
        let [rows, channels, height, width] = lengths[..] else {
            return Err(wrong(found));
        };
        if (rows, channels) != (batch, self.width) || height * width == 0 {
            return Err(wrong(found));
        }
        let dims = (rows, channels, height, width);
        let maps = Array4::from_shape_vec(dims, values.to_vec()).map_err(|_| wrong(found))?;
        check(path, &features, &maps)?;
        Ok((features, maps))
    }
}

/// Compares each feature with the mean of its map.
fn check(path: &Path, features: &Array2<f32>, maps: &Array4<f32>) -> Result<(), BackboneError> {
    for (row, maps) in features.outer_iter().zip(maps.outer_iter()) {
        let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (column, (&feature, map)) in row.iter().zip(maps.axis_iter(Axis(0))).enumerate() {
            let mean = map.mean().unwrap_or(f32::NAN);
            // What is no number is no mean.
            if (feature - mean).abs() <= TOLERANCE * largest {
                continue;
            }
            return Err(BackboneError::NotTheMean {
                path: path.to_owned(),
                column,
                feature,
                mean,
            });
        }
    }
    Ok(())
}

/// Makes the map an output, in float32.
fn give(model: &mut ModelProto, map: &PooledMap) {
    let Some(graph) = &mut model.graph else {
        return;
    };
    let mut added = GraphBuilder::new("");
    let to = vec![int("to", i64::from(DataType::Float as i32))];
    added.node("Cast", MAP, &[&map.tensor], MAP, to);
    let batch = Dim::Symbol("N".to_owned());
    added.output_of(MAP, &batch, &[map.channels, map.height, map.width]);
    let added = added.into_graph();
    graph.node.extend(added.node);
    graph.output.extend(added.output);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Session;
    use crate::backbone::testing::{self, TINY_MANIFEST, manifest, tiny, values};

    #[test]
    fn features_are_the_means_of_their_maps() {
        let dir = tiny(|_| {});
        let manifest = manifest(TINY_MANIFEST).unwrap();
        let (runtime, options) = (testing::runtime(), SessionOptions::default());
        let input = values(3, 2 * 3 * 32 * 32);
        let mut maps = Maps::open(&manifest, dir.path(), &runtime, &options).unwrap();
        let (features, maps) = maps.run(&input, 2).unwrap();
        assert_eq!(maps.dim(), (2, 8, 16, 16));
        let mut own = vec![0.0; 16];
        let mut session = Session::open(&manifest, dir.path(), &runtime, &options).unwrap();
        session.run(&input, 2, &mut own).unwrap();
        for (found, own) in features.iter().zip(&own) {
            assert!((found - own).abs() < 1e-6, "{found} {own}");
        }
    }

    #[test]
    fn a_graph_without_a_map_says_why() {
        let dir = tiny(|model| {
            let graph = model.graph.as_mut().unwrap();
            graph.node[7].op_type = Some("ReduceMax".into());
        });
        let manifest = manifest(TINY_MANIFEST).unwrap();
        let options = SessionOptions::default();
        let opened = Maps::open(&manifest, dir.path(), &testing::runtime(), &options);
        let told = opened.unwrap_err().to_string();
        assert!(told.contains("largest values of a map (`pool`)"), "{told}");
    }
}
