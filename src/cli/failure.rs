//! How a subcommand ends when it does not succeed.

use std::fmt;
use std::io;

use crate::pipeline::PipelineError;

/// Failed while running.
const FAILED: u8 = 1;
/// Wrong usage or wrong pipeline.
const WRONG: u8 = 2;
/// There was nothing to fetch from.
const UNREACHABLE: u8 = 3;

/// How a subcommand ends when it does not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// With a message and an exit code.
    Exit { code: u8, message: String },
    /// Somebody asked it to; what became of the work.
    Interrupted(String),
    /// Nobody reads stdout any more.
    ClosedOutput,
}

impl Failure {
    pub(super) fn failed(error: impl fmt::Display) -> Self {
        Failure::with(FAILED, error)
    }

    pub(super) fn wrong(error: impl fmt::Display) -> Self {
        Failure::with(WRONG, error)
    }

    pub(super) fn unreachable(error: impl fmt::Display) -> Self {
        Failure::with(UNREACHABLE, error)
    }

    fn with(code: u8, error: impl fmt::Display) -> Self {
        Failure::Exit {
            code,
            message: error.to_string(),
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        if error.is_interruption() {
            Failure::Interrupted(error.to_string())
        } else if error.is_wrong_pipeline() {
            Failure::wrong(error)
        } else {
            Failure::failed(error)
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedOutput,
            _ => Failure::failed(format!("cannot write to stdout: {error}")),
        }
    }
}
