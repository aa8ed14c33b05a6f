//! Synthetic labelled images, for trying things where no data can be reached, for tests and for
//! load: any number of classes and images of any size, the same for the same seed.
//!
//! A class is a shape with a texture; where it lies, its size, turn and colours, the background,
//! the clutter and the noise are each picture's own (see [`image()`]).

mod draws;
mod error;
mod scene;
mod shape;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ::image::codecs::jpeg::JpegEncoder;
use ::image::codecs::png::PngEncoder;
use ::image::{ImageError, RgbImage};
use serde::{Deserialize, Serialize};

pub use error::SynthError;
pub use scene::image;

/// The file in a written folder that says what it holds.
const MARKER: &str = "synth.json";

/// Raised whenever the same settings would give other pictures.
const VERSION: u32 = 1;

/// Pictures of the test side are counted from here, so that more training pictures leave the test
/// pictures as they are.
const TEST_FROM: u64 = 1 << 40;

/// A set of class folders to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthConfig {
    /// The folder to make: `train/<class>/00000.png` ... and `test/<class>/...` go into it.
    pub out: PathBuf,
    /// What it is to hold.
    pub set: SynthSet,
}

/// What a synthetic set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthSet {
    /// Number of classes, 1 to 10,000.
    pub classes: u32,
    /// Training images of each class, at least 1.
    pub train_per_class: u32,
    /// Test images of each class; 0 for no test side.
    pub test_per_class: u32,
    /// Width and height in pixels, each 1 to 8192.
    pub size: [u32; 2],
    /// The seed; another seed gives other pictures of the same classes.
    pub seed: u64,
    /// The files' format.
    pub format: SynthFormat,
}

impl Default for SynthSet {
    /// Four classes of 100 training and 25 test images, 96x96 PNG.
    fn default() -> Self {
        SynthSet {
            classes: 4,
            train_per_class: 100,
            test_per_class: 25,
            size: [96, 96],
            seed: 1,
            format: SynthFormat::Png,
        }
    }
}

/// The format of the written files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SynthFormat {
    /// PNG, exact.
    Png,
    /// JPEG of quality 92.
    Jpeg,
}

impl SynthFormat {
    fn ending(self) -> &'static str {
        match self {
            SynthFormat::Png => "png",
            SynthFormat::Jpeg => "jpg",
        }
    }
}

impl FromStr for SynthFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "png" => Ok(SynthFormat::Png),
            "jpeg" | "jpg" => Ok(SynthFormat::Jpeg),
            other => Err(format!("must be png or jpeg, found {other}")),
        }
    }
}

/// What [`write()`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The folder was made, with this many images.
    Written(u64),
    /// The folder was there already, made with the same settings.
    AlreadyThere,
}

/// What stands in the marker.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    made_by: String,
    version: u32,
    set: SynthSet,
}

impl Marker {
    fn of(set: SynthSet) -> Marker {
        Marker {
            made_by: "catpipe synth".into(),
            version: VERSION,
            set,
        }
    }
}

/// The name of a class, which is also its folder's: `disc`, `star_stripes`, `blob_0032`.
pub fn class_name(class: u32) -> String {
    shape::motif(class).1
}

/// Writes a set of class folders, on all cores. `progress` is told, from any thread, how many
/// images of how many are done.
///
/// The set is made in a temporary folder and renamed: it is there whole or not at all. A folder
/// that holds anything else is never touched.
///
/// # Errors
/// Settings out of range, a folder in the way, or one that cannot be written.
pub fn write(
    config: &SynthConfig,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Outcome, SynthError> {
    let SynthConfig { out, set } = config;
    error::check(set)?;
    if there(out, set)? {
        return Ok(Outcome::AlreadyThere);
    }
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| SynthError::Io { path, error }
    };
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(io(parent))?;
    let made_in = tempfile::Builder::new()
        .prefix(".synth-")
        .tempdir_in(parent);
    let made_in = made_in.map_err(io(parent))?;
    // A folder within, because the temporary one is for its owner's eyes only.
    let whole = made_in.path().join("set");
    let images = fill(&whole, set, progress)?;
    let marker = serde_json::to_string_pretty(&Marker::of(*set)).map_err(std::io::Error::from);
    marker
        .and_then(|text| fs::write(whole.join(MARKER), text + "\n"))
        .map_err(io(&whole))?;
    fs::rename(&whole, out).map_err(io(out))?;
    Ok(Outcome::Written(images))
}

/// Whether the folder holds the set already; an error if it holds something else.
fn there(out: &Path, set: &SynthSet) -> Result<bool, SynthError> {
    let Ok(mut entries) = fs::read_dir(out) else {
        return if out.exists() {
            Err(SynthError::NotOurs {
                path: out.to_owned(),
            })
        } else {
            Ok(false)
        };
    };
    if entries.next().is_none() {
        return Ok(false);
    }
    let marker = fs::read_to_string(out.join(MARKER)).ok();
    let marker = marker.and_then(|text| serde_json::from_str::<Marker>(&text).ok());
    match marker {
        None => Err(SynthError::NotOurs {
            path: out.to_owned(),
        }),
        Some(found) if found == Marker::of(*set) => Ok(true),
        Some(found) => Err(SynthError::Different {
            path: out.to_owned(),
            found: Box::new(found.set),
            wanted: Box::new(*set),
        }),
    }
}

/// One class folder to be filled: `count` pictures of a class, counted from `from`.
struct Row {
    folder: PathBuf,
    class: u32,
    from: u64,
    count: u64,
}

/// Makes the class folders, still empty.
fn rows(folder: &Path, set: &SynthSet) -> Result<Vec<Row>, SynthError> {
    let sides = [
        ("train", set.train_per_class, 0),
        ("test", set.test_per_class, TEST_FROM),
    ];
    let mut rows = Vec::new();
    for (side, count, from) in sides.into_iter().filter(|(_, count, _)| *count > 0) {
        for class in 0..set.classes {
            let folder = folder.join(side).join(class_name(class));
            fs::create_dir_all(&folder).map_err(|error| SynthError::Io {
                path: folder.clone(),
                error,
            })?;
            rows.push(Row {
                folder,
                class,
                from,
                count: u64::from(count),
            });
        }
    }
    Ok(rows)
}

/// Writes every image into a folder, and says how many.
fn fill(
    folder: &Path,
    set: &SynthSet,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64, SynthError> {
    let rows = rows(folder, set)?;
    let total = rows.iter().map(|row| row.count).sum();
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            for i in 0..row.count {
                let path = row.folder.join(format!("{i:05}.{}", set.format.ending()));
                let [w, h] = set.size;
                save(
                    &path,
                    &image(set.seed, row.class, row.from + i, w, h),
                    set.format,
                )?;
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    Ok(total)
}

fn save(path: &Path, image: &RgbImage, format: SynthFormat) -> Result<(), SynthError> {
    encode(image, format)
        .map_err(std::io::Error::other)
        .and_then(|bytes| fs::write(path, bytes))
        .map_err(|error| SynthError::Io {
            path: path.to_owned(),
            error,
        })
}

/// The bytes of a picture's file.
fn encode(image: &RgbImage, format: SynthFormat) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    match format {
        SynthFormat::Png => image.write_with_encoder(PngEncoder::new(&mut bytes))?,
        SynthFormat::Jpeg => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 92))?;
        }
    }
    Ok(bytes)
}
