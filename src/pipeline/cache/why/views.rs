//! New views of images that are known.

use std::path::Path;

use crate::augment::AugmentConfig;
use crate::features::Store;
use crate::yaml::Document;

use super::super::super::checked::Checked;
use super::super::super::config::PipelineConfig;
use super::{Change, Image, What};

/// Seeds that are tried: a key says nothing of what it was made of, so that an old seed is found
/// by making the keys that it would give.
const SEEDS: std::ops::Range<u64> = 0..1000;
/// Images on which seeds are tried before it is believed that none of them is the old one.
const TRIES: usize = 8;

/// What is known of how views were made before.
pub(super) struct Views<'a> {
    checked: &'a Checked,
    store: &'a Store,
    before: Vec<(AugmentConfig, u64)>,
    tries: usize,
}

impl<'a> Views<'a> {
    /// The last run's way of making views is the first that is tried.
    pub(super) fn new(checked: &'a Checked, store: &'a Store) -> Self {
        let last = last_run(checked).map(|config| (config.augment, config.seed));
        Self {
            checked,
            store,
            before: last.into_iter().collect(),
            tries: 0,
        }
    }

    /// Why views of an image whose plain row is there are not.
    pub(super) fn reason(&mut self, image: &Image) -> What {
        let last = image.wanted.saturating_sub(1);
        let there: Vec<u32> = (1..=last)
            .filter(|view| image.missing.binary_search(view).is_err())
            .collect();
        if let Some(&highest) = there.last() {
            let is_above = image.missing.iter().all(|&view| view > highest);
            return match is_above {
                true => What::MoreViews {
                    old: highest,
                    new: last,
                },
                false => What::Nothing,
            };
        }
        let (augment, seed) = (&self.checked.config.augment, self.checked.config.seed);
        let found = self
            .before
            .iter()
            .find(|(old, seed)| self.has(image, old, *seed));
        let found = found.cloned().or_else(|| self.try_seeds(image));
        let Some((old, old_seed)) = found else {
            return What::View {
                changes: Vec::new(),
            };
        };
        let mut changes = Vec::new();
        if old_seed != seed {
            changes.push(change("seed", old_seed, seed));
        }
        if old.ops != augment.ops {
            changes.push(change("augment.ops", ops(&old), ops(augment)));
        }
        What::View { changes }
    }

    /// The seed with which the ops of now were run before.
    fn try_seeds(&mut self, image: &Image) -> Option<(AugmentConfig, u64)> {
        if self.tries >= TRIES {
            return None;
        }
        self.tries += 1;
        let augment = &self.checked.config.augment;
        let found = SEEDS
            .into_iter()
            .find(|&seed| self.has(image, augment, seed))?;
        let found = (augment.clone(), found);
        self.before.push(found.clone());
        Some(found)
    }

    fn has(&self, image: &Image, augment: &AugmentConfig, seed: u64) -> bool {
        let row = self
            .checked
            .space
            .row(&image.key, &augment.view_key(seed, 1));
        self.store.missing(&[row]).is_empty()
    }
}

fn change(field: &str, old: impl ToString, new: impl ToString) -> Change {
    Change {
        field: field.to_owned(),
        old: old.to_string(),
        new: new.to_string(),
    }
}

/// Ops as they stand in a key.
fn ops(augment: &AugmentConfig) -> String {
    serde_json::to_string(&augment.ops).unwrap_or_else(|_| format!("{:?}", augment.ops))
}

/// The pipeline of the last run, where its folder is there and says it.
fn last_run(checked: &Checked) -> Option<PipelineConfig> {
    let name = "pipeline.yaml";
    let text = String::from_utf8(checked.folder.read(name).ok()?).ok()?;
    Document::parse(Path::new(name), &text).ok()?.typed().ok()
}
