//! Speed and memory, as figures of one run on one machine: `cargo bench`, or `make bench`.
//!
//! Each speed is the best of a few rounds, so that what else the machine does disturbs it least.
//! The first line is what the others are compared with.

mod dense;
mod extraction;
mod files;
mod logistic;
mod memory;
mod pixels;
mod store;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use catpipe::assets;
use catpipe::backbone::provider::{Convolutions, CpuOptions};
use catpipe::backbone::{Manifest, Provider, Runtime, Search, Session, SessionOptions};

const MANIFEST: &str = "onnx/resnet50.yaml";
const BATCH: usize = 16;
const THREADS: usize = 2;
const ROUNDS: usize = 6;

fn main() -> ExitCode {
    match all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

/// Every part, or those that are named: `cargo bench -- pixels`.
fn all() -> Result<(), Box<dyn Error>> {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if let [store::PLAN, ..] = named.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return store::plan(&named[1..]);
    }
    let wanted = |part: &str| named.is_empty() || named.iter().any(|word| word == part);
    if wanted("speed") {
        let (lines, cost_of_eight) = measure()?;
        print(&lines);
        println!("8 rows of a photograph cost {cost_of_eight:.2} times one");
    }
    if wanted("pixels") {
        pixels::measure(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    if wanted("files") {
        files::measure(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    if wanted("memory") {
        memory::measure()?;
    }
    if wanted("dense") {
        dense::measure()?;
    }
    if wanted("store") {
        store::measure()?;
    }
    if wanted("logistic") {
        logistic::measure(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    Ok(())
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// One line of the table.
struct Line {
    what: String,
    images_a_second: f64,
}

/// Every measurement, the baseline first, and what eight rows of a photograph cost of one.
fn measure() -> Result<(Vec<Line>, f64), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = Manifest::read(&root.join(MANIFEST))?;
    let runtime = runtime()?;
    eprintln!("{runtime}");
    // The sessions before and after: a machine that changes its pace in between shows it.
    let sessions = || -> Result<Vec<Line>, Box<dyn Error>> {
        let ways = [Convolutions::Direct, Convolutions::Winograd];
        let alone = |way| session_alone(&manifest, root, &runtime, way);
        ways.into_iter().map(alone).collect()
    };
    let mut lines = sessions()?;
    let stage = extraction::measure(root, BATCH, THREADS)?;
    lines.extend(stage.lines);
    lines.extend(sessions()?);
    Ok((lines, stage.cost_of_eight))
}

fn runtime() -> Result<Runtime, Box<dyn Error>> {
    let runtime_dir = assets::runtime_dir(&assets::cache_dir()?);
    Ok(Runtime::locate(&Search::from_env(None, runtime_dir))?)
}

/// The network and nothing else, on inputs that are ready: by ONNX Runtime's kernels alone, or
/// with catpipe's for its convolutions.
fn session_alone(
    manifest: &Manifest,
    root: &Path,
    runtime: &Runtime,
    convolutions: Convolutions,
) -> Result<Line, Box<dyn Error>> {
    let options = SessionOptions {
        provider: Provider::Cpu(CpuOptions {
            convolutions,
            ..CpuOptions::default()
        }),
        threads: Some(THREADS),
        ..SessionOptions::default()
    };
    let mut session = Session::open(manifest, root, runtime, &options)?;
    let input = inputs(BATCH * session.input_len());
    let mut features = vec![0.0; BATCH * session.width()];
    // The first run lays out memory and is no measure.
    session.run(&input, BATCH, &mut features)?;
    let images_a_second = best_rate(BATCH, || Ok(session.run(&input, BATCH, &mut features)?))?;
    let way = match convolutions {
        Convolutions::Direct => "ONNX Runtime alone",
        Convolutions::Winograd => "with catpipe's convolutions",
    };
    let name = &manifest.config.name;
    let what = format!("{name}: session, {way}, batch {BATCH}, {THREADS} threads");
    Ok(Line {
        what,
        images_a_second,
    })
}

/// Values in the range of a caffe-style input, without a pattern that a processor could like.
fn inputs(count: usize) -> Vec<f32> {
    let level = |i: usize| (i.wrapping_mul(2_654_435_761) >> 16) % 256;
    (0..count).map(|i| level(i) as f32 - 116.0).collect()
}

/// Images a second in the fastest of [`ROUNDS`] rounds of `work`, which is `images` images.
fn best_rate(
    images: usize,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(images as f64 / best)
}

fn print(lines: &[Line]) {
    let baseline = lines.first().map_or(1.0, |line| line.images_a_second);
    println!("{:<60} {:>10} {:>6}", "", "images/s", "ratio");
    for line in lines {
        let ratio = line.images_a_second / baseline;
        println!(
            "{:<60} {:>10.1} {ratio:>6.2}",
            line.what, line.images_a_second
        );
    }
}
