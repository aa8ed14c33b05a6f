//! `auto` with measurements that are made up: what is asked for, and what is chosen of it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::backbone::measure::Speed;
use crate::backbone::onnx::{self, tiny};
use crate::backbone::provider::{Precision, ProviderKind};
use crate::backbone::runtime::survey::ProviderReport;
use crate::pipeline::probe::Side;
use crate::yaml::Document;

/// Features of each kind, and what was asked for.
#[derive(Debug, Default)]
struct Fake {
    /// How much of what tells the classes apart is left in bf16.
    left: f32,
    asked: Mutex<Vec<String>>,
}

/// A width that the tiny network has.
const WIDTH: usize = 8;

impl Prober for Fake {
    fn survey(&self, _: &Search) -> Survey {
        let report = |name, precisions| ProviderReport {
            name,
            usable: true,
            version: None,
            device: None,
            versions: Default::default(),
            precisions,
            problems: Vec::new(),
        };
        Survey {
            libraries: Vec::new(),
            providers: vec![
                report(ProviderKind::Cpu, vec![Precision::Fp32]),
                report(
                    ProviderKind::Openvino,
                    vec![Precision::Fp32, Precision::Bf16],
                ),
            ],
        }
    }

    fn measure(&self, job: &Job) -> Result<Measured, String> {
        let what = format!("{} {}", job.provider, job.provider.precision());
        let judging = matches!(job.pictures, Pictures::Training { .. });
        let judging = if judging { " heads" } else { "" };
        if let Ok(mut asked) = self.asked.lock() {
            asked.push(format!("{what}{judging}"));
        }
        let (speed, left) = match what.as_str() {
            "openvino bf16" => (60.0, self.left),
            "openvino fp32" => (29.0, 1.0),
            _ => (26.0, 1.0),
        };
        let sample = job.pictures.open(job.count, &job.root, None);
        let sample = sample.map_err(|error| error.to_string())?;
        let mut features = Vec::new();
        for number in 0..sample.len() {
            // The class is the first letter of the picture's folder.
            let (id, _) = sample.picture(number).map_err(|error| error.to_string())?;
            let class = f32::from(u8::from(id.contains("b/")));
            let mut row = [1.0_f32; WIDTH];
            row[0] += 0.3 * left * (class - 0.5);
            // What both classes have alike, and every picture in its own way.
            row[1] += 0.002 * (number % 7) as f32;
            features.extend(row);
        }
        let bytes: Vec<u8> = features.iter().flat_map(|one| one.to_le_bytes()).collect();
        fs::write(&job.features, bytes).map_err(|error| error.to_string())?;
        Ok(Measured {
            speed: Some(Speed {
                rows_per_second: speed,
                passes: 1,
            }),
            open_seconds: 0.0,
            peak_memory: None,
            elsewhere: None,
            images: sample.len(),
            pictures: sample.digest().map_err(|error| error.to_string())?,
            width: WIDTH,
            side: Side {
                backbone: "tiny".to_owned(),
                graph: String::new(),
                preprocessing: String::new(),
                provider: job.provider.name().to_owned(),
                precision: String::new(),
                device: String::new(),
                onnxruntime: String::new(),
                numeric_class: what,
                elsewhere: None,
            },
        })
    }

    fn say(&self, _: &str) {}
}

const PIPELINE: &str = "\
name: p
dataset: {train: {folder: train}}
extract: {backbone: tiny.yaml, provider: {auto: {parity: fast, images: judged}}}
train: {head: logistic}
";

/// Ten pictures of each of two classes, and a network.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    onnx::write(
        &path("tiny.onnx"),
        &tiny::residual(&tiny::TinyConfig::default()),
    )
    .unwrap();
    let manifest = crate::backbone::testing::TINY_MANIFEST;
    fs::write(path("tiny.yaml"), manifest).unwrap();
    fs::create_dir(path("judged")).unwrap();
    let image = image::RgbImage::new(4, 4);
    image.save(path("judged/one.png")).unwrap();
    for class in ["a", "b"] {
        fs::create_dir_all(path("train").join(class)).unwrap();
        for number in 0..10_u8 {
            let seed = number + if class == "a" { 0 } else { 100 };
            let image = image::RgbImage::from_pixel(4, 4, image::Rgb([seed, 1, 2]));
            let file = path("train").join(class).join(format!("{number}.png"));
            image.save(file).unwrap();
        }
    }
    dir
}

fn decided(root: &Path, text: &str, prober: Option<Arc<Fake>>) -> Result<Auto, PipelineError> {
    let document = Document::parse(Path::new("p.yaml"), text)?;
    let config: PipelineConfig = document.typed()?;
    let options = Options {
        root: root.to_path_buf(),
        cache: root.join("cache"),
        prober: prober.map(|one| -> Arc<dyn Prober> { one }),
        ..Options::default()
    };
    let dataset = Dataset::open(&config.dataset, root)?;
    let backbone = Backbone::named(&config.extract.backbone, root)?;
    let graph = backbone.check_changed(root, &options.shelf())?;
    let asked = Asked {
        config: &config,
        dataset: &dataset,
        backbone: &backbone,
        graph: &graph,
        options: &options,
    };
    let auto = config.extract.provider.auto().unwrap();
    decide(&asked, auto).map(|(auto, _)| auto)
}

fn fake(left: f32) -> Arc<Fake> {
    Arc::new(Fake {
        left,
        ..Fake::default()
    })
}

fn decision(auto: Result<Auto, PipelineError>) -> Decision {
    match auto.unwrap() {
        Auto::Chosen(decision) => decision,
        Auto::Undecided(_) => panic!("undecided"),
    }
}

#[test]
fn fast_takes_the_fastest_whose_head_is_as_good_and_remembers_it() {
    let dir = project();
    let prober = fake(0.9);
    let made = decision(decided(dir.path(), PIPELINE, Some(Arc::clone(&prober))));
    assert_eq!(made.chosen.to_string(), "openvino bf16");
    // Openvino's fp32 is slower than the choice: no head is judged on it.
    let expected = [
        "cpu fp32",
        "openvino fp32",
        "openvino bf16",
        "cpu fp32 heads",
        "openvino bf16 heads",
    ];
    assert_eq!(*prober.asked.lock().unwrap(), expected);
    let told = anstream::adapter::strip_str(&made.to_string()).to_string();
    for words in [
        "20 of 20 (83.9 to 100.0 %)",
        "head right",
        "slower than the choice",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(told.ends_with("and on 20 training examples, by cross-validated logistic heads"));

    // Known from now on, by whoever may not measure too.
    let again = decision(decided(dir.path(), PIPELINE, None));
    assert_eq!((again.chosen, again.fresh), (made.chosen, false));
    assert_eq!(again.trials, made.trials);
    let prober = fake(0.9);
    let close = PIPELINE.replace("fast", "close");
    decision(decided(dir.path(), &close, Some(Arc::clone(&prober))));
    assert!(prober.asked.lock().unwrap().is_empty());
}

#[test]
fn a_head_that_is_not_as_good_keeps_its_candidate_out() {
    let dir = project();
    let prober = fake(0.0);
    let made = decision(decided(dir.path(), PIPELINE, Some(Arc::clone(&prober))));
    assert_eq!(made.chosen.to_string(), "openvino fp32");
    let bf16 = made
        .trials
        .iter()
        .find(|one| one.head.is_some() && one.refusal(Bar::Fast).is_some());
    let bf16 = bf16.unwrap();
    assert_eq!(bf16.candidate.to_string(), "openvino bf16");
    assert!(bf16.parity.unwrap().cosine_mean > 0.99);
    assert!(made.to_string().contains("its head is not as good"));
}

#[test]
fn another_example_or_seed_judges_anew_and_takes_what_rows_there_are() {
    let dir = project();
    let run = |text: &str| {
        let prober = fake(0.9);
        decision(decided(dir.path(), text, Some(Arc::clone(&prober))));
        let asked = prober.asked.lock().unwrap();
        asked.clone()
    };
    assert_eq!(run(PIPELINE).len(), 5);
    assert!(run(PIPELINE).is_empty());
    // Another seed: the rows are in the store.
    assert!(run(&format!("{PIPELINE}seed: 2\n")).is_empty());
    // Another example: features are the same, heads are not.
    let more = dir.path().join("train/a/more.png");
    image::RgbImage::new(4, 4).save(more).unwrap();
    assert_eq!(run(PIPELINE), ["cpu fp32 heads", "openvino bf16 heads"]);
}

#[test]
fn what_cannot_be_judged_is_said() {
    let dir = project();
    let text = PIPELINE.replace("train: {head: logistic}\n", "");
    let error = decided(dir.path(), &text, Some(fake(1.0))).unwrap_err();
    assert!(matches!(error, PipelineError::NoHead), "{error}");
    assert!(error.is_wrong_pipeline());
    for number in 1..10 {
        fs::remove_file(dir.path().join(format!("train/b/{number}.png"))).unwrap();
    }
    let error = decided(dir.path(), PIPELINE, Some(fake(1.0))).unwrap_err();
    let words = "class `b` has 1 training example: add examples";
    assert!(error.to_string().contains(words), "{error}");
}
