//! The conventions that are tried: what graphs of ImageNet classifiers are known to expect.

use super::classifier::Classifier;
use crate::backbone::manifest::{
    Centre, Color, Crop, Dtype, Filter, Finite, Fit, Positive, PreprocessConfig, PreprocessSource,
    Preset, ResizeConfig, Shortest,
};

/// What happens to the values of the pixels: order of the channels, scale, mean and deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convention {
    /// What it is called: a preset's name, or `x/255`.
    pub name: &'static str,
    /// Its values; the resize rule in it is the convention's own.
    pub config: PreprocessConfig,
    /// The preset that says all of it.
    pub preset: Option<Preset>,
}

/// How the image gets the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Height and width are scaled each on its own.
    Stretch,
    /// The shorter side becomes the input's / 0.875, and the middle is cut out.
    Crop,
}

impl Rule {
    /// Both of them, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Stretch, Self::Crop];

    /// As it stands in a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stretch => "stretch",
            Self::Crop => "crop 0.875",
        }
    }

    /// Its place in [`Rule::ALL`].
    pub(super) fn place(self) -> usize {
        match self {
            Self::Stretch => 0,
            Self::Crop => 1,
        }
    }

    /// The rule as it is tried: bilinear, as Pillow does it.
    #[must_use]
    pub fn config(self) -> ResizeConfig {
        let fit = match self {
            Self::Stretch => Fit::Stretch,
            Self::Crop => Fit::ShortestSide(Shortest::Crop(Crop::known(0.875)), Centre::Even),
        };
        ResizeConfig {
            fit,
            filter: Filter::Bilinear,
            antialias: true,
        }
    }
}

impl Convention {
    /// What is plausible for `classifier`. CLIP's mean and deviation are so close to ImageNet's
    /// that hardly any answer tells them apart; only transformers were ever trained with them.
    #[must_use]
    pub fn plausible(classifier: &Classifier) -> Vec<Self> {
        let none = Self::preset("none", Preset::None);
        if classifier.input.dtype == Dtype::Uint8 {
            // Bytes are given as they are.
            return vec![none, none.swapped()];
        }
        let unit = Self {
            name: "x/255",
            config: PreprocessConfig {
                scale: Positive::known(1.0 / 255.0),
                ..none.config
            },
            preset: None,
        };
        let mut tried = vec![
            Self::preset("keras-caffe", Preset::KerasCaffe),
            Self::preset("keras-tf", Preset::KerasTf),
            Self::preset("torch-imagenet", Preset::TorchImagenet),
            unit,
            none,
        ];
        if classifier.transformer {
            tried.push(Self::preset("clip", Preset::Clip));
        }
        tried.into_iter().flat_map(|c| [c, c.swapped()]).collect()
    }

    fn preset(name: &'static str, preset: Preset) -> Self {
        Self {
            name,
            config: preset.config(),
            preset: Some(preset),
        }
    }

    /// The same with red and blue in the other order; mean and deviation go with their colours.
    fn swapped(self) -> Self {
        let turned = |[a, b, c]: [Finite; 3]| [c, b, a];
        let [a, b, c] = self.config.std;
        Self {
            config: PreprocessConfig {
                color: match self.config.color {
                    Color::Rgb => Color::Bgr,
                    Color::Bgr => Color::Rgb,
                },
                mean: turned(self.config.mean),
                std: [c, b, a],
                ..self.config
            },
            preset: None,
            ..self
        }
    }

    /// Its name and the order of its channels: `keras-caffe bgr`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.color())
    }

    /// The order of its channels: `rgb` or `bgr`.
    #[must_use]
    pub fn color(&self) -> &'static str {
        match self.config.color {
            Color::Rgb => "rgb",
            Color::Bgr => "bgr",
        }
    }

    /// As it stands in a manifest: by the preset's name where there is one. `rule` is in place of
    /// the convention's own, unless that is the same.
    #[must_use]
    pub fn source(&self, rule: Option<Rule>) -> PreprocessSource {
        let own = self.config.resize;
        let resize = rule.map(Rule::config).filter(|resize| *resize != own);
        match self.preset {
            Some(preset) => PreprocessSource::Preset(preset, resize),
            None => PreprocessSource::Keys(PreprocessConfig {
                resize: resize.unwrap_or(own),
                ..self.config
            }),
        }
    }
}
