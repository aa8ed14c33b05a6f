//! The two sides of a certificate, and their measurement.

use std::path::{Path, PathBuf};

use crate::backbone::onnx::Arithmetic;
use crate::backbone::{Backbone, Manifest, Provider};
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::progress::counter_to;
use crate::cli::providers::{Question, ask_watched, say};
use crate::digests::Shelf;
use crate::pipeline::probe::{Answers, Job, Measured, Outcome, saved};
use crate::stop::Stop;
use crate::yaml::{Document, YamlError};

use super::{Args, Both, pictures};

/// One side: a model and what it runs on.
struct Side {
    manifest: PathBuf,
    backbone: Manifest,
    graph: String,
    arithmetic: Arithmetic,
    provider: Provider,
}

/// Both sides, read and checked.
pub(super) struct Sides {
    subject: Side,
    reference: Side,
    /// The reference's manifest, where it is another one.
    pub(super) other: Option<PathBuf>,
    /// An output of classes that both graphs have.
    pub(super) answers: Option<Answers>,
}

impl Sides {
    pub(super) fn read(args: &Args, root: &Path) -> Result<Self, Failure> {
        let provider = provider("--provider", &args.provider)?;
        let subject = Side::read(&args.manifest, root, provider)?;
        let path = Path::new(&args.against);
        let is_manifest = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        let other = is_manifest.then(|| path.to_path_buf());
        let reference = match &other {
            Some(path) => Side::read(path, root, Provider::default())?,
            None => {
                let provider = self::provider("--against", &args.against)?;
                Side::read(&args.manifest, root, provider)?
            }
        };
        if subject.graph == reference.graph && subject.provider == reference.provider {
            let why = "both sides are the same model on the same provider: name another with \
                       --provider or --against, such as --provider openvino";
            return Err(Failure::wrong(why));
        }
        let answers = |side: &Side| Answers::of(&side.backbone, root).map_err(Failure::failed);
        let found = answers(&subject)?;
        let answers = match other {
            Some(_) if found != answers(&reference)? => None,
            _ => found,
        };
        Ok(Self {
            subject,
            reference,
            other,
            answers,
        })
    }

    /// Features of a row.
    pub(super) fn width(&self) -> usize {
        self.subject.backbone.width()
    }

    /// Both graphs, as row keys have them.
    pub(super) fn graphs(&self) -> [&str; 2] {
        [&self.subject.graph, &self.reference.graph]
    }

    /// Runs both, one after the other: the reference first.
    pub(super) fn measure(&self, args: &Args, root: &Path) -> Result<Both, Failure> {
        let scratch = tempfile::tempdir().map_err(Failure::failed)?;
        interrupt::while_measuring(|stop| {
            let run = |side, file| self.run(side, args, root, &scratch.path().join(file), stop);
            let reference = run(&self.reference, "b.f32")?;
            Ok((run(&self.subject, "a.f32")?, reference))
        })
    }

    fn run(
        &self,
        side: &Side,
        args: &Args,
        root: &Path,
        features: &Path,
        stop: &Stop,
    ) -> Result<Outcome, Failure> {
        let provider = &side.provider;
        let precision = provider.precision_of(side.arithmetic);
        say(&format!(
            "{} on {provider} {precision} ...",
            side.manifest.display()
        ));
        let job = Job {
            provider: provider.clone(),
            backbone: side.manifest.clone(),
            root: root.to_path_buf(),
            ort_dylib: args.ort_dylib.clone(),
            pictures: pictures(args),
            count: args.count as usize,
            batch: args.batch.into(),
            timed: None,
            answers: self.answers.clone(),
            features: features.to_path_buf(),
        };
        let answers = job.answers_file();
        let features = job.features.clone();
        // Not before the process has looked through the pictures, which has a bar of its own.
        let bar = counter_to(u64::from(args.count));
        let measured = ask_watched(&Question::Measure(job), stop, &bar);
        bar.finish_and_clear();
        let measured: Measured = measured.map_err(Failure::failed)?;
        Ok(Outcome {
            measured,
            features: saved(&features)?,
            answers: self.answers.as_ref().map(|_| saved(&answers)).transpose()?,
        })
    }
}

impl Side {
    fn read(path: &Path, root: &Path, provider: Provider) -> Result<Self, Failure> {
        let backbone = Manifest::read(&root.join(path)).map_err(Failure::wrong)?;
        // An empty shelf remembers nothing: the file is read.
        let named = Backbone::Onnx(Box::new(backbone.clone()));
        let graph = named.check_changed(root, &Shelf::default());
        let graph = graph.map_err(Failure::wrong)?;
        Ok(Self {
            manifest: path.to_path_buf(),
            graph: graph.key,
            arithmetic: graph.arithmetic,
            backbone,
            provider,
        })
    }
}

/// One provider, by the rules of the pipeline's key.
fn provider(option: &str, text: &str) -> Result<Provider, Failure> {
    if text.trim() == "auto" {
        return Err(Failure::wrong(format!(
            "{option} auto: a certificate is about one provider: name it"
        )));
    }
    let parsed = Document::parse(Path::new(option), text).and_then(|document| document.typed());
    parsed.map_err(|error| {
        Failure::wrong(match error {
            // There is no place to point at in a word of the command line.
            YamlError::Invalid { message, .. } => format!("{option} {text}: {message}"),
            other => other.to_string(),
        })
    })
}
