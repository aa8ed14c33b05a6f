//! What must hold between the sections of a pipeline; each error stands at the key that is wrong.

use crate::backbone::auto::Bar;
use crate::dataset::{Dataset, Sides};
use crate::head::config::HeadConfig;
use crate::head::search::{self as trials, SearchError};
use crate::yaml::{Document, YamlError};

use super::config::PipelineConfig;
use super::error::PipelineError;

/// Each stage must have what it works on.
pub(super) fn stages(document: &Document, config: &PipelineConfig) -> Result<(), YamlError> {
    if config.train.is_some() {
        let sources = config.dataset.sources();
        if let Some((section, _)) = sources.iter().find(|(_, s)| s.never_labelled()) {
            let why = "these images have no labels, and a head needs them: put the images into \
                       class folders (`folder`) or name them in a list (`csv`), or remove `train` \
                       and `evaluate`";
            return Err(document.invalid(&format!("dataset.{section}.files"), why));
        }
    }
    if config.export.is_some() && config.train.is_none() {
        let why = "there is no head to export: add a `train` section, or remove `export`";
        return Err(document.invalid("export", why));
    }
    let Some(evaluate) = config.evaluate else {
        return Ok(());
    };
    if config.train.is_none() {
        let why = "there is no head to score: add a `train` section, or remove `evaluate`";
        return Err(document.invalid("evaluate", why));
    }
    // A learning curve is of the training examples.
    if !config.dataset.has_test() && (evaluate.tta || evaluate.learning_curve.is_none()) {
        let why = "there are no examples to score: name them in `dataset.test`, or remove \
                   `evaluate`";
        return Err(document.invalid("evaluate", why));
    }
    if evaluate.tta && config.augment.views == 0 {
        let why = "test-time augmentation averages over views, and there are none: set \
                   `augment.views`, or leave `tta` out";
        return Err(document.invalid("evaluate.tta", why));
    }
    Ok(())
}

/// Every trial of a search must be a valid `train` section.
pub(super) fn search(document: &Document, config: &PipelineConfig) -> Result<(), YamlError> {
    let Some(train) = &config.train else {
        return Ok(());
    };
    let wrong = |error: SearchError| {
        let below = error.at().iter().map(String::as_str);
        let steps: Vec<&str> = ["train", "search"].into_iter().chain(below).collect();
        document.invalid_at(&steps, error.to_string())
    };
    trials::check(train, config.seed).map(|_| ()).map_err(wrong)
}

/// What the options of the providers say must fit the rest of `extract`.
pub(super) fn provider(document: &Document, config: &PipelineConfig) -> Result<(), YamlError> {
    let extract = &config.extract;
    let fast = (extract.provider.auto()).is_some_and(|auto| auto.parity == Bar::Fast);
    if fast && config.train.is_none() {
        let why = PipelineError::NoHead.to_string();
        return Err(document.invalid("extract.provider.auto.parity", why));
    }
    for provider in extract.provider.all() {
        if extract.threads.is_some() && provider.threads().is_some() {
            let why = format!(
                "the threads are also given in `provider.{provider}.threads`: leave one of them out"
            );
            return Err(document.invalid("extract.threads", why));
        }
        let rows = extract.batch.rows();
        if let Some(why) = rows.and_then(|rows| provider.refuses_batch(rows)) {
            return Err(document.invalid("extract.batch", why));
        }
    }
    Ok(())
}

/// What a head learns from, or is scored on, must have labels.
pub(super) fn labels(
    document: &Document,
    config: &PipelineConfig,
    dataset: &Dataset,
) -> Result<(), YamlError> {
    let (train, test) = match config.dataset.sides {
        Sides::Given { .. } => ("dataset.train", "dataset.test"),
        Sides::Divided { .. } => ("dataset.source", "dataset.source"),
    };
    let needs = [
        (train, config.train.is_some(), Some(&dataset.train)),
        (test, config.evaluate.is_some(), dataset.test.as_ref()),
    ];
    for (key, needed, source) in needs {
        if needed && source.is_some_and(|s| !s.labelled()) {
            let why = "has no labels, and a head needs them: add `labels: <array>`";
            return Err(document.invalid(key, why));
        }
    }
    Ok(())
}

/// What `train` says of a class by its name must be said of a class that is there.
pub(super) fn classes(
    document: &Document,
    config: &PipelineConfig,
    dataset: &Dataset,
) -> Result<(), YamlError> {
    let Some(train) = &config.train else {
        return Ok(());
    };
    match train.for_classes(dataset.train.classes()) {
        Ok(_) => Ok(()),
        Err(unknown) => {
            let key = format!("train.class_weights.{}", unknown.name);
            Err(document.invalid(&key, unknown.to_string()))
        }
    }
}

/// Convolutions need rows that are pictures; `width` is that of a row.
pub(super) fn head(
    document: &Document,
    config: &PipelineConfig,
    width: usize,
) -> Result<(), YamlError> {
    match config.train.as_ref().map(|train| &train.head) {
        Some(HeadConfig::Cnn(cnn)) => cnn
            .check(width)
            .map_err(|why| document.invalid("train.head.cnn", why.to_string())),
        _ => Ok(()),
    }
}
