//! How predictions are printed, a line each.

use serde::Serialize;

use crate::dataset::Found;
use crate::extract::Failure;
use crate::predict::{Prediction, Scores, Wanted};

/// The widest that a path gets in a table before it is cut at its beginning.
const WIDEST: usize = 60;

/// A way of printing.
#[derive(Debug)]
pub(super) enum Format {
    /// Columns for people: what each is as wide as.
    Table {
        labels: Vec<String>,
        image: usize,
        label: usize,
        top: usize,
    },
    /// One JSON object a line.
    Jsonl { labels: Vec<String>, top: usize },
    /// Comma-separated values with all probabilities.
    Csv {
        labels: Vec<String>,
        heat_map: bool,
        looks_like: bool,
    },
}

impl Format {
    pub(super) fn table(images: &[Found], labels: &[String], top: usize) -> Self {
        let letters = |text: &str| text.chars().count();
        let path = |found: &Found| letters(&found.path.to_string_lossy()).min(WIDEST);
        let label = labels.iter().map(|label| letters(label)).max().unwrap_or(0);
        Self::Table {
            labels: labels.to_vec(),
            image: images.iter().map(path).max().unwrap_or(0).max(5),
            label: label.max("(no answer)".len()),
            top: top.min(labels.len()),
        }
    }

    pub(super) fn jsonl(labels: &[String], top: usize) -> Self {
        let labels = labels.to_vec();
        Self::Jsonl { labels, top }
    }

    pub(super) fn csv(labels: &[String], wanted: &Wanted) -> Self {
        Self::Csv {
            labels: labels.to_vec(),
            heat_map: wanted.explain.is_some(),
            looks_like: wanted.looks_like > 0,
        }
    }

    /// What stands above the first line; empty, or ended.
    pub(super) fn heading(&self) -> String {
        match self {
            Self::Jsonl { .. } => String::new(),
            Self::Table { image, label, .. } => {
                let rule = |width: usize| "─".repeat(width);
                format!(
                    "  {:image$}  {:label$}  probability\n  {}  {}  {}\n",
                    "image",
                    "label",
                    rule(*image),
                    rule(*label),
                    rule(11)
                )
            }
            Self::Csv {
                labels,
                heat_map,
                looks_like,
            } => {
                let mut cells: Vec<String> =
                    ["image", "label", "predicted"].map(str::to_owned).to_vec();
                cells.extend(labels.iter().map(|label| format!("p_{label}")));
                if *looks_like {
                    cells.push("looks_like".to_owned());
                }
                if *heat_map {
                    cells.push("heat_map".to_owned());
                }
                cells.push("error".to_owned());
                csv_line(&cells)
            }
        }
    }

    /// The line, or lines, of one prediction.
    ///
    /// # Errors
    /// What JSON cannot hold.
    pub(super) fn line(&self, prediction: &Prediction) -> Result<String, Failure> {
        let path = prediction.image.to_string_lossy();
        Ok(match self {
            Self::Table {
                labels,
                image,
                label,
                top,
            } => table_lines(&path, &prediction.scores, labels, (*image, *label, *top)),
            Self::Jsonl { labels, top } => {
                let line = serde_json::to_string(&JsonLine::of(&path, prediction, labels, *top))?;
                format!("{line}\n")
            }
            Self::Csv {
                labels,
                heat_map,
                looks_like,
            } => {
                let mut cells = vec![path.into_owned()];
                let (scores, error) = match &prediction.scores {
                    Ok(scores) => (Some(scores), String::new()),
                    Err(error) => (None, error.clone()),
                };
                let name = |scores: &Scores| labels.get(scores.class).cloned().unwrap_or_default();
                let answer = scores.filter(|scores| !scores.rejected).map(name);
                cells.extend([answer, scores.map(name)].map(Option::unwrap_or_default));
                for class in 0..labels.len() {
                    let p = scores.and_then(|scores| scores.probabilities.get(class));
                    cells.push(p.map(f32::to_string).unwrap_or_default());
                }
                if *looks_like {
                    let near = scores.map(|scores| scores.looks_like.as_slice());
                    let ids = near.unwrap_or_default().iter().map(|one| one.id.as_str());
                    cells.push(ids.collect::<Vec<_>>().join("; "));
                }
                if *heat_map {
                    let file = scores.and_then(|scores| scores.heat_map.as_ref());
                    cells.push(
                        file.map(|file| file.display().to_string())
                            .unwrap_or_default(),
                    );
                }
                cells.push(error);
                csv_line(&cells)
            }
        })
    }
}

/// A record by CSV's rules; ended.
fn csv_line(cells: &[String]) -> String {
    let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    format!("{}\n", cells.join(","))
}

fn table_lines(
    path: &str,
    scores: &Result<Scores, String>,
    labels: &[String],
    (image, label, top): (usize, usize, usize),
) -> String {
    let path = shortened(path);
    let scores = match scores {
        Ok(scores) => scores,
        Err(error) => return format!("  {path:image$}  error: {error}\n"),
    };
    let name = |class: usize| labels.get(class).map_or("", String::as_str);
    let p = |class: usize| scores.probabilities.get(class).copied().unwrap_or(0.0);
    let mut text = match scores.rejected {
        // What it would have been stands beside it.
        true => format!(
            "  {path:image$}  {:label$}  {:11.4}  {}\n",
            "(no answer)",
            p(scores.class),
            name(scores.class)
        ),
        false => format!(
            "  {path:image$}  {:label$}  {:11.4}\n",
            name(scores.class),
            p(scores.class)
        ),
    };
    for class in scores.top(top).into_iter().skip(1) {
        text.push_str(&format!(
            "  {:image$}  {:label$}  {:11.4}\n",
            "",
            name(class),
            p(class)
        ));
    }
    for one in &scores.looks_like {
        let (id, label, cosine) = (&one.id, &one.label, one.similarity);
        text.push_str(&format!(
            "  {:image$}  looks like {id} ({label}, {cosine:.3})\n",
            ""
        ));
    }
    text
}

/// The end of a path says most.
fn shortened(path: &str) -> String {
    let letters = path.chars().count();
    if letters <= WIDEST {
        return path.to_owned();
    }
    let end: String = path.chars().skip(letters + 3 - WIDEST).collect();
    format!("...{end}")
}

/// What a line of JSON has.
#[derive(Serialize)]
#[serde(untagged)]
enum JsonLine<'a> {
    Answer(Box<JsonAnswer<'a>>),
    Bad { image: &'a str, error: &'a str },
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    image: &'a str,
    /// `null` where no answer is sure enough.
    label: Option<&'a str>,
    probability: f32,
    top: Vec<JsonClass<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    looks_like: Vec<JsonLike<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heat_map: Option<String>,
}

#[derive(Serialize)]
struct JsonClass<'a> {
    label: &'a str,
    probability: f32,
}

#[derive(Serialize)]
struct JsonLike<'a> {
    id: &'a str,
    label: &'a str,
    similarity: f32,
}

impl<'a> JsonLine<'a> {
    fn of(image: &'a str, prediction: &'a Prediction, labels: &'a [String], top: usize) -> Self {
        let scores = match &prediction.scores {
            Ok(scores) => scores,
            Err(error) => return Self::Bad { image, error },
        };
        let class = |class: usize| JsonClass {
            label: labels.get(class).map_or("", String::as_str),
            probability: scores.probabilities.get(class).copied().unwrap_or(0.0),
        };
        let like = scores.looks_like.iter().map(|one| JsonLike {
            id: &one.id,
            label: &one.label,
            similarity: one.similarity,
        });
        let best = class(scores.class);
        Self::Answer(Box::new(JsonAnswer {
            image,
            label: (!scores.rejected).then_some(best.label),
            probability: best.probability,
            top: scores.top(top).into_iter().map(class).collect(),
            looks_like: like.collect(),
            heat_map: scores
                .heat_map
                .as_ref()
                .map(|file| file.display().to_string()),
        }))
    }
}
