//! The table at the end of a run.

use super::table::Table;
use crate::head::Metrics;

/// One line of the summary: a set of examples and how the head did on it.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// What was scored.
    pub what: &'a str,
    /// How well.
    pub metrics: &'a Metrics,
}

/// The accuracy of each set of examples with its interval and how sure the head was and, for the
/// last of them, where it went wrong. Fits 80 columns where class names are short.
#[must_use]
pub fn summary(lines: &[Summary]) -> String {
    let mut table = Table::new([
        "scored on",
        "right",
        "accuracy",
        "95 % interval",
        "log loss",
        "ECE",
    ]);
    for line in lines {
        let m = line.metrics;
        let [low, high] = m.accuracy_ci95.map(|share| share * 100.0);
        table.row([
            line.what.to_owned(),
            format!("{} of {}", m.correct, m.total),
            percent(m.accuracy),
            format!("{low:.1} to {high:.1} %"),
            format!("{:.4}", m.log_loss),
            format!("{:.3}", m.ece),
        ]);
    }
    let mut text = table.render();
    if let Some(last) = lines.last() {
        text.push('\n');
        text.push_str(&classes(last.metrics));
    }
    text
}

/// A share as people read it: `97.6 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The most classes that are all shown.
const ALL: usize = 20;
/// How many are shown of more: those with the lowest F1.
const WORST: usize = 10;
/// Letters of a class's name.
const LETTERS: usize = 18;
/// Letters of what its examples were taken for, so that the table fits 80 columns.
const OTHERS: usize = 25;

/// One line a class: how many of it were found, how many that were taken for it are of it, and
/// what the others were taken for.
fn classes(metrics: &Metrics) -> String {
    let mut shown: Vec<usize> = (0..metrics.classes.len()).collect();
    let all = shown.len();
    if all > ALL {
        let f1 = |class: &usize| metrics.classes[*class].f1.unwrap_or(1.0);
        shown.sort_by(|a, b| f1(a).total_cmp(&f1(b)));
        shown.truncate(WORST);
    }
    let mut table = Table::new(["class", "recall", "precision", "F1", "AUC", "taken for"]);
    for class in shown {
        let one = &metrics.classes[class];
        let counts = metrics.confusion.get(class).cloned().unwrap_or_default();
        let right = counts.get(class).copied().unwrap_or(0);
        let column = metrics.confusion.iter().filter_map(|row| row.get(class));
        let predicted: usize = column.sum();
        let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
        table.row([
            shortened(&one.class),
            format!("{right} of {}", one.support),
            format!("{right} of {predicted}"),
            number(one.f1),
            number(one.roc_auc),
            taken_for(metrics, class, &counts),
        ]);
    }
    let mut text = table.render();
    if all > ALL {
        text.push_str(&format!(
            "  (the {WORST} of {all} classes with the lowest F1; metrics.json has all)\n"
        ));
    }
    text
}

/// What examples of a class were taken for, the most frequent first.
fn taken_for(metrics: &Metrics, class: usize, counts: &[usize]) -> String {
    let mut wrong: Vec<(usize, usize)> = counts
        .iter()
        .enumerate()
        .filter(|(other, count)| *other != class && **count > 0)
        .map(|(other, count)| (other, *count))
        .collect();
    wrong.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut text = String::new();
    for (other, count) in wrong {
        let name = metrics.classes.get(other).map(|one| one.class.as_str());
        let next = format!("{count} {}", shortened(name.unwrap_or_default()));
        let comma = if text.is_empty() { "" } else { ", " };
        if !text.is_empty() && text.chars().count() + next.chars().count() + 7 > OTHERS {
            text.push_str(", ...");
            break;
        }
        text.push_str(&format!("{comma}{next}"));
    }
    text
}

/// A name without its middle where it is long: what tells names apart stands at either end.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= LETTERS {
        return name.to_owned();
    }
    let (head, tail) = (LETTERS / 2, LETTERS - LETTERS / 2 - 1);
    let parts = [&letters[..head], &['…'], &letters[letters.len() - tail..]];
    parts.concat().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{Summary, summary};
    use crate::head::{Metrics, metrics};
    use ndarray::Array2;

    /// Examples of which each is sure of a class.
    fn scored(classes: usize, said: &[usize], labels: &[usize], names: &[String]) -> Metrics {
        let p = Array2::from_shape_fn((said.len(), classes), |(i, j)| {
            let rest = (1.0 - 0.97) / (classes - 1) as f32;
            if said[i] == j { 0.97 } else { rest }
        });
        metrics::evaluate(p.view(), labels).unwrap().named(names)
    }

    #[test]
    fn a_summary_as_people_see_it() {
        let names = ["non-cat".to_owned(), "cat".to_owned()];
        let labels: Vec<usize> = (0..50).map(|i| usize::from(i >= 17)).collect();
        let mut said = labels.clone();
        said[3] = 1;
        let cross = scored(2, &said, &labels, &names);
        let test = scored(2, &labels, &labels, &names);
        let lines = [("cross-validation", &test), ("test examples", &cross)];
        let lines = lines.map(|(what, metrics)| Summary { what, metrics });
        let text = summary(&lines);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn of_many_classes_the_worst_are_shown() {
        let names: Vec<String> = (0..30)
            .map(|i| format!("a class of birds, number {i}"))
            .collect();
        let labels: Vec<usize> = (0..120).map(|i| i % 30).collect();
        let said: Vec<usize> = labels
            .iter()
            .enumerate()
            .map(|(i, &label)| {
                if label < 5 {
                    (label + i / 30) % 30
                } else {
                    label
                }
            })
            .collect();
        let metrics = scored(30, &said, &labels, &names);
        let what = "test examples";
        let text = summary(&[Summary {
            what,
            metrics: &metrics,
        }]);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }
}
