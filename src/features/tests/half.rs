//! Rows in half precision.

use super::super::StoreError;
use super::*;

fn half() -> Space {
    Space {
        rows: RowType::Float16,
        ..space()
    }
}

fn store(root: &Path) -> Store {
    Store::open(root, &half()).unwrap().0
}

fn put(store: &Store, example: u8, values: &[f32; WIDTH]) -> Result<(), StoreError> {
    let mut writer = store.writer()?;
    writer.append(half().row(&[example; 32], "plain"), values)?;
    writer.finish().map(|_| ())
}

#[test]
fn rows_come_back_rounded_and_no_further() {
    let root = TempDir::new().unwrap();
    let values = [0.1, -65504.0, 1.0 / 3.0];
    put(&store(root.path()), 1, &values).unwrap();
    // As it was written, and by HDF5's reading of a store without an index.
    for _ in 0..2 {
        let store = store(root.path());
        let rows = store.read(&[half().row(&[1; 32], "plain")]).unwrap();
        let nearest = [0.099_975_586, -65504.0, 0.333_251_95];
        assert_eq!(rows.into_raw_vec_and_offset().0, nearest);
        fs::remove_file(store.path().join("index.sqlite")).unwrap();
    }
}

#[test]
fn a_shard_of_halves_has_halves() {
    let root = TempDir::new().unwrap();
    let store = store(root.path());
    put(&store, 1, &[1.0; WIDTH]).unwrap();
    let file = hdf5::File::open(&shards(&store)[0]).unwrap();
    let features = file.dataset("features").unwrap();
    let element = features.dtype().unwrap().to_descriptor().unwrap();
    assert_eq!(element.to_string(), "float16");
    let described = fs::read_to_string(store.path().join("space.json")).unwrap();
    assert!(described.contains("\"rows\": \"float16\""), "{described}");
}

#[test]
fn a_number_beyond_half_precision_is_refused_with_its_row() {
    let root = TempDir::new().unwrap();
    let store = store(root.path());
    // 65519.99 still rounds to the largest half, 65520 does not.
    put(&store, 1, &[0.0, 65519.99, 0.0]).unwrap();
    for value in [65520.0, -7e4, f32::MAX] {
        let error = put(&store, 2, &[0.0, value, 0.0]).unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, StoreError::BeyondHalf { column: 1, .. }));
        let row = half().row(&[2; 32], "plain").to_string();
        assert!(
            told.contains(&row) && told.contains("rows: float32"),
            "{told}"
        );
    }
}

#[test]
fn rows_of_both_precisions_lie_apart() {
    let (root, _) = filled(2);
    let store = store(root.path());
    assert!(store.is_empty());
    put(&store, 0, &[3.0; WIDTH]).unwrap();
    assert_rows(&open(root.path()), &[0, 1]);
}
