//! Running the trials.

use super::Settings;
use super::apply::plan;
use super::config::SearchConfig;
use super::trial::{Rank, Trial, TrialOutcome, words};
use crate::head::config::{OptimizerConfig, TrainConfig};
use crate::head::error::HeadError;
use crate::head::examples::Examples;
use crate::head::train::{
    Fit, Validated, Watch, budget, check_size, finish, side_by_side, validate, validate_together,
};

/// Cross-validates every trial, then trains the best one's head on all examples. A trial that
/// diverges is told of and passed over.
///
/// # Errors
/// A trial that is no valid configuration or too large (before any is run), examples that cannot
/// be read, or no trial that came to a result.
pub(in crate::head) fn search(
    config: &TrainConfig,
    search: &SearchConfig,
    examples: &Examples<'_>,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Fit, HeadError> {
    let planned = plan(config, search, seed)?;
    for (_, trial) in &planned {
        check_size(trial, examples)?;
    }
    let mut trials: Vec<Trial> = Vec::with_capacity(planned.len());
    let mut best: Option<(usize, Validated)> = None;
    let at_once = side_by_side(
        planned.iter().map(|(_, trial)| trial),
        examples,
        budget(config),
    );
    let mut number = 0;
    for some in planned.chunks(at_once) {
        watch.trial_begins(number, planned.len());
        let results = validated(some, examples, seed, watch);
        let results = results.map_err(|error| instead(&mut best, error))?;
        for ((settings, _), result) in some.iter().zip(results) {
            let outcome = outcome(result).map_err(|error| instead(&mut best, error));
            let (outcome, validated) = outcome?;
            trials.push(Trial {
                trial: number + 1,
                settings: settings.clone(),
                outcome,
                chosen: false,
            });
            let rank = |place: usize| {
                let metrics = trials.get(place)?.metrics()?;
                let (_, config) = planned.get(place)?;
                Some(Rank { metrics, config })
            };
            if let (Some(validated), Some(new)) = (validated, rank(number)) {
                let old = best.as_ref().and_then(|(place, _)| rank(*place));
                if old.is_none_or(|old| new.compare(&old, search.metric).is_lt()) {
                    best = Some((number, validated));
                }
            }
            if let Some(trial) = trials.last() {
                watch.trial_ended(trial);
            }
            number += 1;
        }
    }
    let chosen = best.and_then(|(place, validated)| {
        trials.get_mut(place)?.chosen = true;
        Some((planned.get(place)?, validated))
    });
    let Some(((settings, trial), validated)) = chosen else {
        return Err(no_result(&trials));
    };
    let fit = finish(trial, examples, seed, validated, watch);
    let fit = fit.map_err(|error| chosen_failed(error, &words(settings)))?;
    Ok(Fit { trials, ..fit })
}

/// The same error; an interruption with the model of the best trial that is done, where any is:
/// that of a trial on its way has not been compared with it.
fn instead(best: &mut Option<(usize, Validated)>, error: HeadError) -> HeadError {
    match best {
        Some((_, validated)) => validated.best.instead(error),
        None => error,
    }
}

/// Cross-validates these trials: those that are trained by epochs side by side, so that streamed
/// rows are read once for all of them.
fn validated(
    some: &[(Settings, TrainConfig)],
    examples: &Examples<'_>,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Vec<Result<Validated, HeadError>>, HeadError> {
    let by_epochs = |(_, trial): &(Settings, TrainConfig)| match trial.optimizer {
        OptimizerConfig::Lbfgs => None,
        _ => trial.validation,
    };
    let validations: Option<Vec<_>> = some.iter().map(by_epochs).collect();
    match validations {
        Some(validations) if some.len() > 1 => {
            let trials = some.iter().map(|(_, trial)| trial);
            let trials: Vec<_> = trials.zip(validations).collect();
            validate_together(&trials, examples, seed, watch)
        }
        _ => {
            let trials = some.iter();
            Ok(trials
                .map(|(_, trial)| validate(trial, examples, seed, watch))
                .collect())
        }
    }
}

/// What a trial came to; what is not its own fault ends the search.
fn outcome(
    result: Result<Validated, HeadError>,
) -> Result<(TrialOutcome, Option<Validated>), HeadError> {
    let validated = match result {
        Ok(validated) => validated,
        Err(error @ HeadError::Diverged { .. }) => {
            return Ok((TrialOutcome::Diverged(error.to_string()), None));
        }
        Err(error) => return Err(error),
    };
    let Some(validation) = &validated.validation else {
        return Err(HeadError::SearchWithoutValidation);
    };
    let outcome = TrialOutcome::Validated {
        epochs: validation.epoch,
        metrics: Box::new(validation.metrics.clone()),
    };
    Ok((outcome, Some(validated)))
}

fn no_result(trials: &[Trial]) -> HeadError {
    let first = trials.iter().find_map(|trial| match &trial.outcome {
        TrialOutcome::Diverged(why) => {
            Some(format!("trial {} ({}): {why}", trial.trial, trial.words()))
        }
        TrialOutcome::Validated { .. } => None,
    });
    HeadError::NoTrial {
        trials: trials.len(),
        first: first.unwrap_or_default(),
    }
}

/// A divergence of the final training, with the settings that led to it.
fn chosen_failed(error: HeadError, settings: &str) -> HeadError {
    match error {
        HeadError::Diverged { .. } => HeadError::ChosenTrial {
            settings: settings.to_owned(),
            source: Box::new(error),
        },
        other => other,
    }
}
