//! The `catpipe` program.

fn main() {}
