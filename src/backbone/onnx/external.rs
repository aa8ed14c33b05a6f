//! Weights that lie in files beside the ONNX file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::OnnxError;
use super::file::FILE_LIMIT;
use super::proto::tensor_proto::{DataLocation, DataType};
use super::proto::{ModelProto, TensorProto};

/// Reads the weights that `model`, read from `path`, keeps in other files into the model itself.
/// Those files must lie in the folder of `path` or below it.
///
/// # Errors
/// A place outside that folder, a file that is missing or too short, a length that is not that of
/// the tensor, or more than an ONNX file can hold: the error names the tensor.
pub fn inline(path: &Path, model: &mut ModelProto) -> Result<(), OnnxError> {
    let mut files = HashMap::new();
    let mut total = 0_u64;
    let tensors = model.graph.iter_mut().flat_map(|graph| {
        let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        graph
            .initializer
            .iter_mut()
            .chain(attributes.filter_map(|a| a.t.as_mut()))
    });
    for tensor in tensors.filter(|tensor| tensor.data_location() == DataLocation::External) {
        let refuse = |reason| OnnxError::External {
            path: path.into(),
            tensor: tensor.name().to_owned(),
            reason,
        };
        let span = Span::of(tensor).map_err(refuse)?;
        total = total.saturating_add(span.length);
        if total > FILE_LIMIT {
            return Err(refuse(format!("all in all more than {FILE_LIMIT} bytes")));
        }
        let content = span.read(path, &mut files).map_err(refuse)?;
        tensor.raw_data = Some(Bytes::from(content));
        tensor.data_location = None;
        tensor.external_data.clear();
    }
    Ok(())
}

/// Where a tensor's bytes lie.
struct Span {
    location: PathBuf,
    offset: u64,
    length: u64,
}

impl Span {
    fn of(tensor: &TensorProto) -> Result<Self, String> {
        let entry = |key: &str| {
            let entries = &mut tensor.external_data.iter();
            entries
                .find(|entry| entry.key() == key)
                .map(|entry| entry.value())
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => (text.parse::<u64>().map(Some))
                .map_err(|_| format!("its {key} {text:?} is no number of bytes")),
        };
        let location = PathBuf::from(entry("location").ok_or("no location is given")?);
        let inside = (location.components()).all(|part| matches!(part, Component::Normal(_)));
        if !inside || location.as_os_str().is_empty() {
            return Err(format!(
                "{} leads out of the file's folder",
                location.display()
            ));
        }
        let bytes = bytes(tensor).ok_or("its type or dimensions are not supported")?;
        let length = number("length")?.unwrap_or(bytes);
        if length != bytes {
            return Err(format!(
                "{length} bytes are given, and its dimensions need {bytes}"
            ));
        }
        let offset = number("offset")?.unwrap_or(0);
        Ok(Self {
            location,
            offset,
            length,
        })
    }

    fn read(&self, model: &Path, files: &mut HashMap<PathBuf, File>) -> Result<Vec<u8>, String> {
        let folder = match model.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let path = folder.join(&self.location);
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        if !files.contains_key(&self.location) {
            // A link may lead anywhere.
            let real = path.canonicalize().map_err(told)?;
            if !real.starts_with(folder.canonicalize().map_err(told)?) {
                return Err(format!("{} leads out of the file's folder", path.display()));
            }
            files.insert(self.location.clone(), File::open(real).map_err(told)?);
        }
        let file = files.get_mut(&self.location).ok_or("its file is gone")?;
        let has = file.metadata().map_err(told)?.len();
        if self
            .offset
            .checked_add(self.length)
            .is_none_or(|end| end > has)
        {
            return Err(format!(
                "{} has {has} bytes, and {} from {} on are needed",
                path.display(),
                self.length,
                self.offset
            ));
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(told)?;
        let mut content = vec![0; usize::try_from(self.length).map_err(|_| "it is too large")?];
        file.read_exact(&mut content).map_err(told)?;
        Ok(content)
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

#[cfg(test)]
mod tests {
    use super::super::proto::StringStringEntryProto;
    use super::super::tiny::{TinyConfig, residual};
    use super::*;

    /// The tiny network with its first weights in the file `w.bin`, 16 bytes in.
    fn split(folder: &Path, change: impl Fn(&str, String) -> String) -> ModelProto {
        let mut model = residual(&TinyConfig::default());
        let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
        let raw = tensor.raw_data.take().unwrap();
        std::fs::write(folder.join("w.bin"), [&[0; 16], &raw[..]].concat()).unwrap();
        tensor.data_location = Some(DataLocation::External as i32);
        let entries = [
            ("location", "w.bin".to_owned()),
            ("offset", "16".to_owned()),
            ("length", raw.len().to_string()),
        ];
        tensor.external_data = entries
            .into_iter()
            .map(|(key, value)| StringStringEntryProto {
                key: Some(key.to_owned()),
                value: Some(change(key, value)),
            })
            .collect();
        model
    }

    #[test]
    fn weights_come_back_from_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut model = split(dir.path(), |_, value| value);
        inline(&dir.path().join("x.onnx"), &mut model).unwrap();
        let mut expected = residual(&TinyConfig::default());
        for tensor in &mut expected.graph.as_mut().unwrap().initializer {
            tensor.data_location = None;
        }
        assert_eq!(model, expected);
    }

    #[test]
    fn each_wrong_place_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("models");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(dir.path().join("secret"), [0; 4096]).unwrap();
        let cases = [
            ("location", "../secret", "leads out of the file's folder"),
            ("location", "/etc/passwd", "leads out of the file's folder"),
            ("location", "none.bin", "none.bin: No such file"),
            ("offset", "17", "are needed"),
            ("offset", "18446744073709551615", "are needed"),
            ("offset", "-1", "is no number of bytes"),
            ("length", "5", "5 bytes are given, and its dimensions need"),
        ];
        for (key, value, expected) in cases {
            let mut model = split(&inner, |k, v| if k == key { value.to_owned() } else { v });
            let error = inline(&inner.join("x.onnx"), &mut model)
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("external data of `stem/kernel`"), "{error}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(dir.path().join("secret"), inner.join("link")).unwrap();
            let mut model = split(
                &inner,
                |k, v| if k == "location" { "link".into() } else { v },
            );
            let error = inline(&inner.join("x.onnx"), &mut model)
                .unwrap_err()
                .to_string();
            assert!(error.contains("leads out"), "{error}");
        }
    }
}
