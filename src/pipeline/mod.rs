//! Pipelines: what is wrong with one, what is up to date, what runs, and what is left of a run.
//!
//! [`Checked::read`] turns a file into a pipeline of which everything that can be checked without
//! work has been checked. [`Plan::new`] says what would run and why. [`run`] runs it.
//! [`extract_to`] makes one file of features without a pipeline.

mod auto;
mod batch;
mod batch_size;
pub mod cache;
mod checked;
mod checks;
pub mod compare;
mod config;
mod draft;
mod error;
mod event;
mod explain;
mod exporting;
mod extraction;
mod finished;
mod folder;
mod groups;
mod interrupted;
mod kept;
mod memory;
mod opening;
mod options;
mod plan;
mod prepare;
pub mod probe;
mod provider;
mod reporting;
mod results;
mod rows;
mod run;
mod scores;
mod scoring;
mod sessions;
mod stored;
mod tables;
mod training;

pub use auto::{Auto, AutoSummary, Decision, Prober};
pub use batch::{Batch, BatchOutcome, extract_to};
pub use batch_size::BatchSize;
pub use checked::{Checked, examples, survey};
pub use config::{
    EvaluateConfig, ExtractConfig, Name, PipelineConfig, Probability, ReportConfig, Threads,
};
pub use draft::{Draft, DraftError, Layout, LayoutError, draft};
pub use error::PipelineError;
pub use event::{Event, Observer, Stage};
pub use explain::{Explainer, LooksLike, TrainingFeatures};
pub use exporting::{Exported, export_run, keep_in_run};
pub use finished::{FinishedRun, RunNetwork};
pub use folder::{FolderError, FolderState, RunFolder};
pub use options::{Options, PassObserver};
pub use plan::{Plan, StagePlan};
pub use provider::runtime_search;
pub use reporting::{LeftError, Reported, keep_report, report_on};
pub use results::{
    DatasetSummary, DoubtfulLabel, ProviderSummary, RunMetrics, Sureness, Timings, Uncalibrated,
};
pub use run::{Outcome, run};
pub use sessions::Sessions;
