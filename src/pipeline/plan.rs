//! What a run would do, and why.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::dataset::Pass;
use crate::features::{RowId, Store, Warning};

use super::checked::Checked;
use super::config::PipelineConfig;
use super::error::PipelineError;
use super::event::Stage;
use super::extraction::Work;
use super::folder::FolderState;
use super::probe::{Certificate, ParitySummary, find};
use super::reporting::REPORT;
use super::rows::Part;

/// What a run would do. Making it reads every image that is new or changed once, to know it by its
/// content, and opens the store; it computes nothing, and writes only what it found out.
pub struct Plan {
    /// Digest of everything that the run folder's files depend on.
    pub fingerprint: String,
    /// What the run folder holds now.
    pub state: FolderState,
    /// Whether a report is wanted that the run folder, else up to date, does not hold.
    pub report_missing: bool,
    /// Rows that are to be computed, of all that are needed.
    pub missing: usize,
    /// Rows needed.
    pub needed: usize,
    pub(super) train: Part,
    pub(super) test: Option<Part>,
    pub(super) store: Store,
    pub(super) warnings: Vec<Warning>,
    /// What a certificate says of the features.
    pub(super) parity: Option<ParitySummary>,
    /// Certificates that cannot be read, and why.
    pub(super) damaged: Vec<String>,
    stages: Vec<StagePlan>,
}

/// A stage of the plan.
#[derive(Clone, Debug, Serialize)]
pub struct StagePlan {
    /// The stage.
    pub stage: Stage,
    /// Whether it has nothing to do.
    pub up_to_date: bool,
    /// Why it has, or has not.
    pub why: String,
}

impl Plan {
    /// Plans a run of `checked`. Who watches the passes over the images sees [`Pass::Knowing`].
    ///
    /// # Errors
    /// An image or the store cannot be read.
    pub fn new(checked: &Checked) -> Result<Self, PipelineError> {
        let mut watch = checked.options.watch();
        let (mut done, total) = (0, checked.dataset.images());
        let plan = Self::watched(checked, &mut || {
            done += 1;
            watch(Pass::Knowing, done, total);
        });
        if let (Err(_), Some(passes)) = (&plan, &checked.options.passes) {
            passes.ended();
        }
        plan
    }

    /// [`Plan::new`] that calls `read` after each example, and tells nobody else.
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    pub fn watched(checked: &Checked, read: &mut dyn FnMut()) -> Result<Self, PipelineError> {
        let (train, test) = parts(checked, read)?;
        let (store, warnings) = checked.store()?;
        let parts = || std::iter::once(&train).chain(&test);
        let missing = parts().map(|part| store.missing(&part.ids).len()).sum();
        let needed = parts().map(|part| part.ids.len()).sum();
        let (parity, damaged) = certified(checked);
        let fingerprint = fingerprint(checked, &train, test.as_ref(), parity.as_ref())?;
        let state = checked.folder.state(&fingerprint)?;
        let wanted = checked.config.report.is_some() && state == FolderState::UpToDate;
        let report_missing = wanted && !checked.folder.holds(REPORT)?;
        let mut plan = Plan {
            fingerprint,
            state,
            report_missing,
            missing,
            needed,
            train,
            test,
            store,
            warnings,
            parity,
            damaged,
            stages: Vec::new(),
        };
        plan.stages = plan.describe(checked);
        Ok(plan)
    }

    /// The stages in order.
    #[must_use]
    pub fn stages(&self) -> &[StagePlan] {
        &self.stages
    }

    /// Whether the run folder already holds what this pipeline gives.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.lacks_at_most_the_report() && !self.report_missing
    }

    /// Whether it holds all but perhaps the report.
    pub(super) fn lacks_at_most_the_report(&self) -> bool {
        self.missing == 0 && self.state == FolderState::UpToDate
    }

    /// The rows of both sides.
    pub(super) fn work<'a>(&'a self, checked: &'a Checked) -> Work<'a> {
        let dataset = &checked.dataset;
        let test = dataset.test.as_ref().zip(self.test.as_ref());
        Work {
            store: &self.store,
            parts: std::iter::once((&dataset.train, &self.train))
                .chain(test)
                .collect(),
            why: self.why(Stage::Extract),
        }
    }

    pub(super) fn why(&self, stage: Stage) -> String {
        let found = self.stages.iter().find(|plan| plan.stage == stage);
        found.map(|plan| plan.why.clone()).unwrap_or_default()
    }

    fn describe(&self, checked: &Checked) -> Vec<StagePlan> {
        let mut stages = vec![self.extract_stage(checked)];
        let folder = self.folder_reason();
        let rerun = self.missing > 0 || folder.is_some();
        let why = match (&folder, self.missing) {
            (_, 1..) => "its features are not all there yet".to_owned(),
            (Some(reason), 0) => reason.clone(),
            (None, 0) => "nothing that it depends on has changed".to_owned(),
        };
        let sections = [
            (Stage::Train, checked.config.train.is_some()),
            (Stage::Evaluate, checked.config.evaluate.is_some()),
            (Stage::Report, checked.config.report.is_some()),
            (Stage::Export, checked.config.export.is_some()),
        ];
        for (stage, _) in sections.into_iter().filter(|(_, wanted)| *wanted) {
            let alone = stage == Stage::Report && !rerun && self.report_missing;
            let why = match alone {
                true => "the last run made no report".to_owned(),
                false => why.clone(),
            };
            stages.push(StagePlan {
                stage,
                up_to_date: !rerun && !alone,
                why,
            });
        }
        stages
    }

    fn extract_stage(&self, checked: &Checked) -> StagePlan {
        let why = if checked.is_undecided() {
            let rows = self.needed;
            format!(
                "provider auto measures this machine first; then {rows} rows, less those that the cache has"
            )
        } else {
            cached(self.missing, self.needed)
        };
        StagePlan {
            stage: Stage::Extract,
            up_to_date: self.missing == 0,
            why,
        }
    }

    fn folder_reason(&self) -> Option<String> {
        match &self.state {
            FolderState::UpToDate => None,
            FolderState::Missing => Some("there is no finished run".to_owned()),
            FolderState::Other => Some(
                "the last run had other settings, data or features, or was of another build"
                    .to_owned(),
            ),
            FolderState::Changed(file) => {
                Some(format!("{file} was changed or removed after the last run"))
            }
        }
    }
}

/// The rows that a pipeline needs, of both sides. Reads every image that is new or changed, and
/// calls `read` after each example.
pub(super) fn parts(
    checked: &Checked,
    read: &mut dyn FnMut(),
) -> Result<(Part, Option<Part>), PipelineError> {
    let config = &checked.config;
    let (augment, seed) = (&config.augment, config.seed);
    let views = if config.train.is_some() || config.evaluate.is_none() {
        augment.views
    } else {
        0
    };
    let space = &checked.space;
    let known = checked.known_images()?;
    let train = Part::plan(
        &checked.dataset.train,
        augment,
        views,
        seed,
        space,
        &known,
        read,
    )?;
    let test = match &checked.dataset.test {
        Some(source) => {
            let tta = config.evaluate.is_some_and(|evaluate| evaluate.tta);
            let views = if tta { augment.views } else { 0 };
            Some(Part::plan(
                source, augment, views, seed, space, &known, read,
            )?)
        }
        None => None,
    };
    known.save();
    Ok((train, test))
}

/// How much of what is needed the cache has, in words.
pub(super) fn cached(missing: usize, needed: usize) -> String {
    match missing {
        0 => format!("all {needed} rows are in the cache"),
        _ if missing == needed => format!("none of its {needed} rows is in the cache"),
        _ => format!("{missing} of {needed} rows are not in the cache"),
    }
}

/// What a certificate beside the backbone's manifest says of the features, and what is wrong with
/// others.
fn certified(checked: &Checked) -> (Option<ParitySummary>, Vec<String>) {
    if !checked.backbone.needs_runtime() {
        return (None, Vec::new());
    }
    let manifest = checked.options.root.join(&checked.config.extract.backbone);
    let (found, damaged) = find(&manifest, &checked.space);
    (found.as_ref().map(Certificate::summary), damaged)
}

/// Digest of all that decides the run's results: the program and what it was built from, the settings
/// of head and scoring, the rows, the labels and the ids that stand in the predictions.
fn fingerprint(
    checked: &Checked,
    train: &Part,
    test: Option<&Part>,
    parity: Option<&ParitySummary>,
) -> Result<String, PipelineError> {
    let config = &checked.config;
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(bytes);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    // Between two versions, too, another trainer gives another head.
    add(env!("CATPIPE_SOURCES").as_bytes());
    // The resolved pipeline is a file of the run folder: whatever changes it, changes the run. But
    // for the report, which is made of the run's results and changes none of them.
    let results = PipelineConfig {
        report: None,
        ..config.clone()
    };
    add(crate::yaml::to_string(&results)?.as_bytes());
    add(&checked.space.digest());
    let sources = [
        (Some(&checked.dataset.train), Some(train)),
        (checked.dataset.test.as_ref(), test),
    ];
    for (source, part) in sources {
        let (Some(source), Some(part)) = (source, part) else {
            add(b"none");
            continue;
        };
        add(source.classes().join("\0").as_bytes());
        for RowId(id) in &part.ids {
            add(id);
        }
        for example in source.examples() {
            add(example.id.as_bytes());
            add(format!("{:?}", example.label).as_bytes());
        }
    }
    // What was skipped stands in a file of the run folder.
    for one in checked.dataset.skipped() {
        add(one.split.as_bytes());
        add(one.path.as_bytes());
        add(one.reason.as_bytes());
    }
    // So does what a certificate says.
    if let Some(parity) = parity {
        add(format!("{parity:?}").as_bytes());
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
