//! The table at the end of a run.

use super::table::Table;

/// One line of the summary: a set of examples and how the head did on it.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// What was scored.
    pub what: &'a str,
    /// Examples right, of how many.
    pub correct: usize,
    /// Examples scored.
    pub total: usize,
    /// 95 % interval of the accuracy, as shares.
    pub interval: [f64; 2],
    /// Mean log loss.
    pub log_loss: f64,
    /// Counts: a row for each true class, a column for each predicted one.
    pub confusion: &'a [Vec<usize>],
}

/// The accuracy of each set of examples with its interval and, for the last of them, where the
/// head went wrong.
#[must_use]
pub fn summary(lines: &[Summary], classes: &[String]) -> String {
    let mut table = Table::new([
        "scored on",
        "right",
        "accuracy",
        "95 % interval",
        "log loss",
    ]);
    for line in lines {
        let share = line.correct as f64 / line.total.max(1) as f64;
        let [low, high] = line.interval;
        table.row([
            line.what.to_owned(),
            format!("{} of {}", line.correct, line.total),
            percent(share),
            format!("{} to {}", percent(low), percent(high)),
            format!("{:.4}", line.log_loss),
        ]);
    }
    let mut text = table.render();
    if let Some(last) = lines.last() {
        text.push('\n');
        text.push_str(&mistakes(last, classes));
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// One line a class: how many of it were right, and what the others were taken for.
fn mistakes(line: &Summary, classes: &[String]) -> String {
    let name = |class: usize| {
        classes
            .get(class)
            .cloned()
            .unwrap_or_else(|| class.to_string())
    };
    let mut table = Table::new(["class", "right", "taken for"]);
    for (truth, counts) in line.confusion.iter().enumerate() {
        let all: usize = counts.iter().sum();
        let right = counts.get(truth).copied().unwrap_or(0);
        let wrong: Vec<String> = counts
            .iter()
            .enumerate()
            .filter(|(class, count)| *class != truth && **count > 0)
            .map(|(class, count)| format!("{count} {}", name(class)))
            .collect();
        table.row([name(truth), format!("{right} of {all}"), wrong.join(", ")]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::{Summary, summary};

    #[test]
    fn a_summary_as_people_see_it() {
        let confusion = [vec![16, 1], vec![0, 33]];
        let line = |what| Summary {
            what,
            correct: 49,
            total: 50,
            interval: [0.895, 0.9965],
            log_loss: 0.0712,
            confusion: &confusion,
        };
        let classes = ["non-cat".to_owned(), "cat".to_owned()];
        let lines = [line("cross-validation"), line("test examples")];
        insta::assert_snapshot!(summary(&lines, &classes));
    }
}
