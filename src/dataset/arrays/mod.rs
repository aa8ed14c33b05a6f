//! Examples as arrays in an HDF5 file: pixels `[N, H, W, 3]`, labels `[N]`, class names `[K]`, groups `[N]`.
//!
//! Images are read one at a time, so memory does not grow with their number. The HDF5 library
//! works on one call at a time in the whole process; callers on other threads wait their turn.

#[cfg(test)]
mod damage_tests;
mod find;
mod groups;
mod labels;
mod names;
#[cfg(test)]
pub(super) mod tests;
mod texts;
#[cfg(test)]
mod texts_tests;

use std::path::{Path, PathBuf};

use hdf5::types::{IntSize, TypeDescriptor};
use image::RgbImage;

use super::config::Limits;
use super::error::{ArrayKey, SourceError};
use super::source::Example;
use find::Array;

/// The most images one source may hold. A damaged file can declare any number; what is believed
/// stays within what memory holds.
pub(crate) const MAX_IMAGES: usize = 20_000_000;

/// The most classes that labels or names may count.
pub(crate) const MAX_CLASSES: usize = 65_536;

/// The bytes of decompressed chunks that HDF5 keeps for one dataset: chunks often hold several
/// images, and a chunk that is not kept is decompressed once for each of them.
const CHUNK_CACHE: usize = 64 << 20;

/// The names under which a file keeps its arrays.
pub(super) struct Names<'a> {
    pub(super) images: &'a str,
    pub(super) labels: Option<&'a str>,
    pub(super) classes: Option<&'a str>,
    pub(super) groups: Option<&'a str>,
}

/// An open file of images.
pub(super) struct Arrays {
    images: Array,
    width: u32,
    height: u32,
}

/// What opening a file gives.
pub(super) struct Opened {
    pub(super) arrays: Arrays,
    pub(super) examples: Vec<Example>,
    /// The group of each example; empty where there are none.
    pub(super) groups: Vec<Option<String>>,
    pub(super) classes: Vec<String>,
}

/// Opens a file and checks everything about it but the pixels.
pub(super) fn open(path: &Path, names: &Names, limits: &Limits) -> Result<Opened, SourceError> {
    let file = find::open_file(path)?;
    let images = find::array(&file, path, ArrayKey::Images, names.images)?;
    let (count, height, width) = images_shape(&images, limits)?;
    let named = match names.classes {
        Some(name) => Some(names::read(&find::array(
            &file,
            path,
            ArrayKey::Classes,
            name,
        )?)?),
        None => None,
    };
    let labels = match names.labels {
        Some(name) => {
            let array = find::array(&file, path, ArrayKey::Labels, name)?;
            Some(labels::read(&array, count, named.as_ref().map(Vec::len))?)
        }
        None => None,
    };
    let classes = match (named, &labels) {
        (Some(named), _) => named,
        (None, Some(labels)) => numbered(labels),
        (None, None) => Vec::new(),
    };
    let groups = match names.groups {
        Some(name) => groups::read(&find::array(&file, path, ArrayKey::Groups, name)?, count)?,
        None => Vec::new(),
    };
    let examples = examples(path, names.images, count, labels.as_deref());
    Ok(Opened {
        arrays: Arrays {
            images,
            width,
            height,
        },
        examples,
        groups,
        classes,
    })
}

/// Count, height and width of the images.
fn images_shape(images: &Array, limits: &Limits) -> Result<(usize, u32, u32), SourceError> {
    let &[count, height, width, 3] = images.kind.shape.as_slice() else {
        return Err(images.wrong());
    };
    if images.element != TypeDescriptor::Unsigned(IntSize::U1) {
        return Err(images.wrong());
    }
    if count == 0 || height == 0 || width == 0 {
        return Err(SourceError::NoImages {
            path: images.path.clone(),
            name: images.name.clone(),
        });
    }
    if count > MAX_IMAGES {
        return Err(images.too_large(format!("at most {MAX_IMAGES} images are accepted")));
    }
    match (u32::try_from(height), u32::try_from(width)) {
        (Ok(h), Ok(w)) if limits.allow(w, h) => stored(images, count).map(|()| (count, h, w)),
        _ => Err(images.too_large(format!(
            "images of at most {} pixels a side and {} in all are accepted (`dataset.limits` \
             raises that)",
            limits.max_side, limits.max_pixels
        ))),
    }
}

/// Refuses images that the file cannot hold. Chunks that were never written take no room in a
/// file, whatever its shape, but each example takes some in memory; and no compression makes less
/// than a byte of an image.
fn stored(images: &Array, count: usize) -> Result<(), SourceError> {
    match images.dataset.storage_size() {
        stored if stored < count as u64 => Err(images.too_large(format!(
            "the file stores {stored} bytes of them, less than one an image: they were never \
             written"
        ))),
        _ => Ok(()),
    }
}

/// Names for classes that have none: `0`, `1`, ... up to the largest label.
fn numbered(labels: &[usize]) -> Vec<String> {
    let count = labels
        .iter()
        .max()
        .map_or(0, |&last| last.saturating_add(1));
    (0..count).map(|class| class.to_string()).collect()
}

/// The ids are the file's name, the dataset's and the row: `train.h5#train_set_x/17`.
fn examples(path: &Path, images: &str, count: usize, labels: Option<&[usize]>) -> Vec<Example> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let images = images.trim_start_matches('/');
    (0..count)
        .map(|i| Example {
            id: format!("{file}#{images}/{i}"),
            label: labels.and_then(|labels| labels.get(i).copied()),
        })
        .collect()
}

impl Arrays {
    /// The pixels of one row.
    pub(super) fn read(&self, row: usize) -> Result<RgbImage, SourceError> {
        let what = || format!("row {row}");
        let pixels = self
            .images
            .dataset
            .read_slice::<u8, _, ndarray::Ix3>(ndarray::s![row, .., .., ..])
            .map_err(|e| self.images.unreadable(what(), &e))?;
        let (pixels, _) = pixels.into_raw_vec_and_offset();
        RgbImage::from_raw(self.width, self.height, pixels).ok_or_else(|| self.images.wrong())
    }

    /// The file that the images stand in.
    pub(super) fn path(&self) -> &PathBuf {
        &self.images.path
    }
}
