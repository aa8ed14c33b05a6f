//! The images to calibrate by.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::backbone::Manifest;
use crate::backbone::quantize::FEWEST_IMAGES;
use crate::cli::failure::Failure;
use crate::cli::progress::{Passes, counter};
use crate::dataset::{
    Columns, Dataset, DatasetConfig, DatasetError, ListFormat, OnError, Share, Source, SourceConfig,
};
use crate::pipeline::{PassObserver, PipelineConfig, PipelineError};
use crate::yaml::Document;

use super::super::sha256_hex;

/// Folders within folders; more is a link that leads back.
const DEPTH: usize = 32;

/// Which images are wanted.
pub(super) struct Wanted<'a> {
    /// A pipeline or a folder.
    pub(super) from: &'a Path,
    /// Where relative paths of the pipeline start.
    pub(super) root: &'a Path,
    pub(super) count: usize,
    pub(super) seed: u64,
}

/// Images as a network takes them.
pub(super) struct Images {
    /// One after another.
    pub(super) inputs: Vec<f32>,
    pub(super) count: usize,
    /// SHA-256 of their content keys, in their order.
    pub(super) digest: String,
}

impl Wanted<'_> {
    /// Chooses the images by the seed and the names, and preprocesses them as the manifest says.
    pub(super) fn read(&self, manifest: &Manifest) -> Result<Images, Failure> {
        let (source, chosen) = if self.from.is_dir() {
            self.folder()?
        } else {
            let source = self.pipeline()?;
            let ids = source.examples().iter().map(|example| example.id.as_str());
            let chosen = self.draw(ids.collect());
            (source, chosen)
        };
        if chosen.len() < FEWEST_IMAGES {
            return Err(Failure::failed(format!(
                "{}: {} images are too few to calibrate by: give at least {FEWEST_IMAGES}, better \
                 100 or more",
                self.from.display(),
                chosen.len()
            )));
        }
        preprocess(&source, &chosen, manifest)
    }

    /// A pipeline's training examples.
    fn pipeline(&self) -> Result<Source, Failure> {
        let document = Document::read(self.from).map_err(Failure::wrong)?;
        let config: PipelineConfig = document.typed().map_err(Failure::wrong)?;
        let dataset = opened(&config.dataset, self.root);
        let dataset = dataset.map_err(|error| match error.key() {
            Some(key) => {
                Failure::wrong(document.invalid(&format!("dataset.{key}"), error.to_string()))
            }
            None => Failure::failed(error),
        })?;
        Ok(dataset.train)
    }

    /// Files below a folder; those that are no images are passed over.
    fn folder(&self) -> Result<(Source, Vec<usize>), Failure> {
        let mut files = Vec::new();
        walk(self.from, &mut files, DEPTH)?;
        let names: Vec<String> = (files.iter())
            .map(|file| file.strip_prefix(self.from).unwrap_or(file))
            .map(|file| file.to_string_lossy().into_owned())
            .collect();
        let order = draw_all(self.seed, names.iter().map(String::as_str).collect());
        let mut at = 0;
        // Files are tried in the order of the draw until there are enough of them.
        let mut list = String::from("path\n");
        let mut found = 0;
        while found < self.count && at < order.len() {
            let file = &files[order[at]];
            at += 1;
            if is_image(file) {
                let path = fs::canonicalize(file)
                    .map_err(|e| Failure::failed(format!("{}: {e}", file.display())))?;
                list.push_str(&format!(
                    "\"{}\"\n",
                    path.display().to_string().replace('"', "\"\"")
                ));
                found += 1;
            }
        }
        if found == 0 {
            let folder = self.from.display();
            return Err(Failure::wrong(format!(
                "{folder}: no image lies in this folder or below it"
            )));
        }
        let source = listed(&list)?;
        let all = (0..source.examples().len()).collect();
        Ok((source, all))
    }

    fn draw(&self, ids: Vec<&str>) -> Vec<usize> {
        let mut drawn = draw_all(self.seed, ids);
        drawn.truncate(self.count);
        drawn
    }
}

/// The places of `ids` in an order that the seed decides, and nothing but the ids themselves.
fn draw_all(seed: u64, ids: Vec<&str>) -> Vec<usize> {
    let key = |place: &usize| {
        let hash = Sha256::new()
            .chain_update(b"catpipe/quantize/images\0")
            .chain_update(seed.to_le_bytes())
            .chain_update(ids[*place].as_bytes());
        hash.finalize()
    };
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_cached_key(key);
    order
}

/// The source of a list's text; files that cannot be decoded are left out.
fn listed(text: &str) -> Result<Source, Failure> {
    let dir = tempfile::tempdir().map_err(Failure::failed)?;
    let list = dir.path().join("images.csv");
    fs::write(&list, text).map_err(Failure::failed)?;
    let config = DatasetConfig {
        on_error: OnError::Skip,
        max_skipped: Share::try_from(1.0).map_err(Failure::failed)?,
        ..DatasetConfig::given(
            SourceConfig::List {
                list,
                format: ListFormat::Csv,
                columns: Columns::default(),
            },
            None,
        )
    };
    let dataset = opened(&config, Path::new("")).map_err(Failure::failed)?;
    Ok(dataset.train)
}

/// Opens a dataset; the passes over its images are shown.
fn opened(config: &DatasetConfig, root: &Path) -> Result<Dataset, DatasetError> {
    let passes = Passes::default();
    let mut watch = |pass, done, total| passes.pass(pass, done, total);
    Dataset::open_watched(config, root, &mut watch)
}

/// Whether a file begins like a picture.
fn is_image(path: &Path) -> bool {
    image::ImageReader::open(path)
        .and_then(image::ImageReader::with_guessed_format)
        .is_ok_and(|reader| reader.format().is_some())
}

/// The visible files below a folder, in the order of their paths.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), Failure> {
    let refuse = |e: std::io::Error| Failure::failed(format!("{}: {e}", folder.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let name = path.file_name().unwrap_or_default();
        if !name.as_encoded_bytes().starts_with(b".") {
            entries.push(path);
        }
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if depth > 0 {
                walk(&path, files, depth - 1)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Decodes and preprocesses on all cores.
fn preprocess(source: &Source, chosen: &[usize], manifest: &Manifest) -> Result<Images, Failure> {
    let recipe = manifest.preprocess();
    let length = recipe.input_len();
    let mut inputs = vec![0.0_f32; chosen.len() * length];
    let bar = counter();
    bar.set_length(chosen.len() as u64);
    type Slot<'a> = (&'a mut [f32], Result<[u8; 32], Failure>);
    let slots: Vec<Mutex<Slot<'_>>> = (inputs.chunks_mut(length.max(1)))
        .map(|input| Mutex::new((input, Ok([0; 32]))))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut worker = recipe.worker();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let (Some(slot), Some(&index)) = (slots.get(place), chosen.get(place)) else {
                return;
            };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let mut one = |input: &mut [f32]| {
                let image = source.read(index).map_err(PipelineError::from)?;
                let id = &source.examples()[index].id;
                (worker.apply(id, &image, input)).map_err(PipelineError::from)?;
                source.content_key(index).map_err(PipelineError::from)
            };
            slot.1 = one(&mut *slot.0).map_err(Failure::from);
            bar.inc(1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    bar.finish_and_clear();
    let mut keys = Vec::with_capacity(32 * chosen.len());
    for slot in slots {
        let (_, key) = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        keys.extend(key?);
    }
    Ok(Images {
        count: chosen.len(),
        digest: sha256_hex(&keys),
        inputs,
    })
}
