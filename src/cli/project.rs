//! What `run`, `check` and `data` are told alike: the pipeline, and where it stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::assets;
use crate::backbone::Providers;
use crate::backbone::auto::{Bar, Candidate, Trial};
use crate::pipeline::{Auto, Checked, Options};
use crate::stop::Stop;
use crate::yaml::Document;

use super::failure::Failure;
use super::interrupt;
use super::progress::Passes;
use super::providers::Children;

/// A pipeline and where it stands.
#[derive(Debug, clap::Args)]
pub(super) struct ProjectArgs {
    /// The pipeline file
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,

    /// Override a value of the pipeline; may be given several times
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,

    /// The project's folder: relative paths in the pipeline start here [default: the current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,

    /// Read every file again, also those that have not changed since they were last read
    #[arg(long)]
    verify: bool,
}

impl ProjectArgs {
    /// Reads and checks the pipeline.
    pub(super) fn checked(&self) -> Result<Checked, Failure> {
        Ok(Checked::read(&self.pipeline, self.options()?)?)
    }

    /// The same for a run, which measures what `provider: auto` does not know yet.
    pub(super) fn to_run(&self) -> Result<Checked, Failure> {
        let stop = interrupt::listen();
        let options = Options {
            prober: Some(Arc::new(Children::new(&stop))),
            stop,
            ..self.options()?
        };
        Ok(Checked::read(&self.pipeline, options)?)
    }

    /// Another subcommand for the same pipeline, as one types it.
    pub(super) fn command(&self, subcommand: &str) -> String {
        let mut words = vec!["catpipe".to_owned(), subcommand.to_owned()];
        words.push(quoted(&self.pipeline.to_string_lossy()));
        for set in &self.set {
            words.extend(["--set".to_owned(), quoted(set)]);
        }
        if let Some(root) = &self.root {
            words.extend(["--root".to_owned(), quoted(&root.to_string_lossy())]);
        }
        words.join(" ")
    }

    /// How the pipeline is called.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let root = self.root.clone().unwrap_or_default();
        let options = options(&self.set, root, self.ort_dylib.clone())?;
        Ok(Options {
            verify: self.verify,
            ..options
        })
    }
}

/// A word of a command line, in quotes where a shell would take it apart.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How pipelines are called with these overrides, root and library.
pub(super) fn options(
    overrides: &[String],
    root: PathBuf,
    ort_dylib: Option<PathBuf>,
) -> Result<Options, Failure> {
    // What is typed comes after the environment, and wins.
    let mut set: Vec<String> = provider_variable()?.into_iter().collect();
    set.extend(overrides.iter().cloned());
    Ok(Options {
        root,
        cache: assets::cache_dir().map_err(Failure::failed)?,
        set,
        ort_dylib,
        prober: None,
        verify: false,
        stop: Stop::default(),
        passes: Some(Arc::new(Passes::default())),
    })
}

/// The variable that names the provider of every pipeline.
const PROVIDER: &str = "CATPIPE_PROVIDER";

/// `CATPIPE_PROVIDER` as an override; set to nothing, it counts as not set.
fn provider_variable() -> Result<Option<String>, Failure> {
    let Some(value) = std::env::var_os(PROVIDER).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    // Read here as well, so that an error names the variable and not an override.
    Document::parse(Path::new(PROVIDER), &value)
        .and_then(|document| document.typed::<Providers>())
        .map_err(Failure::wrong)?;
    Ok(Some(format!("extract.provider={value}")))
}

/// What `auto` has chosen, or that it will; empty where nobody asked it.
pub(super) fn auto_line(checked: &Checked) -> String {
    match &checked.auto {
        None => String::new(),
        Some(Auto::Chosen(decision)) => format!("{decision}\n"),
        Some(Auto::Undecided(bar)) => format!(
            "auto ({bar}) has not measured this model on this machine yet: `catpipe run` will\n"
        ),
    }
}

/// [`auto_line`] for other programs.
#[derive(Serialize)]
pub(super) struct AutoJson {
    parity: Bar,
    /// `null` where nothing has been measured yet.
    chosen: Option<Candidate>,
    trials: Vec<Trial>,
}

impl AutoJson {
    pub(super) fn of(checked: &Checked) -> Option<Self> {
        Some(match checked.auto.as_ref()? {
            Auto::Chosen(decision) => Self {
                parity: decision.bar,
                chosen: Some(decision.chosen.clone()),
                trials: decision.trials.clone(),
            },
            Auto::Undecided(bar) => Self {
                parity: *bar,
                chosen: None,
                trials: Vec::new(),
            },
        })
    }
}
