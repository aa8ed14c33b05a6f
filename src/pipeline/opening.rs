//! Opens the network of an extraction, and finds out how it is run.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::backbone::{BackboneError, Network, Opening, SessionOptions};
use crate::dataset::Source;
use crate::extract::{ExtractError, Row};
use crate::features::Claim;

use super::batch_size::{self, BatchSize, Remembered};
use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};

/// How often a request to end is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What an opening says.
enum Told {
    /// What takes so long.
    Waiting(String),
    /// How it ended.
    Opened(Result<Network, PipelineError>),
}

/// Opens the network. That may take minutes (an engine that is built for a GPU), and nothing but
/// its own end ends it: it goes on on a thread of its own, which is left alone at a request to end.
///
/// # Errors
/// A network that cannot be opened, or is not the one that was checked; a request to end.
pub(super) fn open(
    checked: &Checked,
    options: &SessionOptions,
    claim: &Claim,
    observer: &mut dyn Observer,
) -> Result<Network, PipelineError> {
    let (backbone, first) = (checked.backbone.clone(), checked.first);
    let (root, options) = (checked.options.root.clone(), options.clone());
    let runtime = match backbone.needs_runtime() {
        true => Some(checked.runtime()?),
        false => None,
    };
    let (tell, told) = channel();
    let opening = thread::spawn(move || {
        let runtime = || runtime.ok_or(PipelineError::NothingPasses);
        // Nobody listens any more after a request to end.
        let mut watch = |opening: &Opening| {
            let _ = tell.send(Told::Waiting(opening.to_string()));
        };
        let opened = backbone.open_watched(&root, first, &options, runtime, &mut watch);
        let _ = tell.send(Told::Opened(opened));
    });
    loop {
        match told.recv_timeout(LOOK) {
            Ok(Told::Waiting(why)) => observer.event(&Event::Progress(Stage::Extract, 0, why)),
            Ok(Told::Opened(network)) => {
                let network = network?;
                refuse_changed(checked, &network)?;
                return Ok(network);
            }
            Err(RecvTimeoutError::Timeout) if checked.options.stop.is_asked() => {
                return Err(ExtractError::Stopped.into());
            }
            Err(RecvTimeoutError::Timeout) => claim.beat(),
            Err(RecvTimeoutError::Disconnected) => match opening.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return Err(ExtractError::Worker.into()),
            },
        }
    }
}

/// The rows of one inference: those asked for, or for `auto` those that are the fastest, measured
/// on the first picture of as much work as `rows`.
///
/// # Errors
/// A picture that cannot be read, a network that does not run, a request to end.
pub(super) fn batch(
    checked: &Checked,
    network: &mut Network,
    options: &SessionOptions,
    (source, first, rows): (&Source, Row, usize),
) -> Result<usize, PipelineError> {
    if let Some(rows) = checked.config.extract.batch.rows() {
        return Ok(rows);
    }
    let default = usize::from(batch_size::DEFAULT);
    let provider = &options.provider;
    let Network::Onnx(session) = network else {
        return Ok(default);
    };
    if provider.unsteady().is_some() {
        let most = provider.max_batch().unwrap_or(usize::MAX);
        return Ok(default.max(provider.min_batch()).min(most));
    }
    let space = &checked.space;
    let about = format!(
        "{}\n{}\n{} threads, {} sessions",
        space.graph,
        space.numeric,
        options.threads(),
        options.sessions()
    );
    let remembered = Remembered::new(&checked.options.cache, &about);
    if let Some(batch) = remembered.get() {
        return Ok(batch.into());
    }
    if rows < batch_size::WORTH_MEASURING {
        return Ok(default);
    }
    let preprocess = checked.backbone.preprocess(checked.first);
    let mut input = vec![0.0; preprocess.input_len()];
    let image = source.read(first.example)?;
    let id = &source.examples()[first.example].id;
    preprocess.worker().apply(id, &image, &mut input)?;
    let batch = batch_size::fastest(session, &input, &checked.options.stop)?;
    remembered.put(batch);
    Ok(batch.into())
}

/// Refuses a network that is not the one that the rows' keys say: its file was changed after it
/// had been checked.
pub(super) fn refuse_changed(checked: &Checked, network: &Network) -> Result<(), BackboneError> {
    match network {
        Network::Onnx(session) if session.graph_key() != checked.space.graph => {
            Err(BackboneError::Read {
                path: session.path().to_owned(),
                source: io::Error::other("it changed since it was checked: run again"),
            })
        }
        _ => Ok(()),
    }
}

/// Says what the provider does not do or cannot promise.
pub(super) fn warn_of_provider(
    checked: &Checked,
    network: &Network,
    options: &SessionOptions,
    observer: &mut dyn Observer,
) {
    let Network::Onnx(session) = network else {
        return;
    };
    if let Some(engine) = session.engine() {
        observer.event(&Event::Note(engine.to_string()));
    }
    let provider = &options.provider;
    if session.elsewhere().count() > 0 {
        let text = format!("{provider} does not run it all: {}", session.elsewhere());
        observer.event(&Event::Warning(text));
    }
    if let Some(reason) = provider.unsteady() {
        let text = format!("the last bits of features may differ from run to run: {reason}");
        observer.event(&Event::Warning(text));
        if checked.config.extract.batch == BatchSize::Auto {
            let why = "`batch: auto` measures nothing here, as the choice would decide those bits";
            observer.event(&Event::Warning(why.to_owned()));
        }
    }
}
