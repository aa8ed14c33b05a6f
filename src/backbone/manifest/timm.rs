//! timm's `config.json` of a model on the Hugging Face hub, or its `pretrained_cfg` alone.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::foreign::{Refusal, Said, deviations, means, required};
use super::number::{Crop, Positive};
use super::preprocess::{Color, PreprocessConfig};
use super::resize::{Centre, Filter, Fit, ResizeConfig, Shortest};

/// The fields of `config.json` and of the configuration in it; any other is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pretrained_cfg: Option<Box<File>>,
    input_size: Option<[u32; 3]>,
    test_input_size: Option<[u32; 3]>,
    interpolation: Option<String>,
    crop_pct: Option<f64>,
    test_crop_pct: Option<f64>,
    crop_mode: Option<String>,
    mean: Option<[f64; 3]>,
    std: Option<[f64; 3]>,
    // What says nothing about the pixels.
    #[serde(rename = "architecture")]
    _architecture: Option<IgnoredAny>,
    #[serde(rename = "num_classes")]
    _num_classes: Option<IgnoredAny>,
    #[serde(rename = "num_features")]
    _num_features: Option<IgnoredAny>,
    #[serde(rename = "global_pool")]
    _global_pool: Option<IgnoredAny>,
    #[serde(rename = "model_args")]
    _model_args: Option<IgnoredAny>,
    #[serde(rename = "label_names")]
    _label_names: Option<IgnoredAny>,
    #[serde(rename = "label_descriptions")]
    _label_descriptions: Option<IgnoredAny>,
    #[serde(rename = "license")]
    _license: Option<IgnoredAny>,
    #[serde(rename = "tag")]
    _tag: Option<IgnoredAny>,
    #[serde(rename = "url")]
    _url: Option<IgnoredAny>,
    #[serde(rename = "file")]
    _file: Option<IgnoredAny>,
    #[serde(rename = "hf_hub_id")]
    _hf_hub_id: Option<IgnoredAny>,
    #[serde(rename = "hf_hub_filename")]
    _hf_hub_filename: Option<IgnoredAny>,
    #[serde(rename = "source")]
    _source: Option<IgnoredAny>,
    #[serde(rename = "custom_load")]
    _custom_load: Option<IgnoredAny>,
    #[serde(rename = "state_dict")]
    _state_dict: Option<IgnoredAny>,
    #[serde(rename = "fixed_input_size")]
    _fixed_input_size: Option<IgnoredAny>,
    #[serde(rename = "min_input_size")]
    _min_input_size: Option<IgnoredAny>,
    #[serde(rename = "pool_size")]
    _pool_size: Option<IgnoredAny>,
    #[serde(rename = "first_conv")]
    _first_conv: Option<IgnoredAny>,
    #[serde(rename = "classifier")]
    _classifier: Option<IgnoredAny>,
    #[serde(rename = "origin_url")]
    _origin_url: Option<IgnoredAny>,
    #[serde(rename = "paper_name")]
    _paper_name: Option<IgnoredAny>,
    #[serde(rename = "paper_ids")]
    _paper_ids: Option<IgnoredAny>,
    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
    #[serde(rename = "library_name")]
    _library_name: Option<IgnoredAny>,
}

impl File {
    /// The file in catpipe's terms, for an input of `wanted` height and width: that of training,
    /// or the one of testing where the file has one and it is wanted.
    pub(super) fn follow(mut self, wanted: [u32; 2]) -> Result<Said, Refusal> {
        if let Some(inner) = self.pretrained_cfg.take() {
            return inner.follow(wanted);
        }
        let [channels, height, width] = required("input_size", self.input_size)?;
        if channels != 3 {
            return Err((
                "input_size",
                format!("{channels} channels are not supported, only 3"),
            ));
        }
        let mut size = [height, width];
        let mut share = required("crop_pct", self.crop_pct)?;
        if let Some([3, height, width]) = self.test_input_size
            && wanted != size
            && wanted == [height, width]
        {
            size = wanted;
            share = self.test_crop_pct.unwrap_or(share);
        }
        let filter = filter(&required("interpolation", self.interpolation)?)?;
        let resize = ResizeConfig {
            fit: fit(self.crop_mode.as_deref(), share, size)?,
            filter,
            antialias: filter != Filter::Nearest,
        };
        let config = PreprocessConfig {
            color: Color::Rgb,
            resize,
            scale: Positive::known(1.0 / 255.0),
            mean: means("mean", required("mean", self.mean)?)?,
            std: deviations("std", required("std", self.std)?)?,
        };
        Ok((config, size))
    }
}

/// timm 1.0.31's `transforms_imagenet_eval`.
fn fit(mode: Option<&str>, share: f64, [height, width]: [u32; 2]) -> Result<Fit, Refusal> {
    let crop = Crop::try_from(share).map_err(|reason| ("crop_pct", reason))?;
    match mode {
        // timm then rounds sides in another way.
        None | Some("center") if height != width => Err((
            "input_size",
            format!("{height}x{width} with a centre crop is not supported, only squares"),
        )),
        None | Some("center") => Ok(Fit::ShortestSide(Shortest::Crop(crop), Centre::Even)),
        Some("squash") if share == 1.0 => Ok(Fit::Stretch),
        Some("squash") => Err((
            "crop_pct",
            format!("{share} together with crop_mode \"squash\" is not supported, only 1.0"),
        )),
        Some(other) => Err((
            "crop_mode",
            format!("{other:?} is not supported, only \"center\" and \"squash\""),
        )),
    }
}

fn filter(interpolation: &str) -> Result<Filter, Refusal> {
    match interpolation {
        "nearest" => Ok(Filter::Nearest),
        "bilinear" => Ok(Filter::Bilinear),
        "bicubic" => Ok(Filter::Bicubic),
        "lanczos" => Ok(Filter::Lanczos),
        other => Err((
            "interpolation",
            format!("{other:?} is not supported, only nearest, bilinear, bicubic and lanczos"),
        )),
    }
}
