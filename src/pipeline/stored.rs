//! Where the rows of a training lie: in memory, or in the store, read as they are wanted.

use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::features::{RowId, Scattered, Store, StoreError};
use crate::head::{HeadError, Rows, TrainConfig, working_memory};
use crate::size::Bytes;

use super::error::PipelineError;
use super::memory::{available, hand_back, readable};

/// What the program takes for itself: its code and libraries, shards that are being read, a block
/// of rows that is looked at.
const OWN: usize = 64 << 20;

/// What is known of each row, wherever it lies: its id, its place in the index, its checksum.
const A_ROW: usize = 192;

/// Where rows are, and the settings that go with that.
#[derive(Debug)]
pub(super) struct Lying<'a> {
    pub(super) rows: Place<'a>,
    /// The training's settings, with the memory that is left for windows of rows.
    pub(super) config: TrainConfig,
    /// Why rows are streamed, where they are.
    pub(super) told: Option<String>,
}

/// The rows.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// In memory.
    Memory(Array2<f32>),
    /// In the store.
    Store(StoredRows<'a>),
}

impl<'a> Lying<'a> {
    /// Rows in memory where they fit into what the training may take (`memory`, else half of what
    /// is free: the other half is for whatever else the machine does), else in the store.
    ///
    /// # Errors
    /// Rows that cannot be read, a `memory` that is too small for two batches.
    pub(super) fn of(
        store: &'a Store,
        ids: &'a [RowId],
        config: &TrainConfig,
        classes: usize,
    ) -> Result<Self, PipelineError> {
        let width = store.space().width;
        let a_row = width.saturating_mul(size_of::<f32>());
        let rows = ids.len().saturating_mul(a_row);
        let besides = OWN
            .saturating_add(working_memory(config, width, classes))
            .saturating_add(ids.len().saturating_mul(A_ROW));
        let most = match config.memory {
            Some(memory) => memory.count(),
            None => available().map_or(usize::MAX, |free| free / 2),
        };
        if rows.saturating_add(besides) <= most {
            return Ok(Self {
                rows: Place::Memory(store.read(ids)?),
                config: config.clone(),
                told: None,
            });
        }
        let batches = config.batch.size(ids.len()).saturating_add(1) * 2;
        let fewest = batches.saturating_mul(a_row);
        let left = most.saturating_sub(besides);
        if left < fewest && config.memory.is_some() {
            return Err(PipelineError::TooLittleMemory {
                memory: readable(most),
                least: readable(besides.saturating_add(fewest).saturating_add(1 << 20)),
            });
        }
        let window = left.max(fewest);
        let config = TrainConfig {
            memory: Some(Bytes::of(window)),
            ..config.clone()
        };
        hand_back();
        let told = format!(
            "{} of feature rows do not fit into {}: they are read from the cache as they are needed",
            readable(rows),
            readable(most)
        );
        Ok(Self {
            rows: Place::Store(StoredRows::new(store.scattered(ids)?)),
            config,
            told: Some(told),
        })
    }

    /// The rows for a head.
    pub(super) fn rows(&self) -> &dyn Rows {
        match &self.rows {
            Place::Memory(rows) => rows,
            Place::Store(rows) => rows,
        }
    }

    /// What stopped a head, by what its rows say of it.
    pub(super) fn explain(&self, error: HeadError) -> PipelineError {
        let lost = match &self.rows {
            Place::Store(rows) => rows.lost.lock(),
            Place::Memory(_) => return error.into(),
        };
        match lost.unwrap_or_else(PoisonError::into_inner).take() {
            Some(lost) => lost.into(),
            None => error.into(),
        }
    }
}

/// Rows that are read from the store as they are wanted.
#[derive(Debug)]
pub(super) struct StoredRows<'a> {
    rows: Scattered<'a>,
    /// What kept the last row from being read: a head knows nothing of stores.
    lost: Mutex<Option<StoreError>>,
}

impl<'a> StoredRows<'a> {
    pub(super) fn new(rows: Scattered<'a>) -> Self {
        Self {
            rows,
            lost: Mutex::new(None),
        }
    }
}

impl Rows for StoredRows<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        self.rows.read(places, into).map_err(|error| {
            let reason = error.to_string();
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            *lost = Some(error);
            HeadError::Rows { reason }
        })
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        None
    }
}
