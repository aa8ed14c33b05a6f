//! From an RGB image to the values that a backbone takes.
//!
//! [`Preprocess`] is the recipe, shared by all threads; a [`Preprocessor`] follows it and has
//! buffers of its own, one for each thread.

#[cfg(test)]
mod pillow;
mod place;
mod planes;
mod resample;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use image::RgbImage;

use self::place::Placement;
pub(crate) use self::place::side as shorter_side;
use self::planes::{Pixels, Planes};
use self::resample::Resampler;
use super::error::BackboneError;
use super::manifest::{Centre, Color, Fit, InputConfig, PreprocessConfig, ResizeConfig};

/// How resizing is done, to the bit. Part of a row's key: other arithmetic is another pixel.
const RESIZER: &str = "pillow-13";

/// A recipe: what happens to the pixels of an image before the backbone sees them.
#[derive(Debug, Clone)]
pub struct Preprocess(Arc<Recipe>);

#[derive(Debug)]
enum Recipe {
    /// Resize, order the channels, scale: what a manifest says.
    Network {
        width: u32,
        height: u32,
        resize: ResizeConfig,
        planes: Planes,
        key: String,
    },
    /// The pixels themselves, 0..=1.
    Pixels { width: u32, height: u32 },
}

impl Preprocess {
    /// The recipe of a manifest.
    #[must_use]
    pub fn network(input: &InputConfig, config: &PreprocessConfig) -> Self {
        let (width, height) = (input.width(), input.height());
        let key = network_key(input, config);
        let planes = Planes::new(config, input.layout);
        Self(Arc::new(Recipe::Network {
            width,
            height,
            resize: config.resize,
            planes,
            key,
        }))
    }

    /// The pixels themselves, row by row, R G B, each divided by 255: images of `width` x `height`
    /// and no others.
    #[must_use]
    pub fn pixels(width: u32, height: u32) -> Self {
        Self(Arc::new(Recipe::Pixels { width, height }))
    }

    /// The number of values that one image becomes.
    #[must_use]
    pub fn input_len(&self) -> usize {
        let (Recipe::Network { width, height, .. } | Recipe::Pixels { width, height }) = &*self.0;
        3 * *width as usize * *height as usize
    }

    /// The part of an image of `width` x `height` pixels that the network sees, as shares of them:
    /// left, top, right, bottom. The whole image is `[0, 0, 1, 1]`; a crop is smaller, and a
    /// letterbox reaches beyond the image.
    #[must_use]
    pub fn region(&self, image: (u32, u32)) -> [f32; 4] {
        match &*self.0 {
            Recipe::Network {
                width,
                height,
                resize,
                ..
            } if image.0 > 0 && image.1 > 0 => {
                Placement::of(image, (*width, *height), resize.fit).region((*width, *height))
            }
            _ => [0.0, 0.0, 1.0, 1.0],
        }
    }

    /// Everything that decides the values, in one printable line: the recipe's part of a row's
    /// key.
    #[must_use]
    pub fn key(&self) -> String {
        match &*self.0 {
            Recipe::Network { key, .. } => key.clone(),
            Recipe::Pixels { width, height } => format!("pixels {width}x{height} rgb hwc x/255"),
        }
    }

    /// A worker that follows the recipe with buffers of its own.
    #[must_use]
    pub fn worker(&self) -> Preprocessor {
        Preprocessor {
            recipe: Arc::clone(&self.0),
            resampler: Resampler::default(),
            framed: Vec::new(),
        }
    }
}

/// Follows a [`Preprocess`] image after image, without a new buffer each time.
#[derive(Debug)]
pub struct Preprocessor {
    recipe: Arc<Recipe>,
    resampler: Resampler,
    /// The resized image with what is around it, where there is something.
    framed: Vec<u8>,
}

impl Preprocessor {
    /// Turns `image` into [`Preprocess::input_len`] values; `id` is what errors call the image.
    ///
    /// # Errors
    /// An image of no pixels; for [`Preprocess::pixels`] an image of another size; an `out` of
    /// another length.
    pub fn apply(
        &mut self,
        id: &str,
        image: &RgbImage,
        out: &mut [f32],
    ) -> Result<(), BackboneError> {
        let recipe = Arc::clone(&self.recipe);
        match &*recipe {
            Recipe::Network {
                width,
                height,
                resize,
                planes,
                ..
            } => {
                expect_len(*width, *height, out)?;
                let pixels = self.resize(id, image, (*width, *height), *resize)?;
                planes.fill(pixels, out);
            }
            Recipe::Pixels { width, height } => {
                expect_len(*width, *height, out)?;
                let (expected, found) = ((*width, *height), image.dimensions());
                if expected != found {
                    return Err(BackboneError::ImageSize {
                        id: id.to_owned(),
                        expected,
                        found,
                    });
                }
                for (value, level) in out.iter_mut().zip(image.as_raw()) {
                    *value = f32::from(*level) / 255.0;
                }
            }
        }
        Ok(())
    }

    /// The image's bytes at `size`: its own where it has that size already.
    fn resize<'a>(
        &'a mut self,
        id: &str,
        image: &'a RgbImage,
        size: (u32, u32),
        config: ResizeConfig,
    ) -> Result<Pixels<'a>, BackboneError> {
        if image.width() == 0 || image.height() == 0 {
            return Err(BackboneError::Resize {
                id: id.to_owned(),
                size: image.dimensions(),
                reason: "it has no pixels".to_owned(),
            });
        }
        let placement = Placement::of(image.dimensions(), size, config.fit);
        if placement.is_image(image.dimensions(), size) {
            return Ok(Pixels::Rgb(image.as_raw()));
        }
        let (pixels, from) = (image.as_raw(), image.dimensions());
        let scaled = self.resampler.resize(pixels, from, &placement, config);
        if placement.size == size {
            return Ok(Pixels::Rgbx(scaled));
        }
        placement.paste(scaled, size, &mut self.framed);
        Ok(Pixels::Rgbx(&self.framed))
    }
}

fn expect_len(width: u32, height: u32, out: &[f32]) -> Result<(), BackboneError> {
    let expected = 3 * width as usize * height as usize;
    if out.len() == expected {
        return Ok(());
    }
    Err(BackboneError::BufferLength {
        what: "one image's input",
        expected,
        found: out.len(),
    })
}

fn network_key(input: &InputConfig, config: &PreprocessConfig) -> String {
    let (width, height) = (input.width(), input.height());
    let rule = match config.resize.fit {
        Fit::Stretch => "stretch".to_owned(),
        Fit::ShortestSide(shortest, centre) => {
            let side = place::side(shortest, (width, height));
            match centre {
                Centre::Even => format!("shortest_side {side} crop"),
                Centre::Floor => format!("shortest_side {side} crop floor"),
            }
        }
        Fit::Letterbox(fill) => format!("letterbox {fill:?}"),
    };
    let filter = config.resize.filter.name();
    let antialias = if config.resize.antialias {
        "antialias"
    } else {
        "fixed"
    };
    let color = match config.color {
        Color::Rgb => "rgb",
        Color::Bgr => "bgr",
    };
    let (layout, dtype) = (input.layout.name(), input.dtype.name());
    let mean = config.mean.map(|mean| mean.get());
    let std = config.std.map(|std| std.get());
    format!(
        "{rule} {width}x{height} {filter} {antialias} {RESIZER}; {color} {layout} {dtype} \
         (x * {} - {mean:?}) / {std:?}",
        config.scale.get()
    )
}
