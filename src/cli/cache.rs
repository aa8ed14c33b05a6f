//! `catpipe cache`: work on the feature rows that the cache has.

mod export;

use clap::Subcommand;

use super::failure::Failure;

/// Work on cached feature rows
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    Export(export::Args),
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        CacheCommand::Export(args) => export::run(args),
    }
}
