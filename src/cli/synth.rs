//! `catpipe synth`.

use std::path::PathBuf;

use crate::dataset::synth::{self, Outcome, SynthConfig, SynthFormat, SynthSet};

use super::failure::Failure;
use super::output::print;
use super::progress::counter;

/// Write a small labelled set of generated pictures, for trying things out
///
/// DIR/train/<class>/ and DIR/test/<class>/ hold pictures of shapes that vary in place, size,
/// turn, colour, background, clutter and noise. The same arguments give the same pictures.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe synth data/shapes --classes 5 --train 40 --test 20 --size 128x96 --format jpeg")]
pub(super) struct Args {
    /// The folder to make
    #[arg(value_name = "DIR")]
    out: PathBuf,

    /// Number of classes
    #[arg(long, default_value_t = SynthSet::default().classes)]
    classes: u32,

    /// Training pictures of each class
    #[arg(long, value_name = "N", default_value_t = SynthSet::default().train_per_class)]
    train: u32,

    /// Test pictures of each class
    #[arg(long, value_name = "N", default_value_t = SynthSet::default().test_per_class)]
    test: u32,

    /// Width and height in pixels
    #[arg(long, value_name = "WxH", default_value = "96x96", value_parser = parse_size)]
    size: [u32; 2],

    /// Another seed gives other pictures of the same classes
    #[arg(long, default_value_t = SynthSet::default().seed)]
    seed: u64,

    /// png or jpeg
    #[arg(long, default_value = "png")]
    format: SynthFormat,
}

fn parse_size(text: &str) -> Result<[u32; 2], String> {
    let (width, height) = text
        .split_once('x')
        .ok_or("expected WIDTHxHEIGHT, such as 96x96")?;
    let side = |s: &str| {
        s.parse()
            .map_err(|_| format!("`{s}` is no number of pixels"))
    };
    Ok([side(width)?, side(height)?])
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let config = SynthConfig {
        out: args.out,
        set: SynthSet {
            classes: args.classes,
            train_per_class: args.train,
            test_per_class: args.test,
            size: args.size,
            seed: args.seed,
            format: args.format,
        },
    };
    let out = config.out.display();
    let bar = counter();
    let result = synth::write(&config, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let text = match result.map_err(Failure::failed)? {
        Outcome::Written(count) => format!("{out}: {count} pictures\n"),
        Outcome::AlreadyThere => format!("{out}: there already, with the same pictures\n"),
    };
    print(&text)
}
