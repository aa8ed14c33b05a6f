//! The 256 values that an activation may have.

/// An affine grid of bytes: a byte `q` stands for `scale * (q - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    pub(super) scale: f32,
    pub(super) zero: u8,
}

/// The largest byte.
const TOP: f64 = 255.0;

impl Grid {
    /// The grid over `low..=high`, widened so that 0 is in it: padding and ReLU give exact zeros,
    /// which stay exact.
    ///
    /// `clip` is what a `Clip` before it lets through: the grid does not reach beyond, not even by
    /// a rounding, so that ONNX Runtime sees that the clip is already in the grid.
    pub(super) fn over(low: f32, high: f32, clip: Option<[f32; 2]>) -> Self {
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        let mut scale = ((high - low) / TOP) as f32;
        // A tensor of zeros, or of values too small to be told from them.
        if !scale.is_normal() {
            return Self {
                scale: 1.0,
                zero: 0,
            };
        }
        let zero = (-low / f64::from(scale)).round().clamp(0.0, TOP) as u8;
        if let Some([least, most]) = clip.filter(|[least, most]| *least <= 0.0 && *most >= 0.0) {
            let beyond = |scale: f32| {
                let at = |q: f32| scale * (q - f32::from(zero));
                at(0.0) < least || at(255.0) > most
            };
            // A rounding is a step or two; more would mean a clip of another tensor.
            for _ in 0..4 {
                if beyond(scale) {
                    scale = scale.next_down();
                }
            }
        }
        Self { scale, zero }
    }

    /// The value that stands for `value`.
    #[cfg(test)]
    pub(super) fn nearest(self, value: f32) -> f32 {
        let zero = f32::from(self.zero);
        let byte = ((value / self.scale).round_ties_even() + zero).clamp(0.0, 255.0);
        self.scale * (byte - zero)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn zero_is_exact_and_nothing_inside_is_off_by_more_than_a_step(
            low in -1e6_f32..1e6, high in -1e6_f32..1e6, at in 0.0_f32..1.0,
        ) {
            let (low, high) = (low.min(high), low.max(high));
            let grid = Grid::over(low, high, None);
            prop_assert_eq!(grid.nearest(0.0), 0.0);
            let value = (low + at * (high - low)).clamp(low, high);
            let off = (grid.nearest(value) - value).abs();
            // Half a step of rounding, and half of the zero's own.
            prop_assert!(off <= grid.scale * 1.001, "{off} {grid:?}");
        }

        #[test]
        fn what_has_no_negative_values_uses_all_bytes(high in 1e-3_f32..1e6) {
            let grid = Grid::over(0.0, high, None);
            prop_assert_eq!(grid.zero, 0);
            prop_assert!((grid.nearest(high) - high).abs() <= high * 1e-6);
        }

        #[test]
        fn a_grid_stays_within_its_clip(high in 1e-3_f32..1e3) {
            let grid = Grid::over(0.0, high, Some([0.0, high]));
            prop_assert!(grid.scale * 255.0 <= high);
            prop_assert!(grid.scale * 255.0 >= high * 0.999_999);
        }
    }

    #[test]
    fn nothing_seen_is_a_grid_all_the_same() {
        for (low, high) in [(0.0, 0.0), (0.0, 1e-45), (-1e-40, 0.0)] {
            assert_eq!(
                Grid::over(low, high, None),
                Grid {
                    scale: 1.0,
                    zero: 0
                }
            );
        }
    }
}
