//! Decoding, right and wrong.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, LumaA, Rgb, Rgba};
use proptest::prelude::*;

use super::*;
use crate::dataset::config::Background;

pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    super::decode(bytes, &Rules::default())
}

/// A file of any format.
fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn png<P: image::PixelWithColorType>(image: &ImageBuffer<P, Vec<P::Subpixel>>) -> Vec<u8>
where
    [P::Subpixel]: image::EncodableLayout,
    P::Subpixel: image::Primitive,
{
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

pub(super) fn jpeg_bytes(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 100)
        .encode_image(image)
        .unwrap();
    bytes
}

/// Red above, blue below, 16x32.
pub(super) fn flag() -> RgbImage {
    RgbImage::from_fn(16, 32, |_, y| {
        if y < 16 {
            Rgb([250, 0, 0])
        } else {
            Rgb([0, 0, 250])
        }
    })
}

/// A JPEG with an EXIF block (TIFF 6.0, big-endian, one entry: tag 0x0112 of type short).
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xFF, 0xE1]);
    bytes.extend((exif.len() as u16 + 2).to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn png_pixels_come_back_as_they_were() {
    let image = RgbImage::from_fn(9, 7, |x, y| Rgb([x as u8 * 20, y as u8 * 30, 7]));
    assert_eq!(decode(&png(&image)).unwrap(), image);
}

#[test]
fn grey_becomes_rgb_and_sixteen_bits_become_eight() {
    let grey = ImageBuffer::<Luma<u8>, _>::from_raw(2, 1, vec![7, 200]).unwrap();
    assert_eq!(
        decode(&png(&grey)).unwrap().into_raw(),
        [7, 7, 7, 200, 200, 200]
    );
    // value / 257, to the nearest.
    let deep = ImageBuffer::<Rgb<u16>, _>::from_raw(1, 1, vec![128, 129, 65_535]).unwrap();
    assert_eq!(decode(&png(&deep)).unwrap().into_raw(), [0, 1, 255]);
}

#[test]
fn transparency_is_laid_on_white() {
    let rgba = ImageBuffer::<Rgba<u8>, _>::from_raw(
        3,
        1,
        vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 128],
    );
    // 0.5019... * colour + 0.4980... * 255: 127, 177.196, 255.
    let expected = [10, 20, 30, 255, 255, 255, 127, 177, 255];
    assert_eq!(decode(&png(&rgba.unwrap())).unwrap().into_raw(), expected);
    let grey = ImageBuffer::<LumaA<u8>, _>::from_raw(1, 1, vec![0, 51]).unwrap();
    assert_eq!(decode(&png(&grey)).unwrap().into_raw(), [204; 3]);
    let deep = ImageBuffer::<Rgba<u16>, _>::from_raw(1, 1, vec![0, 65_535, 0, 32_768]).unwrap();
    assert_eq!(decode(&png(&deep)).unwrap().into_raw(), [127, 255, 127]);
}

#[test]
fn files_that_pillow_wrote() {
    // Pillow 13.0.0: a 3x2 palette PNG with transparency [255, 128, 0, 255], composited on white.
    let palette = unhex(
        "89504e470d0a1a0a0000000d4948445200000003000000020203000000e01a8e890000000c504c5445ff0000\
         00ff000000ff0a141e228829040000000474524e53ff8000ffa1a194660000000c49444154789c6390607802\
         00013000fd56cd1c730000000049454e44ae426082",
    );
    let expected = [
        [255, 0, 0],
        [127, 255, 127],
        [255; 3],
        [10, 20, 30],
        [255; 3],
        [127, 255, 127],
    ];
    assert_eq!(decode(&palette).unwrap().into_raw(), expected.concat());
    // Pillow 13.0.0: 8x8, mode L of 77, progressive, quality 95.
    let grey = unhex(
        "ffd8ffe000104a46494600010100000100010000ffdb0043000201010101010201010102020202020403020202\
         020504040304060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a0c090a0a0aff\
         c2000b080008000801011100ffc40014000100000000000000000000000000000007ffda000801010000000119\
         ffc40014100100000000000000000000000000000000ffda00080101000105027fffc400141001000000000000\
         00000000000000000000ffda0008010100063f027fffc40014100100000000000000000000000000000000ffda\
         0008010100013f217fffda00080101000000107fffc40014100100000000000000000000000000000000ffda00\
         08010100013f107fffd9",
    );
    assert!(decode(&grey).unwrap().iter().all(|v| v.abs_diff(77) <= 1));
}

#[test]
fn cmyk_is_read_as_pillow_reads_it() {
    // Pillow 13.0.0: 8x8, mode CMYK of (30, 60, 90, 20), quality 95; its convert("RGB").
    let cmyk = unhex(
        "ffd8ffee000e41646f626500640000000000ffdb0043000201010101010201010102020202020403\
         020202020504040304060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c\
         0b0a0c090a0a0affc000140800080008044311004d11005911004b1100ffc4001f00000105010101\
         01010100000000000000000102030405060708090a0bffc400b51000020103030204030505040400\
         00017d01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282\
         090a161718191a25262728292a3435363738393a434445464748494a535455565758595a63646566\
         6768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3\
         b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5\
         f6f7f8f9faffda000e0443004d0059004b00003f00fd84afd0cafa52bf6b2bffd9",
    );
    let expected: [u8; 3] = [207, 180, 152];
    let image = decode(&cmyk).unwrap();
    assert!(
        image
            .pixels()
            .all(|p| p.0.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1))
    );
}

#[test]
fn exif_orientation_is_applied() {
    let upright = jpeg_bytes(&flag());
    let seen = |orientation| {
        let image = decode(&with_orientation(&upright, orientation)).unwrap();
        let (w, h) = image.dimensions();
        let red = |x: u32, y: u32| image.get_pixel(x, y).0[0] > 200;
        ((w, h), red(1, 1), red(w - 2, h - 2))
    };
    // EXIF 2.3, tag 274: 1 as stored; 3 upside down; 6 the stored top is the right side, 8 the left.
    assert_eq!(seen(1), ((16, 32), true, false));
    assert_eq!(seen(3), ((16, 32), false, true));
    assert_eq!(seen(6), ((32, 16), false, true));
    assert_eq!(seen(8), ((32, 16), true, false));
}

#[test]
fn what_is_no_image_is_named() {
    let refusal = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    assert_eq!(refusal(b""), "is an empty file");
    let unknown = "is not a JPEG, PNG, WebP, GIF, BMP or TIFF image, its content looks like no \
                   image format: move it elsewhere or `exclude` it";
    assert_eq!(refusal(b"<html>not found"), unknown);
    let other = refusal(b"qoif\0\0\0\x01");
    assert!(other.contains("its content looks like Qoi"), "{other}");
    let whole = jpeg_bytes(&flag());
    let truncated = "is a truncated JPEG: it ends before its end-of-image marker";
    assert_eq!(refusal(&whole[..whole.len() - 20]), truncated);
    let whole = png(&flag());
    let damaged = refusal(&whole[..whole.len() - 20]);
    assert!(
        damaged.starts_with("is a damaged or unsupported PNG image: "),
        "{damaged}"
    );
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let mut header = Vec::new();
    image::codecs::png::PngEncoder::new(&mut header)
        .write_image(&[0; 3], 1, 1, ExtendedColorType::Rgb8)
        .unwrap();
    for (width, height) in [
        (40_000u32, 1u32),
        (20_000, 20_000),
        (u32::MAX >> 1, u32::MAX >> 1),
    ] {
        let mut bomb = header.clone();
        bomb[16..20].copy_from_slice(&width.to_be_bytes());
        bomb[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc(&bomb[12..29]).to_be_bytes();
        bomb[29..33].copy_from_slice(&checksum);
        let error = decode(&bomb).unwrap_err();
        let refused = matches!(
            error,
            DecodeError::TooLarge { .. } | DecodeError::Damaged { .. }
        );
        assert!(refused, "{error}");
    }
}

/// The CRC-32 of a PNG chunk (PNG specification, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| {
            (c >> 1) ^ (0xEDB8_8320 * (c & 1))
        })
    })
}

#[test]
fn the_limits_can_be_raised_and_lowered() {
    let limits = |max_side: u32, max_pixels: u64| Rules {
        limits: Limits {
            max_side: max_side.try_into().unwrap(),
            max_pixels: max_pixels.try_into().unwrap(),
            ..Limits::default()
        },
        ..Rules::default()
    };
    let long = png(&RgbImage::new(40_000, 1));
    let error = decode(&long).unwrap_err().to_string();
    assert_eq!(
        error,
        "declares 40000x1 pixels: at most 32768 a side and 100000000 in all are accepted \
         (`dataset.limits.max_side` and `max_pixels` raise that)"
    );
    assert!(super::decode(&long, &limits(40_000, 40_000)).is_ok());
    assert!(super::decode(&long, &limits(40_000, 39_999)).is_err());
    assert!(super::decode(&long, &limits(39_999, 40_000)).is_err());
}

/// The pixels of `flag` with a hole in its upper left corner.
fn holed() -> DynamicImage {
    DynamicImage::ImageRgba8(image::RgbaImage::from_fn(16, 32, |x, y| {
        let [r, g, b] = flag().get_pixel(x, y).0;
        Rgba([r, g, b, if x < 4 && y < 4 { 0 } else { 255 }])
    }))
}

#[test]
fn every_format_is_told_by_its_content() {
    let exact = flag();
    for format in [
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Png,
    ] {
        let bytes = file(&DynamicImage::ImageRgb8(exact.clone()), format);
        assert_eq!(name(sniff(&bytes[..16]).unwrap()), name(format));
        let near = decode(&bytes).unwrap();
        let worst = near
            .iter()
            .zip(exact.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        // GIF chooses its 256 colours; the others keep every bit.
        let most = if format == ImageFormat::Gif { 4 } else { 0 };
        assert!(worst <= Some(most), "{format:?}: {worst:?}");
    }
}

#[test]
fn transparency_is_laid_on_the_colour_that_is_asked_for() {
    let rules = Rules {
        background: Background([0, 128, 7]),
        ..Rules::default()
    };
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Tiff,
    ] {
        let bytes = file(&holed(), format);
        let image = super::decode(&bytes, &rules).unwrap();
        assert_eq!(image.get_pixel(1, 1).0, [0, 128, 7], "{format:?}");
        assert!(image.get_pixel(8, 8).0[0] > 240, "{format:?}");
        assert_eq!(
            decode(&bytes).unwrap().get_pixel(1, 1).0,
            [255; 3],
            "{format:?}"
        );
    }
}

#[test]
fn the_first_frame_of_an_animation_is_the_image() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for grey in [10, 200] {
        let frame = image::RgbaImage::from_pixel(6, 4, Rgba([grey, grey, grey, 255]));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    assert_eq!(
        decode(&bytes).unwrap(),
        RgbImage::from_pixel(6, 4, Rgb([10; 3]))
    );
}

#[test]
fn deep_tiffs_are_rounded_and_floating_ones_refused() {
    let deep = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, vec![129, 65_535]).unwrap();
    let bytes = file(&DynamicImage::ImageLuma16(deep), ImageFormat::Tiff);
    assert_eq!(decode(&bytes).unwrap().into_raw(), [1, 1, 1, 255, 255, 255]);
    let float = ImageBuffer::<Rgb<f32>, _>::from_raw(1, 1, vec![0.0, 100.0, 255.0]).unwrap();
    let bytes = file(&DynamicImage::ImageRgb32F(float), ImageFormat::Tiff);
    assert!(matches!(decode(&bytes), Err(DecodeError::Float)));
}

#[test]
fn truncated_files_of_every_format_are_refused() {
    for format in [
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ] {
        // Noise, so that there is data to miss.
        let noise = RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 37 + y * 101) as u8; 3]));
        let bytes = file(&DynamicImage::ImageRgb8(noise), format);
        let error = decode(&bytes[..bytes.len() * 2 / 3])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("unsupported {} image", name(format))),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_files_have_an_answer(
        kind in 0..7usize,
        cut in 0.0..1.3f64,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = whole(kind);
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((cut * bytes.len() as f64) as usize);
        let rules = Rules {
            limits: Limits { max_pixels: 1_000_000.try_into().unwrap(), ..Limits::default() },
            ..Rules::default()
        };
        if let Ok(image) = super::decode(&bytes, &rules) {
            prop_assert!(u64::from(image.width()) * u64::from(image.height()) <= 1_000_000);
        }
    }

    #[test]
    fn a_head_of_one_format_before_another_has_an_answer(
        head in 0..7usize, body in 0..7usize, at in 0..200usize,
    ) {
        let (head, body) = (whole(head), whole(body));
        let at = at.min(head.len()).min(body.len());
        let _ = decode(&[&head[..at], &body[at..]].concat());
    }
}

/// A small file of each kind.
fn whole(kind: usize) -> Vec<u8> {
    let rgb = DynamicImage::ImageRgb8(flag());
    match kind {
        0 => with_orientation(&jpeg_bytes(&flag()), 6),
        1 => png(&flag()),
        2 => file(&rgb, ImageFormat::WebP),
        3 => file(&holed(), ImageFormat::Gif),
        4 => file(&rgb, ImageFormat::Bmp),
        5 => file(&rgb, ImageFormat::Tiff),
        _ => file(&holed(), ImageFormat::WebP),
    }
}
