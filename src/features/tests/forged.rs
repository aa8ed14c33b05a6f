//! Files that are where shards should be, and are none.

use super::super::{Damage, StoreError, Warning, files::sha256, key::hex};
use super::*;
use std::fs::File;

/// Puts an HDF5 file that `fill` makes where shards lie, under the name that its bytes deserve.
fn forge(store: &Store, fill: impl Fn(&hdf5::File)) -> PathBuf {
    let dir = store.path().join("shards");
    let path = dir.join("forged");
    let file = hdf5::File::create(&path).unwrap();
    fill(&file);
    file.close().unwrap();
    let (digest, _) = sha256(File::open(&path).unwrap()).unwrap();
    let named = dir.join(format!("{}.h5", hex(&digest)));
    // A copy: a program that another test started may have inherited the file, and its lock.
    fs::copy(&path, &named).unwrap();
    fs::remove_file(path).unwrap();
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
    let (digest, _) = sha256(&b"text"[..]).unwrap();
    let path = store.path().join(format!("shards/{}.h5", hex(&digest)));
    fs::write(&path, "text").unwrap();
    let error = Store::open(root.path(), &space()).unwrap_err();
    assert!(matches!(error, StoreError::Hdf5 { path: at, .. } if at == path));
}

#[test]
fn a_shard_that_does_not_lie_in_one_piece_is_read_by_hdf5_each_time() {
    let (root, store) = filled(2);
    let ids = ids(4);
    let path = forge(&store, |file| {
        say(file, 1);
        let values: Vec<f32> = row(2).into_iter().chain(row(3)).collect();
        let values = ndarray::Array2::from_shape_vec((2, WIDTH), values).unwrap();
        let builder = file.new_dataset_builder().chunk((1, WIDTH));
        builder.with_data(&values).create("features").unwrap();
        let keys: Vec<u8> = [ids[2].0, ids[3].0].concat();
        let keys = ndarray::Array2::from_shape_vec((2, 32), keys).unwrap();
        let builder = file.new_dataset_builder();
        builder.with_data(&keys).create("keys").unwrap();
    });
    let digest = digest_of(&name(&path)).unwrap();
    for _ in 0..2 {
        assert_rows(&open(root.path()), &[0, 1, 2, 3]);
        let (found, _) = catalogue(&store).find([digest].iter()).unwrap();
        assert!(found.is_empty());
    }
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
fn a_flipped_bit_in_a_description_never_stops_the_store() {
    let (root, store) = filled(2);
    let path = store.path().join("space.json");
    let whole = fs::read(&path).unwrap();
    // Every bit of the number of the format, and of what stands around it.
    for bit in 0..8 * 40 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, flipped).unwrap();
        assert_rows(&open(root.path()), &[0, 1]);
    }
    drop(open(root.path()).writer().unwrap());
    assert_eq!(fs::read(&path).unwrap(), whole);
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
fn text_that_would_never_end_is_not_read() {
    // A heap whose free space has no length: the library's reading of it does not end.
    let (root, store) = filled(2);
    let dir = store.path().join("shards");
    let shard = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let shard = shard
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "h5"))
        .unwrap();
    let mut bytes = fs::read(&shard).unwrap();
    let heap = bytes.windows(4).position(|there| there == b"GCOL").unwrap() + 16;
    bytes[heap..heap + 16].fill(0);
    fs::remove_file(&shard).unwrap();
    let (digest, _) = sha256(&bytes[..]).unwrap();
    fs::write(dir.join(format!("{}.h5", hex(&digest))), &bytes).unwrap();
    let (store, warnings) = Store::open(root.path(), &space()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_rows(&store, &[0, 1]);
}
