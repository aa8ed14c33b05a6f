//! `catpipe cache`: work on the feature rows that the cache has.

mod export;
mod gc;
mod import;
mod ls;
mod projects;
mod verify;
mod why;
mod words;

use clap::Subcommand;

use super::failure::Failure;

/// Work on cached feature rows
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache ls
  catpipe cache why pipelines/resnet.yaml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    Ls(ls::Args),
    Verify(verify::Args),
    Gc(gc::Args),
    Export(export::Args),
    Import(import::Args),
    Why(why::Args),
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        CacheCommand::Ls(args) => ls::run(args),
        CacheCommand::Verify(args) => verify::run(args),
        CacheCommand::Gc(args) => gc::run(args),
        CacheCommand::Export(args) => export::run(args),
        CacheCommand::Import(args) => import::run(args),
        CacheCommand::Why(args) => why::run(args),
    }
}
