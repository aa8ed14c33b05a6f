//! Tests of views and of their configuration, and what the tests of ops share.

use image::RgbImage;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

/// A picture without symmetry or flat parts. In numpy:
/// `(x*37 + y*61 + c*83 + x*y*7) % 256` over `np.mgrid[0:h, 0:w, 0:3]`.
pub(super) fn picture(w: u32, h: u32) -> RgbImage {
    RgbImage::from_fn(w, h, |x, y| {
        image::Rgb([0, 1, 2].map(|c| ((x * 37 + y * 61 + c * 83 + x * y * 7) % 256) as u8))
    })
}

/// The largest difference of two pictures of one size, in grey levels.
pub(super) fn largest_difference(a: &RgbImage, b: &[u8]) -> u8 {
    assert_eq!(a.as_raw().len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}

fn config(text: &str) -> AugmentConfig {
    serde_saphyr::from_str(text).unwrap()
}

const ALL: &str = "
views: 4
ops:
  - hflip: {p: 0.5}
  - random_resized_crop: {scale: [0.3, 1.0]}
  - rotate: {degrees: 15}
  - color_jitter: {brightness: 0.2, contrast: 0.2, saturation: 0.2}
";

pub(super) fn hash(image: &RgbImage) -> String {
    let digest = Sha256::new()
        .chain_update(image.width().to_le_bytes())
        .chain_update(image.height().to_le_bytes())
        .chain_update(image.as_raw())
        .finalize();
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_meaning_of_views_has_not_changed() {
    // If this fails, views mean something else than before: raise VERSION and put the new hashes.
    let config = config(ALL);
    let found: Vec<String> = (1..5)
        .map(|n| hash(&view(&picture(40, 30), &config, 7, &[1; 32], n)))
        .collect();
    assert_eq!(
        (VERSION, found.join(" ").as_str()),
        (
            1,
            "794e346728a691ce 27f7b6385cbe1d98 6ed2d79a33ac2f33 19ae4cf79ff61b1a"
        )
    );
}

#[test]
fn view_0_is_the_plain_image_and_the_others_differ() {
    let (config, image) = (config(ALL), picture(40, 30));
    assert_eq!(view(&image, &config, 7, &[1; 32], 0), image);
    let base = view(&image, &config, 7, &[1; 32], 1);
    assert_ne!(base, image);
    assert_ne!(base, view(&image, &config, 7, &[1; 32], 2), "number");
    assert_ne!(base, view(&image, &config, 8, &[1; 32], 1), "seed");
    assert_ne!(base, view(&image, &config, 7, &[2; 32], 1), "example");
}

#[test]
fn an_op_keeps_its_draws_when_others_come_and_go() {
    let image = picture(64, 48);
    let crop = "{random_resized_crop: {scale: [0.2, 0.4]}}";
    let alone = config(&format!("{{views: 1, ops: [{crop}]}}"));
    let behind = config(&format!("{{views: 1, ops: [{{hflip: {{p: 0}}}}, {crop}]}}"));
    let twice = config(&format!("{{views: 1, ops: [{crop}, {crop}]}}"));
    for n in 1..20 {
        let one = view(&image, &alone, 3, &[4; 32], n);
        assert_eq!(one, view(&image, &behind, 3, &[4; 32], n));
        assert!(view(&image, &twice, 3, &[4; 32], n).width() < one.width());
    }
}

#[test]
fn the_key_says_everything_a_view_depends_on() {
    let config = config("{views: 2, ops: [{hflip: {}}, {rotate: {degrees: 15}}]}");
    assert_eq!(config.view_key(7, 0), "plain");
    assert_eq!(
        config.view_key(7, 3),
        "view v1 seed=7 number=3 ops=[{\"hflip\":{\"p\":0.5}},\
         {\"rotate\":{\"degrees\":[-15.0,15.0],\"fill\":\"edge\"}}]"
    );
    // The number of views plays no part: asking for more keeps those that there are.
    let more = AugmentConfig {
        views: 9,
        ..config.clone()
    };
    assert_eq!(more.view_key(7, 3), config.view_key(7, 3));
}

#[test]
fn a_config_is_written_as_it_is_read() {
    let all = config(ALL);
    assert_eq!(
        all.ops.iter().map(Op::name).collect::<Vec<_>>().join(" "),
        "hflip random_resized_crop rotate color_jitter"
    );
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(config(&text), all);
    assert_eq!(config(&text).view_key(1, 1), all.view_key(1, 1));
}

#[test]
fn defaults_are_no_views() {
    assert_eq!(config("{}"), AugmentConfig::default());
    assert_eq!(AugmentConfig::default().views, 0);
    // `--set augment.views=0` switches augmentation off for once.
    assert_eq!(config("{views: 0, ops: [{hflip: {}}]}").views, 0);
}

#[test]
fn mistakes_are_named() {
    for (text, part) in [
        ("{views: 3}", "`views` is 3 but there are no `ops`"),
        ("{ops: [{hflip: {}}]}", "`views` is not"),
        ("{views: 10001, ops: [{hflip: {}}]}", "between 0 and 10000"),
        ("{views: -1, ops: [{hflip: {}}]}", "-1"),
        ("{views: 1, ops: [{hlfip: {}}]}", "hlfip"),
        ("{views: 1, ops: [{hflip: {q: 1}}]}", "q"),
        (
            "{views: 1, ops: [{hflip: {p: 1.5}}]}",
            "must be between 0 and 1, found 1.5",
        ),
        (
            "{views: 1, ops: [{hflip: {p: .nan}}]}",
            "must be between 0 and 1",
        ),
        (
            "{views: 1, ops: [{random_resized_crop: {scale: [0, 1]}}]}",
            "must be above 0",
        ),
        (
            "{views: 1, ops: [{random_resized_crop: {scale: [0.5, 1.2]}}]}",
            "between 0 and 1",
        ),
        (
            "{views: 1, ops: [{random_resized_crop: {ratio: [2, 1]}}]}",
            "low <= high",
        ),
        (
            "{views: 1, ops: [{color_jitter: {hue: 0.6}}]}",
            "must be between 0 and 0.5, found 0.6",
        ),
        ("{views: 1, ops: [{color_jitter: {hues: 0.1}}]}", "hues"),
        ("{views: 1, op: []}", "op"),
    ] {
        let message = serde_saphyr::from_str::<AugmentConfig>(text)
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}

/// Every op but those that need none of their own, once.
const EVERY_OP: &str = "
- hflip: {}
- vflip: {}
- random_resized_crop: {}
- center_crop: {size: [9, 14]}
- pad: {padding: [1, 0, 2, 3], padding_mode: reflect}
- rotate: {degrees: 180, fill: black}
- affine: {degrees: 30, translate: [0.3, 0.2], scale: [0.5, 2.0], shear: [-20, 20, -60, 60]}
- perspective: {distortion_scale: 1, p: 1}
- color_jitter: {brightness: 1, contrast: 1, saturation: 3, hue: 0.5}
- grayscale: {p: 0.5}
- autocontrast: {p: 1}
- equalize: {p: 1}
- posterize: {bits: 2, p: 1}
- solarize: {threshold: 128, p: 1}
- gaussian_blur: {kernel_size: [7, 13]}
- sharpness: {sharpness_factor: 3, p: 1}
- jpeg: {quality: [1, 100]}
- noise: {sigma: 0.3}
- random_erasing: {p: 1, value: random}
- one_of: {ops: [{vflip: {}}, {rand_augment: {}}, {random_apply: {p: 0.9, ops: [{jpeg: {quality: 5}}, {noise: {}}]}}], weights: [1, 2, 1]}
- random_apply: {ops: [{pad: {padding: 2}}, {affine: {degrees: 90, fill: black}}]}
- trivial_augment_wide: {fill: black}
- rand_augment: {num_ops: 4, magnitude: 30}
";

fn every_op() -> Vec<Op> {
    serde_saphyr::from_str(EVERY_OP).unwrap()
}

#[test]
fn every_op_is_among_those_tested_and_in_the_table() {
    let names: Vec<&str> = every_op().iter().map(Op::name).collect();
    assert_eq!(names, Op::NAMES);
    let table = include_str!("mod.rs");
    for name in Op::NAMES {
        assert!(table.contains(&format!("//! | `{name}` | ")), "{name}");
    }
}

#[test]
fn the_meaning_of_every_op_has_not_changed() {
    // If one of these fails, its op means something else than before: raise VERSION.
    let found: Vec<String> = every_op()
        .into_iter()
        .map(|op| {
            let name = op.name();
            let config = AugmentConfig {
                views: 1,
                ops: vec![op],
            };
            format!(
                "{name} {}",
                hash(&view(&picture(40, 30), &config, 7, &[1; 32], 1))
            )
        })
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn hue_leaves_views_and_keys_without_it_alone() {
    let jitter = |hue: &str| {
        config(&format!(
            "{{views: 1, ops: [{{color_jitter: {{brightness: 0.2, saturation: [0.5, 1.0]{hue}}}}}]}}"
        ))
    };
    let (without, zero, with) = (jitter(""), jitter(", hue: 0"), jitter(", hue: 0.5"));
    assert_eq!(
        without.view_key(1, 1),
        "view v1 seed=1 number=1 ops=[{\"color_jitter\":{\"brightness\":[0.8,1.2],\
         \"contrast\":[1.0,1.0],\"saturation\":[0.5,1.0]}}]"
    );
    assert_eq!(without.view_key(1, 1), zero.view_key(1, 1));
    assert!(with.view_key(1, 1).contains("\"hue\":[-0.5,0.5]"));
    let image = picture(20, 10);
    let view = |config| view(&image, config, 1, &[3; 32], 1);
    assert_eq!(view(&without), view(&zero));
    assert_ne!(view(&without), view(&with));
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = 3000;
    let open = "{one_of: {ops: [".repeat(deep);
    let close = "]}}".repeat(deep);
    let text = format!("{{views: 1, ops: [{open}{{hflip: {{}}}}{close}]}}");
    let document = crate::yaml::Document::parse(std::path::Path::new("p.yaml"), &text);
    let read = document.and_then(|document| document.typed::<AugmentConfig>());
    assert!(read.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_image_has_every_view_by_every_op(
        w in 1u32..24, h in 1u32..24, seed: u64, example: [u8; 32], number in 1u32..,
    ) {
        let image = picture(w, h);
        for op in every_op() {
            let config = AugmentConfig { views: 1, ops: vec![op] };
            let first = view(&image, &config, seed, &example, number);
            prop_assert_eq!(&first, &view(&image, &config, seed, &example, number));
            prop_assert!(!first.is_empty());
            let text = serde_json::to_string(&config).unwrap();
            prop_assert_eq!(serde_saphyr::from_str::<AugmentConfig>(&text).unwrap(), config);
        }
        let all = AugmentConfig { views: 1, ops: every_op() };
        prop_assert!(!view(&image, &all, seed, &example, number).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_image_has_every_view(
        w in 0u32..30, h in 0u32..30, seed: u64, example: [u8; 32], number: u32,
    ) {
        let (config, image) = (config(ALL), picture(w, h));
        let first = view(&image, &config, seed, &example, number);
        prop_assert_eq!(&first, &view(&image, &config, seed, &example, number));
        if w > 0 && h > 0 {
            prop_assert!(first.width() >= 1 && first.width() <= w);
            prop_assert!(first.height() >= 1 && first.height() <= h);
        }
    }
}
