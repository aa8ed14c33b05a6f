//! What the trials came to, on the terminal, for other programs, and in a manifest.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::displayed;
use crate::backbone::detect::{
    Classifier, Convention, FEWEST, LEAST, MARGIN, Plan, Report, Rule, Trial, Verdict,
};
use crate::backbone::manifest::InputConfig;

/// What is shown.
pub(super) struct Shown<'a> {
    pub(super) classifier: &'a Classifier,
    pub(super) report: &'a Report,
    pub(super) folder: &'a Path,
    pub(super) passed_over: usize,
    /// Where something was written.
    pub(super) plan: Option<&'a Plan>,
    pub(super) manifest: Option<&'a Path>,
}

impl Shown<'_> {
    /// The table, and what can be said.
    pub(super) fn text(&self) -> String {
        let classifier = self.classifier;
        let [height, width] = [classifier.input.height(), classifier.input.width()];
        let tried = if classifier.free_size {
            ", tried at"
        } else {
            ""
        };
        let mut text = format!(
            "{}: {} classes in `{}`, input `{}` {}{tried} {height}x{width}\n{} from {}{}\n\n",
            displayed(&classifier.path),
            classifier.classes,
            classifier.output,
            classifier.input.name,
            classifier.input.layout.name(),
            pictures(self.report.pictures),
            displayed(self.folder),
            match self.passed_over {
                0 => String::new(),
                1 => ", 1 file passed over as no picture".to_owned(),
                count => format!(", {count} files passed over as no pictures"),
            },
        );
        text.push_str(&table(&self.report.trials));
        if let Verdict::Told { .. } = self.report.verdict {
            text.push('\n');
            for note in notes(self.report) {
                // Writing into a String cannot fail.
                let _ = writeln!(text, "{note}");
            }
        }
        match (self.manifest, self.plan.map(|plan| (plan, plan.cut()))) {
            (Some(manifest), Some((plan, cut))) => {
                let _ = writeln!(
                    text,
                    "{}: written; features are `{}` ({})",
                    displayed(manifest),
                    plan.feature.tensor,
                    plan.feature.reason
                );
                if let Some(cut) = cut {
                    let _ = writeln!(text, "{}: written, cut to the features", displayed(cut));
                }
            }
            _ if matches!(self.report.verdict, Verdict::Told { .. }) => {
                text.push_str("`-o MANIFEST.yaml` writes this down.\n");
            }
            _ => {}
        }
        text
    }

    /// Why nothing can be said.
    pub(super) fn reason(&self) -> String {
        let path = displayed(&self.classifier.path);
        match &self.report.verdict {
            Verdict::Told { .. } => String::new(),
            Verdict::Tied { rivals } => {
                let names: Vec<_> = rivals.iter().map(|(c, _)| c.label()).collect();
                format!(
                    "{path}: can't tell what it expects: {} are within {MARGIN} standard errors \
                     of each other on {}; give more or larger pictures (photographs of many \
                     things tell most), or write the manifest by hand",
                    list(&names),
                    pictures(self.report.pictures)
                )
            }
            Verdict::TooFew { found } => format!(
                "{path}: can't tell what it expects from {}: give at least {FEWEST}, better 100",
                pictures(*found)
            ),
            Verdict::Nothing { best } => format!(
                "{path}: can't tell what it expects: under no convention do its answers follow \
                 the pictures (the best score is {best:.3}, {LEAST} is the least that counts); \
                 is it a trained classifier of ImageNet's classes, and are these photographs of \
                 different things?"
            ),
        }
    }

    pub(super) fn json(&self) -> Json<'_> {
        Json {
            model: displayed(&self.classifier.path),
            input: &self.classifier.input,
            free_size: self.classifier.free_size,
            output: &self.classifier.output,
            classes: self.classifier.classes,
            pictures: self.report.pictures,
            passed_over: self.passed_over,
            trials: self.report.trials.iter().map(json_trial).collect(),
            verdict: json_verdict(&self.report.verdict),
            manifest: self.manifest.map(displayed),
            graph: self.plan.and_then(Plan::cut).map(displayed),
        }
    }
}

/// What was found, in a few lines: on the terminal, and at the top of the manifest.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let Verdict::Told {
        convention,
        rule,
        next,
    } = &report.verdict
    else {
        return Vec::new();
    };
    let score = report.trials.first().and_then(|trial| trial.figures);
    let score = score.map_or(0.0, |figures| figures.score);
    let lead = match next {
        Some((behind, next)) => {
            format!("The next best, {next}, is {behind:.1} standard errors behind.")
        }
        None => "All other conventions fell far behind.".to_owned(),
    };
    let rule = match rule {
        Some(rule) => format!("Resize rule: {}, which leads clearly.", rule.name()),
        None => "Resize rule: can't be told; it is the usual one for these values.".to_owned(),
    };
    vec![
        format!(
            "Found by `catpipe model detect` on {}: {}, score {score:.3}.",
            pictures(report.pictures),
            convention.label()
        ),
        lead,
        rule,
    ]
}

fn pictures(count: usize) -> String {
    match count {
        1 => "1 picture".to_owned(),
        count => format!("{count} pictures"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn table(trials: &[Trial]) -> String {
    let mut text = format!(
        "{:<15} {:<7} {:<10} {:>6} {:>7} {:>7} {:>7} {:>6} {:>7} {:>6}  pictures\n",
        "convention",
        "colours",
        "resize",
        "score",
        "behind",
        "max p",
        "entropy",
        "agree",
        "diverge",
        "spread"
    );
    for (place, trial) in trials.iter().enumerate() {
        let (convention, rule) = (&trial.convention, trial.rule.name());
        let (name, color) = (convention.name, convention.color());
        let _ = write!(text, "{name:<15} {color:<7} {rule:<10} ");
        let Some(f) = trial.figures else {
            text.push_str("gives answers that are NaN or infinite\n");
            continue;
        };
        let behind = match (place, trial.dropped) {
            (0, _) => "best".to_owned(),
            (_, true) => "dropped".to_owned(),
            _ => format!("{:.1} SE", trial.behind),
        };
        let _ = writeln!(
            text,
            "{:>6.3} {behind:>7} {:>7.3} {:>7.3} {:>4.0} % {:>7.3} {:>6.1}  {}",
            f.score,
            f.max_probability,
            f.entropy,
            100.0 * f.agreement,
            f.divergence,
            f.spread,
            f.pictures
        );
    }
    text
}

/// The report for other programs.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    model: String,
    input: &'a InputConfig,
    /// Whether the graph leaves height and width free; `input.size` was then tried.
    free_size: bool,
    output: &'a str,
    classes: u32,
    pictures: usize,
    passed_over: usize,
    trials: Vec<JsonTrial>,
    verdict: JsonVerdict,
    /// What was written.
    manifest: Option<String>,
    /// The cut graph beside it.
    graph: Option<String>,
}

#[derive(Serialize)]
struct JsonTrial {
    convention: &'static str,
    color: &'static str,
    resize: &'static str,
    dropped: bool,
    /// In standard errors; `null` for what was dropped or is broken.
    behind: Option<f64>,
    /// All figures are `null` where an answer is NaN or infinite.
    score: Option<f64>,
    within: Option<f64>,
    between: Option<f64>,
    max_probability: Option<f64>,
    entropy: Option<f64>,
    agreement: Option<f64>,
    divergence: Option<f64>,
    spread: Option<f64>,
    pictures: Option<usize>,
}

/// `kind` is `told`, `tied`, `too_few` or `nothing`; what the others don't have is `null`.
#[derive(Serialize)]
struct JsonVerdict {
    kind: &'static str,
    convention: Option<&'static str>,
    color: Option<&'static str>,
    /// `null` where it can't be told.
    resize: Option<&'static str>,
    /// The labels of the conventions that are too close, the best first.
    rivals: Vec<String>,
}

fn json_trial(trial: &Trial) -> JsonTrial {
    let figures = trial.figures;
    JsonTrial {
        convention: trial.convention.name,
        color: trial.convention.color(),
        resize: trial.rule.name(),
        dropped: trial.dropped,
        behind: figures.filter(|_| !trial.dropped).map(|_| trial.behind),
        score: figures.map(|f| f.score),
        within: figures.map(|f| f.within),
        between: figures.map(|f| f.between),
        max_probability: figures.map(|f| f.max_probability),
        entropy: figures.map(|f| f.entropy),
        agreement: figures.map(|f| f.agreement),
        divergence: figures.map(|f| f.divergence),
        spread: figures.map(|f| f.spread),
        pictures: figures.map(|f| f.pictures),
    }
}

fn json_verdict(verdict: &Verdict) -> JsonVerdict {
    let mut json = JsonVerdict {
        kind: "",
        convention: None,
        color: None,
        resize: None,
        rivals: Vec::new(),
    };
    match verdict {
        Verdict::Told {
            convention, rule, ..
        } => {
            json.kind = "told";
            json.convention = Some(convention.name);
            json.color = Some(Convention::color(convention));
            json.resize = rule.map(Rule::name);
        }
        Verdict::Tied { rivals } => {
            json.kind = "tied";
            json.rivals = rivals.iter().map(|(c, _)| c.label()).collect();
        }
        Verdict::TooFew { .. } => json.kind = "too_few",
        Verdict::Nothing { .. } => json.kind = "nothing",
    }
    json
}
