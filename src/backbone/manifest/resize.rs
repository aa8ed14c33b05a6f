//! How an image gets the input's size.

use serde::{Deserialize, Serialize};

use super::number::{Crop, Side};

/// How an image gets the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawResize", into = "RawResize")]
pub struct ResizeConfig {
    /// What happens to the aspect ratio.
    pub fit: Fit,
    /// How a pixel is made of its neighbours.
    pub filter: Filter,
    /// Whether the filter grows with the shrinking factor, as Pillow's does; without it, shrinking
    /// skips pixels, as OpenCV and `torch.nn.functional.interpolate` do.
    pub antialias: bool,
}

/// What happens to the aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fit {
    /// Height and width are scaled each on its own.
    Stretch,
    /// The shorter side is scaled to a length, the longer one with it (rounded down), and the
    /// input's size is cut out of the middle, as torchvision's `Resize` and `CenterCrop` do.
    ShortestSide(Shortest, Centre),
    /// The whole image is scaled to fit into the input and stands in the middle of it; the rest
    /// has this colour (red, green, blue).
    Letterbox([u8; 3]),
}

/// How long the shorter side gets before the centre crop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shortest {
    /// The input's shorter side divided by this, rounded down, as timm's `crop_pct`.
    Crop(Crop),
    /// This many pixels.
    Side(Side),
}

/// Where the middle is when an odd number of pixels is cut off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centre {
    /// The half is rounded to the even neighbour, as torchvision's `CenterCrop` does, and so timm.
    #[default]
    Even,
    /// The half is rounded down, as Hugging Face's processors do.
    Floor,
}

/// How a pixel is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The nearest one is taken.
    Nearest,
    /// A triangle.
    Bilinear,
    /// Catmull and Rom's cubic (a = -0.5), as Pillow's.
    Bicubic,
    /// A windowed sinc of three lobes.
    Lanczos,
}

impl Filter {
    /// As it stands in a manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }
}

/// As typed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResize {
    rule: Rule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crop: Option<Crop>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    side: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    centre: Option<Centre>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fill: Option<[u8; 3]>,
    filter: Filter,
    antialias: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Stretch,
    ShortestSide,
    Letterbox,
}

impl TryFrom<RawResize> for ResizeConfig {
    type Error = String;

    fn try_from(raw: RawResize) -> Result<Self, String> {
        let misplaced = |key: &str, rule: &str| Err(format!("`{key}` belongs to `rule: {rule}`"));
        if raw.rule != Rule::ShortestSide && (raw.crop.is_some() || raw.side.is_some()) {
            let key = if raw.crop.is_some() { "crop" } else { "side" };
            return misplaced(key, "shortest_side");
        }
        if raw.rule != Rule::ShortestSide && raw.centre.is_some() {
            return misplaced("centre", "shortest_side");
        }
        if raw.rule != Rule::Letterbox && raw.fill.is_some() {
            return misplaced("fill", "letterbox");
        }
        let fit = match raw.rule {
            Rule::Stretch => Fit::Stretch,
            Rule::ShortestSide => {
                let shortest = shortest(raw.crop, raw.side)?;
                Fit::ShortestSide(shortest, raw.centre.unwrap_or_default())
            }
            Rule::Letterbox => Fit::Letterbox(
                raw.fill
                    .ok_or("`rule: letterbox` needs `fill`, a colour such as [114, 114, 114]")?,
            ),
        };
        if raw.filter == Filter::Nearest && raw.antialias {
            return Err(
                "`filter: nearest` takes one pixel and can't antialias: say \
                        `antialias: false`"
                    .to_owned(),
            );
        }
        let (filter, antialias) = (raw.filter, raw.antialias);
        Ok(Self {
            fit,
            filter,
            antialias,
        })
    }
}

fn shortest(crop: Option<Crop>, side: Option<Side>) -> Result<Shortest, String> {
    match (crop, side) {
        (Some(crop), None) => Ok(Shortest::Crop(crop)),
        (None, Some(side)) => Ok(Shortest::Side(side)),
        (Some(_), Some(_)) => {
            Err("`crop` and `side` say the same thing: give one of them".to_owned())
        }
        (None, None) => Err(
            "`rule: shortest_side` needs `crop` (a share, such as 0.875) or \
                        `side` (pixels, such as 256)"
                .to_owned(),
        ),
    }
}

impl From<ResizeConfig> for RawResize {
    fn from(config: ResizeConfig) -> Self {
        let (mut crop, mut side, mut centre, mut fill) = (None, None, None, None);
        let rule = match config.fit {
            Fit::Stretch => Rule::Stretch,
            Fit::ShortestSide(shortest, place) => {
                match shortest {
                    Shortest::Crop(share) => crop = Some(share),
                    Shortest::Side(pixels) => side = Some(pixels),
                }
                centre = Some(place).filter(|place| *place != Centre::default());
                Rule::ShortestSide
            }
            Fit::Letterbox(colour) => {
                fill = Some(colour);
                Rule::Letterbox
            }
        };
        let (filter, antialias) = (config.filter, config.antialias);
        Self {
            rule,
            crop,
            side,
            centre,
            fill,
            filter,
            antialias,
        }
    }
}
