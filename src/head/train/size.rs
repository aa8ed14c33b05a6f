//! What a training takes of the memory.

use crate::head::config::{Batch, HeadConfig, TrainConfig};
use crate::head::error::HeadError;
use crate::head::examples::Examples;
use crate::head::network::parameter_count;

/// The most weights in memory at once, over the models of all folds: a gigabyte of them, and as
/// much again for each of their gradient and Adam's two moments.
const MOST_WEIGHTS: usize = 1 << 28;

/// Bytes that training takes besides the feature rows: weights, gradient, moments and a copy of
/// the best so far for each model, and what a batch is turned into on its way.
#[must_use]
pub fn working_memory(config: &TrainConfig, width: usize, classes: usize) -> usize {
    const COPIES: usize = 5;
    let weights = parameter_count(&config.head, width, classes).unwrap_or(usize::MAX);
    let hidden = match &config.head {
        HeadConfig::Dense(dense) => dense.hidden.iter().map(|width| width.get()).sum(),
        HeadConfig::Logistic(_) => 0_usize,
        HeadConfig::Cnn(cnn) => {
            let shapes = cnn.shapes(width).unwrap_or_default();
            let maps: usize = shapes.iter().skip(1).map(|shape| shape.len()).sum();
            maps.saturating_add(cnn.hidden.iter().map(|width| width.get()).sum())
        }
    };
    let blended = if config.mixup.is_some() { width } else { 0 };
    let a_row = hidden
        .saturating_mul(4)
        .saturating_add(classes)
        .saturating_add(blended);
    let batch = match config.batch {
        Batch::Examples(size) => size.get().saturating_add(1),
        Batch::All => 0,
    };
    let numbers = weights
        .saturating_mul(COPIES)
        .saturating_add(a_row.saturating_mul(batch));
    numbers
        .saturating_mul(models(config))
        .saturating_mul(size_of::<f32>())
}

/// Models that are in memory at once.
fn models(config: &TrainConfig) -> usize {
    config
        .validation
        .map_or(1, |validation| validation.models())
}

/// Whether the models fit in memory side by side.
///
/// # Errors
/// [`HeadError::TooLarge`], or rows that the head cannot take.
pub(in crate::head) fn check_size(
    config: &TrainConfig,
    examples: &Examples<'_>,
) -> Result<(), HeadError> {
    let inputs = examples.width();
    if let HeadConfig::Cnn(cnn) = &config.head {
        cnn.shapes(inputs)?;
    }
    let models = models(config);
    let count = parameter_count(&config.head, inputs, examples.classes);
    match count.and_then(|count| count.checked_mul(models)) {
        Some(count) if count <= MOST_WEIGHTS => Ok(()),
        _ => Err(HeadError::TooLarge {
            models,
            inputs,
            limit: MOST_WEIGHTS,
        }),
    }
}

/// How many of these trainings go on side by side. Where rows lie in memory, one: nothing is gained
/// by more. Where they are streamed, as many as share a pass with models that fit into a part of the
/// memory for windows of rows ([`SHARED`]).
pub(in crate::head) fn side_by_side<'c>(
    configs: impl Iterator<Item = &'c TrainConfig>,
    examples: &Examples<'_>,
    budget: usize,
) -> usize {
    if examples.features.in_memory().is_some() {
        return 1;
    }
    let (width, classes) = (examples.width(), examples.classes);
    let own = |config: &TrainConfig| working_memory(config, width, classes);
    let largest = configs.map(own).max().unwrap_or(0).max(1);
    1 + budget / SHARED / largest
}

/// One part of so many of the memory for windows goes to models beside the first.
pub(super) const SHARED: usize = 4;
