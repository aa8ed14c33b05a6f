//! `catpipe completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;
use super::output::print;

/// Print a shell's completions of catpipe's commands and options
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe completions bash > ~/.local/share/bash-completion/completions/catpipe
  catpipe completions zsh > ~/.zfunc/_catpipe     # with fpath+=~/.zfunc before compinit in ~/.zshrc
  catpipe completions fish > ~/.config/fish/completions/catpipe.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "catpipe", &mut script);
    print(&String::from_utf8_lossy(&script))
}
