//! What can go wrong in training and scoring, and its wording.

use std::fmt;

use super::config::LayoutError;
use super::config::UnknownClass;
use super::saved::SavedHeadError;
use super::search::SearchError;
use super::train::Partial;

/// Training, scoring or saving a head failed.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// No example, or rows without features.
    #[error("there are no examples to work on ({examples} examples with rows of width {width})")]
    NoExamples {
        /// Examples given.
        examples: usize,
        /// Features of a row.
        width: usize,
    },
    /// Rows, examples and views do not fit together.
    #[error("{rows} feature rows do not fit {examples} examples with {views} views each")]
    RowCount {
        /// Rows found.
        rows: usize,
        /// Examples given.
        examples: usize,
        /// Views of an example.
        views: usize,
    },
    /// Groups that do not fit the examples.
    #[error("{groups} groups were given for {examples} examples: each needs one")]
    GroupCount {
        /// Groups given.
        groups: usize,
        /// Examples given.
        examples: usize,
    },
    /// A label names a class that is not there.
    #[error("example {example} has label {label}, but there are {classes} classes (0 to {})", classes.saturating_sub(1))]
    LabelRange {
        /// The example's place.
        example: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Nothing to tell apart.
    #[error(
        "the training examples all have one class (of {classes}): a head needs examples of two or more"
    )]
    OneClass {
        /// How many classes there are by name.
        classes: usize,
    },
    /// A feature that is not a finite number.
    #[error(
        "feature {column} of example {example}, view {view}, is {value}: extract its row anew (a finite number is needed)"
    )]
    FeatureNotFinite {
        /// The example's place.
        example: usize,
        /// The view's number; 0 is the plain one.
        view: usize,
        /// The feature's place in its row.
        column: usize,
        /// What stands there.
        value: f32,
    },
    /// A class that cannot be on every side of a cross-validation.
    #[error("{}", too_few(&named_class(*class, name.as_deref()), *count, *parts, *of))]
    TooFewForFolds {
        /// The class.
        class: usize,
        /// Its name, where that is known: see [`HeadError::named`].
        name: Option<String>,
        /// Its examples, or the groups that they are in.
        count: usize,
        /// The parts that are asked for.
        parts: Parts,
        /// What is counted.
        of: Dealt,
    },
    /// A network that would not fit in memory.
    #[error(
        "{models} models of {inputs} features and these layers are more than {limit} weights in memory at once: make `hidden` or `folds` smaller"
    )]
    TooLarge {
        /// Models that are trained side by side: the folds, or the head alone.
        models: usize,
        /// Features of a row.
        inputs: usize,
        /// The most weights that are allowed, in all models together.
        limit: usize,
    },
    /// Loss or weights left the numbers.
    #[error("training diverged: in epoch {epoch} of {model} {what} stopped being finite. {cause}")]
    Diverged {
        /// Which model was trained.
        model: Model,
        /// The epoch, from 1.
        epoch: usize,
        /// What was seen first.
        what: Diverging,
        /// The likely cause, and what to change.
        cause: Cause,
    },
    /// A search of combinations that cannot all be tried.
    #[error("search: {0}")]
    Search(#[from] SearchError),
    /// A search without cross-validation.
    #[error("`search` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    SearchWithoutValidation,
    /// A search of which nothing came.
    #[error("all {trials} trials of `search` diverged. {first}")]
    NoTrial {
        /// Trials that were run.
        trials: usize,
        /// The first of them, and why.
        first: String,
    },
    /// The best trial's settings did not do for all examples.
    #[error("with the settings that `search` chose ({settings}): {source}")]
    ChosenTrial {
        /// What was chosen.
        settings: String,
        /// What happened.
        source: Box<HeadError>,
    },
    /// A weight for a class that is not there.
    #[error("`class_weights`: {0}")]
    ClassWeights(UnknownClass),
    /// Weights that leave nothing to learn.
    #[error("`class_weights` gives every class of the training examples the weight 0: raise one")]
    NoWeight,
    /// A step's loss stopped being finite; what made it so is found out by who took the step.
    #[error("the loss stopped being finite")]
    NotFinite,
    /// Somebody asked the training to end. Nothing is wrong.
    #[error("training was interrupted: {}", .0.what)]
    Interrupted(Box<Partial>),
    /// Rows that a convolutional head cannot take for pictures.
    #[error("the `cnn` head cannot take these rows: {0}")]
    Layout(#[from] LayoutError),
    /// Rows of another width than the head was trained on.
    #[error("the head takes rows of {expected} features, these have {found}")]
    Width {
        /// The head's.
        expected: usize,
        /// The rows'.
        found: usize,
    },
    /// A class that the head does not tell.
    #[error("class {class} was asked for, and the head tells {classes} apart (0 to {})", classes.saturating_sub(1))]
    NoSuchClass {
        /// The class.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// Names that do not fit the classes.
    #[error("the head tells {expected} classes apart, {found} class names were given")]
    ClassNames {
        /// The head's classes.
        expected: usize,
        /// The names.
        found: usize,
    },
    /// Probabilities and labels of different lengths.
    #[error("{rows} rows of probabilities do not fit {labels} labels")]
    LabelCount {
        /// Rows of probabilities.
        rows: usize,
        /// Labels.
        labels: usize,
    },
    /// Something that is not a probability.
    #[error("row {row} gives class {class} the probability {value}, which is not between 0 and 1")]
    NotAProbability {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// What stands there.
        value: f32,
    },
    /// A feature row that cannot be read.
    #[error("cannot read the feature rows to train on: {reason}")]
    Rows {
        /// What kept it from being read.
        reason: String,
    },
    /// A saved head that cannot be written or read.
    #[error(transparent)]
    Saved(#[from] SavedHeadError),
}

/// What is dealt into folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dealt {
    /// Examples, each for itself.
    Examples,
    /// Groups, whole.
    Groups,
}

/// The parts that examples are dealt into, each with all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// So many folds.
    Folds(usize),
    /// So many, one of which is held out.
    OneOf(usize),
}

/// One of the models that a training run trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// The one that becomes the head, trained on all examples.
    Final,
    /// The one of a fold of the cross-validation, counted from 0.
    Fold(usize),
}

/// What stopped being finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diverging {
    /// The loss of a batch.
    Loss,
    /// A weight, after an epoch whose losses were fine.
    Weights,
    /// The loss of the examples that were held out.
    ValidationLoss,
}

/// The likely cause of a divergence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cause {
    /// Features so large that their squares swamp an `f32`.
    Scale {
        /// The largest magnitude among the features.
        largest: f32,
    },
    /// A penalty so strong that each step overshoots zero.
    L2 {
        /// The penalty.
        l2: f64,
        /// The learning rate.
        lr: f64,
    },
    /// A decay so strong that each step overshoots zero.
    Decay {
        /// The decay.
        decay: f64,
        /// The learning rate.
        lr: f64,
    },
    /// Steps that are too long.
    LearningRate {
        /// The learning rate.
        lr: f64,
        /// Whether gradients are clipped already.
        clipped: bool,
    },
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Final => f.write_str("the final training"),
            Self::Fold(fold) => write!(f, "cross-validation fold {}", fold + 1),
        }
    }
}

impl fmt::Display for Diverging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loss => "the loss",
            Self::Weights => "a weight",
            Self::ValidationLoss => "the validation loss",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale { largest } => write!(
                f,
                "Features reach {largest:e}: bring them to about 1 (check the backbone's \
                 preprocessing), or try a much smaller `lr`"
            ),
            Self::L2 { l2, lr } => write!(
                f,
                "`l2` {l2} times `lr` {lr} is above 2, so each step overshoots zero: \
                 make one of them smaller"
            ),
            Self::Decay { decay, lr } => write!(
                f,
                "`weight_decay` {decay} times `lr` {lr} is above 2, so each step overshoots zero: \
                 make one of them smaller"
            ),
            Self::LearningRate { lr, clipped } => {
                let or = if *clipped { "" } else { " (or `clip_norm: 1`)" };
                let lower = lr / 10.0;
                write!(
                    f,
                    "The learning rate is probably too high: try `lr: {lower}`{or}"
                )
            }
        }
    }
}

impl HeadError {
    /// The same with the class that it is about by its name: heads count classes, people name them.
    #[must_use]
    pub fn named(self, names: &[String]) -> Self {
        match self {
            Self::TooFewForFolds {
                class,
                count,
                parts,
                of,
                ..
            } => Self::TooFewForFolds {
                class,
                name: names.get(class).cloned(),
                count,
                parts,
                of,
            },
            Self::ChosenTrial { settings, source } => Self::ChosenTrial {
                settings,
                source: Box::new(source.named(names)),
            },
            other => other,
        }
    }
}

/// A class as a message has it: by its name in quotes, or by its number where it has none.
fn named_class(class: usize, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("class `{name}`"),
        None => format!("class {class}"),
    }
}

fn too_few(class: &str, count: usize, parts: Parts, of: Dealt) -> String {
    let (parts, one, fewer) = match parts {
        Parts::Folds(folds) => (
            format!("the {folds} folds of `validation`"),
            "fold",
            format!("set `folds` to {count} or less"),
        ),
        Parts::OneOf(all) => (
            format!("the {all} parts of which `validation` holds out one"),
            "part",
            format!("set `share` to {:.2} or more", 1.0 / count.max(1) as f64),
        ),
    };
    let (has, add) = match of {
        Dealt::Examples => (
            format!("{count} training examples, fewer than {parts}"),
            "examples of it",
        ),
        Dealt::Groups => (
            format!(
                "training examples in {count} groups, fewer than {parts}, and a group stays in one \
                 {one}"
            ),
            "groups with it",
        ),
    };
    let out = if count < 2 {
        "leave `validation` out".to_owned()
    } else {
        fewer
    };
    format!("{class} has {has}: add {add}, or {out}")
}
