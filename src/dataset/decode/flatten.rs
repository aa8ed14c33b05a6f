//! Any decoded image as 8-bit RGB.

use image::{DynamicImage, RgbImage};

/// 8-bit RGB, with transparency laid on `background`.
pub(super) fn to_rgb(image: DynamicImage, background: [u8; 3]) -> RgbImage {
    match image {
        DynamicImage::ImageRgb8(rgb) => rgb,
        alpha if alpha.color().has_alpha() => lay_on(&alpha, background),
        opaque => opaque.into_rgb8(),
    }
}

/// Lays a transparent image on a colour, rounding once: a 16-bit image keeps its bits until the
/// end.
fn lay_on(image: &DynamicImage, background: [u8; 3]) -> RgbImage {
    let mut out = RgbImage::new(image.width(), image.height());
    match image {
        DynamicImage::ImageRgba8(_) | DynamicImage::ImageLumaA8(_) => {
            for (to, from) in out.pixels_mut().zip(image.to_rgba8().pixels()) {
                to.0 = lay(from.0.map(u64::from), 255, background);
            }
        }
        _ => {
            for (to, from) in out.pixels_mut().zip(image.to_rgba16().pixels()) {
                to.0 = lay(from.0.map(u64::from), 65_535, background);
            }
        }
    }
    out
}

/// `colour * alpha + background * (1 - alpha)` as 8 bits, of components that count to `full`.
fn lay([r, g, b, a]: [u64; 4], full: u64, background: [u8; 3]) -> [u8; 3] {
    let square = full * full;
    let one = |colour: u64, behind: u8| {
        let sum = 255 * colour * a + u64::from(behind) * full * (full - a);
        ((sum + square / 2) / square) as u8
    };
    let [br, bg, bb] = background;
    [one(r, br), one(g, bg), one(b, bb)]
}
