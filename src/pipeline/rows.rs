//! Which rows a source of examples needs.

use crate::augment::AugmentConfig;
use crate::dataset::{DatasetError, Source};
use crate::digests::Digests;
use crate::extract::Row;
use crate::features::{RowId, Space};

/// The rows of one source: view by view within example by example.
pub(super) struct Part {
    /// Rows of an example: the plain view and its augmented ones.
    pub(super) views: usize,
    /// What each row is.
    pub(super) rows: Vec<Row>,
    /// The row's key in the store.
    pub(super) ids: Vec<RowId>,
    /// The content key of each example.
    pub(super) examples: Vec<[u8; 32]>,
}

impl Part {
    /// Plans `augmented` views of each example beside its plain one. Reads every image that is not
    /// `known`, to know it by its content; `read` is called after each example.
    pub(super) fn plan(
        source: &Source,
        augment: &AugmentConfig,
        augmented: u32,
        seed: u64,
        space: &Space,
        known: &Digests,
        read: &mut dyn FnMut(),
    ) -> Result<Self, DatasetError> {
        let views: Vec<String> = (0..=augmented).map(|v| augment.view_key(seed, v)).collect();
        let namer = space.namer();
        let mut part = Part {
            views: views.len(),
            rows: Vec::new(),
            ids: Vec::new(),
            examples: Vec::new(),
        };
        for example in 0..source.examples().len() {
            let key = source.changed_content_key(example, known)?;
            part.examples.push(key);
            read();
            for (view, view_key) in (0..).zip(&views) {
                part.rows.push(Row { example, view });
                part.ids.push(namer.row(&key, view_key));
            }
        }
        Ok(part)
    }
}
