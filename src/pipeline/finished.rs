//! A run that has ended, for what goes on from there.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::backbone::{Backbone, Network, Preprocess, Providers, Runtime, SessionOptions};
use crate::features::Space;
use crate::head::Head;
use crate::yaml::Document;

use super::checked::Checked;
use super::config::PipelineConfig;
use super::error::PipelineError;
use super::folder::RunFolder;
use super::options::Options;
use super::provider::search;

/// The files of a run folder that are needed.
const PIPELINE: &str = "pipeline.yaml";
const HEAD: &str = "head.safetensors";

/// A finished run: its pipeline, its head, and what the head's features depend on. Neither the
/// images that it was trained on nor their features need be there.
#[derive(Debug)]
pub struct FinishedRun {
    /// The run folder.
    pub folder: PathBuf,
    /// What the pipeline says, every default filled in.
    pub config: PipelineConfig,
    /// The trained head.
    pub head: Head,
    /// What the features that it was trained on depend on.
    pub space: Space,
    options: Options,
}

/// A finished run's network and head, ready to run.
#[derive(Debug)]
pub struct RunNetwork {
    /// The backbone.
    pub backbone: Backbone,
    /// The backbone in a session.
    pub network: Network,
    /// From an image to its input.
    pub preprocess: Preprocess,
    /// How it is run.
    pub options: SessionOptions,
    /// What runs it; none for pixels.
    pub runtime: Option<Runtime>,
    /// Where paths of the backbone's manifest start.
    pub root: PathBuf,
    /// What is to be said of it: that its arithmetic is not that of the run.
    pub note: Option<String>,
}

impl FinishedRun {
    /// Whether this folder is one of a run.
    #[must_use]
    pub fn is_run(folder: &Path) -> bool {
        folder.join(PIPELINE).is_file()
    }

    /// Opens the run in `folder`. Relative paths of its pipeline start at `root`, or where nothing
    /// is said two folders above it, as `runs/NAME` stands in the project.
    ///
    /// # Errors
    /// No run, one without a head, files that are damaged.
    pub fn open(
        folder: &Path,
        root: Option<&Path>,
        options: Options,
    ) -> Result<Self, PipelineError> {
        let no_run = |reason: String| PipelineError::NoRun {
            folder: folder.to_owned(),
            reason,
        };
        let pipeline = folder.join(PIPELINE);
        if !pipeline.is_file() {
            let reason = "it has no pipeline.yaml: name the folder that `catpipe run` ends with, \
                          such as runs/NAME";
            return Err(no_run(reason.to_owned()));
        }
        let config: PipelineConfig = Document::read(&pipeline)?.typed()?;
        let bytes = fs::read(folder.join(HEAD)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                no_run("it has no head: its pipeline has no `train` section".to_owned())
            }
            _ => no_run(format!("its {HEAD} cannot be read: {error}")),
        })?;
        let damaged = |error: &dyn std::fmt::Display| {
            no_run(format!(
                "its {HEAD} is damaged ({error}): run the pipeline again"
            ))
        };
        let (head, about) = Head::from_bytes(&bytes).map_err(|error| damaged(&error))?;
        let space = about
            .get("features")
            .map(String::as_str)
            .unwrap_or_default();
        let space = Document::parse(Path::new(HEAD), space).and_then(|document| document.typed());
        let space = space.map_err(|error| damaged(&error))?;
        let root = match root {
            Some(root) => root.to_owned(),
            None => above(folder),
        };
        Ok(Self {
            folder: folder.to_owned(),
            config,
            head,
            space,
            options: Options { root, ..options },
        })
    }

    /// The run's pipeline, checked: for what needs its examples.
    ///
    /// # Errors
    /// As [`Checked::read`].
    pub fn checked(&self) -> Result<Checked, PipelineError> {
        Checked::read(&self.folder.join(PIPELINE), self.options.clone())
    }

    /// Where the run's pipeline puts its results, of which nothing else has to be opened.
    pub(super) fn place(&self) -> RunFolder {
        RunFolder::new(&self.options.root, self.config.name.as_str())
    }

    /// Opens the network, on the run's provider or another one.
    ///
    /// # Errors
    /// A backbone that is not there any more or is another one than the head was trained on, a
    /// provider that cannot be used.
    pub fn network(&self, provider: Option<Providers>) -> Result<RunNetwork, PipelineError> {
        let mut config = self.config.clone();
        let root = self.options.root.clone();
        let auto = provider.is_none() && config.extract.provider.auto().is_some();
        let (backbone, key, choice, arithmetic) = if auto {
            // What was measured may have put another graph in the place of the manifest's.
            let checked = self.checked()?;
            checked.expect_decided()?;
            let key = checked.space.graph.clone();
            (checked.backbone, key, checked.choice, checked.arithmetic)
        } else {
            if let Some(provider) = provider {
                config.extract.provider = provider;
            }
            let backbone = Backbone::named(&config.extract.backbone, &root)
                .map_err(PipelineError::Manifest)?;
            let graph = backbone
                .check_changed(&root, &self.options.shelf())
                .map_err(PipelineError::Manifest)?;
            let choice = super::provider::choose(&config, None, &backbone, &self.options)?;
            (backbone, graph.key, choice, graph.arithmetic)
        };
        if key != self.space.graph {
            return Err(PipelineError::OtherBackbone {
                folder: self.folder.clone(),
                trained: self.space.graph.clone(),
                found: key,
            });
        }
        let first = self.image_size();
        let options = super::provider::session_options(&config, &self.options, choice.as_ref());
        let runtime = match backbone.needs_runtime() {
            true => Some(super::provider::runtime(choice.as_ref(), &self.options)?),
            false => None,
        };
        let ready = || runtime.clone().ok_or(PipelineError::NothingPasses);
        let numeric = backbone.numeric_class(arithmetic, &options, ready)?;
        let network = backbone.open(&root, first, &options, ready)?;
        let trained = &self.space.numeric;
        let note = (numeric != *trained).then(|| {
            format!("features by {numeric}, and the head was trained on those by {trained}")
        });
        Ok(RunNetwork {
            preprocess: backbone.preprocess(first),
            backbone,
            network,
            options,
            runtime,
            root,
            note,
        })
    }

    /// Where ONNX Runtime is, for what needs it besides a network.
    ///
    /// # Errors
    /// There is none.
    pub fn locate_runtime(&self) -> Result<Runtime, PipelineError> {
        Ok(Runtime::locate(&search(&self.options))?)
    }

    /// Width and height of the images of `backbone: pixels`, as the features' key has them:
    /// `pixels 64x48 rgb hwc x/255`. Networks do not ask.
    fn image_size(&self) -> (u32, u32) {
        let words = self.space.preprocessing.strip_prefix("pixels ");
        let size = words.and_then(|words| words.split(' ').next()?.split_once('x'));
        let size = size.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        size.unwrap_or_default()
    }
}

/// Two folders above: where the path does not show them (`NAME` seen from inside `runs`, `../NAME`),
/// those of the folder that it leads to.
fn above(folder: &Path) -> PathBuf {
    let mut last = folder.components().rev().take(2);
    let shown = last.all(|part| matches!(part, Component::Normal(_)));
    let up = folder.parent().and_then(Path::parent);
    match up.filter(|_| shown) {
        Some(up) => up.to_owned(),
        None => folder.join("..").join(".."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stands_two_folders_below_its_project() {
        for (folder, root) in [
            ("runs/p", ""),
            ("runs/p/", ""),
            ("a/runs/p", "a"),
            ("/a/runs/p", "/a"),
            ("p", "p/../.."),
            (".", "./../.."),
            ("../p", "../p/../.."),
        ] {
            assert_eq!(above(Path::new(folder)), Path::new(root), "{folder}");
        }
    }
}
