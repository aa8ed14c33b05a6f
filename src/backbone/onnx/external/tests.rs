//! Weights in real files, right and wrong.

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
    let path = dir.path().join("x.onnx");
    let files = data_files(&path, &mut model).unwrap();
    let bytes = std::fs::read(dir.path().join("w.bin")).unwrap();
    let sha256 = hex(&Sha256::digest(&bytes));
    let lines = format!("{}  -\n{sha256}  w.bin\n", "ab".repeat(32));
    assert_eq!(
        digest(&"ab".repeat(32), &files),
        hex(&Sha256::digest(lines))
    );
    assert_eq!(digest("ab", &[]), "ab");
    let file = DataFile {
        name: "w.bin".to_owned(),
        bytes: bytes.len() as u64,
        sha256,
    };
    assert_eq!(files, [file]);
    assert_eq!(inline(&path, &mut model).unwrap(), files);
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
        (
            "location",
            "none.bin",
            "none.bin does not exist: it belongs to the ONNX file",
        ),
        ("offset", "17", "are needed"),
        ("offset", "18446744073709551615", "are needed"),
        ("offset", "-1", "is no number of bytes"),
        ("length", "5", "5 bytes are given, and its dimensions need"),
    ];
    for (key, value, expected) in cases {
        let mut model = split(&inner, |k, v| if k == key { value.to_owned() } else { v });
        let looked = data_files(&inner.join("x.onnx"), &mut model).unwrap_err();
        assert!(looked.to_string().contains("external data of"), "{looked}");
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

#[test]
fn weights_over_the_limit_are_refused_before_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = split(dir.path(), |key, value| match key {
        "length" => (1_u64 << 31).to_string(),
        _ => value,
    });
    model.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 29];
    let error = inline(&dir.path().join("x.onnx"), &mut model).unwrap_err();
    assert!(matches!(error, OnnxError::TooManyWeights { .. }), "{error}");
    assert!(
        error.to_string().contains("more than 2147483647 bytes"),
        "{error}"
    );
}
