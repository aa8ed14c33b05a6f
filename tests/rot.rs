//! A shard that goes bad after a run has planned with its rows: they are computed again.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests fail like tests

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use catpipe::dataset::{DatasetConfig, FileNames, SourceConfig};
use catpipe::pipeline::{
    Batch, Checked, Event, ExtractConfig, Observer, Options, Stage, extract_to, run,
};
use common::Project;

const PIPELINE: &str = "name: shapes
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
extract: {backbone: pixels}
train: {head: logistic, epochs: 3}
evaluate: {}
";

/// Flips a bit in a shard at the first event that `is_time`, and hears warnings.
struct Rot<'a> {
    features: PathBuf,
    is_time: &'a dyn Fn(&Event) -> bool,
    done: bool,
    warnings: Vec<String>,
}

impl<'a> Rot<'a> {
    fn new(cache: &Path, is_time: &'a dyn Fn(&Event) -> bool) -> Self {
        Self {
            features: cache.join("features"),
            is_time,
            done: false,
            warnings: Vec::new(),
        }
    }
}

impl Observer for Rot<'_> {
    fn event(&mut self, event: &Event) {
        if let Event::Warning(text) = event {
            self.warnings.push(text.clone());
        }
        if !self.done && (self.is_time)(event) {
            self.done = true;
            let space = fs::read_dir(&self.features).unwrap().next().unwrap();
            let shards = space.unwrap().path().join("shards");
            let mut shards = fs::read_dir(shards).unwrap().map(|one| one.unwrap().path());
            let shard = shards.find(|path| path.extension().is_some_and(|end| end == "h5"));
            let shard = shard.unwrap();
            let mut bytes = fs::read(&shard).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(shard, bytes).unwrap();
        }
    }
}

fn project() -> (Project, Options) {
    let project = Project::new();
    let sizes = ["--train", "4", "--test", "2", "--size", "8x8"];
    project.ok(&[&["synth", "shapes", "--classes", "2"][..], &sizes].concat());
    let options = Options {
        root: project.path(""),
        cache: project.path("cache"),
        ..Options::default()
    };
    (project, options)
}

#[test]
fn a_run_computes_the_rows_of_a_rotten_shard_again() {
    let (project, options) = project();
    project.write("p.yaml", PIPELINE);
    project.ok(&["run", "p.yaml"]);
    let whole = fs::read(project.path("runs/shapes/predictions.csv")).unwrap();
    fs::remove_dir_all(project.path("runs")).unwrap();
    let checked = Checked::read(&project.path("p.yaml"), options).unwrap();
    let planned = |event: &Event| matches!(event, Event::Finished(Stage::Dataset, ..));
    let mut rot = Rot::new(&project.path("cache"), &planned);
    let outcome = run(&checked, &mut rot).unwrap();
    assert!(rot.done && outcome.metrics.timings.rows_computed > 0);
    let told = |text: &String| text.contains("moved to") && text.contains("does so now");
    assert!(rot.warnings.iter().any(told), "{:?}", rot.warnings);
    let again = fs::read(project.path("runs/shapes/predictions.csv")).unwrap();
    assert!(whole == again);
}

#[test]
fn so_does_a_file_of_features() {
    let (project, options) = project();
    let extract: ExtractConfig = serde_json::from_str(r#"{"backbone": "pixels"}"#).unwrap();
    let images = project.path("shapes/train").to_string_lossy().into_owned();
    let source = SourceConfig::Files {
        files: FileNames::Under(images),
        exclude: Vec::new(),
        group_by: None,
        block: None,
    };
    let batch = Batch {
        dataset: DatasetConfig::given(source, None),
        extract,
    };
    let to = |name: &str, rot: &mut Rot<'_>| {
        let outcome = extract_to(batch.clone(), options.clone(), &project.path(name), rot);
        (outcome.unwrap(), fs::read(project.path(name)).unwrap())
    };
    let cache = project.path("cache");
    let (_, whole) = to("a.npy", &mut Rot::new(&cache, &|_| false));
    let planned = |event: &Event| matches!(event, Event::Skipped(Stage::Extract, _));
    let mut rot = Rot::new(&cache, &planned);
    let (outcome, again) = to("b.npy", &mut rot);
    assert!(rot.done && outcome.timings.rows_computed > 0);
    assert_eq!(rot.warnings.len(), 1, "{:?}", rot.warnings);
    assert!(whole == again);
}
