//! The `catpipe` program.

fn main() -> std::process::ExitCode {
    catpipe::cli::main()
}
