//! What the tests of this room share.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

use super::error::BackboneError;
use super::manifest::Manifest;
use super::onnx::tiny::{TinyConfig, residual};
use super::onnx::{self, ModelProto};
use super::runtime::{Runtime, Search};
use crate::assets;
use crate::yaml::Document;

/// The machine's ONNX Runtime: `ORT_DYLIB_PATH`, else the cache folder.
///
/// A machine without it fails these tests: to skip them would be to say that they pass.
pub(crate) fn runtime() -> Runtime {
    let cache = assets::cache_dir().unwrap();
    let search = Search::from_env(None, assets::runtime_dir(&cache));
    Runtime::locate(&search).unwrap_or_else(|error| panic!("run `make setup` first: {error}"))
}

/// A manifest of a tiny network's file `tiny.onnx` of 8 features and 32x32 pixels.
pub(crate) const TINY_MANIFEST: &str = "\
name: tiny
description: a small residual network
licence: none
file: tiny.onnx
source:
  from: {npm: {package: none, version: 0.0.0, integrity: none}}
  build: make tiny.onnx
input: {name: input, layout: nchw, dtype: float32, size: [32, 32]}
preprocess:
  color: rgb
  resize: {rule: stretch, filter: bilinear, antialias: true}
  scale: 1.0
  mean: [127.5, 127.5, 127.5]
  std: [127.5, 127.5, 127.5]
output: {name: features, width: 8}
";

/// The manifest `text`, as if it stood in `tiny.yaml`.
pub(crate) fn manifest(text: &str) -> Result<Manifest, BackboneError> {
    Document::parse(Path::new("tiny.yaml"), text)
        .map_err(BackboneError::from)
        .and_then(Manifest::from_document)
}

/// A folder with the tiny network as `tiny.onnx`, changed by `change`.
pub(crate) fn tiny(change: impl FnOnce(&mut ModelProto)) -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut model = residual(&TinyConfig::default());
    change(&mut model);
    onnx::write(&dir.path().join("tiny.onnx"), &model).unwrap();
    dir
}

/// `count` values between -1 and 1 that follow from `seed` alone.
pub(crate) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let uniform = |bits: u32| (bits >> 8) as f32 * 2.0_f32.powi(-23) - 1.0;
    (0..count).map(|_| uniform(random.next_u32())).collect()
}
