//! Reading pictures one after the other, with buffers that are used again.

use std::time::{Duration, Instant};

use image::RgbImage;

use super::error::DatasetError;
use super::source::Source;

/// How long pictures took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadTimes {
    /// To read: a file's bytes, or the pixels of a row of an array.
    pub read: Duration,
    /// To decode.
    pub decode: Duration,
}

/// Reads the pictures of a source for one thread. It keeps the last one, so that what is asked for
/// several times in a row is read and decoded once, and it keeps its buffers: after the first few
/// pictures neither a file's bytes nor a JPEG's pixels need new memory.
#[derive(Debug)]
pub struct Reader<'a> {
    source: &'a Source,
    bytes: Vec<u8>,
    last: Option<usize>,
    pixels: RgbImage,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(source: &'a Source) -> Self {
        Self {
            source,
            bytes: Vec::new(),
            last: None,
            pixels: RgbImage::default(),
        }
    }

    /// The pixels of example `i`, as [`Source::read`] gives them; `times` grows by what that took.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read(&mut self, i: usize, times: &mut ReadTimes) -> Result<&RgbImage, DatasetError> {
        if self.last != Some(i) {
            self.last = None;
            let start = Instant::now();
            let stored = self.source.load(i, &mut self.bytes)?;
            let loaded = Instant::now();
            times.read += loaded - start;
            self.pixels = match stored {
                Some(pixels) => pixels,
                None => {
                    let spare = std::mem::take(&mut self.pixels).into_raw();
                    let pixels = self.source.decode(i, &self.bytes, spare)?;
                    times.decode += loaded.elapsed();
                    pixels
                }
            };
            self.last = Some(i);
        }
        Ok(&self.pixels)
    }
}
