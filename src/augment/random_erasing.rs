//! `random_erasing`: cover a random rectangle.

use std::fmt;

use image::RgbImage;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::draws::Draws;
use super::number::{Colour, Numbers, Probability, ordered};

/// Covers a rectangle of random area, aspect ratio and place, with probability `p` (torchvision's
/// `RandomErasing`; Zhong et al., Random Erasing Data Augmentation).
///
/// As there, a rectangle that does not fit is drawn again, ten times at most; then the image stays
/// as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomErasing {
    /// How likely the image is changed; 0.5 unless said.
    pub p: Probability,
    /// The share of the image's area that is covered, `[low, high]`; `[0.02, 0.33]` unless said.
    pub scale: ErasedScale,
    /// Height over width of the rectangle, `[low, high]`; `[0.3, 3.3]` unless said.
    pub ratio: ErasedRatio,
    /// What covers it: a grey, `[r, g, b]`, or `random` for random pixels; 0 unless said.
    pub value: ErasedValue,
}

impl Default for RandomErasing {
    fn default() -> Self {
        RandomErasing {
            p: Probability::HALF,
            scale: ErasedScale([0.02, 0.33]),
            ratio: ErasedRatio([0.3, 3.3]),
            value: ErasedValue::Colour(Colour::default()),
        }
    }
}

/// Shares of an area, `0 <= low <= high <= 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct ErasedScale([f64; 2]);

impl TryFrom<[f64; 2]> for ErasedScale {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        ordered(pair, 0.0, 1.0).map(ErasedScale)
    }
}

/// Aspect ratios, height over width: `0.01 <= low <= high <= 100`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct ErasedRatio([f64; 2]);

impl TryFrom<[f64; 2]> for ErasedRatio {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        ordered(pair, 0.01, 100.0).map(ErasedRatio)
    }
}

/// What covers the rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasedValue {
    /// One colour.
    Colour(Colour),
    /// Uniformly random pixels.
    Random,
}

impl Serialize for ErasedValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ErasedValue::Colour(colour) => colour.serialize(serializer),
            ErasedValue::Random => serializer.serialize_str("random"),
        }
    }
}

struct ValueVisitor;

impl ValueVisitor {
    fn colour<E: de::Error>(numbers: Vec<f64>) -> Result<ErasedValue, E> {
        let colour = Numbers(numbers).try_into().map_err(E::custom)?;
        Ok(ErasedValue::Colour(colour))
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = ErasedValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a grey, [r, g, b] or `random`")
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<ErasedValue, E> {
        Self::colour(vec![v])
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<ErasedValue, E> {
        Self::colour(vec![v as f64])
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<ErasedValue, E> {
        Self::colour(vec![v as f64])
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ErasedValue, E> {
        match text {
            "random" => Ok(ErasedValue::Random),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<ErasedValue, A::Error> {
        let numbers = Deserialize::deserialize(de::value::SeqAccessDeserializer::new(seq))?;
        let Numbers(numbers) = numbers;
        Self::colour(numbers)
    }
}

impl<'de> Deserialize<'de> for ErasedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// How often a rectangle is drawn.
const TRIES: usize = 10;

impl RandomErasing {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if !draws.chance(self.p) {
            return image;
        }
        let Some([x, y, w, h]) = self.draw(image.width(), image.height(), draws) else {
            return image;
        };
        let stride = image.width() as usize * 3;
        for row in image.chunks_exact_mut(stride).skip(y).take(h) {
            let covered = &mut row[3 * x..3 * (x + w)];
            match self.value {
                ErasedValue::Colour(colour) => {
                    let (pixels, _) = covered.as_chunks_mut::<3>();
                    pixels.fill(colour.rgb());
                }
                ErasedValue::Random => draws.fill(covered),
            }
        }
        image
    }

    /// Draws area and (log-uniform) aspect ratio until the rectangle is smaller than the image:
    /// x, y, width, height.
    fn draw(&self, w: u32, h: u32, draws: &mut Draws) -> Option<[usize; 4]> {
        let area = f64::from(w) * f64::from(h);
        let log_ratio = self.ratio.0.map(libm::log);
        for _ in 0..TRIES {
            let target = area * draws.between(self.scale.0);
            let ratio = libm::exp(draws.between(log_ratio));
            let height = libm::rint(libm::sqrt(target * ratio)) as u32;
            let width = libm::rint(libm::sqrt(target / ratio)) as u32;
            if width < w && height < h {
                let y = draws.below(h - height + 1);
                let x = draws.below(w - width + 1);
                return Some([x, y, width, height].map(|v| v as usize));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(n: u32) -> Draws {
        Draws::new(1, &[0; 32], n, "random_erasing", 0)
    }

    fn parse(text: &str) -> Result<RandomErasing, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn the_rectangle_has_the_area_and_ratio_asked_for() {
        let op = parse(r#"{"scale": [0.1, 0.2], "ratio": [0.5, 2.0]}"#).unwrap();
        let (mut small, mut large) = (1.0f64, 0.0f64);
        for n in 0..500 {
            let [x, y, w, h] = op.draw(300, 200, &mut draws(n)).unwrap();
            assert!(x + w <= 300 && y + h <= 200);
            let share = (w * h) as f64 / 60_000.0;
            let ratio = h as f64 / w as f64;
            assert!((0.098..=0.202).contains(&share) && (0.48..=2.08).contains(&ratio));
            (small, large) = (small.min(share), large.max(share));
        }
        assert!(small < 0.105 && large > 0.195, "{small} to {large}");
    }

    #[test]
    fn what_is_covered_has_the_value_and_nothing_else_changes() {
        let image = RgbImage::from_pixel(50, 40, image::Rgb([100; 3]));
        let op = parse(r#"{"p": 1, "scale": [0.25, 0.25], "value": [1, 2, 3]}"#).unwrap();
        let found = op.apply(image.clone(), &mut draws(3));
        let covered = found.pixels().filter(|p| p.0 == [1, 2, 3]).count();
        let left = found.pixels().filter(|p| p.0 == [100; 3]).count();
        assert_eq!(covered + left, 2000);
        assert!(covered.abs_diff(500) < 40, "{covered}");
        let op = parse(r#"{"p": 1, "scale": [0.25, 0.25], "value": "random"}"#).unwrap();
        let noisy = op.apply(image.clone(), &mut draws(3));
        let colours: std::collections::HashSet<_> = noisy.pixels().map(|p| p.0).collect();
        assert!(colours.len() > 400);
        let never = parse(r#"{"p": 0}"#).unwrap();
        assert_eq!(never.apply(image.clone(), &mut draws(3)), image);
    }

    #[test]
    fn parameters_are_read_and_checked() {
        assert_eq!(parse("{}").unwrap(), RandomErasing::default());
        for text in ["7", "[1,2,3]", "\"random\""] {
            let op = parse(&format!(r#"{{"value": {text}}}"#)).unwrap();
            let again = serde_json::to_string(&op).unwrap();
            assert_eq!(parse(&again).unwrap(), op, "{again}");
        }
        for (text, part) in [
            (r#"{"value": "noise"}"#, "`random`"),
            (r#"{"value": 300}"#, "between 0 and 255"),
            (r#"{"value": [1, 2]}"#, "[r, g, b]"),
            (r#"{"scale": [0.5, 0.1]}"#, "low <= high"),
            (r#"{"ratio": [0, 1]}"#, "between 0.01 and 100"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
