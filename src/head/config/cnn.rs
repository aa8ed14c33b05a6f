//! The settings of a convolutional head.

use serde::{Deserialize, Serialize};

use super::number::{AtLeast, Fraction};

/// A small convolutional network on raw pixels (LeCun et al. 1998 in today's form): blocks of
/// convolution, max-pooling and ReLU, then dense layers. Dropout stands before each dense layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnnConfig {
    /// Maps of each convolution, the first nearest the pixels; at least one.
    #[serde(deserialize_with = "some_filters")]
    pub filters: Vec<AtLeast<1>>,
    /// Side of the square of pixels that a convolution looks at; no padding, stride 1.
    pub kernel: AtLeast<1>,
    /// Side of the squares that max-pooling takes the largest of; what does not fill a square at
    /// the right and lower border is left out.
    pub pool: AtLeast<1>,
    /// Units of the dense layers before the classes; may be empty.
    pub hidden: Vec<AtLeast<1>>,
    /// The share of what goes into each dense layer that is dropped at a training step.
    pub dropout: Fraction,
    /// Height, width and channels of a row; where it is not given, a square of RGB pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<[AtLeast<1>; 3]>,
}

/// Height, width and channels of what lies between two blocks; a row holds it row by row, pixel
/// by pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::head) struct Shape {
    pub(in crate::head) height: usize,
    pub(in crate::head) width: usize,
    pub(in crate::head) channels: usize,
}

/// Why rows cannot be convolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A row that is no image of the size that was given.
    #[error(
        "`image` is {height}x{width}x{channels} ({} numbers), and a row has {inputs}",
        height * width * channels
    )]
    Size {
        /// Rows of pixels.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// Numbers of a pixel.
        channels: usize,
        /// Features of a row.
        inputs: usize,
    },
    /// A row that is no square RGB picture.
    #[error(
        "a row of {inputs} numbers is no square of RGB pixels: use `extract.backbone: pixels`, \
         and say `image: [height, width, 3]` where the pictures are not square"
    )]
    NoSquare {
        /// Features of a row.
        inputs: usize,
    },
    /// Blocks that leave nothing.
    #[error(
        "convolution {block} has {height}x{width} pixels left, too few for a `kernel` of {kernel} \
         and a `pool` of {pool}: use fewer `filters`, or smaller ones"
    )]
    NothingLeft {
        /// Which, from 1.
        block: usize,
        /// Rows of pixels that reach it.
        height: usize,
        /// Pixels of a row that reach it.
        width: usize,
        /// The kernel's side.
        kernel: usize,
        /// The side of the pooled squares.
        pool: usize,
    },
}

impl Shape {
    /// Numbers of one picture.
    pub(in crate::head) fn len(self) -> usize {
        self.height
            .saturating_mul(self.width)
            .saturating_mul(self.channels)
    }

    /// After a block of this kernel, pooling and number of maps; `None` where nothing is left.
    pub(in crate::head) fn after(self, kernel: usize, pool: usize, maps: usize) -> Option<Self> {
        let side = |n: usize| {
            let positions = n.checked_add(1)?.checked_sub(kernel.max(1))?;
            positions.checked_div(pool).filter(|&n| n > 0)
        };
        Some(Self {
            height: side(self.height)?,
            width: side(self.width)?,
            channels: maps,
        })
    }
}

impl CnnConfig {
    /// Whether rows of `inputs` numbers are pictures that it can take.
    ///
    /// # Errors
    /// Rows that are no pictures, or too small for so many convolutions.
    pub fn check(&self, inputs: usize) -> Result<(), LayoutError> {
        self.shapes(inputs).map(|_| ())
    }

    /// The shape of a row of `inputs` numbers.
    ///
    /// # Errors
    /// A row that is no such picture.
    pub(in crate::head) fn image(&self, inputs: usize) -> Result<Shape, LayoutError> {
        if let Some([height, width, channels]) = self.image.map(|sides| sides.map(AtLeast::get)) {
            let shape = Shape {
                height,
                width,
                channels,
            };
            return if shape.len() == inputs {
                Ok(shape)
            } else {
                Err(LayoutError::Size {
                    height,
                    width,
                    channels,
                    inputs,
                })
            };
        }
        let side = (inputs / 3).isqrt();
        if side == 0 || side * side * 3 != inputs {
            return Err(LayoutError::NoSquare { inputs });
        }
        Ok(Shape {
            height: side,
            width: side,
            channels: 3,
        })
    }

    /// What goes into each block, and what the last one gives to the dense layers.
    ///
    /// # Errors
    /// A row that is no picture, or one too small for so many blocks.
    pub(in crate::head) fn shapes(&self, inputs: usize) -> Result<Vec<Shape>, LayoutError> {
        let (kernel, pool) = (self.kernel.get(), self.pool.get());
        let mut shape = self.image(inputs)?;
        let mut shapes = vec![shape];
        for (block, maps) in (1..).zip(&self.filters) {
            shape = shape
                .after(kernel, pool, maps.get())
                .ok_or(LayoutError::NothingLeft {
                    block,
                    height: shape.height,
                    width: shape.width,
                    kernel,
                    pool,
                })?;
            shapes.push(shape);
        }
        Ok(shapes)
    }
}

fn some_filters<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<AtLeast<1>>, D::Error> {
    let filters = Vec::<AtLeast<1>>::deserialize(from)?;
    if filters.is_empty() {
        let message = "must list at least one convolution; without any use `dense: {}`";
        return Err(serde::de::Error::custom(message));
    }
    Ok(filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(yaml: &str) -> CnnConfig {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn shapes_from_the_pixels_to_the_dense_layers() {
        let shapes = |yaml: &str, inputs| {
            let shapes = config(yaml).shapes(inputs).unwrap();
            let each = shapes.iter().map(|s| [s.height, s.width, s.channels]);
            each.collect::<Vec<_>>()
        };
        let study = "{filters: [32, 64], kernel: 3, pool: 2}";
        assert_eq!(
            shapes(study, 12_288),
            [[64, 64, 3], [31, 31, 32], [14, 14, 64]]
        );
        let wide = "{filters: [5], kernel: 1, pool: 3, image: [4, 7, 2]}";
        assert_eq!(shapes(wide, 56), [[4, 7, 2], [1, 2, 5]]);
    }

    #[test]
    fn what_cannot_be_convolved_is_told_why() {
        let message = |yaml: &str, inputs| config(yaml).shapes(inputs).unwrap_err().to_string();
        insta::assert_snapshot!(message("{}", 2048), @"a row of 2048 numbers is no square of RGB pixels: use `extract.backbone: pixels`, and say `image: [height, width, 3]` where the pictures are not square");
        insta::assert_snapshot!(message("{image: [4, 4, 3]}", 2048), @"`image` is 4x4x3 (48 numbers), and a row has 2048");
        insta::assert_snapshot!(message("{filters: [2, 2]}", 75), @"convolution 2 has 1x1 pixels left, too few for a `kernel` of 3 and a `pool` of 2: use fewer `filters`, or smaller ones");
    }
}
