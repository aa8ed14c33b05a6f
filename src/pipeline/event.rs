//! What a run tells whoever watches it.

use std::fmt;
use std::time::{Duration, Instant};

/// A stage of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Opening the dataset.
    Dataset,
    /// Computing the missing feature rows.
    Extract,
    /// Training the head.
    Train,
    /// Scoring the head on the test examples.
    Evaluate,
    /// Making the report.
    Report,
    /// Writing backbone and head as one ONNX file.
    Export,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Stage::Dataset => "dataset",
            Stage::Extract => "extract",
            Stage::Train => "train",
            Stage::Evaluate => "evaluate",
            Stage::Report => "report",
            Stage::Export => "export",
        })
    }
}

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// A stage has nothing to do; the reason.
    Skipped(Stage, String),
    /// A stage begins; what it is going to do and how many steps (rows, epochs) that takes.
    Started(Stage, String, u64),
    /// Steps done so far, and what to show beside them.
    Progress(Stage, u64, String),
    /// A stage is done; its outcome.
    Finished(Stage, String, Duration),
    /// A choice that was made, and the figures behind it.
    Note(String),
    /// Something that the user should know.
    Warning(String),
}

/// Watches a run.
pub trait Observer {
    /// Takes one event.
    fn event(&mut self, event: &Event);
}

/// How long images are read before that is told of: of a few, nobody wants to know.
const UNTOLD: Duration = Duration::from_secs(1);

/// Tells of images that are read before there is work for a backbone. What is new or changed since
/// the last time takes its while in a large folder.
pub(super) struct Digesting<'a> {
    observer: &'a mut dyn Observer,
    total: u64,
    what: String,
    done: u64,
    start: Instant,
    told: bool,
}

impl<'a> Digesting<'a> {
    /// Before the first of `total` that are read to be known by their content.
    pub(super) fn new(observer: &'a mut dyn Observer, total: usize) -> Self {
        let what = format!("reading {total} images that may be new or changed");
        Self::telling(observer, total, what)
    }

    /// Before the first of `total` that are read for `what`.
    pub(super) fn telling(observer: &'a mut dyn Observer, total: usize, what: String) -> Self {
        Digesting {
            observer,
            total: total as u64,
            what,
            done: 0,
            start: Instant::now(),
            told: false,
        }
    }

    /// One more is read.
    pub(super) fn one(&mut self) {
        self.done += 1;
        if !self.told && self.start.elapsed() >= UNTOLD {
            self.told = true;
            let event = Event::Started(Stage::Dataset, self.what.clone(), self.total);
            self.observer.event(&event);
        }
        if self.told {
            let event = Event::Progress(Stage::Dataset, self.done, String::new());
            self.observer.event(&event);
        }
    }
}

/// Keeps what happened as the lines of `run.log`, and passes everything on.
pub(super) struct Logged<'a> {
    watcher: &'a mut dyn Observer,
    start: Instant,
    lines: String,
}

impl<'a> Logged<'a> {
    pub(super) fn new(watcher: &'a mut dyn Observer) -> Self {
        Logged {
            watcher,
            start: Instant::now(),
            lines: String::new(),
        }
    }

    /// A line that only the log needs.
    pub(super) fn note(&mut self, text: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.lines.push_str(&format!("{seconds:9.3} s  {text}\n"));
    }

    pub(super) fn lines(&self) -> &str {
        &self.lines
    }
}

impl Observer for Logged<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Skipped(stage, why) => self.note(&format!("{stage}: up to date: {why}")),
            Event::Started(stage, what, _) => self.note(&format!("{stage}: {what}")),
            Event::Finished(stage, outcome, took) => {
                let took = took.as_secs_f64();
                self.note(&format!("{stage}: done in {took:.2} s: {outcome}"));
            }
            Event::Note(text) => text.lines().for_each(|line| self.note(line)),
            Event::Warning(text) => self.note(&format!("warning: {text}")),
            Event::Progress(..) => {}
        }
        self.watcher.event(event);
    }
}
