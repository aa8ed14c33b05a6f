//! Classifiers that are made so that one convention is right, and pictures that tell it or don't.

use std::path::PathBuf;

use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::*;
use crate::backbone::manifest::{Dtype, Layout, PreprocessSource, Preset};
use crate::backbone::onnx::palette::{self, Palette};
use crate::backbone::onnx::tiny::{TinyConfig, residual};
use crate::backbone::onnx::{self, ModelProto};
use crate::backbone::session::SessionOptions;
use crate::backbone::{Manifest, testing};

const CAFFE: Palette = Palette {
    size: 16,
    nhwc: false,
    bgr: true,
    scale: 1.0,
    mean: [103.939, 116.779, 123.68],
    std: [1.0; 3],
};

const TORCH: Palette = Palette {
    bgr: false,
    scale: 1.0 / 255.0,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    ..CAFFE
};

const TF: Palette = Palette {
    nhwc: true,
    bgr: false,
    mean: [127.5; 3],
    std: [127.5; 3],
    ..CAFFE
};

struct Written {
    folder: TempDir,
    classifier: Classifier,
}

impl Written {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn written(model: &ModelProto) -> Result<Written, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("classifier.onnx");
    onnx::write(&path, model).unwrap();
    let shown = folder.path().display().to_string();
    let classifier = Classifier::read(&path);
    let classifier = classifier.map_err(|error| error.to_string().replace(&shown, "ROOT"))?;
    Ok(Written { folder, classifier })
}

/// What is said of a classifier after pictures of one colour each.
fn report(written: &Written, colours: impl Iterator<Item = [u8; 3]>) -> Report {
    let mut pictures = Pictures::new(&written.classifier);
    for colour in colours {
        let picture = RgbImage::from_pixel(20, 30, Rgb(colour));
        pictures.add("a colour", &picture).unwrap();
    }
    let (runtime, options) = (testing::runtime(), SessionOptions::default());
    let mut last = (0, 0);
    let mut progress = |done, total| last = (done, total);
    let report = detect(
        &written.classifier,
        &pictures,
        &runtime,
        &options,
        &mut progress,
    );
    assert_eq!(last.0, last.1, "progress ends at its end");
    report.unwrap()
}

fn colours(count: usize) -> impl Iterator<Item = [u8; 3]> {
    (0..count).map(|n| palette::colour(37 * n))
}

#[test]
fn the_convention_that_a_graph_was_made_for_is_told() {
    for (palette, label) in [
        (CAFFE, "keras-caffe bgr"),
        (
            Palette {
                bgr: false,
                mean: [123.68, 116.779, 103.939],
                ..CAFFE
            },
            "keras-caffe rgb",
        ),
        (TORCH, "torch-imagenet rgb"),
        (TF, "keras-tf rgb"),
        (
            Palette {
                bgr: true,
                mean: [0.0; 3],
                std: [1.0; 3],
                ..TORCH
            },
            "x/255 bgr",
        ),
        (
            Palette {
                mean: [0.0; 3],
                ..CAFFE
            },
            "none bgr",
        ),
    ] {
        let written = written(&palette::classifier(&palette)).unwrap();
        let report = report(&written, colours(40));
        let best = report.trials[0].figures.unwrap();
        let Verdict::Told {
            convention, rule, ..
        } = &report.verdict
        else {
            panic!("{label}: {:?}", report.verdict);
        };
        assert_eq!(convention.label(), label);
        assert_eq!(*rule, None, "one colour has no shape");
        assert!(best.score > 0.95 && best.max_probability > 0.9, "{best:?}");
        assert_eq!((best.pictures, report.pictures), (40, 40));
        assert!(report.trials.iter().any(|trial| trial.dropped));
    }
}

#[test]
fn what_the_pictures_do_not_tell_is_not_told() {
    let tf = written(&palette::classifier(&TF)).unwrap();
    // Grey is the same whatever the order of the channels.
    let greys = (0..20).map(|n| [85 * (n % 4); 3]);
    let report = report(&tf, greys);
    let Verdict::Tied { rivals } = &report.verdict else {
        panic!("{:?}", report.verdict);
    };
    let labels: Vec<_> = rivals.iter().map(|(c, _)| c.label()).collect();
    assert_eq!(labels, ["keras-tf rgb", "keras-tf bgr"]);
    assert_eq!(rivals[1].1, 0.0);
}

#[test]
fn few_pictures_and_answers_of_nothing_tell_nothing() {
    let torch = written(&palette::classifier(&TORCH)).unwrap();
    let few = report(&torch, colours(FEWEST - 1));
    assert_eq!(few.verdict, Verdict::TooFew { found: FEWEST - 1 });
    assert_eq!(few.trials[0].convention.label(), "torch-imagenet rgb");

    // Made for what no convention gives.
    let far = Palette {
        mean: [10.0; 3],
        ..TORCH
    };
    let unsure = written(&palette::classifier(&far)).unwrap();
    let verdict = report(&unsure, colours(20)).verdict;
    assert!(
        matches!(verdict, Verdict::Nothing { best } if best < LEAST),
        "{verdict:?}"
    );
}

#[test]
fn answers_without_a_number_end_a_trial_and_nothing_else() {
    // The square of a level of 0..=255 overflows float32 under `none`, and no other.
    let huge = 1e37_f32;
    let palette = Palette {
        scale: 1.0,
        mean: [0.0; 3],
        std: [huge; 3],
        ..TORCH
    };
    let written = written(&palette::classifier(&palette)).unwrap();
    let report = report(&written, colours(20));
    assert!(
        report.trials.iter().any(|trial| trial.figures.is_none()),
        "{report:?}"
    );
    assert!(
        !matches!(report.verdict, Verdict::Told { .. }),
        "{:?}",
        report.verdict
    );
}

#[test]
fn a_manifest_is_written_that_runs() {
    let torch = written(&palette::classifier(&Palette { size: 0, ..TORCH })).unwrap();
    let classifier = &torch.classifier;
    assert!(classifier.free_size && classifier.input.size[0].get() == 224);
    let path = torch.path("found.yaml");
    let plan = Plan::new(classifier, &path).unwrap();
    let convention = Convention::plausible(classifier)
        .into_iter()
        .find(|c| c.name == "torch-imagenet");
    let found = (&convention.unwrap(), Some(Rule::Stretch));
    let notes = ["why".to_owned()];
    plan.write(classifier, found, torch.folder.path(), &notes)
        .unwrap();

    let manifest = Manifest::read(&path).unwrap();
    assert_eq!(manifest.config.file, PathBuf::from("found-features.onnx"));
    assert_eq!(
        (manifest.config.output.name.as_str(), manifest.width()),
        ("features", 6)
    );
    let resize = Some(Rule::Stretch.config());
    let expected = PreprocessSource::Preset(Preset::TorchImagenet, resize);
    assert_eq!(manifest.config.preprocess, expected);
    manifest.check_graph(torch.folder.path()).unwrap();
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("# why\nname: found\n")
    );
    let again = Plan::new(classifier, &path)
        .expect_err("is there")
        .to_string();
    assert!(again.contains("found.yaml: exists already"), "{again}");
    let nowhere = Plan::new(classifier, &torch.path("no/folder.yaml")).expect_err("no folder");
    assert!(
        nowhere.to_string().contains("there is no folder"),
        "{nowhere}"
    );
}

#[test]
fn a_graph_that_offers_its_features_is_not_cut() {
    let config = TinyConfig {
        classes: 1001,
        ..TinyConfig::default()
    };
    let tiny = written(&residual(&config)).unwrap();
    assert_eq!(
        (tiny.classifier.classes, tiny.classifier.output.as_str()),
        (1001, "probabilities")
    );
    let plan = Plan::new(&tiny.classifier, &tiny.path("tiny.yaml")).unwrap();
    assert_eq!(
        (plan.cut(), plan.feature.tensor.as_str()),
        (None, "features")
    );
}

#[test]
fn graphs_that_are_no_classifier_of_imagenet_are_refused() {
    let found = written(&residual(&TinyConfig::default())).err().unwrap();
    let expected = "ROOT/classifier.onnx: no output has the 1000 (or 1001) classes of ImageNet; it \
                    has features: float32 [N, 8], feature_map: float32 [N, 8, 16, 16], \
                    probabilities: float32 [N, 10]: ";
    assert!(found.starts_with(expected), "{found}");
    let input = |dims: &[&str]| {
        let mut model = palette::classifier(&TORCH);
        let graph = model.graph.as_mut().unwrap();
        let dims = dims.iter().map(|text| match text.parse() {
            Ok(length) => onnx::Dim::Fixed(length),
            Err(_) => onnx::Dim::Symbol((*text).to_owned()),
        });
        onnx::palette::redimension(graph, dims.collect());
        written(&model)
    };
    for (dims, expected) in [
        (&["1", "3", "16", "16"][..], "takes batches of 1 alone"),
        (&["N", "16"], "it needs 4 dimensions"),
        (
            &["N", "4", "16", "16"],
            "leaves open where the three colours stand",
        ),
        (
            &["N", "3", "16", "3"],
            "leaves open where the three colours stand",
        ),
        (
            &["N", "3", "9999", "16"],
            "has a side that must be between 1 and 8192",
        ),
    ] {
        let found = input(dims).err().unwrap();
        assert!(found.contains(expected), "{dims:?}: {found}");
    }
    let nhwc = written(&palette::classifier(&TF)).unwrap().classifier;
    assert_eq!(
        (nhwc.input.layout, nhwc.input.dtype),
        (Layout::Nhwc, Dtype::Float32)
    );
}
