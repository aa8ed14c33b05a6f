//! Pictures. Those that the `image` crate cannot write come from Pillow 13.0 (`../files`): a
//! 24x20 picture saved with the options that the files' names say.

use std::io::Cursor;

use image::codecs::tiff::TiffEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage, Rgba};

macro_rules! files {
    ($($name:literal)*) => {
        vec![$(include_bytes!(concat!("../files/", $name)).to_vec()),*]
    };
}

/// Pixels of every colour.
fn picture(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 9) as u8, (y * 11) as u8, (x * y) as u8])
    })
    .into()
}

fn see_through() -> DynamicImage {
    let pixel = |x, y| Rgba([(x * 9) as u8, (y * 11) as u8, 7, (x * y) as u8]);
    image::RgbaImage::from_fn(16, 16, pixel).into()
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, format)
        .expect("the picture is encoded");
    bytes.into_inner()
}

/// Baseline, progressive, CMYK, grey, with restart markers, with EXIF.
pub(crate) fn jpeg() -> Vec<Vec<u8>> {
    let mut all = files!("progressive.jpg" "cmyk.jpg" "grey.jpg" "restart.jpg");
    let baseline = written(&picture(32, 24), ImageFormat::Jpeg);
    // EXIF, big endian, one entry: the orientation, 6.
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    all.push([&baseline[..2], exif, &baseline[2..]].concat());
    all.push(baseline);
    all
}

/// 8 and 16 bits, grey, with alpha, a palette with transparency, one bit.
pub(crate) fn png() -> Vec<Vec<u8>> {
    let mut all = files!("palette.png" "bits.png");
    let rgb = picture(16, 16);
    let deep = [rgb.to_rgb16().into(), rgb.to_luma_alpha16().into()];
    for image in [rgb.clone(), rgb.to_luma8().into(), see_through()]
        .iter()
        .chain(&deep)
    {
        all.push(written(image, ImageFormat::Png));
    }
    all
}

/// Lossy, lossless, with alpha, animated.
pub(crate) fn webp() -> Vec<Vec<u8>> {
    let mut all = files!("lossy.webp" "alpha.webp" "animated.webp");
    all.push(written(&picture(16, 16), ImageFormat::WebP));
    all.push(written(&see_through(), ImageFormat::WebP));
    all
}

/// One frame and several.
pub(crate) fn gif() -> Vec<Vec<u8>> {
    let mut all = files!("palette.gif" "animated.gif");
    all.push(written(&see_through(), ImageFormat::Gif));
    all
}

/// True colour, a palette, one bit, alpha.
pub(crate) fn bmp() -> Vec<Vec<u8>> {
    let mut all = files!("palette.bmp" "bits.bmp");
    all.push(written(&picture(8, 9), ImageFormat::Bmp));
    all.push(written(&see_through(), ImageFormat::Bmp));
    all
}

/// Each compression; 8 and 16 bits.
pub(crate) fn tiff() -> Vec<Vec<u8>> {
    let mut all = files!("lzw.tif" "deflate.tif" "packbits.tif" "jpeg.tif" "group4.tif");
    all.push(written(&picture(12, 10), ImageFormat::Tiff));
    let mut deep = Cursor::new(Vec::new());
    let pixels: Vec<u8> = (0..8 * 8 * 6).map(|n| n as u8).collect();
    let encoder = TiffEncoder::new(&mut deep);
    encoder
        .write_image(&pixels, 8, 8, ExtendedColorType::Rgb16)
        .expect("the picture is encoded");
    all.push(deep.into_inner());
    all
}

/// Some of each.
pub(crate) fn pictures() -> Vec<Vec<u8>> {
    let all = [jpeg(), png(), webp(), gif(), bmp(), tiff()];
    all.into_iter()
        .flat_map(|format| format.into_iter().take(2))
        .collect()
}
