//! The program's subcommands.
