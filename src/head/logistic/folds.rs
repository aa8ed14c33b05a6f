//! Who sees what in a cross-validation.

use crate::head::config::{TrainConfig, ValidationConfig};
use crate::head::error::HeadError;
use crate::head::examples::Examples;
use crate::head::train::folds::divide;
use crate::head::train::trainer::class_weights;

/// The folds of each repeat, and a model for each of them.
#[derive(Debug)]
pub(super) struct Folds {
    /// How many there are in a repeat.
    pub(super) count: usize,
    /// The fold of each example, `[repeats][examples]`.
    pub(super) of: Vec<Vec<usize>>,
    /// The share of each example in the loss of each model, those of the first repeat first.
    pub(super) shares: Vec<Vec<f64>>,
    /// Whether each model judges an example, because it has not seen it.
    pub(super) judged: Vec<Vec<bool>>,
}

impl Folds {
    /// # Errors
    /// A class with fewer examples, or in fewer groups, than folds; class weights that do not fit.
    pub(super) fn new(
        config: &TrainConfig,
        examples: &Examples<'_>,
        validation: ValidationConfig,
        seed: u64,
    ) -> Result<Self, HeadError> {
        let count = validation.folds.get();
        let of = divide(examples, validation, seed)?;
        let models = of
            .iter()
            .flat_map(|of| (0..count).map(move |fold| (of, fold)));
        let shares = models
            .map(|(of, fold)| shares(config, examples, of, Some(fold)))
            .collect::<Result<_, _>>()?;
        let models = (of.iter()).flat_map(|of| (0..count).map(move |fold| (of, fold)));
        let judged = models.map(|(of, fold)| of.iter().map(|&own| own == fold).collect());
        Ok(Self {
            count,
            shares,
            judged: judged.collect(),
            of,
        })
    }

    /// The model of each example of a repeat that has not seen it.
    pub(super) fn models(&self, repeat: usize) -> Vec<usize> {
        let of = self.of.get(repeat).map(Vec::as_slice).unwrap_or_default();
        of.iter().map(|fold| repeat * self.count + fold).collect()
    }
}

/// The share of each example in the mean loss of the model that may see it: all but those of a
/// fold, or all. Where classes have weights, an example has its class's, and the shares are those
/// in the sum of the weights.
///
/// # Errors
/// Class weights that do not fit.
pub(super) fn shares(
    config: &TrainConfig,
    examples: &Examples<'_>,
    fold_of: &[usize],
    held_out: Option<usize>,
) -> Result<Vec<f64>, HeadError> {
    let seen = |example: &usize| fold_of.get(*example).copied() != held_out;
    let members: Vec<usize> = (0..examples.len()).filter(seen).collect();
    let weights = class_weights(config, examples, &members)?;
    let weight = |example: usize| {
        let label = examples.labels.get(example).copied().unwrap_or_default();
        let of_class = |all: &Vec<f64>| all.get(label).copied().unwrap_or(1.0);
        weights.as_ref().map_or(1.0, of_class)
    };
    let total: f64 = members.iter().map(|&example| weight(example)).sum();
    let mut shares = vec![0.0; examples.len()];
    for example in members {
        if let Some(share) = shares.get_mut(example) {
            *share = weight(example) / total;
        }
    }
    Ok(shares)
}
