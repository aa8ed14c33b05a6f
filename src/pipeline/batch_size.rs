//! How many rows one inference takes, and which number is the fastest here.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::backbone::Session;
use crate::extract::ExtractError;
use crate::stop::Stop;

use super::config::within;
use super::error::PipelineError;

/// Rows of one inference: a number of 1 to 1024, or `auto`.
///
/// `auto` takes the fastest of 1, 2, 4, 8, 16 and 32 by a measurement of a few seconds, which is
/// made once for each machine, graph, provider and number of threads, and only where there is work
/// enough to make up for it (256 rows). Features are the same whatever it takes. Where a provider
/// cannot promise that, its choice would decide the last bits: there `auto` is the default, 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// What is fastest here.
    Auto,
    /// So many rows, 1 to 1024.
    Rows(u16),
}

impl BatchSize {
    /// The rows that were asked for; none for `auto`.
    #[must_use]
    pub fn rows(self) -> Option<usize> {
        match self {
            BatchSize::Auto => None,
            BatchSize::Rows(rows) => Some(rows.into()),
        }
    }
}

/// Rows of one inference where nobody says, or nothing is measured.
pub(super) const DEFAULT: u16 = 16;

impl Default for BatchSize {
    fn default() -> Self {
        BatchSize::Rows(DEFAULT)
    }
}

impl Serialize for BatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BatchSize::Auto => serializer.serialize_str("auto"),
            BatchSize::Rows(rows) => serializer.serialize_u16(*rows),
        }
    }
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto)
    }
}

struct NumberOrAuto;

impl Visitor<'_> for NumberOrAuto {
    type Value = BatchSize;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number of rows or `auto`")
    }

    fn visit_u64<E: de::Error>(self, rows: u64) -> Result<BatchSize, E> {
        within(rows, 1024).map(BatchSize::Rows).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, rows: i64) -> Result<BatchSize, E> {
        match u64::try_from(rows) {
            Ok(rows) => self.visit_u64(rows),
            Err(_) => Err(E::custom(format!(
                "must be between 1 and 1024, found {rows}"
            ))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<BatchSize, E> {
        match text {
            "auto" => Ok(BatchSize::Auto),
            _ => Err(E::custom(format!(
                "must be a number of rows or `auto`, found {text:?}"
            ))),
        }
    }
}

/// What is tried.
const SIZES: [u16; 6] = [1, 2, 4, 8, 16, 32];

/// Work that is worth a measurement, in rows.
pub(super) const WORTH_MEASURING: usize = 256;

/// The most bytes of a batch that is tried.
const MOST_BYTES: usize = 64 << 20;

/// How long a measurement takes at most, about.
const BUDGET: Duration = Duration::from_secs(6);

/// Timed runs of each size, after one that is not.
const RUNS: usize = 2;

/// Rates that differ by less are alike: the machine does other things, too.
const NOISE: f64 = 0.03;

/// The fastest number of rows for a session, given one row of input.
///
/// # Errors
/// Those of [`Session::run`]; [`ExtractError::Stopped`].
pub(super) fn fastest(
    session: &mut Session,
    row: &[f32],
    stop: &Stop,
) -> Result<u16, PipelineError> {
    let start = Instant::now();
    let mut rates = Vec::new();
    for size in SIZES {
        let rows = usize::from(size);
        // The next size takes about as long as all before it together.
        let is_over = start.elapsed() * 2 > BUDGET;
        if size > 1 && (is_over || rows * size_of_val(row) > MOST_BYTES) {
            break;
        }
        let input = row.repeat(rows);
        let mut features = vec![0.0; rows * session.width()];
        session.run(&input, rows, &mut features)?;
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            if stop.is_asked() {
                return Err(ExtractError::Stopped.into());
            }
            let run = Instant::now();
            session.run(&input, rows, &mut features)?;
            best = best.min(run.elapsed().as_secs_f64());
        }
        rates.push((size, f64::from(size) / best));
    }
    Ok(choose(&rates))
}

/// The smallest size that is as fast as the fastest.
fn choose(rates: &[(u16, f64)]) -> u16 {
    let best = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let good = rates.iter().find(|(_, rate)| *rate >= best * (1.0 - NOISE));
    good.map_or(DEFAULT, |(size, _)| *size)
}

/// A size that was measured, in a file of the cache. One that is missing or damaged costs another
/// measurement.
pub(super) struct Remembered {
    file: PathBuf,
    about: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    about: String,
    batch: u16,
}

impl Remembered {
    /// What is remembered in the cache folder of a network, a provider and threads as `about`
    /// says, on this machine.
    pub(super) fn new(cache: &Path, about: &str) -> Self {
        let about = format!("{about}\n{}", machine());
        let digest = Sha256::digest(&about);
        let name: String = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            file: cache.join("batch").join(format!("{name}.json")),
            about,
        }
    }

    pub(super) fn get(&self) -> Option<u16> {
        let text = std::fs::read(&self.file).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.about == self.about && SIZES.contains(&record.batch)).then_some(record.batch)
    }

    /// Remembers a size; where that is not possible, it is measured again.
    pub(super) fn put(&self, batch: u16) {
        let about = self.about.clone();
        let write = || -> std::io::Result<()> {
            let folder = self.file.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec_pretty(&Record { about, batch })?)?;
            file.persist(&self.file)?;
            Ok(())
        };
        let _ = write();
    }
}

/// The processor's name, where the system tells it (Linux), and how many of them there are.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|line| line.starts_with("model name"));
    let count = std::thread::available_parallelism().map_or(1, Into::<usize>::into);
    format!("{count} x {}", name.unwrap_or(std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Document;

    fn parse(text: &str) -> Result<BatchSize, String> {
        let document = Document::parse(Path::new("p.yaml"), text);
        let typed = document.and_then(|document| document.typed());
        typed.map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_or_auto_and_nothing_else() {
        assert_eq!(parse("7"), Ok(BatchSize::Rows(7)));
        assert_eq!(parse("auto"), Ok(BatchSize::Auto));
        for (text, told) in [
            ("0", "must be between 1 and 1024, found 0"),
            ("1025", "must be between 1 and 1024, found 1025"),
            ("-3", "must be between 1 and 1024, found -3"),
            ("fast", "must be a number of rows or `auto`, found \"fast\""),
        ] {
            let error = parse(text).expect_err(text);
            assert!(
                error.contains(told) && error.contains("p.yaml:1:1"),
                "{error}"
            );
        }
        for size in [BatchSize::Auto, BatchSize::Rows(3)] {
            let text = crate::yaml::to_string(&size).unwrap();
            assert_eq!(parse(&text), Ok(size));
        }
    }

    #[test]
    fn the_smallest_of_the_fastest_is_chosen() {
        assert_eq!(choose(&[(1, 50.0), (2, 51.0), (4, 51.2)]), 1);
        assert_eq!(
            choose(&[(1, 50.0), (2, 52.0), (4, 53.0), (8, 57.0), (16, 58.0)]),
            8
        );
        assert_eq!(choose(&[(1, 50.0), (2, 90.0), (4, 60.0)]), 2);
        assert_eq!(choose(&[]), DEFAULT);
    }

    #[test]
    fn a_size_is_remembered_for_what_it_was_measured_for() {
        let cache = tempfile::tempdir().unwrap();
        let of = |about| Remembered::new(cache.path(), about);
        assert_eq!(of("a").get(), None);
        of("a").put(8);
        assert_eq!(of("a").get(), Some(8));
        assert_eq!(of("b").get(), None);
        std::fs::write(&of("a").file, "{").unwrap();
        assert_eq!(of("a").get(), None);
        of("a").put(2);
        assert_eq!(of("a").get(), Some(2));
    }
}
