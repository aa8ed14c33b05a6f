//! Scores the head on cached rows of the test examples.

use std::time::Instant;

use ndarray::{Array2, Axis};

use crate::dataset::Source;
use crate::features::RowId;
use crate::head::{Head, Metrics, metrics};

use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
use super::plan::Plan;
use super::training::labels;

/// What a head makes of the test examples.
pub(super) struct Scored {
    /// Of the plain views, `[examples, classes]`.
    pub(super) probabilities: Array2<f32>,
    pub(super) metrics: Metrics,
    /// The same without the head's temperature, where it has any.
    pub(super) uncalibrated: Option<Metrics>,
    /// By the mean probabilities of all views, where that was asked for.
    pub(super) tta: Option<(Array2<f32>, Metrics)>,
}

/// Scores the head on the test examples.
pub(super) fn evaluate(
    plan: &Plan,
    source: &Source,
    head: &Head,
    observer: &mut dyn Observer,
) -> Result<Scored, PipelineError> {
    let start = Instant::now();
    let (ids, views) = match &plan.test {
        Some(part) => (part.ids.as_slice(), part.views.max(1)),
        None => (&[][..], 1),
    };
    let plain: Vec<_> = ids.iter().step_by(views).copied().collect();
    let what = match views {
        1 => format!("{} examples", plain.len()),
        _ => format!("{} examples, also by {views} views each", plain.len()),
    };
    let by_temperature = head.temperature() != 1.0;
    let by_views = if views == 1 { 0 } else { ids.len() };
    let rows = plain.len() * (1 + usize::from(by_temperature)) + by_views;
    observer.event(&Event::Started(Stage::Evaluate, what, rows as u64));
    let mut scoring = Scoring {
        plan,
        observer: &mut *observer,
        done: 0,
    };
    let labels = labels(source);
    let names = source.classes();
    let score = |probabilities: &Array2<f32>| {
        metrics::evaluate(probabilities.view(), &labels).map(|metrics| metrics.named(names))
    };
    let probabilities = scoring.probabilities(head, &plain)?;
    let metrics = score(&probabilities)?;
    let uncalibrated = if by_temperature {
        let cold = head.clone().with_temperature(1.0);
        Some(score(&scoring.probabilities(&cold, &plain)?)?)
    } else {
        None
    };
    let tta = if views == 1 {
        None
    } else {
        let mean = scoring.mean_over_views(head, ids, views)?;
        let metrics = score(&mean)?;
        Some((mean, metrics))
    };
    let outcome = format!("{} of {} right", metrics.correct, metrics.total);
    observer.event(&Event::Finished(Stage::Evaluate, outcome, start.elapsed()));
    Ok(Scored {
        probabilities,
        metrics,
        uncalibrated,
        tta,
    })
}

/// Bytes of the rows that are scored at once.
const SCORED_BYTES: usize = 64 << 20;

/// Rows that a head scores, a part of them in memory at a time, with their progress.
struct Scoring<'a> {
    plan: &'a Plan,
    observer: &'a mut dyn Observer,
    done: usize,
}

impl Scoring<'_> {
    /// Rows that are scored at once, at least 1.
    fn at_once(&self) -> usize {
        let width = self.plan.store.space().width;
        let a_row = width.saturating_mul(size_of::<f32>());
        (SCORED_BYTES / a_row.max(1)).max(1)
    }

    /// What a head says of these rows, which are in memory together.
    fn part(&mut self, head: &Head, ids: &[RowId]) -> Result<Array2<f32>, PipelineError> {
        let probabilities = head.probabilities(self.plan.store.read(ids)?.view())?;
        self.done += ids.len();
        let event = Event::Progress(Stage::Evaluate, self.done as u64, String::new());
        self.observer.event(&event);
        Ok(probabilities)
    }

    /// What a head says of these rows, `[ids.len(), classes]`.
    fn probabilities(&mut self, head: &Head, ids: &[RowId]) -> Result<Array2<f32>, PipelineError> {
        let mut all = Array2::zeros((ids.len(), head.classes()));
        let at_once = self.at_once();
        let parts = all.axis_chunks_iter_mut(Axis(0), at_once);
        for (ids, mut into) in ids.chunks(at_once).zip(parts) {
            into.assign(&self.part(head, ids)?);
        }
        Ok(all)
    }

    /// The mean over the views of each example of its (calibrated) probabilities,
    /// `[examples, classes]`. Probabilities rather than logits: one view that shows nothing then
    /// weighs no more than others.
    fn mean_over_views(
        &mut self,
        head: &Head,
        ids: &[RowId],
        views: usize,
    ) -> Result<Array2<f32>, PipelineError> {
        let mut means = Array2::zeros((ids.len() / views, head.classes()));
        let examples = (self.at_once() / views).max(1);
        for (block, ids) in ids.chunks(examples * views).enumerate() {
            let probabilities = self.part(head, ids)?;
            for (example, own) in probabilities.axis_chunks_iter(Axis(0), views).enumerate() {
                if let Some(mean) = own.mean_axis(Axis(0)) {
                    means.row_mut(block * examples + example).assign(&mean);
                }
            }
        }
        Ok(means)
    }
}
