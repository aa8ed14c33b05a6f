//! The extraction stage as a pipeline runs it: files on disk to rows in the cache.

use std::error::Error;
use std::path::Path;

use catpipe::assets;
use catpipe::dataset::synth::{self, SynthConfig, SynthFormat, SynthSet};
use catpipe::pipeline::{Checked, Event, Observer, Options, run};

use super::Line;

const IMAGES: u32 = 64;
const ROUNDS: usize = 3;

/// Nobody watches.
struct Quiet;

impl Observer for Quiet {
    fn event(&mut self, _: &Event) {}
}

/// JPEGs of a camera's shape, plain and with augmented views.
pub(super) fn measure(
    checkout: &Path,
    batch: usize,
    threads: usize,
) -> Result<Vec<Line>, Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let set = SynthSet {
        classes: 2,
        train_per_class: IMAGES / 2,
        test_per_class: 0,
        size: [500, 375],
        format: SynthFormat::Jpeg,
        ..SynthSet::default()
    };
    let out = root.path().join("pictures");
    synth::write(&SynthConfig { out, set }, &|_, _| ())?;
    std::os::unix::fs::symlink(checkout.join("onnx"), root.path().join("onnx"))?;
    let plain = "";
    let views = "augment:
  views: 3
  ops:
    - hflip: {p: 0.5}
    - random_resized_crop: {scale: [0.7, 1.0]}
    - rotate: {degrees: 15}
    - color_jitter: {brightness: 0.2, contrast: 0.2, saturation: 0.2}
";
    [("plain view", plain, 1), ("4 views an image", views, 4)]
        .into_iter()
        .map(|(what, augment, views)| {
            let rate = rate(root.path(), augment, views, batch, threads)?;
            let what = format!("extraction stage, JPEG 500x375 to cached rows, {what}");
            Ok(Line {
                what,
                images_a_second: rate,
            })
        })
        .collect()
}

/// Rows a second of the best of a few runs, each with an empty store.
fn rate(
    root: &Path,
    augment: &str,
    views: usize,
    batch: usize,
    threads: usize,
) -> Result<f64, Box<dyn Error>> {
    let pipeline = root.join("bench.yaml");
    let text = format!(
        "name: bench\ndataset: {{train: {{folder: pictures/train}}}}\n{augment}\
         extract: {{backbone: onnx/resnet50.yaml, batch: {batch}, threads: {threads}}}\n"
    );
    std::fs::write(&pipeline, text)?;
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        let cache = tempfile::tempdir()?;
        let runtime = assets::runtime_dir(&assets::cache_dir()?);
        let options = Options {
            root: root.to_owned(),
            cache: cache.path().to_owned(),
            set: Vec::new(),
            ort_dylib: Some(runtime.join(assets::RUNTIME_LIBRARY)),
        };
        let outcome = run(&Checked::read(&pipeline, options)?, &mut Quiet)?;
        let timings = outcome.metrics.timings;
        assert_eq!(
            timings.rows_computed,
            IMAGES as usize * views,
            "an empty store"
        );
        best = best.max(timings.rows_computed as f64 / timings.extract);
    }
    Ok(best)
}
