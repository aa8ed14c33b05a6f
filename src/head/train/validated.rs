//! What is found out before the head itself is trained: by one training, or by several side by side.

use super::best::Best;
use super::cross_validation::{CrossValidation, next_epoch};
use super::size::SHARED;
use super::trainer::budget;
use super::{EpochRow, Fit, Validation, Watch, prepared};
use crate::head::config::{TrainConfig, ValidationConfig};
use crate::head::error::HeadError;
use crate::head::examples::Examples;
use crate::head::logistic::L2Path;
use crate::head::model::Head;
use crate::head::warning::Warning;

/// What is known of a training before the head itself is trained.
#[derive(Debug)]
pub(in crate::head) struct Validated {
    /// What the cross-validation found, where there was one.
    pub(in crate::head) validation: Option<Validation>,
    /// Epochs that the head is to be trained for.
    pub(in crate::head) epochs: usize,
    /// The epochs of the cross-validation.
    pub(in crate::head) curve: Vec<EpochRow>,
    /// Its best model, in case the rest is interrupted.
    pub(in crate::head) best: Best,
    /// The `l2` that it was for, and how that was chosen.
    pub(super) l2: f64,
    pub(super) l2_path: Option<L2Path>,
    pub(super) warnings: Vec<Warning>,
}

impl Validated {
    /// Before anything is known.
    fn without(config: &TrainConfig) -> Self {
        Self {
            validation: None,
            epochs: config.epochs.get(),
            curve: Vec::new(),
            best: Best::default(),
            l2: config.l2.get(),
            l2_path: None,
            warnings: Vec::new(),
        }
    }

    /// The weights of the best epoch, as the head.
    pub(super) fn kept(self, config: &TrainConfig) -> Result<Fit, HeadError> {
        let network = self.best.into_network().ok_or(HeadError::NotFinite)?;
        let temperature = self.validation.as_ref().map_or(1.0, |v| v.temperature);
        Ok(Fit {
            head: Head::new(network).with_temperature(temperature),
            config: config.clone(),
            curve: self.curve,
            epochs: self.epochs,
            validation: self.validation,
            trials: Vec::new(),
            l2_path: None,
            warnings: self.warnings,
        })
    }
}

/// The first half of [`fit`]: the cross-validation of checked examples, if there is to be one.
pub(in crate::head) fn validate(
    config: &TrainConfig,
    examples: &Examples<'_>,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Validated, HeadError> {
    if let Some(prepared) = prepared(config, examples)? {
        let chosen = prepared.choose(config, seed, watch)?;
        return Ok(Validated {
            epochs: chosen.validation.as_ref().map_or(0, |v| v.epoch),
            validation: chosen.validation,
            curve: Vec::new(),
            best: chosen.best,
            l2: chosen.l2,
            l2_path: chosen.path,
            warnings: chosen.warnings,
        });
    }
    let Some(validation) = config.validation else {
        return Ok(Validated::without(config));
    };
    let alone = validate_together(&[(config, validation)], examples, seed, watch)?;
    alone.into_iter().next().ok_or(HeadError::NotFinite)?
}

/// [`validate`] for several trainings by epochs at once, in one pass over the rows an epoch. Who
/// watches sees the epochs of the first that still goes on.
///
/// # Errors
/// What ends all of them: rows that cannot be read, the request to end. What ends one, a loss that
/// is no number, is its own result.
pub(in crate::head) fn validate_together(
    configs: &[(&TrainConfig, ValidationConfig)],
    examples: &Examples<'_>,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Vec<Result<Validated, HeadError>>, HeadError> {
    let stop = watch.stop();
    let budget = configs.iter().map(|(config, _)| budget(config)).min();
    let budget = match configs.len() {
        0 | 1 => budget.unwrap_or(0),
        _ => budget.unwrap_or(0) / SHARED * (SHARED - 1),
    };
    let mut all: Vec<Running<'_, '_>> = configs
        .iter()
        .map(|(config, validation)| {
            let own = CrossValidation::new(config, *examples, *validation, seed, &stop)?;
            Ok(Running::new(own))
        })
        .collect::<Result<_, HeadError>>()?;
    loop {
        let mut going: Vec<_> = all.iter_mut().filter(|one| one.goes_on()).collect();
        if going.is_empty() {
            break;
        }
        let mut own: Vec<_> = going.iter_mut().map(|one| &mut one.own).collect();
        let rows = match next_epoch(&mut own, budget) {
            Ok(rows) => rows,
            Err(error) => return Err(Running::ended(&mut all, error)),
        };
        let mut shown = false;
        for (one, row) in going.into_iter().zip(rows) {
            match row {
                Ok(row) => {
                    if !std::mem::replace(&mut shown, true) {
                        watch.epoch(&row);
                    }
                    one.curve.push(row);
                }
                Err(error) => one.failed = Some(error),
            }
        }
        if let Some(error) = all.iter_mut().find_map(Running::ends_all) {
            return Err(Running::ended(&mut all, error));
        }
    }
    let found = all.into_iter().zip(configs);
    Ok(found.map(|(one, (config, _))| one.found(config)).collect())
}

/// A cross-validation on its way.
struct Running<'c, 'e> {
    own: CrossValidation<'c, 'e>,
    curve: Vec<EpochRow>,
    failed: Option<HeadError>,
}

impl<'c, 'e> Running<'c, 'e> {
    fn new(own: CrossValidation<'c, 'e>) -> Self {
        Self {
            own,
            curve: Vec::new(),
            failed: None,
        }
    }

    fn goes_on(&self) -> bool {
        self.failed.is_none() && self.own.goes_on()
    }

    /// What ended it, if that is no fault of its settings.
    fn ends_all(&mut self) -> Option<HeadError> {
        match self.failed {
            Some(HeadError::Diverged { .. }) | None => None,
            Some(_) => self.failed.take(),
        }
    }

    /// The error, with the best model of all where it is an interruption.
    fn ended(all: &mut [Self], error: HeadError) -> HeadError {
        let cost = |one: &&mut Self| one.own.cost();
        let best = (all.iter_mut()).min_by(|a, b| cost(a).total_cmp(&cost(b)));
        match best {
            Some(best) => best.own.take_best().instead(error),
            None => error,
        }
    }

    fn found(mut self, config: &TrainConfig) -> Result<Validated, HeadError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let best = self.own.take_best();
        let validation = self.own.end()?;
        Ok(Validated {
            epochs: match config.early_stopping {
                Some(_) => validation.epoch,
                None => config.epochs.get(),
            },
            validation: Some(validation),
            curve: self.curve,
            best,
            ..Validated::without(config)
        })
    }
}
