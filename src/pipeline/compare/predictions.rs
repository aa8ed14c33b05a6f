//! The predictions that a run left.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{CompareError, Scored};

/// What a run said of one example.
#[derive(Debug)]
pub(super) struct Prediction {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) right: bool,
    /// The probability that it gave the label.
    pub(super) p_label: f32,
}

/// What a run said of its examples.
#[derive(Debug)]
pub(super) struct Predictions {
    pub(super) path: PathBuf,
    pub(super) classes: Vec<String>,
    pub(super) all: Vec<Prediction>,
}

impl Predictions {
    pub(super) fn read(folder: &Path, on: Scored) -> Result<Self, CompareError> {
        let path = folder.join(match on {
            Scored::Test => "predictions.csv",
            Scored::Validation => "validation.csv",
        });
        if !path.is_file() {
            return Err(CompareError::NoPredictions { path, on });
        }
        let malformed = |reason: String| CompareError::Malformed {
            path: path.clone(),
            reason,
        };
        let mut reader = csv::Reader::from_path(&path).map_err(|e| malformed(e.to_string()))?;
        let heading = reader.headers().map_err(|e| malformed(e.to_string()))?;
        let heading: Vec<String> = heading.iter().map(str::to_owned).collect();
        let columns = Columns::of(&heading).map_err(&malformed)?;
        let mut all = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| malformed(e.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let one = columns.read(&record);
            all.push(one.map_err(|reason| malformed(format!("line {line}: {reason}")))?);
        }
        let classes = columns.classes.into_iter().map(|(name, _)| name).collect();
        Ok(Self { path, classes, all })
    }

    /// The examples that the other has not scored.
    pub(super) fn missing_in(&self, other: &Predictions) -> Vec<String> {
        let known: HashSet<&str> = other.all.iter().map(|one| one.id.as_str()).collect();
        let ids = self.all.iter().map(|one| &one.id);
        ids.filter(|id| !known.contains(id.as_str()))
            .cloned()
            .collect()
    }
}

/// Where what is needed stands.
struct Columns {
    id: usize,
    label: usize,
    predicted: usize,
    /// The classes, and where their probabilities stand.
    classes: Vec<(String, usize)>,
}

impl Columns {
    fn of(heading: &[String]) -> Result<Self, String> {
        let place = |name: &str| {
            let found = heading.iter().position(|column| column == name);
            found.ok_or_else(|| format!("there is no column `{name}`"))
        };
        let predicted = place("predicted")?;
        let classes = heading.iter().enumerate().skip(predicted + 1);
        Ok(Self {
            id: place("id")?,
            label: place("label")?,
            predicted,
            classes: classes
                .filter_map(|(place, name)| Some((name.strip_prefix("p_")?.to_owned(), place)))
                .collect(),
        })
    }

    fn read(&self, record: &csv::StringRecord) -> Result<Prediction, String> {
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let label = cell(self.label);
        let own = self.classes.iter().find(|(name, _)| name == label);
        let (_, place) = own.ok_or_else(|| format!("label \"{label}\" is no class of the run"))?;
        let p_label: f32 = (cell(*place).parse())
            .map_err(|_| format!("\"{}\" is no probability", cell(*place)))?;
        if !(0.0..=1.0 + 1e-5).contains(&p_label) {
            return Err(format!("{p_label} is no probability"));
        }
        Ok(Prediction {
            id: cell(self.id).to_owned(),
            label: label.to_owned(),
            right: cell(self.predicted) == label,
            p_label,
        })
    }
}
