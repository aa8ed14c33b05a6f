//! A state dict: tensors by name.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use bytes::Bytes;

use super::error::{PickleProblem, WeightProblem};
use super::pickle::Machine;
use super::value::{Element, Storage, Tensor, Value};

/// A state dict whose storages still have to be found.
#[derive(Debug)]
pub(super) struct Outline {
    /// In the file's order.
    pub(super) tensors: Vec<(String, Tensor)>,
    pub(super) storages: Vec<Storage>,
}

impl Outline {
    /// What the machine's last pickle describes.
    pub(super) fn of(machine: &mut Machine<'_>, object: Value) -> Result<Self, PickleProblem> {
        let not = |found: String| PickleProblem::NotStateDict { found };
        let Value::Dict(dict) = object else {
            return Err(not(object.kind().to_owned()));
        };
        let entries = std::mem::take(&mut machine.heap.dicts[dict]);
        let mut names = HashSet::with_capacity(entries.len());
        let mut tensors = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Value::Text(name) = key else {
                return Err(not(format!("a dictionary with {} as a key", key.kind())));
            };
            let name = machine.text(name);
            let Value::Tensor(tensor) = value else {
                let kind = value.kind();
                return Err(not(format!("a dictionary with {kind} as `{name}`")));
            };
            if !names.insert(name) {
                let name = name.to_owned();
                return Err(PickleProblem::TensorTwice { name });
            }
            // Its place comes from the machine.
            tensors.push((name.to_owned(), machine.heap.tensors[tensor].clone()));
        }
        let storages = std::mem::take(&mut machine.heap.storages);
        Ok(Self { tensors, storages })
    }
}

/// A state dict with its numbers.
#[derive(Debug)]
pub(super) struct StateDict {
    pub(super) path: PathBuf,
    /// In the file's order.
    names: Vec<String>,
    tensors: HashMap<String, Tensor>,
    /// Types and bytes of the storages; no tensor reaches beyond its own.
    storages: Vec<(Element, Bytes)>,
    taken: HashSet<String>,
}

impl StateDict {
    /// Joins tensors and the bytes of their storages, which have the lengths that were stated.
    pub(super) fn new(path: PathBuf, outline: Outline, contents: Vec<Bytes>) -> Self {
        let names = outline.tensors.iter().map(|(name, _)| name.clone());
        let elements = outline.storages.iter().map(|storage| storage.element);
        Self {
            path,
            names: names.collect(),
            storages: elements.zip(contents).collect(),
            tensors: outline.tensors.into_iter().collect(),
            taken: HashSet::new(),
        }
    }

    /// The shape of a tensor.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.tensors.get(name)?.shape)
    }

    /// The numbers of the tensor `name`, which must have this shape, in the order of its axes.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightProblem> {
        let tensor = self.tensors.get(name).ok_or(WeightProblem::Missing)?;
        if tensor.shape != shape {
            return Err(WeightProblem::Shape {
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            });
        }
        let (element, bytes) = &self.storages[tensor.storage];
        let values: Vec<f32> = match element {
            Element::Float => (tensor.places())
                .map(|place| f32::from_le_bytes(at(bytes, place)))
                .collect(),
            Element::Half => (tensor.places())
                .map(|place| from_half(u16::from_le_bytes(at(bytes, place))))
                .collect(),
            Element::Long => {
                let found = element.name();
                return Err(WeightProblem::Element { found });
            }
        };
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let value = values[place];
            return Err(WeightProblem::NotFinite { value, place });
        }
        self.taken.insert(name.to_owned());
        Ok(values)
    }

    /// Says that a tensor, if it is there, is known and of no use.
    pub(super) fn ignore(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// The first tensor in the file that nothing has taken.
    pub(super) fn unexpected(&self) -> Option<&str> {
        let mut names = self.names.iter().map(String::as_str);
        names.find(|name| !self.taken.contains(*name))
    }

    /// How many tensors there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// The bytes of the element at a place, which lies inside.
fn at<const N: usize>(bytes: &[u8], place: usize) -> [u8; N] {
    let from = place * N;
    let slice = bytes.get(from..from + N);
    slice
        .and_then(|slice| slice.try_into().ok())
        .unwrap_or([0; N])
}

/// IEEE 754's binary16 as float32, which holds each of its values.
fn from_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    let power = |exponent: i32| f32::from_bits(((exponent + 127) as u32) << 23);
    sign * match exponent {
        0 => fraction * power(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * power(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_numpy_says() {
        // numpy.array([...], 'uint16').view('float16')
        let known: [(u16, f32); 8] = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, expected) in known {
            assert_eq!(from_half(bits), expected, "{bits:04x}");
        }
        assert!(from_half(0x7e00).is_nan());
        assert_eq!(from_half(0x8000).to_bits(), (-0.0_f32).to_bits());
    }
}
