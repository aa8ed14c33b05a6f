//! A choice in words, with the table behind it.

use std::fmt;

use crate::backbone::auto::{Bar, Candidate, Trial};
use crate::report::Table;

use super::{Decision, PICTURES};

/// What was chosen, with the table behind it where that was measured just now.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chosen, bar, images) = (&self.chosen, self.bar, &self.images);
        if !self.fresh {
            let file = self.file.display();
            write!(f, "auto ({bar}) runs {chosen}, as measured before ({file})")?;
            for failed in &self.failed {
                write!(f, "\n  out, until that file is deleted: {failed}")?;
            }
            return Ok(());
        }
        write!(f, "{}", table(&self.trials, bar, chosen))?;
        write!(
            f,
            "auto ({bar}) runs {chosen}: the fastest that passes on {PICTURES} images ({images})"
        )?;
        let judged = self.trials.iter().find_map(|trial| trial.head);
        match judged {
            Some(head) => write!(
                f,
                "\n  and on {} training examples, by cross-validated logistic heads",
                head.total
            ),
            None => Ok(()),
        }
    }
}

fn table(trials: &[Trial], bar: Bar, chosen: &Candidate) -> String {
    let mut columns = vec!["provider", "images/s", "cosine min", "mean"];
    if bar == Bar::Fast {
        columns.push("head right");
    }
    columns.push(bar.name());
    let mut table = Table::new(columns);
    for trial in trials {
        table.row(cells(trial, bar, chosen));
    }
    table.render()
}

fn cells(trial: &Trial, bar: Bar, chosen: &Candidate) -> Vec<String> {
    let dash = || "-".to_owned();
    let parity = trial.parity.as_ref();
    let mut cells = vec![
        trial.candidate.to_string(),
        trial
            .rows_per_second
            .map_or_else(dash, |speed| format!("{speed:.1}")),
        parity.map_or_else(dash, |one| format!("{:.6}", one.cosine_min)),
        parity.map_or_else(dash, |one| format!("{:.6}", one.cosine_mean)),
    ];
    if bar == Bar::Fast {
        cells.push(trial.head.map_or_else(dash, |head| {
            let right = format!("{} of {}", head.correct, head.total);
            if !trial.candidate.is_reference() {
                return right;
            }
            let [low, high] = head.interval.map(|end| end * 100.0);
            format!("{right} ({low:.1} to {high:.1} %)")
        }));
    }
    cells.push(match trial.refusal(bar) {
        None if trial.candidate == *chosen => "chosen".to_owned(),
        None => "passes".to_owned(),
        Some(why) => why,
    });
    cells
}
