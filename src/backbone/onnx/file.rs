//! ONNX files: a ladder of refusals on the way in, a temporary file and a rename on the way out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use super::OnnxError;
use super::proto::ModelProto;

/// The most bytes one ONNX file may have: protobuf's own limit, 2 GiB less one byte.
pub const FILE_LIMIT: u64 = i32::MAX as u64;

/// Reads the ONNX file at `path`.
///
/// Weights are not copied out of the file's buffer, so a model of 100 MB is there as fast as the
/// disk gives it.
///
/// # Errors
/// The file is not there, unreadable, empty, over [`FILE_LIMIT`], not an ONNX file, or has no
/// nodes.
pub fn read(path: &Path) -> Result<ModelProto, OnnxError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => OnnxError::NotThere { path: path.into() },
        _ => OnnxError::Unreadable {
            path: path.into(),
            source,
        },
    };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    check_size(path, bytes)?;
    // The length may lie (pipes) or grow: what is read is bounded all the same.
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    file.take(FILE_LIMIT + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    check_size(path, content.len() as u64)?;
    decode(path, content.into())
}

/// Decodes the content of an ONNX file; `path` is for the errors only.
///
/// # Errors
/// The content is empty, not an ONNX model, or has no nodes.
pub fn decode(path: &Path, content: Bytes) -> Result<ModelProto, OnnxError> {
    if content.is_empty() {
        return Err(OnnxError::Empty { path: path.into() });
    }
    let model = ModelProto::decode(content).map_err(|source| OnnxError::NotOnnx {
        path: path.into(),
        source,
    })?;
    if model.ir_version.unwrap_or(0) <= 0 {
        return Err(OnnxError::NoIrVersion { path: path.into() });
    }
    if model
        .graph
        .as_ref()
        .is_none_or(|graph| graph.node.is_empty())
    {
        return Err(OnnxError::NoNodes { path: path.into() });
    }
    Ok(model)
}

/// The bytes of `model` as an ONNX file: the same model gives the same bytes.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// Writes `model` to `path`: beside it under a temporary name, flushed, then renamed, so that the
/// path never holds half a model. The folder must be there.
///
/// # Errors
/// The model is over [`FILE_LIMIT`], or the system refuses to write.
pub fn write(path: &Path, model: &ModelProto) -> Result<(), OnnxError> {
    check_size(path, model.encoded_len() as u64)?;
    write_beside(path, &encode(model)).map_err(|source| OnnxError::Unwritable {
        path: path.into(),
        source,
    })
}

/// Writes the bytes of an encoded model as [`write()`] does.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, content: &[u8]) -> Result<(), OnnxError> {
    check_size(path, content.len() as u64)?;
    write_beside(path, content).map_err(|source| OnnxError::Unwritable {
        path: path.into(),
        source,
    })
}

fn check_size(path: &Path, bytes: u64) -> Result<(), OnnxError> {
    if bytes > FILE_LIMIT {
        return Err(OnnxError::TooLarge {
            path: path.into(),
            bytes,
            limit: FILE_LIMIT,
        });
    }
    Ok(())
}

fn write_beside(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".onnx-").suffix(".part");
    #[cfg(unix)]
    {
        // A temporary file is private by default; a published one is as the umask says.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|refused| refused.error)?;
    sync_folder(folder)
}

/// Makes the rename itself durable; only Unix lets a folder be flushed.
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tiny::{TinyConfig, residual};
    use super::*;

    #[test]
    fn a_model_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.onnx");
        let model = residual(&TinyConfig::default());
        write(&path, &model).unwrap();
        write(&path, &model).unwrap();
        assert_eq!(read(&path).unwrap(), model);
        assert_eq!(std::fs::read(&path).unwrap(), encode(&model));
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
    }

    #[test]
    fn each_wrong_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.onnx");
        assert!(matches!(read(&path), Err(OnnxError::NotThere { .. })));
        assert!(matches!(
            read(folder.path()),
            Err(OnnxError::Unreadable { .. })
        ));
        let put = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read(&path).unwrap_err()
        };
        assert!(matches!(put(b""), OnnxError::Empty { .. }));
        assert!(matches!(
            put(b"<!DOCTYPE html><html>"),
            OnnxError::NotOnnx { .. }
        ));
        let content = encode(&residual(&TinyConfig::default()));
        assert!(matches!(
            put(&content[..content.len() - 9]),
            OnnxError::NotOnnx { .. }
        ));
        let unversioned = ModelProto {
            producer_name: Some("x".into()),
            ..ModelProto::default()
        };
        assert!(matches!(
            put(&encode(&unversioned)),
            OnnxError::NoIrVersion { .. }
        ));
        let bare = ModelProto {
            ir_version: Some(8),
            ..ModelProto::default()
        };
        let error = put(&encode(&bare));
        assert!(matches!(error, OnnxError::NoNodes { .. }));
        assert!(error.to_string().contains("x.onnx"), "{error}");
    }

    #[test]
    fn a_sparse_file_over_the_limit_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.onnx");
        File::create(&path)
            .unwrap()
            .set_len(FILE_LIMIT + 1)
            .unwrap();
        assert!(matches!(read(&path), Err(OnnxError::TooLarge { bytes, .. }) if bytes == 1 << 31));
    }

    #[test]
    fn writing_into_a_folder_that_is_not_there_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/x.onnx");
        let error = write(&path, &residual(&TinyConfig::default())).unwrap_err();
        assert!(
            error.to_string().contains("no/x.onnx: can't be written"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(Path::new("x"), content.into());
        }

        #[test]
        fn a_damaged_model_is_an_error_or_a_model(
            cut in any::<prop::sample::Index>(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..6),
        ) {
            let mut content = encode(&residual(&TinyConfig::default()));
            for (place, bit) in flips {
                let place = place.index(content.len());
                content[place] ^= 1 << bit;
            }
            content.truncate(cut.index(content.len()) + 1);
            if let Ok(model) = decode(Path::new("x"), content.into()) {
                let outputs: Vec<_> = super::super::Summary::of(&model)
                    .outputs.into_iter().map(|port| port.name).collect();
                let wanted: Vec<_> = outputs.iter().map(String::as_str).collect();
                let _ = super::super::prune(&model, &wanted);
            }
        }
    }
}
