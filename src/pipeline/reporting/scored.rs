//! Predictions, example by example.

use crate::head::curves;
use crate::report::data::{Bin, Line, ScoreCurves};

use super::left::{Left, LeftError};

/// Bins of the reliability diagram.
const BINS: usize = 10;

/// Examples with what a head says of each.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    /// The names of the classes.
    pub(super) classes: Vec<String>,
    /// The examples.
    pub(super) rows: Vec<ScoredRow>,
}

/// What draws a class's line, from each example's score and whether it is of the class.
type Curve = fn(&[(f32, bool)]) -> Option<Vec<[f64; 2]>>;

/// An example with what a head says of it.
#[derive(Clone, Debug)]
pub(super) struct ScoredRow {
    pub(super) id: String,
    /// The class, where it is known.
    pub(super) label: Option<usize>,
    /// What it was taken for.
    pub(super) predicted: usize,
    /// One for each class.
    pub(super) probabilities: Vec<f32>,
}

impl ScoredRow {
    /// Whether it was taken for what it is.
    pub(super) fn is_right(&self) -> bool {
        self.label == Some(self.predicted)
    }

    /// The probability of what it was taken for.
    pub(super) fn confidence(&self) -> f64 {
        f64::from(
            self.probabilities
                .get(self.predicted)
                .copied()
                .unwrap_or(0.0),
        )
    }
}

impl Scored {
    /// `predictions.csv` or `validation.csv`; None where the run did not leave it.
    pub(super) fn read(left: &Left, file: &'static str) -> Result<Option<Self>, LeftError> {
        let Some(bytes) = left.bytes(file) else {
            return Ok(None);
        };
        Self::parse(bytes)
            .map(Some)
            .map_err(|reason| left.malformed(file, reason))
    }

    /// Columns by name: `id`, `label`, `predicted`, and then `p_<class>` for each class.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut table = csv::Reader::from_reader(bytes);
        let heading = table.headers().map_err(|e| e.to_string())?.clone();
        let column = |name: &str| {
            let place = heading.iter().position(|column| column == name);
            place.ok_or_else(|| format!("the column `{name}` is missing"))
        };
        let (id, label, predicted) = (column("id")?, column("label")?, column("predicted")?);
        let named = heading.iter().skip(predicted + 1);
        let classes: Vec<String> = named
            .filter_map(|name| name.strip_prefix("p_").map(str::to_owned))
            .collect();
        let class = |name: &str| classes.iter().position(|class| class == name);
        let mut rows = Vec::new();
        for (line, record) in (2..).zip(table.records()) {
            let record: csv::StringRecord = record.map_err(|e| e.to_string())?;
            let cell = |place: usize| record.get(place).unwrap_or_default();
            let number = |text: &str| match text.parse::<f32>() {
                Ok(p) if (0.0..=1.001).contains(&p) => Ok(p),
                _ => Err(format!("line {line}: `{text}` is no probability")),
            };
            let probabilities = record.iter().skip(predicted + 1).map(number);
            let taken_for = cell(predicted);
            rows.push(ScoredRow {
                id: cell(id).to_owned(),
                label: class(cell(label)),
                predicted: class(taken_for)
                    .ok_or_else(|| format!("line {line}: there is no class `{taken_for}`"))?,
                probabilities: probabilities.collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { classes, rows })
    }

    /// Whether it is known what each example is.
    pub(super) fn is_labelled(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.label.is_some())
    }

    /// The name of a class.
    pub(super) fn class(&self, class: usize) -> String {
        self.classes
            .get(class)
            .cloned()
            .unwrap_or_else(|| class.to_string())
    }

    /// What is drawn of them.
    pub(super) fn curves(&self) -> ScoreCurves {
        let sure: Vec<(f64, bool)> = self
            .rows
            .iter()
            .map(|row| (row.confidence(), row.is_right()))
            .collect();
        // Of two classes the one's curve says all: the other's is its mirror.
        let drawn = if self.classes.len() == 2 {
            1..2
        } else {
            0..self.classes.len()
        };
        let line = |class: usize, of: Curve| {
            let scored = self
                .rows
                .iter()
                .filter_map(|row| Some((*row.probabilities.get(class)?, row.label? == class)));
            let points = of(&scored.collect::<Vec<_>>())?;
            let name = self.class(class);
            Some(Line { name, points })
        };
        ScoreCurves {
            roc: drawn
                .clone()
                .filter_map(|class| line(class, curves::roc))
                .collect(),
            precision_recall: drawn
                .filter_map(|class| line(class, curves::precision_recall))
                .collect(),
            reliability: curves::reliability(&sure, BINS)
                .into_iter()
                .map(bin)
                .collect(),
            coverage: curves::coverage(&sure),
        }
    }
}

fn bin(bin: curves::ReliabilityBin) -> Bin {
    Bin {
        from: bin.from,
        to: bin.to,
        count: bin.count,
        confidence: bin.confidence,
        accuracy: bin.accuracy,
        interval: bin.interval,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "id,label,fold,predicted,p_cat,p_p_dog\na,cat,0,cat,0.9,0.1\nb,p_dog,1,cat,0.6,0.4\nc,,1,p_dog,0.2,0.8\n";

    #[test]
    fn predictions_are_read_by_the_names_of_their_columns() {
        let scored = Scored::parse(TABLE.as_bytes()).unwrap();
        assert_eq!(scored.classes, ["cat", "p_dog"]);
        let labels: Vec<_> = scored.rows.iter().map(|row| row.label).collect();
        assert_eq!(labels, [Some(0), Some(1), None]);
        assert!(!scored.is_labelled());
        assert!(scored.rows[0].is_right() && !scored.rows[1].is_right());
        assert!((scored.rows[1].confidence() - 0.6).abs() < 1e-6);
        let curves = scored.curves();
        assert_eq!(curves.roc.len(), 1);
        assert_eq!(curves.roc[0].name, "p_dog");
        assert_eq!(curves.coverage.len(), 3);
    }

    #[test]
    fn what_is_no_table_of_predictions_is_told() {
        for (text, told) in [
            ("id,label\n", "the column `predicted` is missing"),
            (
                "id,label,predicted,p_a\nx,a,b,1\n",
                "line 2: there is no class `b`",
            ),
            (
                "id,label,predicted,p_a\nx,a,a,NaN\n",
                "line 2: `NaN` is no probability",
            ),
            (
                "id,label,predicted,p_a\nx,a\n",
                "found record with 2 fields",
            ),
        ] {
            let found = Scored::parse(text.as_bytes()).unwrap_err();
            assert!(found.contains(told), "{found}");
        }
    }
}
