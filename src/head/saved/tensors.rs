//! The head's arrays as tensors, and back.

use std::collections::BTreeSet;

use ndarray::Array2;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::{Description, Kind, SavedHeadError};
use crate::head::config::Activation;
use crate::head::network::batch_norm::{Affine, BatchNorm};
use crate::head::network::convolution::Block;
use crate::head::network::linear::Linear;
use crate::head::network::{Hidden, Network};

/// A tensor to write: name, shape, little-endian bytes.
type Tensor = (String, Vec<usize>, Vec<u8>);

pub(super) fn tensors_of(network: &Network<f32>) -> Vec<Tensor> {
    let mut all = Vec::new();
    for (i, block) in network.maps.iter().enumerate() {
        let name = format!("conv.{i}");
        push_linear(&mut all, &name, &block.linear);
        let side = block.kernel;
        let shape = vec![block.output().channels, side, side, block.input.channels];
        for (tensor, was, _) in &mut all {
            if *tensor == format!("{name}.weight") {
                was.clone_from(&shape);
            }
        }
    }
    for (i, layer) in network.hidden.iter().enumerate() {
        push_linear(&mut all, &format!("hidden.{i}"), &layer.linear);
        if let Some(norm) = &layer.norm {
            for (part, array) in [
                ("weight", &norm.affine.scale),
                ("bias", &norm.affine.shift),
                ("running_mean", &norm.mean),
                ("running_var", &norm.variance),
            ] {
                all.push((
                    format!("hidden.{i}.norm.{part}"),
                    vec![array.len()],
                    bytes_of(array),
                ));
            }
        }
    }
    push_linear(&mut all, "output", &network.output);
    all
}

fn push_linear(all: &mut Vec<Tensor>, name: &str, layer: &Linear<f32>) {
    let shape = layer.weight.shape().to_vec();
    all.push((format!("{name}.weight"), shape, bytes_of(&layer.weight)));
    if let Some(bias) = &layer.bias {
        all.push((format!("{name}.bias"), vec![bias.len()], bytes_of(bias)));
    }
}

fn bytes_of(array: &Array2<f32>) -> Vec<u8> {
    array.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Takes tensors out of a file, each checked, and knows which were taken.
pub(super) struct Reader<'a> {
    file: &'a SafeTensors<'a>,
    taken: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a SafeTensors<'a>) -> Self {
        Self {
            file,
            taken: BTreeSet::new(),
        }
    }

    /// The network that a description promises.
    pub(super) fn network(&mut self, head: &Description) -> Result<Network<f32>, SavedHeadError> {
        let mut pairs: Vec<(usize, usize)> = head
            .widths
            .iter()
            .copied()
            .zip(head.widths.iter().copied().skip(1))
            .collect();
        let (inputs, classes) = pairs.pop().unwrap_or_default();
        let mut hidden = Vec::new();
        let (maps, layers) = match &head.kind {
            Kind::Logistic {} => (Vec::new(), None),
            Kind::Dense {
                activation,
                batch_norm,
            } => (Vec::new(), Some((*activation, *batch_norm))),
            Kind::Cnn { .. } => (self.maps(head)?, Some((Activation::Relu, false))),
        };
        if let Some((activation, batch_norm)) = layers {
            for (i, (below, width)) in pairs.into_iter().enumerate() {
                let name = format!("hidden.{i}");
                let linear = self.linear(&name, below, width, !batch_norm)?;
                let norm = if batch_norm {
                    Some(self.norm(&name, width)?)
                } else {
                    None
                };
                hidden.push(Hidden {
                    linear,
                    norm,
                    activation,
                });
            }
        }
        Ok(Network {
            maps,
            hidden,
            output: self.linear("output", inputs, classes, true)?,
        })
    }

    /// The blocks of a convolutional head, each fit for the one before it, the last for the dense
    /// layers.
    fn maps(&mut self, head: &Description) -> Result<Vec<Block<f32>>, SavedHeadError> {
        let Kind::Cnn {
            image,
            filters,
            kernel,
            pool,
        } = &head.kind
        else {
            return Ok(Vec::new());
        };
        let misfit = || SavedHeadError::Blocks {
            filters: filters.clone(),
            features: head.widths.first().copied().unwrap_or_default(),
        };
        let mut below = *image;
        let mut maps = Vec::new();
        for (i, &filters) in filters.iter().enumerate() {
            let name = format!("conv.{i}");
            let shape = [filters, *kernel, *kernel, below.channels];
            let linear = Linear {
                weight: self.array(format!("{name}.weight"), &shape)?,
                bias: Some(self.array(format!("{name}.bias"), &[filters])?),
            };
            let block = Block::of(linear, (*kernel, *pool), below).ok_or_else(misfit)?;
            below = block.output();
            maps.push(block);
        }
        if head.widths.first() != Some(&below.len()) {
            return Err(misfit());
        }
        Ok(maps)
    }

    /// Refuses what no part of the head has taken.
    pub(super) fn finish(self) -> Result<(), SavedHeadError> {
        let mut names = self.file.names();
        names.sort_unstable();
        match names.into_iter().find(|name| !self.taken.contains(*name)) {
            Some(name) => Err(SavedHeadError::ExtraTensor {
                name: name.to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        with_bias: bool,
    ) -> Result<Linear<f32>, SavedHeadError> {
        let weight = self.array(format!("{name}.weight"), &[outputs, inputs])?;
        let bias = if with_bias {
            Some(self.array(format!("{name}.bias"), &[outputs])?)
        } else {
            None
        };
        Ok(Linear { weight, bias })
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<BatchNorm<f32>, SavedHeadError> {
        let mut part = |part| self.array(format!("{name}.norm.{part}"), &[width]);
        let affine = Affine {
            scale: part("weight")?,
            shift: part("bias")?,
        };
        let mean = part("running_mean")?;
        let variance = part("running_var")?;
        if let Some(index) = variance.iter().position(|&v| v < 0.0) {
            let name = format!("{name}.norm.running_var");
            let value = variance[[0, index]];
            return Err(SavedHeadError::Value {
                name,
                index,
                value,
                need: "a variance",
            });
        }
        Ok(BatchNorm {
            affine,
            mean,
            variance,
        })
    }

    /// The tensor of a name as rows and columns; one dimension is one row.
    fn array(&mut self, name: String, shape: &[usize]) -> Result<Array2<f32>, SavedHeadError> {
        let Ok(tensor) = self.file.tensor(&name) else {
            return Err(SavedHeadError::MissingTensor { name });
        };
        if tensor.dtype() != Dtype::F32 {
            return Err(SavedHeadError::ElementType {
                name,
                found: tensor.dtype(),
            });
        }
        let wrong_shape = |name, tensor: &TensorView<'_>| SavedHeadError::Shape {
            name,
            expected: shape.to_vec(),
            found: tensor.shape().to_vec(),
        };
        if tensor.shape() != shape {
            return Err(wrong_shape(name, &tensor));
        }
        let values: Vec<f32> = tensor
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        if let Some(index) = values.iter().position(|x| !x.is_finite()) {
            let value = values[index];
            return Err(SavedHeadError::Value {
                name,
                index,
                value,
                need: "a finite number",
            });
        }
        // The first dimension of several is that of the rows.
        let (rows, columns) = match shape {
            [rows, rest @ ..] if !rest.is_empty() => (*rows, rest.iter().product()),
            _ => (1, values.len()),
        };
        let Ok(array) = Array2::from_shape_vec((rows, columns), values) else {
            return Err(wrong_shape(name, &tensor));
        };
        self.taken.insert(name);
        Ok(array)
    }
}
