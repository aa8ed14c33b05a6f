//! The weights: shards read, cut up and checked.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::json::{Entry, Group, unreadable};
use super::{Problem, TfjsError, WeightProblem};

/// The most bytes of all weights together: what one ONNX file can hold.
const WEIGHTS_LIMIT: u64 = super::super::FILE_LIMIT;

/// All weights of a model by name.
#[derive(Debug, Default)]
pub(super) struct Weights {
    weights: HashMap<String, Weight>,
    order: Vec<String>,
}

#[derive(Debug)]
struct Weight {
    shape: Vec<usize>,
    bytes: Bytes,
    used: bool,
}

impl Weights {
    /// Reads the shards of all groups, which lie beside `model_json`.
    pub(super) fn read(model_json: &Path, groups: &[Group]) -> Result<Self, TfjsError> {
        let wrong = |problem| TfjsError::Weights {
            path: model_json.into(),
            problem: Box::new(problem),
        };
        let mut weights = Self::default();
        let mut total = 0u64;
        for group in groups {
            let lengths: Vec<u64> = group
                .weights
                .iter()
                .map(bytes_of)
                .collect::<Result<_, _>>()
                .map_err(wrong)?;
            let expected = lengths
                .iter()
                .fold(0u64, |sum, &length| sum.saturating_add(length));
            total = total.saturating_add(expected);
            if total > WEIGHTS_LIMIT {
                let (path, limit) = (model_json.into(), WEIGHTS_LIMIT);
                return Err(TfjsError::TooLarge {
                    path,
                    bytes: total,
                    limit,
                });
            }
            let content = shards(model_json, group, expected)?;
            weights
                .cut(group, &lengths, content.into())
                .map_err(wrong)?;
        }
        Ok(weights)
    }

    /// Cuts a group's bytes into its weights, whose lengths add up to that of `content`.
    fn cut(
        &mut self,
        group: &Group,
        lengths: &[u64],
        mut content: Bytes,
    ) -> Result<(), WeightProblem> {
        for (entry, &length) in group.weights.iter().zip(lengths) {
            // No more than is left: the sum was checked against the shards.
            let length = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(content.len());
            let bytes = content.split_to(length);
            let shape = entry.shape.iter().map(|&dim| dim as usize).collect();
            if self
                .weights
                .insert(
                    entry.name.clone(),
                    Weight {
                        shape,
                        bytes,
                        used: false,
                    },
                )
                .is_some()
            {
                return Err(WeightProblem::Twice {
                    weight: entry.name.clone(),
                });
            }
            self.order.push(entry.name.clone());
        }
        Ok(())
    }

    /// The values of the weight `role` of `layer`, which must have this shape.
    pub(super) fn take(
        &mut self,
        layer: &str,
        role: &str,
        shape: &[usize],
    ) -> Result<Vec<f32>, Problem> {
        let name = format!("{layer}/{role}");
        let Some(weight) = self.weights.get_mut(&name) else {
            return Err(Problem::Weight(WeightProblem::Missing { weight: name }));
        };
        if weight.shape != shape {
            return Err(Problem::Weight(WeightProblem::Shape {
                weight: name,
                expected: shape.to_vec(),
                found: weight.shape.clone(),
            }));
        }
        weight.used = true;
        let values: Vec<f32> = (weight.bytes.chunks_exact(4))
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(place) => {
                let value = values[place];
                Err(Problem::Weight(WeightProblem::NotFinite {
                    weight: name,
                    value,
                    place,
                }))
            }
        }
    }

    /// How many numbers were taken.
    pub(super) fn used(&self) -> usize {
        self.weights
            .values()
            .filter(|weight| weight.used)
            .map(|weight| weight.bytes.len() / 4)
            .sum()
    }

    /// The weights that were not, in the order of the manifest.
    pub(super) fn unused(&self) -> Vec<String> {
        self.order
            .iter()
            .filter(|&name| !self.weights[name].used)
            .cloned()
            .collect()
    }
}

/// How many bytes a weight has by its declaration.
fn bytes_of(entry: &Entry) -> Result<u64, WeightProblem> {
    let weight = || entry.name.clone();
    if let Some(quantization) = &entry.quantization {
        let dtype = quantization.dtype.clone();
        return Err(WeightProblem::Quantized {
            weight: weight(),
            dtype,
        });
    }
    if entry.dtype != "float32" {
        let dtype = entry.dtype.clone();
        return Err(WeightProblem::ElementType {
            weight: weight(),
            dtype,
        });
    }
    (entry.shape.iter())
        .try_fold(4u64, |bytes, &dim| bytes.checked_mul(dim))
        .filter(|_| entry.shape.iter().all(|&dim| dim <= WEIGHTS_LIMIT))
        .ok_or_else(|| WeightProblem::ImpossibleShape {
            weight: weight(),
            shape: entry.shape.clone(),
        })
}

/// The bytes of a group's shards one after another, exactly `expected` of them.
fn shards(model_json: &Path, group: &Group, expected: u64) -> Result<Vec<u8>, TfjsError> {
    let folder = model_json.parent().unwrap_or(Path::new(""));
    let wrong = |problem| TfjsError::Weights {
        path: model_json.into(),
        problem: Box::new(problem),
    };
    let mut files = Vec::with_capacity(group.paths.len());
    for shard in &group.paths {
        let path = inside(folder, shard).ok_or_else(|| {
            wrong(WeightProblem::ShardOutside {
                shard: shard.clone(),
            })
        })?;
        let length = std::fs::metadata(&path)
            .map_err(|source| unreadable(&path, source))?
            .len();
        files.push((path, length));
    }
    // Lengths first: a shard that is missing bytes is found before a gigabyte is read.
    let lengths: Vec<u64> = files.iter().map(|(_, length)| *length).collect();
    check_lengths(group, &lengths, expected).map_err(wrong)?;
    let mut content = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    let mut read = Vec::with_capacity(files.len());
    for (path, length) in &files {
        let before = content.len();
        let file = File::open(path).map_err(|source| unreadable(path, source))?;
        (file.take(*length).read_to_end(&mut content))
            .map_err(|source| unreadable(path, source))?;
        read.push((content.len() - before) as u64);
    }
    check_lengths(group, &read, expected).map_err(wrong)?;
    Ok(content)
}

/// The shard's path, if it stays inside the folder.
fn inside(folder: &Path, shard: &str) -> Option<PathBuf> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let inside = !shard.is_empty() && Path::new(shard).components().all(plain);
    inside.then(|| folder.join(shard))
}

fn check_lengths(group: &Group, lengths: &[u64], expected: u64) -> Result<(), WeightProblem> {
    let found = lengths
        .iter()
        .fold(0u64, |sum, &length| sum.saturating_add(length));
    if found == expected {
        return Ok(());
    }
    Err(WeightProblem::GroupLength {
        shard: suspect(group, lengths),
        what: if found < expected { "short" } else { "long" },
        shards: lengths.len(),
        expected,
        found,
    })
}

/// The shard that is most likely at fault: converters cut a group into shards of one length, and
/// only the last may differ.
fn suspect(group: &Group, lengths: &[u64]) -> String {
    let mut times: HashMap<u64, usize> = HashMap::new();
    for &length in lengths {
        *times.entry(length).or_default() += 1;
    }
    let last = lengths.len().saturating_sub(1);
    let all_but_last = lengths.iter().take(last);
    let usual = all_but_last
        .clone()
        .copied()
        .max_by_key(|length| (times[length], *length));
    let odd = all_but_last
        .clone()
        .position(|&length| Some(length) != usual);
    group
        .paths
        .get(odd.unwrap_or(last))
        .cloned()
        .unwrap_or_default()
}
