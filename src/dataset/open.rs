//! Opening a dataset: its sources, what is left out of them, their division, their classes.

use std::path::Path;

use super::config::{DatasetConfig, OnError, Sides, SourceConfig};
use super::decode::Rules;
use super::divide::{check_groups, divide};
use super::error::{DatasetError, SourceError, Split};
use super::list::ListProblem;
use super::pass::{Pass, PassWatch};
use super::sieve::{Sieve, Skipped};
use super::source::{Naming, Source};
use super::{Dataset, parallel};

/// How many bad files a message names.
const NAMED: usize = 5;

impl Dataset {
    /// How many examples both sides have.
    #[must_use]
    pub fn images(&self) -> usize {
        let sides = std::iter::once(&self.train).chain(&self.test);
        sides.map(|side| side.examples().len()).sum()
    }

    /// Opens the sources and checks that they fit together. Relative paths are relative to `root`.
    /// With `on_error: skip` every image is decoded once, to leave out those that cannot be; with
    /// `split` every image that has no group is read, to be drawn for a side.
    ///
    /// # Errors
    /// A source that cannot be opened, more bad files than may be skipped, a division that leaves
    /// a side empty, a group on both sides, classes that differ between the sides, a single class.
    pub fn open(config: &DatasetConfig, root: &Path) -> Result<Dataset, DatasetError> {
        Self::open_watched(config, root, &mut |_, _, _| ())
    }

    /// [`Dataset::open`] that tells `watch` of its passes over all images of a source.
    ///
    /// # Errors
    /// Those of [`Dataset::open`].
    pub fn open_watched(
        config: &DatasetConfig,
        root: &Path,
        watch: PassWatch<'_>,
    ) -> Result<Dataset, DatasetError> {
        let mut opening = Opening {
            config,
            root,
            watch,
            skipped: Vec::new(),
        };
        let (mut train, mut test) = match &config.sides {
            Sides::Given { train, test } => {
                let train = opening.side(train, Split::Train)?;
                let test = match test {
                    Some(source) => Some(opening.side(source, Split::Test)?),
                    None => None,
                };
                (train, test)
            }
            Sides::Divided { source, .. } if !config.has_test() => {
                (opening.source(source, "source")?, None)
            }
            Sides::Divided { source, split } => {
                let whole = opening.source(source, "source")?;
                let mut watch = |done, total| (opening.watch)(Pass::Dividing, done, total);
                let (train, test) = divide(&whole, split.as_ref(), &mut watch)?;
                (train, Some(test))
            }
        };
        if let Some(test) = &mut test {
            agree(&mut train, test)?;
            check_groups(&train, test)?;
        }
        if train.labelled() && train.classes().len() < 2 {
            return Err(DatasetError::OneClass {
                found: train.classes().to_vec(),
                key: label_key(config),
            });
        }
        Ok(Dataset {
            train,
            test,
            skipped: opening.skipped,
        })
    }
}

/// The key that the training examples' labels come from.
fn label_key(config: &DatasetConfig) -> String {
    match &config.sides {
        Sides::Given { train, .. } => format!("train.{}", train.label_key()),
        Sides::Divided { source, .. } => format!("source.{}", source.label_key()),
    }
}

struct Opening<'a> {
    config: &'a DatasetConfig,
    root: &'a Path,
    watch: PassWatch<'a>,
    skipped: Vec<Skipped>,
}

impl Opening<'_> {
    /// Opens one source and leaves out what is to be left out.
    fn source(
        &mut self,
        config: &SourceConfig,
        section: &'static str,
    ) -> Result<Source, DatasetError> {
        let rules = Rules {
            limits: self.config.limits,
            background: self.config.background,
        };
        let mut sieve = Sieve::new(section, self.config.on_error == OnError::Skip);
        let mut source = Source::open(config, self.root, rules, section, &mut sieve)?;
        if sieve.skips() {
            source = readable(source, section, &mut sieve, self.watch)?;
            self.check_share(&source, section, &sieve)?;
        }
        self.skipped.extend(sieve.into_skipped());
        Ok(source)
    }

    /// Opens a source of one side; a list must not say that an example belongs to the other.
    fn side(&mut self, config: &SourceConfig, split: Split) -> Result<Source, DatasetError> {
        let source = self.source(config, split.name())?;
        let sides = source.sides().iter().zip(source.examples());
        for (side, example) in sides {
            let Some(other) = side.filter(|side| *side != split) else {
                continue;
            };
            if let SourceConfig::List { format, .. } = config {
                let error = SourceError::List {
                    path: source.path().to_owned(),
                    format: *format,
                    line: None,
                    problem: ListProblem::OtherSide {
                        path: example.id.clone(),
                        side: other,
                    },
                };
                return Err(error.on(split.name(), config.key()));
            }
        }
        Ok(source)
    }

    fn check_share(
        &self,
        source: &Source,
        section: &'static str,
        sieve: &Sieve,
    ) -> Result<(), DatasetError> {
        let skipped = sieve.bad_count();
        let total = skipped + source.examples().len();
        let most = self.config.max_skipped.get();
        let first = sieve.first(NAMED);
        if skipped as f64 > most * total as f64 {
            return Err(DatasetError::TooManySkipped {
                section,
                skipped,
                total,
                most,
                first,
            });
        }
        if source.examples().is_empty() {
            return Err(DatasetError::NothingLeft {
                section,
                skipped,
                first,
            });
        }
        Ok(())
    }
}

/// The source without the examples whose pixels cannot be read; each is tried.
fn readable(
    source: Source,
    section: &'static str,
    sieve: &mut Sieve,
    watch: PassWatch<'_>,
) -> Result<Source, DatasetError> {
    let (mut done, total) = (0, source.examples().len());
    let mut one = || {
        done += 1;
        watch(Pass::Trying, done, total);
    };
    let tried = parallel::map_watched(total, |i| source.read(i).err(), &mut one);
    if tried.iter().all(Option::is_none) {
        return Ok(source);
    }
    let mut good = Vec::new();
    for (i, (error, example)) in tried.into_iter().zip(source.examples()).enumerate() {
        match error {
            None => good.push(i),
            Some(DatasetError::Source { error, .. }) => sieve
                .bad(&example.id, *error)
                .map_err(|error| error.on(section, source.kind()))?,
            Some(other) => return Err(other),
        }
    }
    Ok(source.part(section, &good))
}

/// Checks that both sides have the same classes. A side whose classes are only numbers takes the
/// other side's, if its labels stay below their count, and a list takes those of the training side
/// if its own are among them: a test set need not hold every class.
fn agree(train: &mut Source, test: &mut Source) -> Result<(), DatasetError> {
    if !train.labelled() || !test.labelled() || train.classes == test.classes {
        return Ok(());
    }
    if test.naming == Naming::Numbers && test.classes.len() <= train.classes.len() {
        test.classes = train.classes.clone();
        return Ok(());
    }
    if train.naming == Naming::Numbers
        && test.naming == Naming::Declared
        && train.classes.len() <= test.classes.len()
    {
        train.classes = test.classes.clone();
        return Ok(());
    }
    if test.naming == Naming::Gathered && test.classes.iter().all(|c| train.classes.contains(c)) {
        test.recount(&train.classes);
        return Ok(());
    }
    Err(DatasetError::ClassesDiffer {
        train: train.classes.clone(),
        test: test.classes.clone(),
    })
}
