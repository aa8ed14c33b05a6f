//! Why two runs cannot be compared.

use std::path::PathBuf;

use super::Scored;

/// Two runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// No folder of that name.
    #[error("{run}: there is no such run, nor {}{}", named.display(), known_runs(known))]
    NoRun {
        /// What was given.
        run: String,
        /// The folder that it would be the name of.
        named: PathBuf,
        /// The runs that there are.
        known: Vec<String>,
    },
    /// A run that scored nothing.
    #[error("{} is not there: {}", path.display(), mend(*on))]
    NoPredictions {
        /// The file.
        path: PathBuf,
        /// What it would be of.
        on: Scored,
    },
    /// Predictions that are no such table.
    #[error("{}: {reason}; run its pipeline again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        reason: String,
    },
    /// The runs tell other classes apart.
    #[error(
        "the runs have other classes: {} has {}, {} has {}",
        first.display(), classes[0].join(", "), second.display(), classes[1].join(", ")
    )]
    Classes {
        /// The first's predictions.
        first: PathBuf,
        /// The second's.
        second: PathBuf,
        /// The classes of both.
        classes: [Vec<String>; 2],
    },
    /// No example stands in both.
    #[error(
        "{} and {} have no example in common: compare runs on the same images",
        first.display(), second.display()
    )]
    NothingShared {
        /// The first's predictions.
        first: PathBuf,
        /// The second's.
        second: PathBuf,
    },
    /// One example, two truths.
    #[error(
        "{id} is labelled \"{}\" in {} and \"{}\" in {}: run both pipelines on the same labels",
        first.1, first.0.display(), second.1, second.0.display()
    )]
    Labels {
        /// The example.
        id: String,
        /// The first's predictions, and the label there.
        first: (PathBuf, String),
        /// The second's.
        second: (PathBuf, String),
    },
}

fn known_runs(known: &[String]) -> String {
    match known {
        [] => "; `catpipe run PIPELINE` makes one".to_owned(),
        _ => format!(" (runs here: {})", known.join(", ")),
    }
}

fn mend(on: Scored) -> &'static str {
    match on {
        Scored::Test => {
            "the run scored no test examples: add `evaluate: {}` to its pipeline and run it again, \
             or compare with `--on validation`"
        }
        Scored::Validation => {
            "the run was not cross-validated: add `validation: {}` to its `train` section and run \
             it again, or compare with `--on test`"
        }
    }
}
