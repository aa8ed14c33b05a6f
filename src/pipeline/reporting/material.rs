//! What a report can draw on beside the run folder: pictures and features.

use crate::dataset::{Dataset, Source};
use crate::features::RowId;

use super::super::checked::{Checked, examples};
use super::super::error::PipelineError;
use super::super::options::Options;
use super::super::plan::Plan;
use super::super::rows::Part;
use super::left::Left;

/// Somebody else's, or our own.
enum Held<'a, T> {
    Theirs(&'a T),
    Ours(Box<T>),
}

impl<T> Held<'_, T> {
    fn get(&self) -> &T {
        match self {
            Held::Theirs(one) => one,
            Held::Ours(one) => one,
        }
    }
}

/// Pictures and features, as far as they can be had.
#[derive(Default)]
pub(super) struct Material<'a> {
    checked: Option<Held<'a, Checked>>,
    /// The dataset where the rest of the pipeline cannot be had.
    alone: Option<Dataset>,
    plan: Option<Held<'a, Plan>>,
    /// What cannot be had, and why.
    pub(super) notes: Vec<String>,
}

impl<'a> Material<'a> {
    /// That of a run which has just computed all of it.
    pub(super) fn of_plan(checked: &'a Checked, plan: &'a Plan) -> Self {
        Self {
            checked: Some(Held::Theirs(checked)),
            plan: Some(Held::Theirs(plan)),
            ..Self::default()
        }
    }

    /// That of a finished run, as far as it is still there.
    pub(super) fn of_finished(left: &Left, options: &Options) -> Self {
        let mut material = Self::default();
        // The resolved pipeline says all; overrides of today have no place in it.
        let options = Options {
            set: Vec::new(),
            ..options.clone()
        };
        let path = left.path("pipeline.yaml");
        let checked = match Checked::read(&path, options.clone()) {
            Ok(checked) => checked,
            Err(error) => {
                material
                    .notes
                    .push(format!("features, map and look-alikes: {error}"));
                match examples(&path, &options) {
                    Ok((_, dataset)) => material.alone = Some(dataset),
                    Err(error) => material.notes.push(format!("pictures: {error}")),
                }
                return material;
            }
        };
        match Plan::new(&checked) {
            Ok(plan) => material.take(left, plan),
            Err(error) => material
                .notes
                .push(format!("features, map and look-alikes: {error}")),
        }
        material.checked = Some(Held::Ours(Box::new(checked)));
        material
    }

    fn take(&mut self, left: &Left, plan: Plan) {
        if plan.fingerprint != left.fingerprint {
            let changed = "the data or the program has changed since this run: pictures, features \
                           and what is near them are those of today";
            self.notes.push(changed.to_owned());
        }
        if plan.missing > 0 {
            self.notes.push(format!(
                "features, map and look-alikes: {} of {} rows are not in the cache any more; \
                 `catpipe run` computes them",
                plan.missing, plan.needed
            ));
            return;
        }
        self.plan = Some(Held::Ours(Box::new(plan)));
    }

    /// Whether there are features.
    pub(super) fn has_features(&self) -> bool {
        self.plan.is_some()
    }

    /// Does without features from now on.
    pub(super) fn without_features(&mut self, why: &PipelineError) {
        self.plan = None;
        self.notes
            .push(format!("features, map and look-alikes: {why}"));
    }

    /// The pipeline, where all of it is there.
    pub(super) fn checked(&self) -> Option<&Checked> {
        self.checked.as_ref().map(Held::get)
    }

    fn dataset(&self) -> Option<&Dataset> {
        let whole = self.checked().map(|checked| &checked.dataset);
        whole.or(self.alone.as_ref())
    }

    /// The examples of a side.
    pub(super) fn side(&self, is_test: bool) -> Option<&Source> {
        let dataset = self.dataset()?;
        if is_test {
            dataset.test.as_ref()
        } else {
            Some(&dataset.train)
        }
    }

    /// How often each class occurs on a side; empty where that is not known.
    pub(super) fn counts(&self, is_test: bool) -> Vec<usize> {
        let Some(source) = self.side(is_test).filter(|side| side.labelled()) else {
            return Vec::new();
        };
        let mut counts = vec![0; source.classes().len()];
        for label in source.examples().iter().filter_map(|example| example.label) {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        }
        counts
    }

    /// The features of the plain views of some examples `[examples.len(), width]`; None where
    /// there are none.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn features(
        &self,
        is_test: bool,
        examples: &[usize],
    ) -> Result<Option<ndarray::Array2<f32>>, PipelineError> {
        let Some(plan) = self.plan.as_ref().map(Held::get) else {
            return Ok(None);
        };
        let part = if is_test {
            plan.test.as_ref()
        } else {
            Some(&plan.train)
        };
        let Some(ids) = part.map(|part| plain(part, examples)) else {
            return Ok(None);
        };
        Ok(Some(plan.store.read(&ids)?))
    }
}

/// The rows of plain views.
fn plain(part: &Part, examples: &[usize]) -> Vec<RowId> {
    let row = |example: &usize| part.ids.get(example * part.views).copied();
    examples.iter().filter_map(row).collect()
}
