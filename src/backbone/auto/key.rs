//! What a measurement depends on, and where it is kept.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::provider::ProviderKind;
use super::super::runtime::nvidia::{Found, Places};
use super::super::runtime::{Search, survey};
use super::choice::{Candidate, Trial};

/// All that a measurement depends on, each line of it with a name. Making one opens no library:
/// those are known by path, size and time of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The program's version and a digest of its sources, some of which are timed.
    pub catpipe: String,
    /// The graph, as a row's key has it.
    pub graph: String,
    /// The preprocessing, as a row's key has it.
    pub preprocessing: String,
    /// The images that parity is judged by.
    pub images: String,
    /// The quantized graphs beside it, [`Siblings::about`](super::Siblings::about).
    pub siblings: Vec<String>,
    /// Each library of ONNX Runtime that could be taken.
    pub libraries: Vec<String>,
    /// The processor and its threads.
    pub processor: String,
    /// NVIDIA's driver and GPUs, and the libraries that their providers need.
    pub gpus: Vec<String>,
}

impl Key {
    /// The key of this machine, for a network on some images.
    #[must_use]
    pub fn new(
        search: &Search,
        graph: String,
        preprocessing: String,
        images: String,
        siblings: Vec<String>,
    ) -> Self {
        let libraries = search.paths();
        Self {
            catpipe: concat!(env!("CARGO_PKG_VERSION"), " ", env!("CATPIPE_SOURCES")).to_owned(),
            graph,
            preprocessing,
            images,
            siblings,
            libraries: libraries.iter().filter_map(|path| file(path)).collect(),
            processor: survey::processor(),
            gpus: gpus(search),
        }
    }

    /// SHA-256 in hexadecimal over all lines with their lengths.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        let one = [
            &self.catpipe,
            &self.graph,
            &self.preprocessing,
            &self.images,
            &self.processor,
        ];
        one.into_iter().for_each(|text| add(text));
        for list in [&self.libraries, &self.gpus, &self.siblings] {
            add(&list.len().to_string());
            list.iter().for_each(|text| add(text));
        }
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A file's path, size and time of change in nanoseconds; `None` where there is none.
fn file(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let about = fs::metadata(&path).ok()?;
    let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let (length, changed) = (about.len(), changed.as_nanos());
    Some(format!("{} {length} {changed}", path.display()))
}

/// NVIDIA's driver and GPUs as the kernel tells them, and what their providers would load.
#[must_use]
pub fn gpus(search: &Search) -> Vec<String> {
    let proc = Path::new("/proc/driver/nvidia");
    let Ok(version) = fs::read_to_string(proc.join("version")) else {
        return Vec::new();
    };
    let mut lines: Vec<String> = version.lines().take(1).map(str::to_owned).collect();
    let mut cards: Vec<PathBuf> = fs::read_dir(proc.join("gpus"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("information")))
        .collect();
    cards.sort();
    for card in cards {
        let text = fs::read_to_string(card).unwrap_or_default();
        let model = text.lines().find(|line| line.starts_with("Model"));
        lines.extend(model.map(str::to_owned));
    }
    let places = Places::of_this_process(search.packages.as_deref());
    // What the system's loader alone can find is not asked for here: loading it takes its time.
    let found = Found::of(ProviderKind::Tensorrt, &places, &|_| false);
    lines.extend(found.load.iter().filter_map(|path| file(path)));
    lines
}

/// A measurement that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What it depends on.
    pub key: Key,
    /// What could run, the reference first.
    pub candidates: Vec<Candidate>,
    /// What was measured of that: all that some bar asked for.
    pub trials: Vec<Trial>,
    /// The libraries that are there and gave no answer, and why.
    #[serde(default)]
    pub problems: Vec<String>,
}

impl Kept {
    /// The file of a key in the folder of measurements.
    #[must_use]
    pub fn path(folder: &Path, key: &Key) -> PathBuf {
        folder.join(format!("{}.json", &key.digest()[..32]))
    }

    /// What is kept under a key. A file that cannot be read or is about something else counts as
    /// none: measuring again mends it.
    #[must_use]
    pub fn read(folder: &Path, key: &Key) -> Option<Self> {
        let text = fs::read(Self::path(folder, key)).ok()?;
        let kept: Self = serde_json::from_slice(&text).ok()?;
        (kept.key == *key).then_some(kept)
    }

    /// Writes it; the file appears when it is whole.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let json = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&json)?;
        file.persist(Self::path(folder, &self.key))
            .map(drop)
            .map_err(|error| error.error)
    }

    /// What a bar asks for and has not been measured.
    #[must_use]
    pub fn unmeasured(&self, bar: super::Bar) -> Vec<Candidate> {
        let measured = |one: &Candidate| self.trials.iter().any(|trial| trial.candidate == *one);
        let asked = |one: &&Candidate| bar.admits(one.precision) || one.is_reference();
        let wanted = self.candidates.iter().filter(asked);
        wanted.filter(|one| !measured(one)).cloned().collect()
    }
}
