//! `catpipe man`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::failure::Failure;
use super::output::print;

/// Print the man page, or write one a command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe man | man -l -
  catpipe man --out ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Write catpipe.1 and a page for each command (catpipe-run.1 ...) into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut program = Cli::command();
    program.build();
    match args.out {
        None => print(&String::from_utf8_lossy(&page(program)?)),
        Some(folder) => write_all(&program, &folder),
    }
}

fn write_all(program: &Command, folder: &Path) -> Result<(), Failure> {
    let cannot = |path: &Path, e: std::io::Error| {
        Failure::failed(format!("cannot write {}: {e}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|e| cannot(folder, e))?;
    let mut count = 0;
    for command in with_subcommands(program) {
        let path = folder.join(format!("{}.1", name(&command)));
        fs::write(&path, page(command)?).map_err(|e| cannot(&path, e))?;
        count += 1;
    }
    print(&format!("{}: {count} pages\n", folder.display()))
}

/// The command and, below it, all that it has, but the `help` that clap adds.
fn with_subcommands(command: &Command) -> Vec<Command> {
    let below = command.get_subcommands().filter(|c| c.get_name() != "help");
    std::iter::once(command.clone())
        .chain(below.flat_map(with_subcommands))
        .collect()
}

/// The name of a command's page: `catpipe-cache-ls`.
fn name(command: &Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let name = name(&command);
    let man = Man::new(command)
        .title(name)
        .source(concat!("catpipe ", env!("CARGO_PKG_VERSION")));
    man.render(&mut page).map_err(Failure::failed)?;
    Ok(page)
}
