//! Whether cached rows are what the network gives.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::backbone::measure::{Parity, parity};
use crate::backbone::{Network, Provider};
use crate::dataset::Source;
use crate::extract::{Row, Shape, extract};
use crate::features::{RowId, Store, shards_of};

use super::super::batch_size;
use super::super::checked::Checked;
use super::super::error::PipelineError;
use super::super::extraction::{Inference, worker_count};
use super::super::opening::refuse_changed;
use super::super::plan::parts;
use super::super::prepare::{Clock, Pictures, Preparing};
use super::super::rows::Part;
use super::store_in;

/// Where a provider does not promise the same bits, a row that is less alike was never its own.
const ALIKE: f64 = 0.999;

/// What became of a sample of rows.
#[derive(Debug, Default)]
pub struct Recomputed {
    /// Rows of the pipeline that are in the cache.
    pub cached: usize,
    /// Rows that were computed again.
    pub compared: usize,
    /// Why the last bits may differ; `None` where they may not.
    pub unsteady: Option<&'static str>,
    /// How near the rows are; `None` where none was compared.
    pub parity: Option<Parity>,
    /// Rows that are not what they should be.
    pub different: Vec<Different>,
}

/// A cached row that is not what the network gives.
#[derive(Debug)]
pub struct Different {
    /// The image's id.
    pub image: String,
    /// The view; 0 is the plain image.
    pub view: u32,
    /// How near the two are.
    pub parity: Option<Parity>,
    /// The shards that hold the row.
    pub shards: Vec<PathBuf>,
}

/// Computes `count` of the pipeline's cached rows again, by the way that a run computes them, and
/// compares. The rows are those whose digests with `seed` are the smallest: the same for the same
/// seed, whatever the order of the examples. `progress` is told images read and images in all, then
/// rows done and rows in all.
///
/// # Errors
/// As a run's extraction.
pub fn recompute(
    checked: &Checked,
    count: usize,
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Recomputed, PipelineError> {
    checked.expect_decided()?;
    let (mut read, images) = (0, checked.dataset.images());
    let (train, test) = parts(checked, &mut || {
        read += 1;
        progress(read, images);
    })?;
    let dataset = &checked.dataset;
    let test = dataset.test.as_ref().zip(test.as_ref());
    let sides: Vec<(&Source, &Part)> = std::iter::once((&dataset.train, &train))
        .chain(test)
        .collect();
    let (store, _) = checked.store()?;
    let (cached, sample) = sample(&sides, &store, count, seed);
    let mut found = Recomputed {
        cached,
        compared: sample.values().map(Vec::len).sum(),
        ..Recomputed::default()
    };
    if found.compared == 0 {
        return Ok(found);
    }
    let options = checked.session_options();
    let root = &checked.options.root;
    let mut network = checked
        .backbone
        .open(root, checked.first, &options, || checked.runtime())?;
    refuse_changed(checked, &network)?;
    found.unsteady = options.provider.unsteady();
    let mut compared = Compared::default();
    let (mut done, total) = (0, found.compared);
    for (side, indices) in sample {
        let again = Again {
            checked,
            source: sides[side].0,
            part: sides[side].1,
            indices,
        };
        let mut advance = |rows| {
            done += rows;
            progress(done, total);
        };
        again.run(
            &store,
            &mut network,
            &options.provider,
            &mut compared,
            &mut advance,
        )?;
    }
    found.parity = parity(&compared.cached, &compared.computed, checked.space.width);
    found.different = compared.different(checked, found.unsteady.is_some())?;
    Ok(found)
}

/// How many rows are in the store, and the sample of them: side by side, in the order of rows.
fn sample(
    sides: &[(&Source, &Part)],
    store: &Store,
    count: usize,
    seed: u64,
) -> (usize, BTreeMap<usize, Vec<usize>>) {
    let mut ranked = Vec::new();
    let mut seen = HashSet::new();
    for (side, (_, part)) in sides.iter().enumerate() {
        let missing: HashSet<RowId> = store
            .missing(&part.ids)
            .into_iter()
            .map(|i| part.ids[i])
            .collect();
        for (index, id) in part.ids.iter().enumerate() {
            if !missing.contains(id) && seen.insert(*id) {
                let mut hash = Sha256::new_with_prefix("catpipe recompute");
                hash.update(seed.to_le_bytes());
                hash.update(id.0);
                let rank: [u8; 32] = hash.finalize().into();
                ranked.push((rank, side, index));
            }
        }
    }
    let cached = ranked.len();
    ranked.sort_unstable();
    ranked.truncate(count);
    let mut chosen: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (_, side, index) in ranked {
        chosen.entry(side).or_default().push(index);
    }
    chosen
        .values_mut()
        .for_each(|indices| indices.sort_unstable());
    (cached, chosen)
}

/// The rows of one side that are computed again.
struct Again<'a> {
    checked: &'a Checked,
    source: &'a Source,
    part: &'a Part,
    indices: Vec<usize>,
}

impl Again<'_> {
    fn run(
        &self,
        store: &Store,
        network: &mut Network,
        provider: &Provider,
        compared: &mut Compared,
        advance: &mut dyn FnMut(usize),
    ) -> Result<(), PipelineError> {
        let (checked, part) = (self.checked, self.part);
        let rows: Vec<Row> = self.indices.iter().map(|&i| part.rows[i]).collect();
        let ids: Vec<RowId> = self.indices.iter().map(|&i| part.ids[i]).collect();
        let default = usize::from(batch_size::DEFAULT);
        let batch = checked.config.extract.batch.rows().unwrap_or(default);
        let preprocess = checked.backbone.preprocess(checked.first);
        let shape = Shape {
            input: preprocess.input_len(),
            width: checked.space.width,
            batch: provider.max_batch().unwrap_or(batch).min(batch),
        };
        let preparing = Preparing {
            source: self.source,
            part,
            augment: &checked.config.augment,
            seed: checked.config.seed,
            preprocess,
            pictures: Pictures::new(&rows, shape.batch),
            clock: Clock::default(),
        };
        let workers = (0..worker_count()).map(|_| preparing.worker()).collect();
        extract(
            &rows,
            shape,
            workers,
            &mut Inference(network),
            &mut |first, computed| {
                let count = computed.len() / shape.width.max(1);
                let cached = store.read(&ids[first..first + count])?;
                let batch = rows[first..].iter().zip(&ids[first..]);
                for ((row, id), (cached, computed)) in batch.zip(
                    cached
                        .rows()
                        .into_iter()
                        .zip(computed.chunks_exact(shape.width)),
                ) {
                    let image = &self.source.examples()[row.example].id;
                    compared.names.push((image.clone(), row.view, *id));
                    compared.cached.extend(cached);
                    let kept = computed.iter().map(|&x| checked.space.rows.kept(x));
                    compared.computed.extend(kept);
                }
                advance(count);
                Ok(())
            },
            &checked.options.stop,
        )?;
        Ok(())
    }
}

/// Cached and computed rows beside each other.
#[derive(Default)]
struct Compared {
    names: Vec<(String, u32, RowId)>,
    cached: Vec<f32>,
    computed: Vec<f32>,
}

impl Compared {
    /// The rows that are not what they should be, with the shards that hold them.
    fn different(
        &self,
        checked: &Checked,
        unsteady: bool,
    ) -> Result<Vec<Different>, PipelineError> {
        let width = checked.space.width;
        let pairs = self
            .cached
            .chunks_exact(width)
            .zip(self.computed.chunks_exact(width));
        let mut wrong = Vec::new();
        for ((image, view, id), (cached, computed)) in self.names.iter().zip(pairs) {
            let parity = parity(cached, computed, width);
            let same_bits = cached
                .iter()
                .zip(computed)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            let alike = parity.is_some_and(|parity| parity.cosine_min >= ALIKE);
            if !(same_bits || unsteady && alike) {
                wrong.push((*id, image, *view, parity));
            }
        }
        if wrong.is_empty() {
            return Ok(Vec::new());
        }
        let ids = wrong.iter().map(|(id, ..)| *id).collect();
        let root = store_in(&checked.options.cache);
        let mut shards = shards_of(&root, &checked.space, &ids)?;
        let different = wrong
            .into_iter()
            .map(|(id, image, view, parity)| Different {
                image: image.clone(),
                view,
                parity,
                shards: shards.remove(&id).unwrap_or_default(),
            });
        Ok(different.collect())
    }
}
