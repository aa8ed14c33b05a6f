//! Files as other programs read them: by the crates that belong to their forms.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2};
use ndarray_npy::ReadNpyExt;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// What a file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) ids: Vec<String>,
    pub(super) labels: Option<Vec<Option<String>>>,
    pub(super) splits: Option<Vec<String>>,
    pub(super) views: Option<Vec<i64>>,
    /// The bits of the features, row by row.
    pub(super) bits: Vec<Vec<u32>>,
}

pub(super) fn bits(rows: &Array2<f32>) -> Vec<Vec<u32>> {
    let rows = rows.rows().into_iter();
    rows.map(|row| row.iter().map(|value| value.to_bits()).collect())
        .collect()
}

/// Reads a file by its ending.
pub(super) fn read(path: &Path) -> Found {
    match path.extension().unwrap().to_str().unwrap() {
        "h5" => hdf5_file(path),
        "npy" => npy(path),
        "npz" => npz(path),
        "parquet" => parquet_file(path),
        "safetensors" => safetensors_file(path),
        "csv" => csv_file(path),
        other => panic!("{other}"),
    }
}

fn named(numbers: &[i64], classes: &[String]) -> Vec<Option<String>> {
    let name = |number: &i64| usize::try_from(*number).ok().map(|n| classes[n].clone());
    numbers.iter().map(name).collect()
}

fn hdf5_file(path: &Path) -> Found {
    let file = hdf5::File::open(path).unwrap();
    let texts = |name: &str| {
        let texts = file.dataset(name).ok()?.read_raw::<VarLenUnicode>();
        let texts = texts.unwrap().into_iter();
        Some(texts.map(|text| text.as_str().to_owned()).collect())
    };
    let numbers = |name: &str| Some(file.dataset(name).ok()?.read_raw::<i64>().unwrap());
    Found {
        ids: texts("id").unwrap(),
        labels: numbers("label").map(|l| named(&l, &texts("classes").unwrap())),
        splits: texts("split"),
        views: numbers("view"),
        bits: bits(&file.dataset("features").unwrap().read_2d().unwrap()),
    }
}

fn npy(path: &Path) -> Found {
    let rows: Array2<f32> = ndarray_npy::read_npy(path).unwrap();
    let ids = fs::read_to_string(path.with_extension("ids.txt")).unwrap();
    let ids: Vec<String> = ids.lines().map(str::to_owned).collect();
    let facts = path.with_extension("rows.csv");
    let found = if facts.exists() {
        csv_file(&facts)
    } else {
        Found {
            ids: ids.clone(),
            ..Found::default()
        }
    };
    assert_eq!(found.ids, ids);
    Found {
        bits: bits(&rows),
        ..found
    }
}

fn npz(path: &Path) -> Found {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut members = HashMap::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        assert_eq!(member.compression(), zip::CompressionMethod::Stored);
        let mut bytes = Vec::new();
        std::io::copy(&mut member, &mut bytes).unwrap();
        let name = member
            .name()
            .unwrap()
            .strip_suffix(".npy")
            .unwrap()
            .to_owned();
        members.insert(name, bytes);
    }
    let numbers = |name: &str| {
        let array = Array1::<i64>::read_npy(Cursor::new(members.get(name)?)).unwrap();
        Some(array.to_vec())
    };
    let texts = |name: &str| Some(npy_texts(members.get(name)?));
    let rows = Array2::<f32>::read_npy(Cursor::new(&members["features"])).unwrap();
    Found {
        ids: texts("ids").unwrap(),
        labels: numbers("labels").map(|l| named(&l, &texts("classes").unwrap())),
        splits: texts("splits"),
        views: numbers("views"),
        bits: bits(&rows),
    }
}

/// Texts of one length, which `ndarray-npy` does not read.
fn npy_texts(bytes: &[u8]) -> Vec<String> {
    let head = usize::from(u16::from_le_bytes([bytes[8], bytes[9]])) + 10;
    assert_eq!((&bytes[..8], head % 64), (&b"\x93NUMPY\x01\x00"[..], 0));
    let said = std::str::from_utf8(&bytes[10..head]).unwrap();
    let between = |a: &str, b: &str| -> usize {
        let rest = said.split_once(a).unwrap().1;
        rest.split_once(b).unwrap().0.parse().unwrap()
    };
    let (length, count) = (between("'<U", "'"), between("'shape': (", ",)"));
    assert_eq!(bytes.len() - head, length * 4 * count);
    let texts = bytes[head..].chunks_exact(length * 4);
    texts
        .map(|text| {
            let codes = text
                .chunks_exact(4)
                .map(|c| u32::from_le_bytes(c.try_into().unwrap()));
            codes
                .take_while(|code| *code != 0)
                .map(|code| char::from_u32(code).unwrap())
                .collect()
        })
        .collect()
}

fn parquet_file(path: &Path) -> Found {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let mut found = Found::default();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        for (at, (name, field)) in row.get_column_iter().enumerate() {
            match (name.as_str(), field) {
                ("id", Field::Str(id)) => found.ids.push(id.clone()),
                ("label", Field::Str(label)) => {
                    found
                        .labels
                        .get_or_insert_default()
                        .push(Some(label.clone()));
                }
                ("label", Field::Null) => found.labels.get_or_insert_default().push(None),
                ("split", Field::Str(split)) => {
                    found.splits.get_or_insert_default().push(split.clone());
                }
                ("view", Field::Int(view)) => {
                    found.views.get_or_insert_default().push((*view).into());
                }
                ("features", Field::ListInternal(_)) => {
                    let values = row.get_list(at).unwrap().elements().iter();
                    let bits = values.map(|value| match value {
                        Field::Float(value) => value.to_bits(),
                        other => panic!("{other:?}"),
                    });
                    found.bits.push(bits.collect());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    found
}

fn safetensors_file(path: &Path) -> Found {
    let bytes = fs::read(path).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let said = metadata.metadata().clone().unwrap();
    let texts = |name: &str| -> Vec<String> {
        let list: Value = serde_json::from_str(&said[name]).unwrap();
        let list = list.as_array().unwrap().iter();
        list.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| {
        let tensor = file.tensor(name).ok()?;
        assert_eq!((tensor.dtype(), tensor.shape().len()), (Dtype::I64, 1));
        assert_eq!(
            (tensor.data().as_ptr() as usize - bytes.as_ptr() as usize) % 8,
            0
        );
        let numbers = tensor.data().chunks_exact(8);
        Some(
            numbers
                .map(|n| i64::from_le_bytes(n.try_into().unwrap()))
                .collect::<Vec<_>>(),
        )
    };
    let features = file.tensor("features").unwrap();
    let &[_, width] = features.shape() else {
        panic!("{:?}", features.shape())
    };
    assert_eq!(features.dtype(), Dtype::F32);
    let rows = features.data().chunks_exact(width * 4);
    let bits = |row: &[u8]| {
        let values = row.chunks_exact(4);
        values
            .map(|n| u32::from_le_bytes(n.try_into().unwrap()))
            .collect()
    };
    Found {
        ids: texts("ids"),
        labels: numbers("labels").map(|l| named(&l, &texts("classes"))),
        splits: numbers("splits").map(|splits| {
            let named = named(&splits, &texts("split_names"));
            named.into_iter().flatten().collect()
        }),
        views: numbers("views"),
        bits: rows.map(bits).collect(),
    }
}

fn csv_file(path: &Path) -> Found {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let heading = reader.headers().unwrap().clone();
    let mut found = Found::default();
    for record in reader.records() {
        let mut bits = Vec::new();
        for (name, cell) in heading.iter().zip(record.unwrap().iter()) {
            match name {
                "id" => found.ids.push(cell.to_owned()),
                "label" => {
                    let label = (!cell.is_empty()).then(|| cell.to_owned());
                    found.labels.get_or_insert_default().push(label);
                }
                "split" => found.splits.get_or_insert_default().push(cell.to_owned()),
                "view" => found
                    .views
                    .get_or_insert_default()
                    .push(cell.parse().unwrap()),
                feature => {
                    assert_eq!(feature, format!("f{}", bits.len()));
                    bits.push(cell.parse::<f32>().unwrap().to_bits());
                }
            }
        }
        found.bits.push(bits);
    }
    found
}
