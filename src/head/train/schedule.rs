//! The learning rate of each step.

use crate::head::config::{Decay, ScheduleConfig};

/// Where a step stands in a training.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Steps before this one.
    pub(super) step: usize,
    /// Steps of an epoch.
    pub(super) steps_an_epoch: usize,
    /// Epochs that the training can have.
    pub(super) epochs: usize,
}

/// What a step's learning rate is of `lr`, for step s of W warm-up steps and S in all:
/// - (s + 1) / W for s < W;
/// - then by a cosine `to + (1 - to) (1 + cos(π (s - W) / (S - W))) / 2`,
/// - or in steps `by` to the power of the whole number of `every` epochs since the warm-up.
#[allow(clippy::cast_precision_loss)] // steps are far below 2^53
pub(super) fn factor(config: Option<&ScheduleConfig>, at: Progress) -> f64 {
    let Some(config) = config else {
        return 1.0;
    };
    let epoch = at.steps_an_epoch.max(1);
    let warmup = config.warmup().saturating_mul(epoch);
    if at.step < warmup {
        return (at.step + 1) as f64 / warmup as f64;
    }
    let since = at.step - warmup;
    match config.decay() {
        Decay::None => 1.0,
        Decay::Cosine(cosine) => {
            let all = at.epochs.saturating_mul(epoch).saturating_sub(warmup);
            let share = (since as f64 / all.max(1) as f64).min(1.0);
            let half = (1.0 + (std::f64::consts::PI * share).cos()) / 2.0;
            cosine.to.get() + (1.0 - cosine.to.get()) * half
        }
        Decay::Step(step) => {
            let times = since / step.every.get().saturating_mul(epoch).max(1);
            step.by.get().powi(i32::try_from(times).unwrap_or(i32::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors of a training of 6 epochs with 2 steps each.
    fn factors(yaml: &str) -> Vec<f64> {
        let config: ScheduleConfig = serde_saphyr::from_str(yaml).unwrap();
        let at = |step| Progress {
            step,
            steps_an_epoch: 2,
            epochs: 6,
        };
        (0..12)
            .map(|step| factor(Some(&config), at(step)))
            .collect()
    }

    #[track_caller]
    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{found:?}");
        }
    }

    /// Golden values: torch 2.15.0, stepped once a batch:
    /// `SequentialLR(o, [LinearLR(o, 1/4, total_iters=3), CosineAnnealingLR(o, 8, eta_min=0.1)], [4])`.
    #[test]
    fn a_warm_up_and_a_cosine() {
        let found = factors("{warmup: 2, cosine: {to: 0.1}}");
        let expected = [
            0.25,
            0.5,
            0.75,
            1.0,
            1.0,
            0.965745789630079,
            0.8681980515339464,
            0.7222075445642904,
            0.55,
            0.3777924554357096,
            0.2318019484660536,
            0.13425421036992098,
        ];
        near(&found, &expected);
    }

    #[test]
    fn a_warm_up_alone_and_steps() {
        let flat = factors("{warmup: 1}");
        near(&flat, &[[0.5, 1.0].as_slice(), &[1.0; 10]].concat());
        let steps = factors("{warmup: 1, step: {every: 2, by: 0.5}}");
        let expected = [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25];
        near(&steps, &expected);
        assert_eq!(factors("{step: {every: 5}}")[9..], [1.0, 0.1, 0.1]);
    }

    #[test]
    fn without_a_schedule_nothing_changes() {
        let at = Progress {
            step: 77,
            steps_an_epoch: 2,
            epochs: 6,
        };
        assert_eq!(factor(None, at), 1.0);
    }
}
