//! What goes in comes out, and nothing else.

use super::super::{StoreError, writer::rows_a_shard};
use super::*;

#[test]
fn a_store_that_is_not_there_is_empty_and_is_not_created() {
    let root = TempDir::new().unwrap();
    let store = open(root.path());
    assert!(store.is_empty());
    assert_eq!(store.missing(&ids(2)), [0, 1]);
    assert!(files(root.path()).is_empty());
}

#[test]
fn rows_are_there_when_the_store_is_opened_again() {
    let (root, store) = filled(5);
    assert_eq!(store.len(), 5);
    assert_eq!(shards(&store).len(), 3);
    let again = open(root.path());
    assert_eq!(again.len(), 5);
    assert!(again.missing(&ids(5)).is_empty());
    assert_rows(&again, &[0, 1, 2, 3, 4]);
}

#[test]
fn rows_come_in_the_order_asked_for_and_as_often() {
    let (_root, store) = filled(5);
    assert_rows(&store, &[4, 0, 3, 3, 1, 0]);
    assert_eq!(store.read(&[]).unwrap().dim(), (0, WIDTH));
}

#[test]
fn only_new_rows_are_missing_and_each_is_named_once() {
    let (_root, store) = filled(2);
    let asked = [ids(4)[3], ids(1)[0], ids(4)[2], ids(4)[3]];
    assert_eq!(store.missing(&asked), [0, 2]);
}

#[test]
fn reading_a_missing_row_is_an_error() {
    let (_root, store) = filled(1);
    let error = store.read(&ids(2)).unwrap_err();
    assert!(matches!(error, StoreError::MissingRow { index: 1, row } if row == ids(2)[1]));
}

#[test]
fn a_row_that_is_there_is_not_written_again() {
    let (root, store) = filled(2);
    write(&store, 0..2);
    let mut writer = store.writer().unwrap();
    writer.append(ids(3)[2], &row(2)).unwrap();
    writer.append(ids(3)[2], &row(2)).unwrap();
    assert_eq!(writer.finish().unwrap(), 1);
    assert_eq!(shards(&store).len(), 2);
    assert_eq!(open(root.path()).len(), 3);
}

#[test]
fn a_row_of_another_width_is_refused() {
    let (_root, store) = filled(0);
    let error = store
        .writer()
        .unwrap()
        .append(ids(1)[0], &[1.0; WIDTH + 1])
        .unwrap_err();
    assert!(matches!(
        error,
        StoreError::WrongWidth {
            expected: 3,
            found: 4,
            ..
        }
    ));
}

#[test]
fn a_row_that_is_not_finite_is_refused() {
    let (_root, store) = filled(0);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = store
            .writer()
            .unwrap()
            .append(ids(1)[0], &[1.0, bad, 1.0])
            .unwrap_err();
        assert!(matches!(error, StoreError::NotFinite { column: 1, .. }));
    }
}

#[test]
fn a_width_of_nothing_or_beyond_memory_is_refused() {
    let root = TempDir::new().unwrap();
    for width in [0, usize::MAX, usize::MAX / 4, isize::MAX as usize] {
        let error = Store::open(root.path(), &Space { width, ..space() }).unwrap_err();
        assert!(matches!(error, StoreError::Width { width: found } if found == width));
    }
}

#[test]
fn a_wide_row_still_gets_a_shard() {
    let of = |width| rows_a_shard(&Space { width, ..space() }).unwrap();
    assert_eq!(of(2048), 1020);
    assert_eq!(of(100_000_000), 1);
}

#[test]
fn another_space_is_another_set_of_rows() {
    let (root, _) = filled(2);
    let other = Space {
        numeric: "openvino bf16".into(),
        ..space()
    };
    let (store, warnings) = Store::open(root.path(), &other).unwrap();
    assert!(warnings.is_empty() && store.is_empty());
    let id = other.row(&[0; 32], "plain");
    let mut writer = store.writer().unwrap();
    writer.append(id, &[9.0; WIDTH]).unwrap();
    writer.finish().unwrap();
    assert_eq!(
        store.read(&[id]).unwrap().into_raw_vec_and_offset().0,
        [9.0; WIDTH]
    );
    assert_rows(&open(root.path()), &[0, 1]);
    assert_eq!(files(root.path()).len(), 2);
}

#[test]
fn equal_rows_make_equal_files() {
    let ((_a, first), (_b, second)) = (filled(2), filled(2));
    assert_eq!(name(&shards(&first)[0]), name(&shards(&second)[0]));
}

#[test]
fn a_shard_says_what_it_is() {
    let (_root, store) = filled(2);
    let file = hdf5::File::open(&shards(&store)[0]).unwrap();
    let text = |name: &str| {
        file.attr(name)
            .unwrap()
            .read_scalar::<hdf5::types::VarLenUnicode>()
            .unwrap()
            .to_string()
    };
    assert_eq!(text("catpipe"), "feature shard");
    assert_eq!(
        serde_json::from_str::<Space>(&text("space")).unwrap(),
        space()
    );
    assert!(text("columns").contains("\"features\""));
    assert_eq!(
        file.attr("format").unwrap().read_scalar::<u32>().unwrap(),
        1
    );
    assert_eq!(file.dataset("features").unwrap().shape(), [2, WIDTH]);
    assert_eq!(file.dataset("keys").unwrap().shape(), [2, 32]);
    let described = fs::read_to_string(store.path().join("space.json")).unwrap();
    assert!(described.contains("\"store_format\": 1") && described.contains("pixels"));
}

#[test]
fn a_place_that_is_no_folder_is_an_error_with_its_path() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("cache");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file, &space())
        .and_then(|(store, _)| store.writer())
        .unwrap_err();
    assert!(
        error.to_string().contains(file.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn system_errors_become_situations() {
    use std::io::{Error, ErrorKind};
    let path = Path::new("/cache/x");
    let of = |kind| StoreError::io(path, "testing", Error::from(kind));
    assert!(matches!(
        of(ErrorKind::StorageFull),
        StoreError::DiskFull { .. }
    ));
    assert!(matches!(
        of(ErrorKind::QuotaExceeded),
        StoreError::DiskFull { .. }
    ));
    assert!(matches!(
        of(ErrorKind::ReadOnlyFilesystem),
        StoreError::ReadOnly { .. }
    ));
    assert!(matches!(
        of(ErrorKind::PermissionDenied),
        StoreError::ReadOnly { .. }
    ));
    assert!(matches!(of(ErrorKind::Other), StoreError::Io { .. }));
    let words = of(ErrorKind::StorageFull).to_string();
    assert!(
        words.contains("/cache/x") && words.contains("make room"),
        "{words}"
    );
}
