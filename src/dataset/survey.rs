//! What a dataset holds, for a person to look at.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::config::{OnError, Share};
use super::duplicates::{self, Duplicate, Prints};
use super::error::DatasetError;
use super::pass::{Pass, PassWatch};
use super::sieve::Skipped;
use super::source::Source;
use super::{Dataset, DatasetConfig, parallel};

/// What a dataset holds.
#[derive(Debug, Clone, Serialize)]
pub struct Survey {
    /// The training examples.
    pub train: SideSurvey,
    /// The test examples, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<SideSurvey>,
    /// What is no example: bad files, and those that the pipeline excludes.
    pub skipped: Vec<Skipped>,
    /// Pictures that stand on both sides.
    pub duplicates: Vec<Duplicate>,
}

/// What one side holds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SideSurvey {
    /// The file, folder or list.
    pub path: String,
    /// How many examples.
    pub examples: usize,
    /// How many of each class, in the order of the labels.
    pub classes: Vec<ClassCount>,
    /// How many of each format.
    pub formats: BTreeMap<&'static str, usize>,
    /// Least, middle and largest width in pixels.
    pub width: [u32; 3],
    /// Least, middle and largest height in pixels.
    pub height: [u32; 3],
    /// Bytes of all files; None for arrays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A class and how many examples it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// Its examples.
    pub examples: usize,
}

impl Dataset {
    /// Looks at everything of a dataset: every image is decoded. Bad files are listed rather than
    /// ending the survey, whatever `on_error` and `max_skipped` say. `watch` is told of the passes
    /// over the images: those that open the dataset, then one over all of it.
    ///
    /// # Errors
    /// What [`Dataset::open`] refuses beside bad files.
    pub fn survey(
        config: &DatasetConfig,
        root: &Path,
        watch: PassWatch<'_>,
    ) -> Result<Survey, DatasetError> {
        let config = DatasetConfig {
            on_error: OnError::Skip,
            max_skipped: Share::ALL,
            ..config.clone()
        };
        let dataset = Dataset::open_watched(&config, root, &mut *watch)?;
        let (mut done, total) = (0, dataset.images());
        let mut one = || {
            done += 1;
            watch(Pass::Looking, done, total);
        };
        let (train, train_prints) = side(&dataset.train, &mut one)?;
        let (test, duplicates) = match &dataset.test {
            Some(source) => {
                let (test, prints) = side(source, &mut one)?;
                let found = duplicates::find(&dataset.train, source, &train_prints, &prints);
                (Some(test), found)
            }
            None => (None, Vec::new()),
        };
        Ok(Survey {
            train,
            test,
            skipped: dataset.skipped,
            duplicates,
        })
    }
}

struct Facts {
    key: [u8; 32],
    hash: Option<u64>,
    size: (u32, u32),
    format: (&'static str, Option<u64>),
}

fn side(source: &Source, done: &mut dyn FnMut()) -> Result<(SideSurvey, Prints), DatasetError> {
    let look = |i| {
        let image = source.read(i)?;
        Ok(Facts {
            key: source.content_key(i)?,
            hash: Prints::hash(&image),
            size: image.dimensions(),
            format: source.format(i)?,
        })
    };
    let facts = parallel::map_watched(source.examples().len(), look, done);
    let facts: Vec<Facts> = facts.into_iter().collect::<Result<_, DatasetError>>()?;
    let mut formats = BTreeMap::new();
    for fact in &facts {
        *formats.entry(fact.format.0).or_insert(0) += 1;
    }
    let side = SideSurvey {
        path: source.path().display().to_string(),
        examples: facts.len(),
        classes: counts(source),
        formats,
        width: middle(facts.iter().map(|fact| fact.size.0).collect()),
        height: middle(facts.iter().map(|fact| fact.size.1).collect()),
        bytes: facts.iter().map(|fact| fact.format.1).sum(),
    };
    let prints = Prints {
        keys: facts.iter().map(|fact| fact.key).collect(),
        hashes: facts.iter().map(|fact| fact.hash).collect(),
    };
    Ok((side, prints))
}

fn counts(source: &Source) -> Vec<ClassCount> {
    let mut counts: Vec<ClassCount> = source
        .classes()
        .iter()
        .map(|name| ClassCount {
            name: name.clone(),
            examples: 0,
        })
        .collect();
    for example in source.examples() {
        if let Some(count) = example.label.and_then(|label| counts.get_mut(label)) {
            count.examples += 1;
        }
    }
    counts
}

/// Least, middle and largest.
fn middle(mut values: Vec<u32>) -> [u32; 3] {
    values.sort_unstable();
    let at = |i: usize| values.get(i).copied().unwrap_or(0);
    [
        at(0),
        at(values.len() / 2),
        at(values.len().saturating_sub(1)),
    ]
}
