//! How a run looks while it runs: bars on a terminal, plain lines elsewhere, all on stderr.

mod phases;

use std::fmt::Write;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::pipeline::{Checked, Event, Observer, Stage};

pub(super) use phases::{Passes, Phases, Unit};

/// How often a plain log says how far a stage is.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How often a bar is drawn anew while nothing is told.
const TICK: Duration = Duration::from_millis(100);

const BAR: &str = "━╸ ";

/// Shows a run on stderr.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    terminal: bool,
    running: Option<Running>,
}

struct Running {
    total: u64,
    start: Instant,
    last_line: Instant,
    /// Whether no line has told how far it is.
    silent: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Progress {
            bar: None,
            terminal: std::io::stderr().is_terminal(),
            running: None,
        }
    }

    fn start(&mut self, stage: Stage, what: &str, total: u64) {
        // One that somebody else went on from.
        self.end();
        self.running = Some(Running {
            total,
            start: Instant::now(),
            last_line: Instant::now(),
            silent: true,
        });
        if !self.terminal {
            line(Style::new(), "", stage, what);
            return;
        }
        let bar = ProgressBar::new(total);
        styled(
            &bar,
            "  {prefix:9} {wide_bar} {human_pos}/{human_len}  {rate}  ETA {eta}  {msg}",
        );
        bar.set_prefix(stage.to_string());
        self.bar = Some(bar);
    }

    fn advance(&mut self, stage: Stage, done: u64, beside: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(beside.to_owned());
            return;
        }
        let Some(running) = &mut self.running else {
            return;
        };
        // What is told before the first row is news the first time.
        let is_first = done == 0 && running.silent && !beside.is_empty();
        if !is_first && running.last_line.elapsed() < LINE_EVERY {
            return;
        }
        (running.last_line, running.silent) = (Instant::now(), false);
        if done == 0 {
            line(Style::new(), "", stage, beside);
            return;
        }
        let rate = done as f64 / running.start.elapsed().as_secs_f64();
        let left = (running.total.saturating_sub(done)) as f64 / rate.max(f64::MIN_POSITIVE);
        let total = running.total;
        let text = format!("{done} of {total}, {rate:.1} a second, {left:.0} s left  {beside}");
        line(Style::new(), "", stage, text.trim_end());
    }

    /// A line above the bar, where there is one.
    fn say(&self, text: &str) {
        let write = || {
            let _ = writeln!(anstream::stderr(), "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn end(&mut self) {
        self.running = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Skipped(stage, why) => line(dim(), "=", *stage, &format!("up to date: {why}")),
            Event::Started(stage, what, total) => self.start(*stage, what, *total),
            Event::Progress(stage, done, beside) => self.advance(*stage, *done, beside),
            Event::Finished(stage, outcome, took) => {
                self.end();
                let took = seconds(*took);
                line(good(), "✓", *stage, &format!("{outcome}  ({took})"));
            }
            Event::Note(text) => self.say(text.trim_end()),
            Event::Warning(text) => {
                let warn = AnsiColor::Yellow.on_default().bold();
                self.say(&format!("{warn}warning:{warn:#} {text}"));
            }
        }
    }
}

/// A bar for work that has no stages; it shows on a terminal only.
pub(super) fn counter() -> ProgressBar {
    counter_to(0)
}

/// [`counter`] up to a number that is known before: nothing is shown until it has begun.
pub(super) fn counter_to(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "  {wide_bar} {human_pos}/{human_len}  {rate}  ETA {eta}";
    styled(&bar, template);
    bar
}

/// [`counter`] for the images of a pipeline, which are read to be known.
pub(super) fn image_counter(checked: &Checked) -> ProgressBar {
    let bar = counter();
    bar.set_length(checked.dataset.images() as u64);
    bar
}

/// [`counter`] for what is counted in bytes.
pub(super) fn byte_counter() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "  {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  ETA {eta}";
    styled(&bar, template);
    bar
}

fn styled(bar: &ProgressBar, template: &str) {
    // A bar that cannot be drawn is nobody's loss.
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            // Into a text of the bar's own, which takes whatever is written.
            let _ = write!(out, "{:.1}/s", state.per_sec());
        };
        // Before anything is done there is no end in sight, and not one in 0 s.
        let eta = |state: &ProgressState, out: &mut dyn Write| {
            let _ = match state.per_sec() {
                0.0 => out.write_str("-"),
                _ => write!(out, "{:#}", HumanDuration(state.eta())),
            };
        };
        let style = style.progress_chars(BAR);
        bar.set_style(style.with_key("rate", rate).with_key("eta", eta));
    }
}

/// A stage's line. A closed stderr is nobody's loss.
fn line(style: Style, mark: &str, stage: Stage, text: &str) {
    let _ = writeln!(
        anstream::stderr(),
        "{style}{mark:1} {stage:9}{style:#} {text}"
    );
}

fn good() -> Style {
    AnsiColor::Green.on_default()
}

fn dim() -> Style {
    Style::new().dimmed()
}

/// A duration as a person reads it.
pub(super) fn seconds(took: Duration) -> String {
    match took.as_secs_f64() {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 60.0 => format!("{s:.1} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}
