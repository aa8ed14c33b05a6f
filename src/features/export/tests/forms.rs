//! Every form, read back.

use proptest::prelude::*;

use super::readers::{Found, bits, read};
use super::*;
use crate::features::{Labels, RowId};

const ENDINGS: [&str; 6] = ["h5", "npy", "npz", "parquet", "safetensors", "csv"];

/// Names that trip programs up; NPY alone cannot have the second.
fn awkward(ending: &str, rows: usize) -> Vec<String> {
    let broken = if ending == "npy" { "-" } else { "a\nb\r\n" };
    let names = [
        "a,b;c.jpg",
        broken,
        "\"q\" 'r'",
        "bœuf/猫/🐈.jpg",
        " x ",
        "\\n\t",
        "{}",
        "-1",
    ];
    let mut all: Vec<String> = names.map(str::to_owned).to_vec();
    all.extend((all.len()..rows).map(|i| format!("{i}")));
    all.truncate(rows);
    all
}

/// A table with everything, and what a reader must find.
fn full<'a>(
    rows: &'a [RowId],
    names: &'a [String],
    classes: &'a [String],
    features: &Array2<f32>,
) -> (Table<'a>, Found) {
    let class = |i: usize| (!i.is_multiple_of(4)).then_some(i % classes.len());
    let labels: Vec<_> = (0..rows.len()).map(class).collect();
    let split = |i: usize| if i.is_multiple_of(3) { "test" } else { "train" };
    let splits: Vec<_> = (0..rows.len()).map(split).collect();
    let views: Vec<u32> = (0..).take(rows.len()).map(|i| i % 5).collect();
    let some = !rows.is_empty();
    let named = labels.iter().map(|l| l.map(|l| classes[l].clone()));
    let found = Found {
        ids: names.to_vec(),
        labels: Some(named.collect()),
        splits: Some(splits.iter().map(|s| (*s).to_owned()).collect()),
        views: Some(views.iter().copied().map(i64::from).collect()),
        bits: bits(features),
    };
    let table = Table {
        labels: Some(Labels {
            classes,
            rows: labels,
        }),
        splits: Some(splits),
        views: Some(views),
        ..table(rows, names, None)
    };
    // Without rows, forms of records have nothing to tell a reader.
    (table, if some { found } else { Found::default() })
}

#[test]
fn every_form_reads_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, expected) = store(&dir.path().join("store"), 50);
    let classes = ["no cat", "cat, \"tabby\"", "кот"].map(str::to_owned);
    for ending in ENDINGS {
        let path = dir.path().join(format!("x.{ending}"));
        let names = awkward(ending, rows.len());
        let (table, found) = full(&rows, &names, &classes, &expected);
        Export::begin(&path).unwrap().write(&store, &table).unwrap();
        assert_eq!(read(&path), found, "{ending}");
        let once = fs::read(&path).unwrap();
        Export::begin(&path).unwrap().write(&store, &table).unwrap();
        assert!(
            fs::read(&path).unwrap() == once,
            "{ending}: equal rows, equal files"
        );
    }
    let found = listing(dir.path());
    let expected = [
        "csv",
        "h5",
        "ids.txt",
        "npy",
        "npz",
        "parquet",
        "rows.csv",
        "safetensors",
    ];
    assert_eq!(found[0], "store");
    assert_eq!(found[1..], expected.map(|ending| format!("x.{ending}")));
}

#[test]
fn what_is_not_known_has_no_column() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, expected) = store(&dir.path().join("store"), 20);
    for ending in ENDINGS {
        let path = dir.path().join(format!("x.{ending}"));
        if ending == "npy" {
            fs::write(path.with_extension("rows.csv"), "of before").unwrap();
        }
        let names = awkward(ending, rows.len());
        let table = table(&rows, &names, None);
        Export::begin(&path).unwrap().write(&store, &table).unwrap();
        let found = Found {
            ids: names.clone(),
            bits: bits(&expected),
            ..Found::default()
        };
        assert_eq!(read(&path), found, "{ending}");
    }
    assert!(!dir.path().join("x.rows.csv").exists(), "NPY's was removed");
}

#[test]
fn no_rows_are_a_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, _) = store(&dir.path().join("store"), 20);
    let classes = ["a", "b"].map(str::to_owned);
    for ending in ENDINGS {
        let path = dir.path().join(format!("x.{ending}"));
        let (table, _) = full(&[], &[], &classes, &Array2::zeros((0, WIDTH)));
        Export::begin(&path).unwrap().write(&store, &table).unwrap();
        let found = read(&path);
        assert!(
            found.ids.is_empty() && found.bits.is_empty(),
            "{ending}: {found:?}"
        );
    }
}

#[test]
fn a_parquet_file_is_many_groups() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, expected) = store_of(&dir.path().join("store"), 100_003, 30_000);
    let path = dir.path().join("x.parquet");
    let names = names(rows.len());
    let export = Export::begin(&path).unwrap();
    export.write(&store, &table(&rows, &names, None)).unwrap();
    let found = read(&path);
    assert!(found.ids == names && found.bits == bits(&expected));
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    let about = reader.metadata();
    let groups: Vec<i64> = about.row_groups().iter().map(|g| g.num_rows()).collect();
    assert_eq!(groups, [100_000, 4]);
    let said = about.file_metadata().key_value_metadata().unwrap();
    assert!(
        said.iter()
            .any(|one| (one.key.as_str(), one.value.as_deref()) == ("backbone", Some("tiny")))
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_of_any_form() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, _) = store(&dir.path().join("store"), 50);
    let names = names(rows.len());
    for ending in ENDINGS {
        let path = dir.path().join(format!("x.{ending}"));
        let mut export = Export::begin(&path).unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        export.data.replace_file(full.unwrap());
        let error = export.write(&store, &table(&rows, &names, None));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("no room on the disk while writing features"),
            "{ending}: {error}"
        );
        assert_eq!(listing(dir.path()), ["store"], "{ending}");
    }
}

#[test]
fn rows_that_are_gone_leave_nothing_of_any_form() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut rows, _) = store(&dir.path().join("store"), 50);
    let names = names(rows.len());
    rows[9] = RowId([9; 32]);
    for ending in ENDINGS {
        let path = dir.path().join(format!("x.{ending}"));
        let export = Export::begin(&path).unwrap();
        let error = export.write(&store, &table(&rows, &names, None));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("is not in the store"), "{error}");
        assert_eq!(listing(dir.path()), ["store"], "{ending}");
    }
}

#[test]
fn uneven_columns_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, rows, _) = store(&dir.path().join("store"), 20);
    let names = names(rows.len());
    let table = Table {
        views: Some(vec![0; 20]),
        ..table(&rows, &names, None)
    };
    let export = Export::begin(&dir.path().join("x.csv")).unwrap();
    let error = export.write(&store, &table).unwrap_err().to_string();
    assert!(error.starts_with("20 views for 21 rows"), "{error}");
}

#[test]
fn too_many_ids_for_a_safetensors_header_are_told_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let export = Export::begin(&dir.path().join("x.safetensors")).unwrap();
    let id = "x".repeat(1000);
    export.check((0..90_000).map(|_| id.as_str())).unwrap();
    let error = export.check((0..100_000).map(|_| id.as_str())).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("100000 ids do not fit into a safetensors file"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn a_number_of_csv_reads_back_as_float32_and_by_way_of_float64(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = csv_form::number(value);
        prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
        let wide: f64 = text.parse().unwrap();
        prop_assert_eq!((wide as f32).to_bits(), bits, "{}", text);
    }
}

#[test]
fn a_number_that_rounding_twice_would_change_has_nine_digits() {
    let value = 7.038_531e-26_f32;
    assert_ne!("7.038531e-26".parse::<f64>().unwrap() as f32, value);
    assert_eq!(csv_form::number(value), "7.03853069e-26");
    assert_eq!(csv_form::number(0.1), "0.1");
    assert_eq!(csv_form::number(-0.0), "-0.0");
}
