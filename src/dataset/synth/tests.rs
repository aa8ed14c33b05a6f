//! Tests of the synthetic sets.

use std::collections::HashSet;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::dataset::{Dataset, DatasetConfig, SourceConfig};

fn silent(_: u64, _: u64) {}

fn config(out: &Path, set: SynthSet) -> SynthConfig {
    SynthConfig {
        out: out.to_owned(),
        set,
    }
}

fn small() -> SynthSet {
    SynthSet {
        classes: 3,
        train_per_class: 4,
        test_per_class: 2,
        size: [20, 16],
        ..SynthSet::default()
    }
}

/// Every file below a folder with its content, sorted.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    files
        .iter_mut()
        .for_each(|(path, _)| *path = path.strip_prefix(folder).unwrap().into());
    files.sort();
    files
}

#[test]
fn a_written_set_is_a_dataset() {
    let dir = tempfile::tempdir().unwrap();
    for format in [SynthFormat::Png, SynthFormat::Jpeg] {
        let out = dir.path().join("deep/er").join(format.ending());
        let set = SynthSet { format, ..small() };
        let seen = AtomicU64::new(0);
        let count = |_, total| {
            assert_eq!(total, 18);
            seen.fetch_add(1, Ordering::Relaxed);
        };
        assert_eq!(
            write(&config(&out, set), &count).unwrap(),
            Outcome::Written(18)
        );
        assert_eq!(seen.into_inner(), 18);
        let source = |side| SourceConfig::Folder {
            group_by: None,
            folder: out.join(side),
            exclude: Vec::new(),
        };
        let data = DatasetConfig::given(source("train"), Some(source("test")));
        let data = Dataset::open(&data, Path::new(".")).unwrap();
        assert_eq!(data.train.classes(), ["disc", "square", "star"]);
        assert_eq!(
            (
                data.train.examples().len(),
                data.test.unwrap().examples().len()
            ),
            (12, 6)
        );
        let read = data.train.read(5).unwrap();
        let drawn = image(1, 1, 1, 20, 16);
        let difference = read
            .iter()
            .zip(drawn.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(difference.unwrap() <= if format == SynthFormat::Png { 0 } else { 90 });
    }
}

#[test]
fn the_same_settings_give_the_same_bytes_and_more_images_keep_the_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, set| {
        let out = dir.path().join(name);
        write(&config(&out, set), &silent).unwrap();
        content(&out)
    };
    let first = make("a", small());
    assert_eq!(first, make("b", small()));
    let more = make(
        "c",
        SynthSet {
            train_per_class: 6,
            classes: 4,
            ..small()
        },
    );
    for (path, bytes) in first.iter().filter(|(path, _)| path != Path::new(MARKER)) {
        assert!(
            more.contains(&(path.clone(), bytes.clone())),
            "{}",
            path.display()
        );
    }
    let images: HashSet<_> = first.iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(images.len(), first.len(), "no two images are the same");
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("set");
    fs::create_dir(&out).unwrap();
    assert_eq!(
        write(&config(&out, small()), &silent).unwrap(),
        Outcome::Written(18)
    );
    assert_eq!(
        write(&config(&out, small()), &silent).unwrap(),
        Outcome::AlreadyThere
    );
    let before = content(dir.path());
    let other = SynthSet { seed: 2, ..small() };
    let error = write(&config(&out, other), &silent)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with(
            "holds another synthetic set (3 classes of 4 + 2 images, 20x16 png, seed 1; asked \
             for: 3 classes of 4 + 2 images, 20x16 png, seed 2): remove it or choose another folder"
        ),
        "{error}"
    );
    assert_eq!(content(dir.path()), before);
}

#[test]
fn what_catpipe_did_not_make_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.txt"), "x").unwrap();
    let folder = config(dir.path(), small());
    assert!(matches!(
        write(&folder, &silent),
        Err(SynthError::NotOurs { .. })
    ));
    let file = config(&dir.path().join("mine.txt"), small());
    assert!(matches!(
        write(&file, &silent),
        Err(SynthError::NotOurs { .. })
    ));
    fs::write(dir.path().join(MARKER), "{}").unwrap();
    assert!(matches!(
        write(&folder, &silent),
        Err(SynthError::NotOurs { .. })
    ));
    assert_eq!(content(dir.path()).len(), 2, "nothing was left behind");
}

#[test]
fn settings_have_ranges() {
    let refusal = |set| {
        write(&config(Path::new("/nowhere"), set), &silent)
            .unwrap_err()
            .to_string()
    };
    let text = refusal(SynthSet {
        classes: 0,
        ..small()
    });
    assert_eq!(
        text,
        "the number of classes must be between 1 and 10000, found 0"
    );
    let text = refusal(SynthSet {
        size: [20, 9000],
        ..small()
    });
    assert_eq!(text, "the height must be between 1 and 8192, found 9000");
    assert_eq!("jpg".parse(), Ok(SynthFormat::Jpeg));
    assert!(
        "gif"
            .parse::<SynthFormat>()
            .unwrap_err()
            .contains("found gif")
    );
}

#[test]
fn the_pictures_have_not_changed() {
    // If this fails, raise VERSION and put the new hash.
    let mut hash = Sha256::new();
    for class in [0, 1, 2, 3, 4, 5, 6, 7, 9, 18, 27, 40] {
        hash.update(image(1, class, 3, 33, 21).as_raw());
    }
    let hash: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!((VERSION, hash.as_str()), (1, "64ac47e10f86f853"));
}

#[test]
fn every_class_has_a_name_and_a_motif_of_its_own() {
    let names: HashSet<String> = (0..10_000).map(class_name).collect();
    assert_eq!(names.len(), 10_000);
    assert!(
        names
            .iter()
            .all(|n| n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    );
    let mut motifs: Vec<_> = (0..200).map(|class| shape::motif(class).0).collect();
    while let Some(motif) = motifs.pop() {
        assert!(!motifs.contains(&motif), "{motif:?}");
    }
}

/// Share of test pictures whose raw pixels are nearest to the mean picture of their own class.
fn nearest_mean_accuracy(classes: u32, train: u64, test: u64) -> f64 {
    let pixels = |class, index| {
        image(1, class, index, 24, 24)
            .into_raw()
            .into_iter()
            .map(f64::from)
            .collect::<Vec<_>>()
    };
    let mean = |class| {
        let mut mean = vec![0.0; 24 * 24 * 3];
        for index in 0..train {
            let picture = pixels(class, index);
            mean.iter_mut()
                .zip(picture)
                .for_each(|(m, p)| *m += p / train as f64);
        }
        mean
    };
    let means: Vec<Vec<f64>> = (0..classes).map(mean).collect();
    let distance = |picture: &[f64], class: u32| -> f64 {
        picture
            .iter()
            .zip(&means[class as usize])
            .map(|(p, m)| (p - m).powi(2))
            .sum()
    };
    let right = |class: u32, index: u64| {
        let picture = pixels(class, TEST_FROM + index);
        let own = distance(&picture, class);
        (0..classes).all(|other| own <= distance(&picture, other))
    };
    let hits = (0..classes).flat_map(|class| (0..test).map(move |index| (class, index)));
    let hits = hits.filter(|&(class, index)| right(class, index)).count();
    hits as f64 / (u64::from(classes) * test) as f64
}

#[test]
fn raw_pixels_hardly_tell_the_class() {
    let accuracy = nearest_mean_accuracy(4, 150, 100);
    assert!(accuracy < 0.45, "{accuracy} where guessing gives 0.25");
}

proptest! {
    #[test]
    fn any_size_and_class(w in 0u32..40, h in 0u32..40, class: u32, index: u64, seed: u64) {
        let class = class % 10_000;
        let picture = image(seed, class, index, w, h);
        prop_assert_eq!(picture.dimensions(), (w, h));
        prop_assert_eq!(picture, image(seed, class, index, w, h));
    }
}
