//! The store against real HDF5 files in temporary folders.

use super::*;
use proptest::prelude::*;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const WIDTH: usize = 3;

fn space() -> Space {
    Space {
        format: Space::FORMAT,
        preprocessing: "bgr".into(),
        graph: "pixels".into(),
        output: "features".into(),
        width: WIDTH,
        numeric: "cpu fp32 1.31.0".into(),
    }
}

/// The ids of examples `0..count`.
fn ids(count: u8) -> Vec<RowId> {
    (0..count)
        .map(|example| space().row(&[example; 32], "plain"))
        .collect()
}

/// The row that belongs to an example: different for each, with digits that no rounding keeps.
fn row(example: u8) -> [f32; WIDTH] {
    let x = f32::from(example);
    [x / 3.0, -x, (x + 0.1).sqrt()]
}

fn open(root: &Path) -> Store {
    let (store, warnings) = Store::open(root, &space()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    store
}

/// A store with the rows of `0..count`, in shards of two.
fn filled(count: u8) -> (TempDir, Store) {
    let root = TempDir::new().unwrap();
    let store = open(root.path());
    write(&store, 0..count);
    (root, store)
}

fn write(store: &Store, examples: std::ops::Range<u8>) {
    let mut writer = store.writer_of(2).unwrap();
    for example in examples {
        writer
            .append(space().row(&[example; 32], "plain"), &row(example))
            .unwrap();
    }
    writer.finish().unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn shards(store: &Store) -> Vec<PathBuf> {
    files(&store.path().join("shards"))
}

fn assert_rows(store: &Store, examples: &[u8]) {
    let asked: Vec<_> = examples
        .iter()
        .map(|&example| ids(example + 1)[example as usize])
        .collect();
    let rows = store.read(&asked).unwrap();
    assert_eq!(rows.dim(), (examples.len(), WIDTH));
    for (found, &example) in rows.rows().into_iter().zip(examples) {
        assert_eq!(found.to_vec(), row(example), "example {example}");
    }
}

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
fn a_full_shard_is_published_before_the_writer_ends() {
    let (root, store) = filled(0);
    let mut writer = store.writer_of(2).unwrap();
    for example in 0..3 {
        writer.append(ids(3)[example], &row(example as u8)).unwrap();
    }
    assert_eq!(open(root.path()).missing(&ids(3)), [2]);
    drop(writer);
}

#[test]
fn a_writer_dropped_midway_leaves_no_unpublished_row_and_no_file() {
    let (root, store) = filled(0);
    let mut writer = store.writer().unwrap();
    writer.append(ids(1)[0], &row(0)).unwrap();
    drop(writer);
    assert!(shards(&store).is_empty());
    assert_eq!(open(root.path()).missing(&ids(1)), [0]);
}

#[test]
fn leftovers_of_a_killed_writer_are_removed() {
    let (root, store) = filled(2);
    let dir = store.path().join("shards");
    for name in [
        ".writer-a.lock",
        ".writer-a.part",
        ".writer-b.lock",
        ".writer-c.part",
    ] {
        fs::write(dir.join(name), "half a shard").unwrap();
    }
    open(root.path());
    assert_eq!(shards(&store).len(), 1);
}

#[test]
fn the_files_of_a_living_writer_are_left_alone() {
    let (root, store) = filled(2);
    let writer = store.writer().unwrap();
    let lock = shards(&store)
        .into_iter()
        .find(|path| path.extension().unwrap() == "lock")
        .unwrap();
    let part = lock.with_extension("part");
    fs::write(&part, "being written").unwrap();
    open(root.path());
    assert!(lock.exists() && part.exists());
    drop(writer);
    assert!(!lock.exists() && !part.exists());
}

#[test]
fn a_lock_taken_by_a_sweeper_is_not_trusted() {
    let dir = TempDir::new().unwrap();
    let lease = super::files::Lease::take(dir.path()).unwrap();
    let names: Vec<_> = files(dir.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(super::files::sweep(dir.path(), &names).is_empty());
    assert_eq!(files(dir.path()).len(), 1);
    drop(lease);
    assert!(files(dir.path()).is_empty());
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
    assert_eq!(writer::rows_a_shard(2048).unwrap(), 1020);
    assert_eq!(writer::rows_a_shard(100_000_000).unwrap(), 1);
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
fn two_writers_at_once_lose_nothing() {
    let (root, _) = filled(0);
    let stores = [open(root.path()), open(root.path())];
    std::thread::scope(|scope| {
        for (store, range) in stores.iter().zip([0..20, 10..30]) {
            scope.spawn(move || write(store, range));
        }
    });
    let store = open(root.path());
    assert_eq!(store.len(), 30);
    assert_rows(&store, &(0..30).collect::<Vec<_>>());
}

#[test]
fn two_threads_on_one_store_lose_nothing() {
    let (root, store) = filled(0);
    std::thread::scope(|scope| {
        for range in [0..20, 10..30] {
            let store = &store;
            scope.spawn(move || write(store, range));
        }
    });
    assert_rows(&store, &(0..30).collect::<Vec<_>>());
    assert_rows(&open(root.path()), &(0..30).collect::<Vec<_>>());
}

#[test]
fn equal_rows_make_equal_files() {
    let name = |store: &Store| {
        shards(store)
            .first()
            .unwrap()
            .file_name()
            .unwrap()
            .to_owned()
    };
    let ((_a, first), (_b, second)) = (filled(2), filled(2));
    assert_eq!(name(&first), name(&second));
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

/// The store of a shard that `change` has damaged: every row is right or missing, the shard is in
/// `damaged/`, and writing the rows again heals the store.
fn heals(root: &Path, count: u8) {
    let (store, warnings) = Store::open(root, &space()).unwrap();
    let [
        Warning::Damaged {
            path,
            moved_to: Some(moved),
            damage,
        },
    ] = warnings.as_slice()
    else {
        panic!("{warnings:?}");
    };
    assert!(matches!(damage, Damage::Checksum { .. }));
    assert!(!path.exists() && moved.exists() && moved.parent().unwrap().ends_with("damaged"));
    let missing = store.missing(&ids(count));
    assert_eq!(missing.len(), 2);
    for example in 0..count {
        if !missing.contains(&usize::from(example)) {
            assert_rows(&store, &[example]);
        }
    }
    write(&store, 0..count);
    let healed = open(root);
    assert_rows(&healed, &(0..count).collect::<Vec<_>>());
}

#[test]
fn a_truncated_shard_is_set_aside_whatever_its_length() {
    let (root, store) = filled(4);
    let length = fs::metadata(&shards(&store)[0]).unwrap().len();
    for keep in [0, 1, 8, 96, 512, length / 2, length - 1] {
        let shard = shards(&store).remove(0);
        File::options()
            .write(true)
            .open(shard)
            .unwrap()
            .set_len(keep)
            .unwrap();
        heals(root.path(), 4);
    }
}

#[test]
fn a_shard_that_grew_is_set_aside() {
    let (root, store) = filled(4);
    let shard = shards(&store).remove(0);
    let length = fs::metadata(&shard).unwrap().len();
    File::options()
        .write(true)
        .open(shard)
        .unwrap()
        .set_len(length + 1)
        .unwrap();
    heals(root.path(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_flipped_bit_never_gives_a_wrong_row(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (root, store) = filled(4);
        let shard = shards(&store).remove(1);
        let mut bytes = fs::read(&shard).unwrap();
        let position = place.index(bytes.len());
        bytes[position] ^= 1 << bit;
        fs::write(&shard, bytes).unwrap();
        heals(root.path(), 4);
    }
}

#[test]
fn a_shard_that_goes_bad_while_the_store_is_open_is_not_served() {
    let (root, store) = filled(4);
    let shard = shards(&store).remove(0);
    let mut bytes = fs::read(&shard).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let error = store.read(&ids(4)).unwrap_err();
    let StoreError::Damaged {
        moved_to: Some(moved),
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(moved.exists());
    assert_eq!(store.missing(&ids(4)).len(), 2);
    write(&store, 0..4);
    assert_rows(&open(root.path()), &[0, 1, 2, 3]);
}

#[test]
fn a_shard_that_vanishes_while_the_store_is_open_is_told() {
    let (_root, store) = filled(2);
    fs::remove_file(&shards(&store)[0]).unwrap();
    let error = store.read(&ids(2)).unwrap_err();
    assert!(matches!(
        error,
        StoreError::Damaged {
            damage: Damage::Gone,
            moved_to: None,
            ..
        }
    ));
}

/// Puts an HDF5 file that `fill` makes where shards lie, under the name that its bytes deserve.
fn forge(store: &Store, fill: impl Fn(&hdf5::File)) -> PathBuf {
    let dir = store.path().join("shards");
    let path = dir.join("forged");
    let file = hdf5::File::create(&path).unwrap();
    fill(&file);
    file.close().unwrap();
    let (digest, _) = super::files::sha256(File::open(&path).unwrap()).unwrap();
    let named = dir.join(format!("{}.h5", super::key::hex(&digest)));
    fs::rename(path, &named).unwrap();
    named
}

/// The attributes of a shard of `format`.
fn say(file: &hdf5::File, format: u32) {
    let kind: hdf5::types::VarLenUnicode = "feature shard".parse().unwrap();
    let attr = file
        .new_attr::<hdf5::types::VarLenUnicode>()
        .create("catpipe")
        .unwrap();
    attr.write_scalar(&kind).unwrap();
    file.new_attr::<u32>()
        .create("format")
        .unwrap()
        .write_scalar(&format)
        .unwrap();
}

fn array<T: hdf5::H5Type>(file: &hdf5::File, name: &str, shape: (usize, usize)) {
    let dataset = file.new_dataset::<T>().shape(shape).create(name).unwrap();
    // Touch it, so that its storage is allocated.
    dataset.write_raw(&vec![0u8; shape.0 * shape.1]).unwrap();
}

#[test]
fn a_file_with_a_right_checksum_and_a_wrong_inside_is_set_aside() {
    type Fill = fn(&hdf5::File);
    let wrong: [(&str, Fill); 9] = [
        ("no attribute catpipe", |_| ()),
        ("format 0", |file| say(file, 0)),
        ("no dataset \"features\"", |file| say(file, 1)),
        ("features is float64", |file| {
            say(file, 1);
            array::<f64>(file, "features", (2, WIDTH));
        }),
        ("features has shape [2]", |file| {
            say(file, 1);
            file.new_dataset::<f32>()
                .shape(2)
                .create("features")
                .unwrap();
        }),
        ("declares shape [2, 4]", |file| {
            say(file, 1);
            array::<f32>(file, "features", (2, WIDTH + 1));
        }),
        ("stores 0 bytes", |file| {
            say(file, 1);
            file.new_dataset::<f32>()
                .shape((1 << 40, WIDTH))
                .create("features")
                .unwrap();
        }),
        ("no dataset \"keys\"", |file| {
            say(file, 1);
            array::<f32>(file, "features", (2, WIDTH));
        }),
        ("2 rows of features, but 3 keys", |file| {
            say(file, 1);
            array::<f32>(file, "features", (2, WIDTH));
            array::<u8>(file, "keys", (3, 32));
        }),
    ];
    for (words, fill) in wrong {
        let (root, store) = filled(2);
        let path = forge(&store, fill);
        let (store, warnings) = Store::open(root.path(), &space()).unwrap();
        let [
            warning @ Warning::Damaged {
                damage: Damage::Layout { .. },
                ..
            },
        ] = warnings.as_slice()
        else {
            panic!("{words}: {warnings:?}");
        };
        assert!(warning.to_string().contains(words), "{words}: {warning}");
        assert!(!path.exists());
        assert_rows(&store, &[0, 1]);
    }
}

#[test]
fn a_file_with_a_right_checksum_that_is_no_hdf5_stops_the_store() {
    let (root, store) = filled(2);
    let (digest, _) = super::files::sha256(&b"text"[..]).unwrap();
    let path = store
        .path()
        .join(format!("shards/{}.h5", super::key::hex(&digest)));
    fs::write(&path, "text").unwrap();
    let error = Store::open(root.path(), &space()).unwrap_err();
    assert!(matches!(error, StoreError::Hdf5 { path: at, .. } if at == path));
}

#[test]
fn a_shard_of_a_newer_format_stops_the_store_and_stays() {
    let (root, store) = filled(2);
    let path = forge(&store, |file| say(file, 2));
    let error = Store::open(root.path(), &space()).unwrap_err();
    assert!(matches!(
        error,
        StoreError::NewerFormat {
            found: 2,
            known: 1,
            ..
        }
    ));
    assert!(path.exists());
}

#[test]
fn a_description_of_a_newer_format_stops_the_store() {
    let (root, store) = filled(2);
    fs::write(
        store.path().join("space.json"),
        r#"{"store_format": 7, "new": true}"#,
    )
    .unwrap();
    let error = Store::open(root.path(), &space()).unwrap_err();
    assert!(matches!(
        error,
        StoreError::NewerFormat {
            found: 7,
            known: 1,
            ..
        }
    ));
    assert!(error.to_string().contains("CATPIPE_CACHE"));
}

#[test]
fn a_damaged_description_is_written_again() {
    let (root, store) = filled(2);
    let path = store.path().join("space.json");
    let whole = fs::read_to_string(&path).unwrap();
    for damaged in [&b"{"[..], b"", b"\xff\xfe", b"[1]"] {
        fs::write(&path, damaged).unwrap();
        drop(open(root.path()).writer().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    }
}

#[test]
fn a_stranger_among_the_shards_is_told_and_left_alone() {
    let (root, store) = filled(2);
    let dir = store.path().join("shards");
    let strangers = [
        dir.join("notes.txt"),
        dir.join("abc.h5"),
        dir.join(".writer-x"),
    ];
    strangers
        .iter()
        .for_each(|path| fs::write(path, "?").unwrap());
    let (store, warnings) = Store::open(root.path(), &space()).unwrap();
    assert_eq!(warnings.len(), 3);
    assert!(
        warnings
            .iter()
            .all(|warning| matches!(warning, Warning::Stranger { .. }))
    );
    assert!(strangers.iter().all(|path| path.exists()));
    assert_rows(&store, &[0, 1]);
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
    let words = "write failed: errno = 28, error message = 'No space left on device'";
    let full = StoreError::hdf5(path, "testing", &hdf5::Error::from(words));
    assert!(matches!(full, StoreError::DiskFull { .. }));
    assert!(full.to_string().contains("/cache/x") && full.to_string().contains("make room"));
}
