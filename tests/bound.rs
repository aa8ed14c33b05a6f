//! An extraction whose session has a GPU's buffers, on the processor, and one by several sessions:
//! the same rows in their order, and a failure that is told.
#![allow(clippy::expect_used, clippy::panic)]

use catpipe::assets;
use catpipe::backbone::onnx::{self, tiny};
use catpipe::backbone::{Manifest, Runtime, Search, Session, SessionOptions};
use catpipe::extract::{Ahead, ExtractError, Failure, Infer, Prepare, Row, Shape, extract};
use catpipe::stop::Stop;
use tempfile::TempDir;

const MANIFEST: &str = "name: tiny
file: tiny.onnx
input: {name: input, layout: nchw, dtype: float32, size: [32, 32]}
preprocess: {preset: torch-imagenet}
output: {name: features, width: 8}
";

const INPUT: usize = 3 * 32 * 32;

/// An image that follows from the row; example 30 is no image, and 31 no numbers.
struct Painted;

impl Prepare for Painted {
    fn prepare(&mut self, index: usize, row: Row, input: &mut [f32]) -> Result<(), Failure> {
        if row.example == 30 {
            return Err("example 30 is broken".into());
        }
        for (at, value) in input.iter_mut().enumerate() {
            *value = ((index * 31 + at * 7) % 255) as f32 / 127.5 - 1.0;
        }
        if row.example == 31 {
            input[5] = f32::NAN;
        }
        Ok(())
    }
}

struct Network(Session);

impl Infer for Network {
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure> {
        Ok(self.0.run(input, rows, features)?)
    }

    fn ahead(&mut self) -> Option<&mut dyn Ahead> {
        let is_beside = self.0.depth() > 0;
        is_beside.then_some(&mut self.0 as &mut dyn Ahead)
    }
}

/// One session that is lent its input, one with a GPU's buffers, and three that share each batch.
fn sessions() -> (TempDir, [Network; 3]) {
    let dir = tempfile::tempdir().expect("a folder");
    let model = tiny::residual(&tiny::TinyConfig::default());
    onnx::write(&dir.path().join("tiny.onnx"), &model).expect("a graph");
    std::fs::write(dir.path().join("tiny.yaml"), MANIFEST).expect("a manifest");
    let manifest = Manifest::read(&dir.path().join("tiny.yaml")).expect("a manifest");
    let cache = assets::cache_dir().expect("a cache");
    let search = Search::from_env(None, assets::runtime_dir(&cache));
    let runtime = Runtime::locate(&search).expect("run `make setup` first");
    let options = SessionOptions::default();
    let plain = Session::open(&manifest, dir.path(), &runtime, &options);
    let bound = Session::open_bound(&manifest, dir.path(), &runtime, &options);
    let options = SessionOptions {
        threads: Some(3),
        sessions: 3,
        ..options
    };
    let several = Session::open(&manifest, dir.path(), &runtime, &options);
    let all = [plain, bound, several].map(|session| Network(session.expect("a session")));
    (dir, all)
}

/// The rows that come out, and how it ends.
fn run(
    network: &mut Network,
    examples: usize,
    batch: usize,
) -> (Vec<u32>, Result<(), ExtractError>) {
    let rows: Vec<Row> = (0..examples)
        .map(|example| Row { example, view: 0 })
        .collect();
    let shape = Shape {
        input: INPUT,
        width: 8,
        batch,
    };
    let mut out = Vec::new();
    let workers = vec![Painted, Painted];
    let mut sink = |first: usize, features: &[f32]| {
        assert_eq!(first * 8, out.len());
        out.extend(features.iter().map(|feature| feature.to_bits()));
        Ok(())
    };
    let stop = Stop::default();
    let done = extract(&rows, shape, workers, network, &mut sink, &stop);
    (out, done.map(|_| ()))
}

#[test]
fn rows_are_bit_for_bit_those_of_the_plain_path() {
    let (_dir, [mut plain, mut bound, mut several]) = sessions();
    let depths = [&plain, &bound, &several].map(|network| network.0.depth());
    assert_eq!(depths, [0, 2, 2]);
    for (examples, batch) in [(29, 4), (29, 8), (3, 8), (16, 8), (1, 1), (0, 4), (29, 1)] {
        let (expected, done) = run(&mut plain, examples, batch);
        done.expect("rows");
        assert_eq!(expected.len(), examples * 8);
        for network in [&mut bound, &mut several] {
            let (found, done) = run(network, examples, batch);
            done.expect("rows");
            assert!(found == expected, "{examples} rows in batches of {batch}");
        }
    }
}

#[test]
fn what_came_before_a_failure_is_handed_on() {
    let (_dir, all) = sessions();
    for mut network in all {
        let (out, done) = run(&mut network, 40, 4);
        assert!(matches!(done, Err(ExtractError::Prepare { row, .. }) if row.example == 30));
        assert_eq!(out.len(), 28 * 8);
    }
}

#[test]
fn a_feature_that_is_no_number_ends_it_and_another_extraction_may_follow() {
    let (_dir, all) = sessions();
    for mut network in all {
        let rows: Vec<Row> = [1, 2, 31, 3, 4, 5, 6]
            .map(|example| Row { example, view: 0 })
            .to_vec();
        let shape = Shape {
            input: INPUT,
            width: 8,
            batch: 2,
        };
        let mut count = 0;
        let done = extract(
            &rows,
            shape,
            vec![Painted],
            &mut network,
            &mut |_, features| {
                count += features.len() / 8;
                Ok(())
            },
            &Stop::default(),
        );
        let Err(ExtractError::Infer(error)) = done else {
            panic!("{done:?}");
        };
        let text = error.to_string();
        assert!(text.contains("of row 0 of the batch is NaN"), "{text}");
        assert_eq!(count, 2);
        let mut features = [0.0; 8];
        let input = vec![0.5; INPUT];
        network.0.run(&input, 1, &mut features).expect("a row");
    }
}
