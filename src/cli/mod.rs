//! The program's subcommands: one file each, its arguments and its output on the terminal.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed while running,
//! 2 wrong usage or wrong pipeline, 3 (of `fetch` alone) nothing there to fetch from, 130
//! interrupted.

mod cache;
mod check;
mod compare;
mod completions;
mod data;
mod export;
mod extract;
mod failure;
mod fetch;
mod findings;
mod init;
mod interrupt;
mod man;
mod model;
mod output;
mod paths;
mod predict;
mod preview;
mod progress;
mod project;
mod providers;
mod report;
mod run;
mod runtime;
mod spent;
mod synth;

use std::io::Write;
use std::process::ExitCode;

use anstyle::AnsiColor;
use clap::{Parser, Subcommand};

use failure::Failure;

/// A few labelled images in, a trained and measured classifier out.
///
/// A frozen ONNX backbone turns images into features, which are cached; a native head trains on
/// them; a YAML pipeline says how.
#[derive(Debug, Parser)]
#[command(name = "catpipe", version, max_term_width = 100)]
#[command(after_help = "Example:\n  catpipe run pipelines/resnet.yaml --set train.l2=0.01")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Run(run::Args),
    Check(check::Args),
    Compare(compare::Args),
    Extract(extract::Args),
    Report(report::Args),
    Predict(predict::Args),
    Export(export::Args),
    Preview(preview::Args),
    Data(data::Args),
    Cache(cache::Args),
    Model(model::Args),
    #[command(visible_alias = "doctor")]
    Providers(providers::Args),
    Fetch(fetch::Args),
    Runtime(runtime::Args),
    Synth(synth::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Init(args) => init::run(args),
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Extract(args) => extract::run(args),
        Command::Report(args) => report::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Export(args) => export::run(args),
        Command::Preview(args) => preview::run(args),
        Command::Data(args) => data::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Model(args) => model::run(args),
        Command::Providers(args) => providers::run(args),
        Command::Fetch(args) => fetch::run(args),
        Command::Runtime(args) => runtime::run(args),
        Command::Synth(args) => synth::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough: `catpipe ... | head`.
        Err(Failure::ClosedOutput) => ExitCode::SUCCESS,
        Err(Failure::Interrupted(message)) => {
            interrupt::say(&message);
            interrupt::leave()
        }
        Err(Failure::Exit { code, message }) => {
            let red = AnsiColor::Red.on_default().bold();
            let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {message}");
            ExitCode::from(code)
        }
    }
}
