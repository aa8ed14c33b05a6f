//! The pictures that the conventions are tried on, at the input's size.

use image::{RgbImage, imageops};

use super::classifier::Classifier;
use super::convention::Rule;
use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{Dtype, InputConfig, Layout, PreprocessConfig, Preset};
use crate::backbone::preprocess::{Preprocess, Preprocessor};

/// How many views of a picture are looked at: as it is, mirrored, and without a twelfth of its
/// width and height at the left and the top.
pub(super) const VIEWS: usize = 3;

/// What is cut off in the third view.
const CUT: u32 = 12;

/// Pictures of any subject, each in three views and by both resize rules, at the input's size.
pub struct Pictures {
    size: (u32, u32),
    workers: [Preprocessor; 2],
    /// Picture after picture: for each rule, the views.
    pub(super) views: Vec<[[RgbImage; VIEWS]; 2]>,
    levels: Vec<f32>,
}

impl Pictures {
    /// None yet, for the input of `classifier`.
    #[must_use]
    pub fn new(classifier: &Classifier) -> Self {
        let input = InputConfig {
            layout: Layout::Nhwc,
            dtype: Dtype::Uint8,
            ..classifier.input.clone()
        };
        let worker = |rule: Rule| {
            let config = PreprocessConfig {
                resize: rule.config(),
                ..Preset::None.config()
            };
            Preprocess::network(&input, &config).worker()
        };
        Self {
            size: (input.width(), input.height()),
            workers: Rule::ALL.map(worker),
            views: Vec::new(),
            levels: vec![0.0; input.dims().iter().product()],
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Takes a picture; `id` is what errors call it.
    ///
    /// # Errors
    /// A picture without a pixel.
    pub fn add(&mut self, id: &str, picture: &RgbImage) -> Result<(), BackboneError> {
        let (width, height) = picture.dimensions();
        let (left, top) = (width / CUT, height / CUT);
        let cut = imageops::crop_imm(picture, left, top, width - left, height - top).to_image();
        let seen = [picture, &imageops::flip_horizontal(picture), &cut];
        let mut views = [const { [const { None }; VIEWS] }; 2];
        for (rule, views) in views.iter_mut().enumerate() {
            for (view, place) in seen.into_iter().zip(views) {
                *place = Some(self.sized(rule, id, view)?);
            }
        }
        let whole = views.map(|views| views.map(Option::unwrap_or_default));
        self.views.push(whole);
        Ok(())
    }

    fn sized(
        &mut self,
        rule: usize,
        id: &str,
        picture: &RgbImage,
    ) -> Result<RgbImage, BackboneError> {
        self.workers[rule].apply(id, picture, &mut self.levels)?;
        let (width, height) = self.size;
        // Whole numbers of 0..=255.
        let bytes = self.levels.iter().map(|level| *level as u8).collect();
        Ok(RgbImage::from_raw(width, height, bytes).unwrap_or_default())
    }
}
