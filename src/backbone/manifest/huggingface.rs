//! Hugging Face's `preprocessor_config.json`.
//!
//! What a file means differs by the class that reads it, see [`Processor`]. Of what it leaves out
//! catpipe takes as granted only what all classes agree on (levels are multiplied by 1/255), and
//! whether the class it names crops; it asks for the rest.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::foreign::{Refusal, Said, deviations, means, only, required};
use super::number::{Crop, Finite, Positive, Side};
use super::preprocess::{Color, PreprocessConfig};
use super::processor::{Processor, Rule};
use super::resize::{Centre, Filter, Fit, ResizeConfig, Shortest};

/// The file's fields; any other is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    image_processor_type: Option<String>,
    feature_extractor_type: Option<String>,
    do_resize: Option<bool>,
    size: Option<Value>,
    resample: Option<u8>,
    do_center_crop: Option<bool>,
    crop_size: Option<Value>,
    crop_pct: Option<f64>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    rescale_offset: Option<bool>,
    include_top: Option<bool>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
    do_flip_channel_order: Option<bool>,
    do_pad: Option<bool>,
    data_format: Option<String>,
    // What says nothing about the pixels of an RGB image.
    #[serde(rename = "do_reduce_labels")]
    _do_reduce_labels: Option<IgnoredAny>,
    #[serde(rename = "reduce_labels")]
    _reduce_labels: Option<IgnoredAny>,
    #[serde(rename = "do_convert_rgb")]
    _do_convert_rgb: Option<IgnoredAny>,
    #[serde(rename = "processor_class")]
    _processor_class: Option<IgnoredAny>,
    #[serde(rename = "_valid_processor_keys")]
    _valid_processor_keys: Option<IgnoredAny>,
    #[serde(rename = "input_data_format")]
    _input_data_format: Option<IgnoredAny>,
    #[serde(rename = "return_tensors")]
    _return_tensors: Option<IgnoredAny>,
    #[serde(rename = "device")]
    _device: Option<IgnoredAny>,
}

/// What a `size` says.
enum Size {
    Rectangle([u32; 2]),
    ShortestEdge(u32),
}

impl File {
    /// The file in catpipe's terms, with the height and width that come out.
    pub(super) fn follow(self) -> Result<Said, Refusal> {
        only("rescale_offset", self.rescale_offset.as_ref(), &false)?;
        only("include_top", self.include_top.as_ref(), &false)?;
        only("do_pad", self.do_pad.as_ref(), &false)?;
        let first = "channels_first".to_owned();
        only("data_format", self.data_format.as_ref(), &first)?;
        only("do_resize", self.do_resize.as_ref(), &true)?;
        let processor = self.processor()?;
        self.check_special(processor.map(|processor| processor.rule))?;
        let (fit, size) = self.fit(processor)?;
        let filter = filter(required("resample", self.resample)?)?;
        let scale = match self.do_rescale {
            Some(false) => 1.0,
            _ => self.rescale_factor.unwrap_or(1.0 / 255.0),
        };
        let normalize = required("do_normalize", self.do_normalize)?;
        let (mean, std) = if normalize {
            let mean = means("image_mean", required("image_mean", self.image_mean)?)?;
            let std = deviations("image_std", required("image_std", self.image_std)?)?;
            (mean, std)
        } else {
            ([Finite::known(0.0); 3], [Positive::known(1.0); 3])
        };
        let bgr = self.do_flip_channel_order == Some(true);
        let config = PreprocessConfig {
            color: if bgr { Color::Bgr } else { Color::Rgb },
            resize: ResizeConfig {
                fit,
                filter,
                antialias: filter != Filter::Nearest,
            },
            scale: Positive::try_from(scale).map_err(|reason| ("rescale_factor", reason))?,
            mean,
            std,
        };
        Ok((config, size))
    }

    /// The class that reads the file, where the file names it.
    fn processor(&self) -> Result<Option<Processor>, Refusal> {
        let (field, class) = match (&self.image_processor_type, &self.feature_extractor_type) {
            (Some(class), _) => ("image_processor_type", class),
            (None, Some(class)) => ("feature_extractor_type", class),
            (None, None) => return Ok(None),
        };
        let found = Processor::named(class).map_err(|reason| (field, reason))?;
        Ok(Some(found))
    }

    /// Fields of a single class: elsewhere they are not read, and there they are on by default.
    fn check_special(&self, rule: Option<Rule>) -> Result<(), Refusal> {
        match rule {
            Some(Rule::EfficientNet) => {
                required("include_top", self.include_top)?;
            }
            Some(Rule::MobileVit) => {
                required("do_flip_channel_order", self.do_flip_channel_order)?;
            }
            Some(_) => {
                only(
                    "do_flip_channel_order",
                    self.do_flip_channel_order.as_ref(),
                    &false,
                )?;
            }
            None => {}
        }
        Ok(())
    }

    fn fit(&self, processor: Option<Processor>) -> Result<(Fit, [u32; 2]), Refusal> {
        let square = processor.map(|processor| processor.square);
        let size = size("size", required("size", self.size.as_ref())?, square)?;
        let rule = processor.map(|processor| processor.rule);
        if rule == Some(Rule::ConvNext) {
            only("do_center_crop", self.do_center_crop.as_ref(), &false)?;
            return convnext(required("crop_pct", self.crop_pct)?, &size);
        }
        if self.crop_pct.is_some() {
            let reason = "is supported for ConvNext processors alone".to_owned();
            return Err(("crop_pct", reason));
        }
        let crop = self.crop(processor)?;
        match (size, crop) {
            (Size::Rectangle(size), None) => Ok((Fit::Stretch, size)),
            (Size::Rectangle(size), Some(crop)) if size == crop => Ok((Fit::Stretch, size)),
            (Size::Rectangle(size), Some(crop)) => Err((
                "crop_size",
                format!("{crop:?} out of an image stretched to {size:?} is not supported"),
            )),
            (Size::ShortestEdge(edge), Some(crop)) => {
                let edge = match rule {
                    // As transformers computes it.
                    Some(Rule::Levit) => (256.0 / 224.0 * f64::from(edge)) as u32,
                    _ => edge,
                };
                let side = Side::try_from(edge).map_err(|reason| ("size", reason))?;
                Ok((shortest_side(Shortest::Side(side)), crop))
            }
            (Size::ShortestEdge(_), None) => Err((
                "size",
                "`shortest_edge` without a centre crop gives images of various sizes: the file \
                 needs `do_center_crop` and `crop_size`"
                    .to_owned(),
            )),
        }
    }

    /// The crop's height and width, if there is one: as the file says, else as its class does.
    fn crop(&self, processor: Option<Processor>) -> Result<Option<[u32; 2]>, Refusal> {
        let crops = match (self.do_center_crop, processor) {
            (Some(crops), _) => crops,
            (None, Some(processor)) => processor.crops,
            (None, None) if self.crop_size.is_none() => false,
            (None, None) => required("do_center_crop", None)?,
        };
        if !crops {
            return Ok(None);
        }
        let crop = required("crop_size", self.crop_size.as_ref())?;
        match size("crop_size", crop, Some(true))? {
            Size::Rectangle(crop) => Ok(Some(crop)),
            Size::ShortestEdge(_) => Err((
                "crop_size",
                format!("{crop} is not supported, only height and width, or a number"),
            )),
        }
    }
}

/// With the middle where Hugging Face's processors have it.
fn shortest_side(shortest: Shortest) -> Fit {
    Fit::ShortestSide(shortest, Centre::Floor)
}

/// ConvNeXt's own rule: from 384 pixels on a stretch, below a crop of this share.
fn convnext(share: f64, size: &Size) -> Result<(Fit, [u32; 2]), Refusal> {
    let Size::ShortestEdge(edge) = *size else {
        let reason = "of a ConvNext processor must be {\"shortest_edge\": ..}".to_owned();
        return Err(("size", reason));
    };
    let crop = Crop::try_from(share).map_err(|reason| ("crop_pct", reason))?;
    let fit = match edge {
        384.. => Fit::Stretch,
        _ => shortest_side(Shortest::Crop(crop)),
    };
    Ok((fit, [edge, edge]))
}

/// `{"height": h, "width": w}`, `{"shortest_edge": n}`, or in old files a bare number, whose
/// meaning depends on the class.
fn size(field: &'static str, value: &Value, square: Option<bool>) -> Result<Size, Refusal> {
    let side = |value: &Value| value.as_u64().and_then(|side| u32::try_from(side).ok());
    let refuse = |reason: &str| Err((field, format!("{value} {reason}")));
    if let Value::Object(map) = value {
        let of = |key| map.get(key).and_then(side);
        return match (map.len(), of("height"), of("width"), of("shortest_edge")) {
            (2, Some(height), Some(width), None) => Ok(Size::Rectangle([height, width])),
            (1, None, None, Some(edge)) => Ok(Size::ShortestEdge(edge)),
            _ => refuse("is not supported, only height and width, or shortest_edge"),
        };
    }
    let Some(edge) = side(value) else {
        return refuse("is no number of pixels");
    };
    match square {
        Some(true) => Ok(Size::Rectangle([edge, edge])),
        Some(false) => Ok(Size::ShortestEdge(edge)),
        None => refuse(
            "may mean a square or the shortest edge: write {\"height\": .., \"width\": ..} or \
             {\"shortest_edge\": ..}",
        ),
    }
}

/// Pillow's numbers of filters.
fn filter(resample: u8) -> Result<Filter, Refusal> {
    match resample {
        0 => Ok(Filter::Nearest),
        1 => Ok(Filter::Lanczos),
        2 => Ok(Filter::Bilinear),
        3 => Ok(Filter::Bicubic),
        other => Err((
            "resample",
            format!(
                "{other} is not supported, only 0 (nearest), 1 (lanczos), 2 (bilinear) and 3 (bicubic)"
            ),
        )),
    }
}
