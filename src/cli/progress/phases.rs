//! Work in phases that are no stages of a run.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::dataset::Pass;
use crate::pipeline::PassObserver;

use super::{LINE_EVERY, TICK, styled};

/// What a phase is counted in.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Unit {
    Bytes,
    Images,
}

/// Shows on stderr how far each phase is: by a bar on a terminal, elsewhere by a line now and then.
#[derive(Debug)]
pub(in crate::cli) struct Phases {
    unit: Unit,
    terminal: bool,
    bar: ProgressBar,
    phase: Option<Phase>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    /// What was done when it was first told of.
    first: u64,
    total: u64,
    start: Instant,
    last_line: Instant,
}

impl Phases {
    /// Before the first phase nothing is shown.
    pub(in crate::cli) fn new(unit: Unit) -> Self {
        Phases {
            unit,
            terminal: std::io::stderr().is_terminal(),
            bar: ProgressBar::hidden(),
            phase: None,
        }
    }

    /// It is shown that something goes on of which nobody can tell yet how far it is.
    pub(in crate::cli) fn wait(&mut self) {
        self.end();
        self.bar = waiting();
    }

    /// So much of a phase is done; another name or total is another phase, which takes the place of
    /// the one before it.
    pub(in crate::cli) fn at(&mut self, name: &str, done: u64, total: u64) {
        let same = |phase: &Phase| phase.name == name && phase.total == total;
        if !self.phase.as_ref().is_some_and(same) {
            self.end();
            self.bar = bar(name, done, total, self.unit);
        }
        self.bar.set_position(done);
        let phase = (self.phase).get_or_insert_with(|| Phase::new(name, done, total));
        if !self.terminal && phase.last_line.elapsed() >= LINE_EVERY {
            phase.last_line = Instant::now();
            let came = done.saturating_sub(phase.first);
            let rate = came as f64 / phase.start.elapsed().as_secs_f64();
            let far = far(self.unit, done, total, rate);
            say(&format!("  {name}: {far}"));
        }
    }

    /// A line above what is shown.
    pub(in crate::cli) fn say(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    /// Nothing is shown any more.
    pub(in crate::cli) fn end(&mut self) {
        self.phase = None;
        let bar = std::mem::replace(&mut self.bar, ProgressBar::hidden());
        bar.finish_and_clear();
    }
}

impl Drop for Phases {
    fn drop(&mut self) {
        self.end();
    }
}

/// [`Phases`] of the passes over all images of a dataset, for as long as one goes on.
#[derive(Debug, Default)]
pub(in crate::cli) struct Passes(Mutex<Option<Phases>>);

impl PassObserver for Passes {
    fn pass(&self, pass: Pass, done: usize, total: usize) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let phases = shown.get_or_insert_with(|| Phases::new(Unit::Images));
        phases.at(&pass.to_string(), done as u64, total as u64);
        if done >= total {
            phases.end();
        }
    }

    fn ended(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Phase {
    fn new(name: &str, first: u64, total: u64) -> Self {
        Phase {
            name: name.to_owned(),
            first,
            total,
            start: Instant::now(),
            last_line: Instant::now(),
        }
    }
}

/// How long something takes already of which nobody can tell yet how far it is: another program's
/// work. It shows on a terminal only.
fn waiting() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// The bar of a phase of which `first` is done; nobody knows how long that took.
fn bar(name: &str, first: u64, total: u64, unit: Unit) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    let count = match unit {
        Unit::Bytes => "{decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}",
        Unit::Images => "{human_pos}/{human_len}  {rate}",
    };
    styled(
        &bar,
        &format!("  {{msg}} {{wide_bar}} {count}  ETA {{eta}}"),
    );
    bar.set_message(name.to_owned());
    bar.set_position(first);
    bar.tick();
    bar.reset_eta();
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.tick();
    if let Unit::Bytes = unit {
        // They may not come for a while.
        bar.enable_steady_tick(TICK);
    }
    bar
}

/// How far a phase is that does `rate` a second, in words.
fn far(unit: Unit, done: u64, total: u64, rate: f64) -> String {
    let left = match rate {
        0.0 => String::new(),
        _ => format!(", {:.0} s left", total.saturating_sub(done) as f64 / rate),
    };
    match unit {
        Unit::Bytes => {
            let mega = |bytes: f64| bytes / 1e6;
            format!(
                "{:.1} of {:.1} MB, {:.1} MB a second{left}",
                mega(done as f64),
                mega(total as f64),
                mega(rate)
            )
        }
        Unit::Images => format!("{done} of {total}, {rate:.1} a second{left}"),
    }
}

/// A closed stderr is nobody's loss.
fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_in_words() {
        assert_eq!(
            far(Unit::Bytes, 12_300_000, 95_100_000, 4.1e6),
            "12.3 of 95.1 MB, 4.1 MB a second, 20 s left"
        );
        assert_eq!(
            far(Unit::Bytes, 0, 95_100_000, 0.0),
            "0.0 of 95.1 MB, 0.0 MB a second"
        );
        assert_eq!(
            far(Unit::Images, 30, 60, 10.0),
            "30 of 60, 10.0 a second, 3 s left"
        );
    }
}
