//! Decoding and resizing of photographs, one thread, beside Pillow on the same files.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use catpipe::backbone::{Manifest, Preprocess};
use catpipe::dataset::synth::{self, SynthConfig, SynthFormat, SynthSet};
use catpipe::dataset::{Dataset, DatasetConfig, ReadTimes, Reader};

const IMAGES: u32 = 40;
const ROUNDS: usize = 9;

/// The script of the other programs, and the Python that has them.
pub(super) struct Peers {
    python: String,
    script: PathBuf,
}

impl Peers {
    /// What `make bench` has prepared; None without it.
    pub(super) fn find(checkout: &Path) -> Option<Self> {
        Some(Self {
            python: std::env::var("CATPIPE_BENCH_PYTHON").ok()?,
            script: checkout.join("benches/peers.py"),
        })
    }

    /// A part of the script, on the files of a folder.
    pub(super) fn command(&self, part: &str, folder: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(part).arg(folder);
        command
    }

    /// PyTorch on the files of a folder; None where there is no Python that has it.
    pub(super) fn torch(&self, folder: &Path) -> Option<Command> {
        let python = std::env::var("CATPIPE_BENCH_TORCH").ok()?;
        let mut command = Command::new(python);
        command.arg(&self.script).arg("torch").arg(folder);
        Some(command)
    }

    fn start(&self, part: &str, folder: &Path) -> Result<Child, Box<dyn Error>> {
        Ok(self
            .command(part, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?)
    }
}

/// Prints images a second of both, and the ratio. Rounds alternate, so that what else the machine
/// does disturbs both alike; the best one counts.
pub(super) fn measure(checkout: &Path) -> Result<(), Box<dyn Error>> {
    let Some(peers) = Peers::find(checkout) else {
        println!("\npixels: not measured, `make bench` has the other programs");
        return Ok(());
    };
    println!(
        "\n{:<46} {:>10} {:>10} {:>6}",
        "500x375 JPEG to 224x224, images/s, 1 thread", "catpipe", "Pillow", "ratio"
    );
    let root = tempfile::tempdir()?;
    let half = halved(&peers, root.path(), IMAGES)?;
    let full = root.path().join("full");
    let mut folders = vec![
        ("generated, colours at full resolution (4:4:4)", full),
        ("generated, colours at half resolution (4:2:0)", half),
    ];
    let photographs = root.path().join("photographs");
    if copy_photographs(&photographs)? {
        folders.push(("photographs (ants and bees, `val`)", photographs));
    } else {
        println!("photographs: not measured, CATPIPE_MIRROR has no hymenoptera_data");
    }
    for (what, folder) in folders {
        let (images, ours, theirs) = compare(checkout, &peers, &folder)?;
        let rate = |seconds: f64| images as f64 / seconds;
        println!(
            "{what:<46} {:>10.0} {:>10.0} {:>6.2}",
            rate(ours),
            rate(theirs),
            theirs / ours
        );
    }
    Ok(())
}

/// Generated pictures in `root/full`, and again in `root/half` as most cameras write them: colours
/// at half the resolution, which Pillow's encoder has. Gives the latter.
pub(super) fn halved(peers: &Peers, root: &Path, images: u32) -> Result<PathBuf, Box<dyn Error>> {
    let out = root.join("full");
    let set = SynthSet {
        classes: 2,
        train_per_class: images / 2,
        test_per_class: 0,
        size: [500, 375],
        format: SynthFormat::Jpeg,
        ..SynthSet::default()
    };
    let full = out.clone();
    synth::write(&SynthConfig { out, set }, &|_, _| ())?;
    let status = peers.start("halve", &full)?.wait()?;
    let half = root.join("half");
    if !status.success() || !half.is_dir() {
        return Err("benches/peers.py halve failed".into());
    }
    Ok(half)
}

/// Copies the mirror's photographs of 500x375 pixels; false where there is no such folder.
fn copy_photographs(out: &Path) -> Result<bool, Box<dyn Error>> {
    let mirror = std::env::var_os("CATPIPE_MIRROR").map(PathBuf::from);
    let Some(val) = mirror.map(|mirror| mirror.join("hymenoptera_data/val")) else {
        return Ok(false);
    };
    let mut copied = false;
    for class in ["ants", "bees"] {
        let Ok(files) = std::fs::read_dir(val.join(class)) else {
            return Ok(false);
        };
        let to = out.join("train").join(class);
        std::fs::create_dir_all(&to)?;
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|name| name == "jpg")
                && image::image_dimensions(&path)? == (500, 375)
            {
                std::fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
                copied = true;
            }
        }
    }
    Ok(copied)
}

/// How many files a folder has, and the seconds of the best round over all of them, ours and
/// Pillow's.
fn compare(
    checkout: &Path,
    peers: &Peers,
    folder: &Path,
) -> Result<(usize, f64, f64), Box<dyn Error>> {
    let train = folder.join("train");
    let config: DatasetConfig = serde_json::from_value(serde_json::json!({
        "train": {"folder": train}
    }))?;
    let dataset = Dataset::open(&config, Path::new("."))?;
    let manifest = Manifest::read(&checkout.join("onnx/resnet50.yaml"))?;
    let recipe = manifest.preprocess();
    let mut peer = peers.start("pixels", &train)?;
    let mut ask = peer.stdin.take().ok_or("no pipe to the script")?;
    let mut answers = BufReader::new(peer.stdout.take().ok_or("no pipe from the script")?).lines();
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        best.0 = best.0.min(ours(&dataset, &recipe)?);
        writeln!(ask, "round")?;
        let answer = answers.next().ok_or("benches/peers.py ended")??;
        best.1 = best.1.min(answer.trim().parse()?);
    }
    drop(ask);
    peer.wait()?;
    Ok((dataset.train.examples().len(), best.0, best.1))
}

fn ours(dataset: &Dataset, recipe: &Preprocess) -> Result<f64, Box<dyn Error>> {
    let mut worker = recipe.worker();
    let mut input = vec![0.0; recipe.input_len()];
    let mut times = ReadTimes::default();
    let start = Instant::now();
    let mut reader = Reader::new(&dataset.train);
    for i in 0..dataset.train.examples().len() {
        let image = reader.read(i, &mut times)?;
        worker.apply("", image, &mut input)?;
    }
    std::hint::black_box(&input);
    Ok(start.elapsed().as_secs_f64())
}
