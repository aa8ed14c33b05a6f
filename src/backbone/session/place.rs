//! Making a session: whole on the provider that was asked for, or not at all.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use ort::logging::LogLevel;
use ort::session::Session;

use super::placement::{Elsewhere, Listener};
use super::{SessionOptions, told};
use crate::backbone::error::BackboneError;
use crate::backbone::provider::{Provider, ProviderKind, Registration};
use crate::backbone::runtime::Runtime;
use crate::backbone::winograd::{self, Convolution};

/// The graph that a session is made of.
#[derive(Debug, Clone)]
pub(super) struct Content<'a> {
    /// The ONNX file.
    pub(super) bytes: &'a [u8],
    /// What its nodes of catpipe's own compute.
    pub(super) convolutions: Arc<[Convolution]>,
}

/// Why a session could not be made.
pub(super) enum NotPlaced {
    /// In ONNX Runtime's words.
    Refused(ort::Error),
    /// Some nodes would run elsewhere.
    Elsewhere(Elsewhere),
}

impl NotPlaced {
    pub(super) fn told(self, path: &Path, provider: &Provider) -> BackboneError {
        let path = path.to_path_buf();
        match (self, provider.kind()) {
            (Self::Refused(error), ProviderKind::Cpu) => BackboneError::Load {
                path,
                reason: told(&error),
            },
            (Self::Refused(error), provider) => BackboneError::Provider {
                path,
                provider,
                reason: without_source(&told(&error)).to_owned(),
            },
            (Self::Elsewhere(elsewhere), provider) => BackboneError::Elsewhere {
                path,
                provider,
                elsewhere,
            },
        }
    }
}

/// Makes the session, whole on the provider that was asked for; or, where that is allowed, with
/// the nodes that landed elsewhere.
pub(super) fn place(
    content: &Content,
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
) -> Result<(Session, Elsewhere), NotPlaced> {
    let (partial, cpu) = (
        options.provider.allows_partial(),
        options.provider.kind() == ProviderKind::Cpu,
    );
    if cpu || !partial {
        let made = commit(content, runtime, options, at, !cpu, None);
        return match made {
            Ok(session) => Ok((session, Elsewhere::default())),
            Err(error) if is_fallback(&error) => {
                Err(what_lands_elsewhere(content, runtime, options, at, error))
            }
            Err(error) => Err(NotPlaced::Refused(error)),
        };
    }
    let listener = Listener::default();
    let session = commit(content, runtime, options, at, false, Some(&listener))
        .map_err(NotPlaced::Refused)?;
    let elsewhere = listener.elsewhere(options.provider.kind().onnx_name());
    Ok((session, elsewhere))
}

/// [`place`] of `count` sessions at once, at least one.
pub(super) fn place_all(
    count: usize,
    content: &Content,
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
) -> Result<(Session, Vec<Session>, Elsewhere), NotPlaced> {
    thread::scope(|scope| {
        let other = || scope.spawn(|| place(content, runtime, options, at));
        let others: Vec<_> = (1..count).map(|_| other()).collect();
        let (first, elsewhere) = place(content, runtime, options, at)?;
        let joined = others.into_iter().map(|other| match other.join() {
            Ok(placed) => placed.map(|(session, _)| session),
            Err(panic) => std::panic::resume_unwind(panic),
        });
        Ok((first, joined.collect::<Result<_, _>>()?, elsewhere))
    })
}

/// ONNX Runtime refuses nodes on the CPU without naming them: made once more, it is listened to.
fn what_lands_elsewhere(
    content: &Content,
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
    error: ort::Error,
) -> NotPlaced {
    let listener = Listener::default();
    let _ = commit(content, runtime, options, at, false, Some(&listener));
    let elsewhere = listener.elsewhere(options.provider.kind().onnx_name());
    if elsewhere.count() == 0 {
        return NotPlaced::Refused(error);
    }
    NotPlaced::Elsewhere(elsewhere)
}

fn is_fallback(error: &ort::Error) -> bool {
    error
        .message()
        .contains("fallback to CPU EP has been explicitly disabled")
}

fn commit(
    content: &Content,
    runtime: &Runtime,
    options: &SessionOptions,
    at: &Registration,
    whole: bool,
    listener: Option<&Listener>,
) -> ort::Result<Session> {
    let mut builder = Session::builder(runtime.environment())?
        .with_intra_threads(at.threads)?
        .with_inter_threads(1)?
        // Idle threads sleep instead of spinning: decoding and augmentation run beside this.
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(true)?;
    if !content.convolutions.is_empty() {
        let operators =
            winograd::operators(&content.convolutions, at.threads, runtime.environment())?;
        builder = builder.with_operators(operators)?;
    }
    if whole {
        builder = builder.with_disable_cpu_fallback()?;
    }
    if let Some(listener) = listener {
        builder = builder
            .with_logger(listener.logger())?
            .with_log_level(LogLevel::Verbose)?;
    }
    builder
        .with_execution_providers([options.provider.dispatch(at)])?
        .commit_from_memory(content.bytes)
}

/// A message without the place in ONNX Runtime's sources that some begin with:
/// `/src/x.cc:20 f() [ONNXRuntimeError] : 1 : FAIL : what happened`.
pub(super) fn without_source(message: &str) -> &str {
    let after = message.split_once("[ONNXRuntimeError] : ");
    let what = after.and_then(|(_, rest)| rest.splitn(3, " : ").nth(2));
    what.unwrap_or(message)
}
