//! What a report shows, as plain values.

use super::figures::Figures;

/// What a report is about: one run, or several beside each other.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The runs; the first is the one that the others are compared with.
    pub runs: Vec<Run>,
    /// The other runs against the first, on the test examples that both have scored.
    pub differences: Vec<Difference>,
    /// Test examples on which the runs disagree.
    pub disagreements: Vec<Disagreement>,
}

/// A finished run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The pipeline's name, made unlike those of the other runs where need be.
    pub name: String,
    /// The run folder, as it was named.
    pub folder: String,
    /// Its `metrics.json`.
    pub figures: Figures,
    /// How often each class occurs among the training examples; empty where that is not known.
    pub train_counts: Vec<usize>,
    /// The same of the test examples.
    pub test_counts: Vec<usize>,
    /// What the scores are drawn from.
    pub curves: Option<ScoreCurves>,
    /// The learning curve.
    pub epochs: Vec<Epoch>,
    /// Test examples that went wrong, the surest mistakes first.
    pub mistakes: Vec<Card>,
    /// How many went wrong, of which `mistakes` may be only some.
    pub mistake_count: usize,
    /// Test examples that it is least sure of and that are not among the mistakes.
    pub uncertain: Vec<Card>,
    /// Training examples whose labels are likely wrong.
    pub suspects: Vec<Card>,
    /// The features in two dimensions.
    pub map: Option<Map>,
    /// Files that were left out: path and reason.
    pub skipped: Vec<(String, String)>,
    /// The resolved pipeline.
    pub pipeline: String,
    /// Names and values that say exactly what ran.
    pub digests: Vec<(String, String)>,
    /// What is missing from the report, and why.
    pub notes: Vec<String>,
}

/// What is drawn of predicted probabilities against the truth.
#[derive(Clone, Debug, Default)]
pub struct ScoreCurves {
    /// For each class that has examples (for two classes only the second): the ROC curve as
    /// (false positive rate, true positive rate).
    pub roc: Vec<Line>,
    /// For the same classes: (recall, precision).
    pub precision_recall: Vec<Line>,
    /// The reliability diagram's bins.
    pub reliability: Vec<Bin>,
    /// (coverage, accuracy) as the least certain are rejected one by one.
    pub coverage: Vec<[f64; 2]>,
}

/// A named line of points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its points, x and y.
    pub points: Vec<[f64; 2]>,
}

/// The examples of a range of confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// The range.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// How many examples.
    pub count: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// The share of them that is right.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
}

/// A line of `curve.csv`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Epoch {
    /// `cross_validation` or `final`.
    pub phase: String,
    /// From 1.
    pub epoch: usize,
    /// Mean loss of the training batches.
    pub train_loss: Option<f64>,
    /// Share of them that was right.
    pub train_accuracy: Option<f64>,
    /// Mean loss of the held-out examples.
    pub validation_loss: Option<f64>,
    /// Share of them that was right.
    pub validation_accuracy: Option<f64>,
}

/// An example in a gallery.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// What it was taken for.
    pub predicted: String,
    /// The most probable classes with their probabilities, the first first.
    pub probabilities: Vec<(String, f64)>,
    /// Its picture.
    pub picture: Option<Picture>,
    /// The picture under the heat map of what speaks for the predicted class.
    pub heat_map: Option<Picture>,
    /// The training examples that look most like it.
    pub nearest: Vec<Near>,
}

/// A training example that looks like another one.
#[derive(Clone, Debug, Default)]
pub struct Near {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// The cosine of the features.
    pub similarity: f64,
    /// Its picture.
    pub picture: Option<Picture>,
}

/// A small picture, as a JPEG file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The file's bytes.
    pub jpeg: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Features in two dimensions.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// The share of the features' variance that each axis explains.
    pub explained: [f64; 2],
    /// The examples.
    pub points: Vec<MapPoint>,
    /// How many examples there are, of which the points may be only some.
    pub total: usize,
}

/// An example on a map.
#[derive(Clone, Debug, Default)]
pub struct MapPoint {
    /// Its place.
    pub at: [f64; 2],
    /// Its id.
    pub id: String,
    /// Its class.
    pub class: usize,
    /// Whether it is a test example.
    pub test: bool,
    /// What it was taken for, where that is wrong.
    pub taken_for: Option<String>,
    /// Its picture.
    pub picture: Option<Picture>,
}

/// Another run against the first.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// The other run.
    pub name: String,
    /// Test examples that both have scored.
    pub both: usize,
    /// Of those, how many only the other has right.
    pub gained: usize,
    /// How many only the first has right.
    pub lost: usize,
    /// The other's accuracy on them less the first's.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// The probability of a difference as large or larger without any reason for one.
    pub p_value: f64,
}

/// A test example on which runs disagree.
#[derive(Clone, Debug, Default)]
pub struct Disagreement {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// What each run took it for, with the probability; none where a run has not scored it.
    pub predicted: Vec<Option<(String, f64)>>,
    /// Its picture.
    pub picture: Option<Picture>,
}
