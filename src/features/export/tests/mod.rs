//! Files as other programs read them; the readers here are HDF5's library and `ndarray-npy`.

mod forms;
mod readers;

use std::fs;

use hdf5::types::VarLenUnicode;
use ndarray::{Array2, s};

use super::*;
use crate::features::{RowId, RowType, Space, Store};

const WIDTH: usize = 5;

/// The number in a place of the store: of all sizes and signs, and what is awkward among them.
fn value(row: usize, column: usize) -> f32 {
    let awkward = [
        -0.0,
        1e-45,
        f32::MAX,
        7.038_531e-26,
        0.1,
        16_777_216.0,
        1e-5,
    ];
    if let (Some(value), 0) = (awkward.get(row), column) {
        return *value;
    }
    let mixed = u32::try_from(row * WIDTH + column).unwrap();
    let number = f32::from_bits(mixed.wrapping_mul(2_654_435_761));
    if number.is_finite() { number } else { 1.0 }
}

fn space() -> Space {
    Space {
        format: Space::FORMAT,
        preprocessing: "rgb".into(),
        graph: "ab".into(),
        output: "features".into(),
        width: WIDTH,
        numeric: "exact".into(),
        rows: RowType::Float32,
    }
}

fn row_id(row: usize) -> RowId {
    let mut image = [0; 32];
    image[..8].copy_from_slice(&row.to_le_bytes());
    space().row(&image, "plain")
}

/// A store whose rows lie on the disk in another order than they are asked for, in shards of
/// `capacity`, and what is asked for: one row twice.
fn store_of(root: &Path, rows: usize, capacity: usize) -> (Store, Vec<RowId>, Array2<f32>) {
    let (store, _) = Store::open(root, &space()).unwrap();
    let mut writer = store.writer_of(capacity).unwrap();
    for step in 0..rows {
        let row = step * 11 % rows;
        let features: Vec<f32> = (0..WIDTH).map(|column| value(row, column)).collect();
        writer.append(row_id(row), &features).unwrap();
    }
    writer.finish().unwrap();
    let wanted: Vec<usize> = (0..rows).chain([3]).collect();
    let expected = Array2::from_shape_fn((wanted.len(), WIDTH), |(i, c)| value(wanted[i], c));
    (store, wanted.into_iter().map(row_id).collect(), expected)
}

fn store(root: &Path, rows: usize) -> (Store, Vec<RowId>, Array2<f32>) {
    store_of(root, rows, 7)
}

fn names(rows: usize) -> Vec<String> {
    (0..rows).map(|i| format!("bœuf/{i}.jpg")).collect()
}

fn table<'a>(rows: &'a [RowId], names: &'a [String], skipped: Option<&str>) -> Table<'a> {
    Table {
        rows,
        ids: names.iter().map(String::as_str).collect(),
        about: vec![("backbone", "tiny".to_owned())],
        beside: Some(("skipped.csv", skipped.map(|text| text.as_bytes().to_vec()))),
        ..Table::default()
    }
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_hdf5_file_has_rows_ids_and_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, expected) = store(&dir.path().join("store"), 50);
    let path = dir.path().join("x.h5");
    let names = names(rows.len());
    for _ in 0..2 {
        let export = Export::begin(&path).unwrap();
        let written = export.write(&store, &table(&rows, &names, None)).unwrap();
        assert_eq!(written, std::slice::from_ref(&path));
    }
    let file = hdf5::File::open(&path).unwrap();
    let found: Array2<f32> = file.dataset("features").unwrap().read_2d().unwrap();
    assert_eq!(found, expected);
    let ids: Vec<VarLenUnicode> = file.dataset("id").unwrap().read_raw().unwrap();
    assert!(ids.iter().map(VarLenUnicode::as_str).eq(&names));
    let said = |name: &str| {
        let attr = file.attr(name).unwrap();
        attr.read_scalar::<VarLenUnicode>()
            .unwrap()
            .as_str()
            .to_owned()
    };
    assert_eq!(
        (said("catpipe").as_str(), said("backbone").as_str()),
        (KIND, "tiny")
    );
    assert_eq!(listing(dir.path()), ["store", "x.h5"]);
}

const KIND: &str = "feature table";

#[test]
fn an_npy_file_has_its_ids_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, expected) = store(&dir.path().join("store"), 50);
    let path = dir.path().join("x.npy");
    let names = names(rows.len());
    let export = Export::begin(&path).unwrap();
    export
        .write(&store, &table(&rows, &names, Some("path,reason\n")))
        .unwrap();
    assert_eq!(
        listing(dir.path()),
        ["store", "x.ids.txt", "x.npy", "x.skipped.csv"]
    );
    let found: Array2<f32> = ndarray_npy::read_npy(&path).unwrap();
    assert_eq!(found, expected);
    let ids = fs::read_to_string(dir.path().join("x.ids.txt")).unwrap();
    assert!(ids.lines().eq(&names) && ids.ends_with('\n'));
    // Fewer rows and nothing skipped: nothing of before is left.
    let export = Export::begin(&path).unwrap();
    export
        .write(&store, &table(&rows[..2], &names[..2], None))
        .unwrap();
    assert_eq!(listing(dir.path()), ["store", "x.ids.txt", "x.npy"]);
    let found: Array2<f32> = ndarray_npy::read_npy(&path).unwrap();
    assert_eq!(found, expected.slice(s![..2, ..]));
}

#[test]
fn what_is_there_stays_until_the_new_file_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut rows, _) = store(&dir.path().join("store"), 20);
    for name in ["x.h5", "x.npy"] {
        let path = dir.path().join(name);
        fs::write(&path, "old").unwrap();
        fs::write(dir.path().join("x.ids.txt"), "old").unwrap();
        rows[7] = RowId([9; 32]);
        let names = names(rows.len());
        let error = Export::begin(&path)
            .unwrap()
            .write(&store, &table(&rows, &names, None))
            .unwrap_err();
        assert!(error.to_string().contains("is not in the store"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(
            fs::read_to_string(dir.path().join("x.ids.txt")).unwrap(),
            "old"
        );
    }
    assert!(
        listing(dir.path())
            .iter()
            .all(|name| !name.ends_with(".part"))
    );
}

#[test]
fn wrong_places_are_told_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d.npy")).unwrap();
    let told = |name: &str| {
        let error = Export::begin(&dir.path().join(name)).unwrap_err();
        let root = dir.path().display().to_string();
        error.to_string().replace(&root, "D")
    };
    let known = "the file's ending says in which form features are written; known: .h5, .hdf5, .npy, .npz, \
         .parquet, .safetensors, .csv";
    assert_eq!(told("x.txt"), format!("D/x.txt: {known}"));
    assert_eq!(told("x"), format!("D/x: {known}"));
    assert_eq!(
        told("d.npy"),
        "D/d.npy: is a folder: give the name of a file"
    );
    assert_eq!(
        told("no/x.h5"),
        "D/no/x.h5: there is no folder D/no: make it first"
    );
    let first = Export::begin(&dir.path().join("x.h5")).unwrap();
    assert!(told("x.h5").contains("another program is writing this file"));
    drop(first);
    // What a killed writer left is in nobody's way.
    fs::write(dir.path().join(".x.h5.part"), "half").unwrap();
    let export = Export::begin(&dir.path().join("x.h5")).unwrap();
    let ids = ["a\nb"];
    export.check(ids.into_iter()).unwrap();
    let npy = Export::begin(&dir.path().join("x.npy")).unwrap();
    let error = npy.check(ids.into_iter()).unwrap_err().to_string();
    assert!(error.contains(r#""a\nb" has a line break"#), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_old_file_stays() {
    let full = Path::new("/dev/full");
    let mut part = Part::begin(&tempfile::tempdir().unwrap().path().join("x.h5")).unwrap();
    part.replace_file(fs::OpenOptions::new().write(true).open(full).unwrap());
    let error = part.write_at(0, b"x").unwrap_err().to_string();
    assert!(
        error.contains("no room on the disk while writing features"),
        "{error}"
    );
}
