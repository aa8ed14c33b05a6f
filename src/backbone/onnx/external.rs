//! Weights that lie in files beside the ONNX file.

mod data;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::OnnxError;
use super::file::FILE_LIMIT;
use super::proto::tensor_proto::{DataLocation, DataType};
use super::proto::{GraphProto, ModelProto, TensorProto};
pub use data::DataFile;
use data::{Wanted, read};

/// Reads the weights that `model`, read from `path`, keeps in other files into the model itself,
/// and says which files these were. Those files must lie in the folder of `path` or below it. Each
/// is read once, so that the checksums are those of what was read.
///
/// # Errors
/// A place outside that folder, a file that is missing or too short, a length that is not that of
/// the tensor, or more than an ONNX file can hold: the error names the tensor.
pub fn inline(path: &Path, model: &mut ModelProto) -> Result<Vec<DataFile>, OnnxError> {
    let mut tensors = external(model);
    let mut files: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
    let mut total = 0_u64;
    for (index, tensor) in tensors.iter().enumerate() {
        let span = Span::of(tensor).map_err(refusal(path, tensor))?;
        total = total.saturating_add(span.length);
        if total > FILE_LIMIT {
            return Err(OnnxError::TooManyWeights {
                path: path.into(),
                limit: FILE_LIMIT,
            });
        }
        files.entry(span.location).or_default().push(Wanted {
            tensor: index,
            offset: span.offset,
            length: span.length,
        });
    }
    let mut found = Vec::new();
    for (location, wanted) in files {
        let first = wanted.first().map_or(0, |wanted| wanted.tensor);
        let (file, contents) = read(path, location, wanted)
            .map_err(|(tensor, reason)| refusal(path, tensors[tensor.unwrap_or(first)])(reason))?;
        for (index, content) in contents {
            put(tensors[index], content);
        }
        found.push(file);
    }
    Ok(found)
}

/// The files that `model`, read from `path`, keeps weights in, without those weights.
///
/// # Errors
/// As [`inline`], but for the number of weights.
pub fn data_files(path: &Path, model: &mut ModelProto) -> Result<Vec<DataFile>, OnnxError> {
    let tensors = external(model);
    let mut files: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for (index, tensor) in tensors.iter().enumerate() {
        let span = Span::of(tensor).map_err(refusal(path, tensor))?;
        let end = span.offset.saturating_add(span.length);
        let file = files.entry(span.location).or_insert((index, end));
        if end > file.1 {
            *file = (index, end);
        }
    }
    let mut found = Vec::new();
    for (location, (tensor, end)) in files {
        // The end of what is needed, so that a file that is cut off is told.
        let last = Wanted {
            tensor,
            offset: end,
            length: 0,
        };
        let (file, _) = read(path, location, vec![last])
            .map_err(|(_, reason)| refusal(path, tensors[tensor])(reason))?;
        found.push(file);
    }
    Ok(found)
}

/// The checksum of a graph: that of its file, or, where it keeps weights in others, of all of them
/// together. That is what `(sha256sum < x.onnx; sha256sum FILES...) | sha256sum` prints in the
/// graph's folder, the files in the order of their names.
pub fn digest(file: &str, data: &[DataFile]) -> String {
    if data.is_empty() {
        return file.to_owned();
    }
    let mut lines = format!("{file}  -\n");
    for one in data {
        lines.push_str(&format!("{}  {}\n", one.sha256, one.name));
    }
    hex(&Sha256::digest(lines))
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refusal(path: &Path, tensor: &TensorProto) -> impl FnOnce(String) -> OnnxError + use<> {
    let (path, tensor) = (path.to_path_buf(), tensor.name().to_owned());
    move |reason| OnnxError::External {
        path,
        tensor,
        reason,
    }
}

fn put(tensor: &mut TensorProto, content: Vec<u8>) {
    tensor.raw_data = Some(Bytes::from(content));
    tensor.data_location = None;
    tensor.external_data.clear();
}

/// Every tensor whose values lie elsewhere, those of the graphs inside nodes included.
fn external(model: &mut ModelProto) -> Vec<&mut TensorProto> {
    let mut tensors = Vec::new();
    if let Some(graph) = &mut model.graph {
        collect(graph, &mut tensors);
    }
    tensors.retain(|tensor| tensor.data_location() == DataLocation::External);
    tensors
}

fn collect<'a>(graph: &'a mut GraphProto, tensors: &mut Vec<&'a mut TensorProto>) {
    tensors.extend(&mut graph.initializer);
    for sparse in &mut graph.sparse_initializer {
        tensors.extend(sparse.values.as_mut());
        tensors.extend(sparse.indices.as_mut());
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        tensors.extend(attribute.t.as_mut());
        tensors.extend(&mut attribute.tensors);
        for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            collect(inner, tensors);
        }
    }
}

/// Where a tensor's bytes lie.
struct Span {
    location: String,
    offset: u64,
    length: u64,
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    let entries = &mut tensor.external_data.iter();
    entries
        .find(|entry| entry.key() == key)
        .map(|entry| entry.value())
}

impl Span {
    fn of(tensor: &TensorProto) -> Result<Self, String> {
        let number = |key: &str| match entry(tensor, key) {
            None => Ok(None),
            Some(text) => (text.parse::<u64>().map(Some))
                .map_err(|_| format!("its {key} {text:?} is no number of bytes")),
        };
        let location = entry(tensor, "location").ok_or("no location is given")?;
        data::check_inside(&PathBuf::from(location))?;
        let bytes = bytes(tensor).ok_or("its type or dimensions are not supported")?;
        let length = number("length")?.unwrap_or(bytes);
        if length != bytes {
            return Err(format!(
                "{length} bytes are given, and its dimensions need {bytes}"
            ));
        }
        Ok(Self {
            location: location.to_owned(),
            offset: number("offset")?.unwrap_or(0),
            length,
        })
    }
}

/// The bytes that a tensor's values take.
fn bytes(tensor: &TensorProto) -> Option<u64> {
    let each = match DataType::try_from(tensor.data_type()).ok()? {
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 1,
        _ => return None,
    };
    tensor.dims.iter().try_fold(each, |product: u64, dim| {
        product.checked_mul(u64::try_from(*dim).ok()?)
    })
}
