//! HDF5 files.

use hdf5::dataset::Layout;
use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{File, Group};
use ndarray::{Array4, arr1};

use crate::loaders::space;

/// How the arrays of a file are stored.
#[derive(Clone, Copy)]
enum Storage {
    Whole,
    Compact,
    Deflated,
    Checked,
}

/// Old and new layouts of the file, each storage, names of fixed and variable length.
pub(crate) fn hdf5() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for storage in [
        Storage::Whole,
        Storage::Compact,
        Storage::Deflated,
        Storage::Checked,
    ] {
        for latest in [false, true] {
            all.push(file(latest, |file| {
                arrays(file, storage, latest);
                let group = file.create_group("g").expect("a group");
                arrays(&group, Storage::Deflated, !latest);
            }));
        }
    }
    all
}

/// A file's bytes.
fn file(latest: bool, fill: impl Fn(&File)) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.h5");
    let file = File::with_options()
        .with_fapl(|fapl| {
            if latest {
                fapl.libver_latest()
            } else {
                fapl.libver_earliest()
            }
        })
        .create(&path)
        .expect("a file");
    fill(&file);
    file.close().expect("the file is closed");
    std::fs::read(path).expect("its bytes")
}

fn arrays(group: &Group, storage: Storage, variable: bool) {
    let images = Array4::from_shape_fn((4, 3, 4, 3), |(n, y, x, c)| {
        (n * 50 + y * 20 + x * 3 + c) as u8
    });
    let builder = group.new_dataset_builder();
    let builder = match storage {
        Storage::Whole => builder,
        Storage::Compact => builder.with_dcpl(|dcpl| dcpl.layout(Layout::Compact)),
        Storage::Deflated => builder.chunk((2, 3, 4, 3)).shuffle().deflate(4),
        Storage::Checked => builder.chunk((1, 3, 4, 3)).fletcher32(),
    };
    builder.with_data(&images).create("x").expect("images");
    let builder = group.new_dataset_builder();
    builder
        .with_data(&arr1(&[0i64, 1, 1, 0]))
        .create("y")
        .expect("labels");
    let builder = group.new_dataset_builder();
    if variable {
        let names = ["cat", "dog"].map(|name| name.parse::<VarLenUnicode>().expect("a name"));
        builder.with_data(&arr1(&names)).create("c").expect("names");
    } else {
        let names = ["cat", "dog"].map(|name| FixedAscii::<7>::from_ascii(name).expect("a name"));
        builder.with_data(&arr1(&names)).create("c").expect("names");
    }
}

/// Shards of feature rows, as the store writes them.
pub(crate) fn shard() -> Vec<Vec<u8>> {
    let root = tempfile::tempdir().expect("a folder");
    let (store, _) = catpipe::features::Store::open(root.path(), &space()).expect("a store");
    let mut writer = store.writer().expect("a writer");
    for example in 0..3 {
        let id = space().row(&[example; 32], "plain");
        writer.append(id, &[f32::from(example); 8]).expect("a row");
    }
    writer.finish().expect("a shard");
    let shards = std::fs::read_dir(store.path().join("shards")).expect("the shards");
    let paths = shards.map(|entry| entry.expect("a shard").path());
    let h5 = paths.filter(|path| path.extension().is_some_and(|extension| extension == "h5"));
    h5.map(|path| std::fs::read(path).expect("its bytes"))
        .collect()
}
