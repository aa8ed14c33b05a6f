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

fn hash(image: &RgbImage) -> String {
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
        ("{views: 1, ops: [{color_jitter: {hue: 0.1}}]}", "hue"),
        ("{views: 1, op: []}", "op"),
    ] {
        let message = serde_saphyr::from_str::<AugmentConfig>(text)
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{text}: {message}");
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
