//! Which part of an image goes where in the input.

use crate::backbone::manifest::{Centre, Fit, Shortest};

/// A part of the image, scaled to a size, at a place of the input that is otherwise one colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// Width and height that the whole image is scaled to. Only the part is computed, so that a
    /// strip of 60000x1 never becomes a giant on the way.
    pub(super) whole: (u32, u32),
    /// Left and top of the part in the scaled image.
    pub(super) offset: (u32, u32),
    /// Width and height of the part.
    pub(super) size: (u32, u32),
    /// Left and top of the scaled part in the input.
    at: (u32, u32),
    /// What is around it.
    fill: [u8; 3],
}

impl Placement {
    /// Of an image of `image` width and height in an input of `input`; none of them 0.
    pub(super) fn of(image: (u32, u32), input: (u32, u32), fit: Fit) -> Self {
        match fit {
            Fit::Stretch => Self {
                whole: input,
                offset: (0, 0),
                size: input,
                at: (0, 0),
                fill: [0; 3],
            },
            Fit::ShortestSide(shortest, centre) => {
                cropped(image, input, side(shortest, input), centre)
            }
            Fit::Letterbox(fill) => letterbox(image, input, fill),
        }
    }

    /// Whether it is the image as it stands.
    pub(super) fn is_image(&self, image: (u32, u32), input: (u32, u32)) -> bool {
        self.whole == image && self.size == image && image == input
    }

    /// The part of the image that an input of `size` shows, as shares of the image: left, top,
    /// right, bottom; beyond 0 and 1 where there is something around it.
    #[allow(clippy::cast_possible_truncation)] // shares
    pub(super) fn region(&self, size: (u32, u32)) -> [f32; 4] {
        let span = |offset: u32, at: u32, size: u32, whole: u32| {
            let start = f64::from(offset) - f64::from(at);
            let [low, high] = [start, start + f64::from(size)];
            [low, high].map(|end| (end / f64::from(whole)) as f32)
        };
        let [left, right] = span(self.offset.0, self.at.0, size.0, self.whole.0);
        let [top, bottom] = span(self.offset.1, self.at.1, size.1, self.whole.1);
        [left, top, right, bottom]
    }

    /// Puts the scaled part into an input of `size`, both of four bytes a pixel.
    pub(super) fn paste(&self, scaled: &[u8], size: (u32, u32), out: &mut Vec<u8>) {
        let [r, g, b] = self.fill;
        let row = 4 * size.0 as usize;
        out.clear();
        out.extend([r, g, b, 0].iter().cycle().take(row * size.1 as usize));
        let (left, top) = (4 * self.at.0 as usize, self.at.1 as usize);
        let wide = 4 * self.size.0 as usize;
        let rows = out.chunks_exact_mut(row).skip(top);
        for (to, from) in rows.zip(scaled.chunks_exact(wide)) {
            to[left..left + wide].copy_from_slice(from);
        }
    }
}

/// The length of the shorter side before the crop.
pub(crate) fn side(shortest: Shortest, input: (u32, u32)) -> u32 {
    match shortest {
        Shortest::Side(side) => side.get(),
        Shortest::Crop(crop) => (f64::from(input.0.min(input.1)) / crop.get()).floor() as u32,
    }
}

/// torchvision's `Resize(side)` and `CenterCrop(input)`: the longer side is rounded down, the
/// crop's place as `centre` has it, and what lies beyond the image is black.
fn cropped(image: (u32, u32), input: (u32, u32), side: u32, centre: Centre) -> Placement {
    let (short, long) = (image.0.min(image.1), image.0.max(image.1));
    let longer = (u64::from(side) * u64::from(long) / u64::from(short)).max(1);
    let longer = u32::try_from(longer).unwrap_or(u32::MAX);
    let whole = if image.0 <= image.1 {
        (side, longer)
    } else {
        (longer, side)
    };
    let (left, width, x) = axis(whole.0, input.0, centre);
    let (top, height, y) = axis(whole.1, input.1, centre);
    Placement {
        whole,
        offset: (left, top),
        size: (width, height),
        at: (x, y),
        fill: [0; 3],
    }
}

/// Where the crop of `wanted` pixels begins in a scaled side of `whole`, how long it is, and where
/// it begins in the input.
fn axis(whole: u32, wanted: u32, centre: Centre) -> (u32, u32, u32) {
    if whole >= wanted {
        let cut = whole - wanted;
        let start = match centre {
            Centre::Even => half_to_even(cut),
            Centre::Floor => cut / 2,
        };
        (start, wanted, 0)
    } else {
        (0, whole, (wanted - whole) / 2)
    }
}

/// Python's `round(n / 2)`.
fn half_to_even(n: u32) -> u32 {
    let half = n / 2;
    if n % 2 == 1 { half + half % 2 } else { half }
}

fn letterbox(image: (u32, u32), input: (u32, u32), fill: [u8; 3]) -> Placement {
    let [width, height] = [image.0, image.1].map(f64::from);
    let scale = (f64::from(input.0) / width).min(f64::from(input.1) / height);
    let scaled = |length: f64, most: u32| ((length * scale).round() as u32).clamp(1, most);
    let size = (scaled(width, input.0), scaled(height, input.1));
    Placement {
        whole: size,
        offset: (0, 0),
        size,
        at: ((input.0 - size.0) / 2, (input.1 - size.1) / 2),
        fill,
    }
}

#[cfg(test)]
impl Placement {
    /// A part of a scaled image, with nothing around it.
    pub(super) fn part(whole: (u32, u32), offset: (u32, u32), size: (u32, u32)) -> Self {
        Self {
            whole,
            offset,
            size,
            at: (0, 0),
            fill: [0; 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backbone::manifest::{Crop, Side};

    fn shortest(image: (u32, u32), input: u32, side: u32) -> Placement {
        let side = Shortest::Side(Side::try_from(side).unwrap());
        Placement::of(image, (input, input), Fit::ShortestSide(side, Centre::Even))
    }

    #[test]
    fn the_middle_is_cut_where_torchvision_cuts_it() {
        // Resize(256) of 500x375 is 341x256; CenterCrop(224) begins at round(58.5) = 58 and 16.
        let placement = shortest((500, 375), 224, 256);
        assert_eq!((placement.whole, placement.offset), ((341, 256), (58, 16)));
        assert_eq!((placement.size, placement.at), ((224, 224), (0, 0)));
        assert_eq!([1, 3, 5, 7, 4].map(half_to_even), [0, 2, 2, 4, 2]);
    }

    #[test]
    fn the_part_that_is_seen_is_told_in_shares_of_the_image() {
        let stretched = Placement::of((500, 375), (224, 224), Fit::Stretch);
        assert_eq!(stretched.region((224, 224)), [0.0, 0.0, 1.0, 1.0]);
        let side = Shortest::Side(Side::try_from(100).unwrap());
        let cropped = Placement::of((400, 100), (50, 50), Fit::ShortestSide(side, Centre::Even));
        assert_eq!(cropped.region((50, 50)), [0.4375, 0.25, 0.5625, 0.75]);
        let boxed = Placement::of((400, 100), (64, 64), Fit::Letterbox([0; 3]));
        assert_eq!(boxed.region((64, 64)), [0.0, -1.5, 1.0, 2.5]);
    }

    #[test]
    fn a_crop_share_is_that_of_timm() {
        let crop = |share| Shortest::Crop(Crop::try_from(share).unwrap());
        assert_eq!(side(crop(0.875), (224, 224)), 256);
        assert_eq!(side(crop(0.95), (224, 224)), 235);
        assert_eq!(side(crop(1.0), (224, 224)), 224);
    }

    #[test]
    fn a_letterbox_keeps_the_aspect() {
        let placement = Placement::of((400, 100), (64, 64), Fit::Letterbox([1, 2, 3]));
        assert_eq!((placement.size, placement.at), ((64, 16), (0, 24)));
        let mut out = Vec::new();
        placement.paste(&[9; 4 * 64 * 16], (64, 64), &mut out);
        assert_eq!(out.len(), 4 * 64 * 64);
        assert_eq!(out[..7], [1, 2, 3, 0, 1, 2, 3]);
        assert_eq!(out[4 * 64 * 24], 9);
        assert_eq!(out[4 * 64 * 40..][..3], [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn no_size_leads_outside(
            image in (1u32..70_000, 1u32..70_000), input in (1u32..400, 1u32..400),
            pixels in 1u32..600, letterbox: bool,
        ) {
            let side = Shortest::Side(Side::try_from(pixels).unwrap());
            let fit = if letterbox { Fit::Letterbox([0; 3]) } else { Fit::ShortestSide(side, Centre::Floor) };
            let placement = Placement::of(image, input, fit);
            let (wide, high) = placement.size;
            prop_assert!(placement.offset.0 + wide <= placement.whole.0);
            prop_assert!(placement.offset.1 + high <= placement.whole.1);
            prop_assert!((1..=input.0).contains(&wide) && (1..=input.1).contains(&high));
            let at = placement.at;
            prop_assert!(at.0 + wide <= input.0 && at.1 + high <= input.1);
        }
    }
}
