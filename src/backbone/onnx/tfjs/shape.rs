//! Shapes between layers, and TensorFlow's padding.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::Problem;

/// The most elements of one example's tensor, and the most along one axis.
const ELEMENT_LIMIT: usize = 1 << 40;

/// The shape of one example's tensor as Keras sees it, channels last and without the batch. One
/// of three axes is a map [height, width, channels], which the ONNX graph keeps as
/// [channels, height, width]; others are the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape(Vec<usize>);

impl Shape {
    /// A shape whose elements can be counted; none of its axes is empty.
    pub(super) fn new(dims: &[usize]) -> Result<Self, Problem> {
        let elements = (dims.iter())
            .try_fold(1usize, |product, &dim| product.checked_mul(dim))
            .filter(|product| (1..=ELEMENT_LIMIT).contains(product));
        match elements {
            Some(_) => Ok(Self(dims.to_vec())),
            None => Err(Problem::Impossible {
                found: format!("{dims:?}"),
            }),
        }
    }

    /// A vector whose length is known to be that of some shape's axis or elements.
    pub(super) fn vector(length: usize) -> Self {
        Self(vec![length])
    }

    /// The axes.
    pub(super) fn dims(&self) -> &[usize] {
        &self.0
    }

    /// How many numbers one example has.
    pub(super) fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Height, width and channels, if it is a map.
    pub(super) fn map(&self) -> Option<[usize; 3]> {
        <[usize; 3]>::try_from(&self.0[..]).ok()
    }

    /// Height, width and channels of what must be a map.
    pub(super) fn need_map(&self) -> Result<[usize; 3], Problem> {
        let expected = || "a feature map [height, width, channels]".to_owned();
        self.map().ok_or_else(|| Problem::Shape {
            expected: expected(),
            found: self.to_string(),
        })
    }

    /// The length of what must be a vector.
    pub(super) fn need_vector(&self) -> Result<usize, Problem> {
        match self.0[..] {
            [length] => Ok(length),
            _ => Err(Problem::Shape {
                expected: "a vector [length]".to_owned(),
                found: self.to_string(),
            }),
        }
    }

    /// The dims as the ONNX graph has them, without the batch.
    pub(super) fn onnx(&self) -> Vec<usize> {
        match self.map() {
            Some([height, width, channels]) => vec![channels, height, width],
            None => self.0.clone(),
        }
    }

    /// Whether moving the channels first leaves the elements in their order.
    pub(super) fn same_order(&self) -> bool {
        self.map()
            .is_none_or(|[height, width, channels]| channels == 1 || height * width == 1)
    }

    /// The ONNX axis (the batch is axis 0) of a Keras axis, which may count from the end.
    pub(super) fn axis(&self, name: &'static str, axis: i64) -> Result<usize, Problem> {
        let rank = self.0.len() + 1;
        let place = if axis < 0 {
            axis.saturating_add(rank as i64)
        } else {
            axis
        };
        match (usize::try_from(place), self.map()) {
            (Ok(1..), _) if place >= rank as i64 => Err(axis_problem(name, axis, rank)),
            (Ok(3), Some(_)) => Ok(1),
            (Ok(place @ 1..), Some(_)) => Ok(place + 1),
            (Ok(place @ 1..), None) => Ok(place),
            _ => Err(axis_problem(name, axis, rank)),
        }
    }

    /// Refuses every axis but the last, which holds the channels.
    pub(super) fn need_channel_axis(&self, axis: i64) -> Result<(), Problem> {
        let rank = self.0.len() as i64;
        if axis == -1 || axis == rank {
            return Ok(());
        }
        Err(Problem::Option {
            name: "axis",
            found: axis.to_string(),
            supported: format!("-1 or {rank}, the channels"),
        })
    }
}

fn axis_problem(name: &'static str, axis: i64, rank: usize) -> Problem {
    let supported = format!("1 to {}, or -1 to -{}", rank - 1, rank - 1);
    Problem::Option {
        name,
        found: axis.to_string(),
        supported,
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Zeros put around a map: top, left, bottom, right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pads {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) bottom: usize,
    pub(super) right: usize,
}

impl Pads {
    /// In ONNX's order: both begins, then both ends.
    pub(super) fn onnx(self) -> [usize; 4] {
        [self.top, self.left, self.bottom, self.right]
    }

    /// One padding after the other.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            top: self.top + other.top,
            left: self.left + other.left,
            bottom: self.bottom + other.bottom,
            right: self.right + other.right,
        }
    }

    /// Whether every window of this size still meets a real element.
    pub(super) fn within(self, [height, width]: [usize; 2]) -> bool {
        self.top < height && self.bottom < height && self.left < width && self.right < width
    }
}

/// A length in pixels: 1 to 65,535.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "u64")]
pub(super) struct Length(pub(super) usize);

impl TryFrom<u64> for Length {
    type Error = String;

    fn try_from(value: u64) -> Result<Self, String> {
        match value {
            1..=65_535 => Ok(Self(value as usize)),
            _ => Err(format!("must be between 1 and 65535, found {value}")),
        }
    }
}

/// Two lengths, height and width; a single number stands for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair(pub(super) [usize; 2]);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let of = |value| Length::deserialize(value).map(|length| length.0);
        let pair = match &value {
            serde_json::Value::Array(two) if two.len() == 2 => {
                of(&two[0]).and_then(|height| Ok([height, of(&two[1])?]))
            }
            both => of(both).map(|length| [length, length]),
        };
        pair.map(Self)
            .map_err(|error| de::Error::custom(format!("{error}, in {value}")))
    }
}

/// How a window meets the border.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Padding {
    /// The window stays inside.
    Valid,
    /// One output for each stride, zeros around as needed.
    Same,
}

impl Padding {
    /// The padding of a map [height, width] and the size of what a window makes of it.
    ///
    /// TensorFlow's `same`: out = ceil(in / stride), total = max((out - 1) stride + window - in, 0),
    /// half of it before, rounded down, and the rest after.
    pub(super) fn plan(
        self,
        input: [usize; 2],
        window: [usize; 2],
        strides: [usize; 2],
    ) -> Result<(Pads, [usize; 2]), Problem> {
        let [(top, bottom, height), (left, right, width)] = [0, 1].map(|axis| {
            let (input, window, stride) = (input[axis], window[axis], strides[axis]);
            match self {
                Self::Valid if input < window => (0, 0, 0),
                Self::Valid => (0, 0, (input - window) / stride + 1),
                Self::Same => {
                    let out = input.div_ceil(stride);
                    let total = ((out - 1) * stride + window).saturating_sub(input);
                    (total / 2, total - total / 2, out)
                }
            }
        });
        if height == 0 || width == 0 {
            let expected = format!("a map of at least {} x {}", window[0], window[1]);
            let found = format!("[{}, {}, ..]", input[0], input[1]);
            return Err(Problem::Shape { expected, found });
        }
        Ok((
            Pads {
                top,
                left,
                bottom,
                right,
            },
            [height, width],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(input: usize, window: usize, stride: usize) -> (usize, usize, usize) {
        let (pads, size) = Padding::Same
            .plan([input; 2], [window; 2], [stride; 2])
            .unwrap();
        assert_eq!(
            (pads.top, pads.bottom, size[0]),
            (pads.left, pads.right, size[1])
        );
        (pads.top, pads.bottom, size[0])
    }

    #[test]
    fn same_padding_is_tensorflows() {
        // Even sizes with stride 2: nothing before, one after.
        assert_eq!(same(224, 3, 2), (0, 1, 112));
        assert_eq!(same(7, 3, 2), (1, 1, 4));
        assert_eq!(same(7, 3, 1), (1, 1, 7));
        assert_eq!(same(8, 7, 2), (2, 3, 4));
        assert_eq!(same(8, 2, 1), (0, 1, 8));
        assert_eq!(same(8, 1, 2), (0, 0, 4));
        assert_eq!(same(1, 3, 1), (1, 1, 1));
    }

    #[test]
    fn valid_padding_is_none_and_needs_room() {
        let (pads, size) = Padding::Valid.plan([8, 5], [3, 3], [2, 2]).unwrap();
        assert_eq!((pads, size), (Pads::default(), [3, 2]));
        assert!(Padding::Valid.plan([8, 2], [3, 3], [2, 2]).is_err());
    }

    #[test]
    fn axes_follow_the_channels_to_the_front() {
        let map = Shape::new(&[4, 5, 6]).unwrap();
        let axes = [-1, 3, 1, 2, -3].map(|axis| map.axis("axis", axis).unwrap());
        assert_eq!(axes, [1, 1, 2, 3, 2]);
        let vector = Shape::new(&[6]).unwrap();
        assert_eq!(
            [-1, 1].map(|axis| vector.axis("axis", axis).unwrap()),
            [1, 1]
        );
        for wrong in [0, 4, -4, i64::MIN, i64::MAX] {
            assert!(map.axis("axis", wrong).is_err(), "{wrong}");
        }
        assert_eq!(map.onnx(), [6, 4, 5]);
    }

    #[test]
    fn a_shape_that_cannot_be_is_refused() {
        assert!(Shape::new(&[3, 0]).is_err());
        assert!(Shape::new(&[1 << 30, 1 << 30, 1 << 30]).is_err());
        assert!(Shape::new(&[]).is_ok());
    }

    #[test]
    fn pairs_are_lists_or_single_numbers() {
        let pair = |text| serde_json::from_str::<Pair>(text);
        assert_eq!(pair("[3, 2]").unwrap(), Pair([3, 2]));
        assert_eq!(pair("2").unwrap(), Pair([2, 2]));
        for wrong in [
            "0",
            "[1, 0]",
            "[1, 70000]",
            "-1",
            "[1]",
            "[1, 2, 3]",
            "1.5",
            "null",
        ] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }
}
