//! The ways of saying what happens to the pixels: presets, and files of other programs.

use std::fs;

use super::tests::with_preprocess;
use super::*;
use crate::backbone::testing::manifest;

fn key(preprocess: &str) -> String {
    manifest(&with_preprocess(preprocess))
        .unwrap()
        .preprocess()
        .key()
}

fn refusal(preprocess: &str) -> String {
    let error = manifest(&with_preprocess(preprocess)).expect_err("refused");
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn presets_are_what_their_families_do() {
    assert_eq!(
        key("{preset: keras-caffe}"),
        "stretch 32x32 bilinear antialias pillow-13; bgr nchw float32 \
         (x * 1 - [103.939, 116.779, 123.68]) / [1.0, 1.0, 1.0]"
    );
    let keras = key("{preset: keras-tf}");
    assert!(
        keras.ends_with("(x * 1 - [127.5, 127.5, 127.5]) / [127.5, 127.5, 127.5]"),
        "{keras}"
    );
    let torch = key("{preset: torch-imagenet}");
    let expected = "shortest_side 36 crop 32x32 bilinear antialias pillow-13; rgb nchw \
                    float32 (x * 0.00392156862745098 - [0.485, 0.456, 0.406]) / [0.229";
    assert!(torch.starts_with(expected), "{torch}");
    let clip = key("{preset: clip}");
    assert!(
        clip.starts_with("shortest_side 32 crop 32x32 bicubic antialias"),
        "{clip}"
    );
    assert!(key("{preset: none}").ends_with("(x * 1 - [0.0, 0.0, 0.0]) / [1.0, 1.0, 1.0]"));
    let resize = "resize: {rule: letterbox, fill: [9, 9, 9], filter: lanczos, antialias: false}";
    let other = key(&format!("{{preset: torch-imagenet, {resize}}}"));
    assert!(
        other.starts_with("letterbox [9, 9, 9] 32x32 lanczos fixed"),
        "{other}"
    );
}

#[test]
fn two_ways_at_once_are_refused() {
    let cases = [
        (
            "{preset: clip, color: bgr}",
            "`preset` and `color` exclude each other",
        ),
        (
            "{preset: clip, timm: a.json}",
            "`preset` and `timm` exclude each other",
        ),
        (
            "{timm: a.json, scale: 1.0}",
            "`timm` says it all: `scale` can't stand beside it",
        ),
        ("{preset: keras}", "unknown `keras`"),
        ("{color: rgb}", "`resize` is missing: give color, resize"),
        (
            "{preset: clip, resize: {rule: stretch, crop: 0.9, filter: bicubic, antialias: true}}",
            "preprocess.resize: `crop` belongs to `rule: shortest_side`",
        ),
        (
            "{preset: clip, resize: {rule: shortest_side, filter: bicubic, antialias: true}}",
            "needs `crop` (a share, such as 0.875) or `side`",
        ),
        (
            "{preset: clip, resize: {rule: letterbox, filter: bicubic, antialias: true}}",
            "needs `fill`, a colour",
        ),
    ];
    for (preprocess, expected) in cases {
        let found = refusal(preprocess);
        assert!(
            found.starts_with("tiny.yaml:") && found.contains(expected),
            "{found}"
        );
    }
}

#[test]
fn bytes_are_given_as_they_are_or_not_at_all() {
    let bytes = |preset: &str| {
        let text = with_preprocess(&format!("{{preset: {preset}}}"));
        manifest(&text.replace("float32", "uint8"))
    };
    assert!(
        bytes("none")
            .unwrap()
            .preprocess()
            .key()
            .contains("rgb nchw uint8 (x * 1")
    );
    let error = bytes("keras-tf").expect_err("rounding").to_string();
    assert!(
        error.contains("`scale` must be 1, `mean` 0 and `std` 1"),
        "{error}"
    );
}

/// The key of a manifest beside a file of another program, or the refusal's first line.
fn beside(kind: &str, json: &str, size: u32) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.json"), json).unwrap();
    let text = with_preprocess(&format!("{{{kind}: p.json}}"));
    let text = text.replace("size: [32, 32]", &format!("size: [{size}, {size}]"));
    let path = dir.path().join("m.yaml");
    fs::write(&path, text).unwrap();
    let told = |error: BackboneError| {
        let text = error
            .to_string()
            .replace(&dir.path().display().to_string(), "ROOT");
        text.lines().next().unwrap_or_default().to_owned()
    };
    Manifest::read(&path)
        .map(|manifest| manifest.preprocess().key())
        .map_err(told)
}

const CLIP: &str = r#"{
  "crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "do_convert_rgb": true,
  "do_normalize": true, "do_rescale": true, "do_resize": true,
  "image_mean": [0.48145466, 0.4578275, 0.40821073],
  "image_processor_type": "CLIPImageProcessor",
  "image_std": [0.26862954, 0.26130258, 0.27577711],
  "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}
}"#;

#[test]
fn a_hugging_face_file_means_what_its_processor_does() {
    let clip = beside("huggingface", CLIP, 224).unwrap();
    // The shortest edge must not become a square.
    assert!(
        clip.starts_with("shortest_side 256 crop floor 224x224 bicubic antialias"),
        "{clip}"
    );
    let vit = r#"{"do_normalize": true, "do_resize": true, "feature_extractor_type":
        "ViTFeatureExtractor", "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "resample": 2, "size": 224}"#;
    assert_eq!(
        beside("huggingface", vit, 224).unwrap(),
        "stretch 224x224 bilinear antialias pillow-13; rgb nchw float32 \
         (x * 0.00392156862745098 - [0.5, 0.5, 0.5]) / [0.5, 0.5, 0.5]"
    );
    let convnext = r#"{"crop_pct": 0.875, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5], "resample": 3, "image_processor_type":
        "ConvNextImageProcessor", "size": {"shortest_edge": 224}}"#;
    let convnext = beside("huggingface", convnext, 224).unwrap();
    assert!(
        convnext.starts_with("shortest_side 256 crop floor 224x224 bicubic"),
        "{convnext}"
    );
}

#[test]
fn what_a_hugging_face_file_leaves_out_is_what_its_class_does() {
    let crops = beside(
        "huggingface",
        &CLIP.replace(r#""do_center_crop": true,"#, ""),
        224,
    );
    assert!(crops.unwrap().starts_with("shortest_side 256 crop floor"));
    let vit = CLIP
        .replace("CLIPImageProcessor", "ViTImageProcessorFast")
        .replace(r#"{"shortest_edge": 256}"#, "224")
        .replace(r#""do_center_crop": true,"#, "");
    assert!(
        beside("huggingface", &vit, 224)
            .unwrap()
            .starts_with("stretch 224x224")
    );
    let nobody = vit.replace(r#""image_processor_type": "ViTImageProcessorFast","#, "");
    let found = beside("huggingface", &nobody, 224).expect_err("no class");
    assert!(
        found.contains("`size`: 224 may mean a square or the shortest edge"),
        "{found}"
    );
    let sized = nobody.replace("224,", r#"{"height": 224, "width": 224},"#);
    let sized = sized.replace(r#""size": 224"#, r#""size": {"height": 224, "width": 224}"#);
    let found = beside("huggingface", &sized, 224).expect_err("a crop or none");
    assert!(found.contains("`do_center_crop`: is missing"), "{found}");
}

#[test]
fn where_the_middle_is_can_be_said_by_hand() {
    let resize = "resize: {rule: shortest_side, side: 40, centre: floor, filter: bilinear, \
                  antialias: true}";
    let floor = key(&format!("{{preset: torch-imagenet, {resize}}}"));
    assert!(
        floor.starts_with("shortest_side 40 crop floor 32x32"),
        "{floor}"
    );
    let found = refusal(
        "{preset: clip, resize: {rule: stretch, centre: even, filter: bicubic, antialias: true}}",
    );
    assert!(
        found.contains("`centre` belongs to `rule: shortest_side`"),
        "{found}"
    );
}

#[test]
fn what_a_hugging_face_file_asks_beyond_is_refused_by_field() {
    let cases = [
        (
            r#""resample": 3"#,
            r#""resample": 5"#,
            "ROOT/p.json: `resample`: 5 is not supported",
        ),
        (
            r#""resample": 3,"#,
            "",
            "ROOT/p.json: `resample`: is missing",
        ),
        (
            r#""do_resize": true"#,
            r#""do_resize": false"#,
            "`do_resize`: false is not supported",
        ),
        (
            r#""do_center_crop": true"#,
            r#""do_center_crop": false"#,
            "without a centre crop",
        ),
        (
            r#""do_rescale""#,
            r#""do_warp""#,
            "ROOT/p.json: unknown field `do_warp`",
        ),
        (
            r#"{"shortest_edge": 256}"#,
            r#"{"longest_edge": 256}"#,
            "`size`: {\"longest_edge\"",
        ),
        (
            r#""CLIPImageProcessor""#,
            r#""PerceiverImageProcessor""#,
            "`image_processor_type`: \"PerceiverImageProcessor\" is none of the classes",
        ),
        (
            r#""CLIPImageProcessor""#,
            r#""ConvNextImageProcessor""#,
            "`do_center_crop`: true is not supported, only false",
        ),
        (
            r#""CLIPImageProcessor""#,
            r#""MobileViTImageProcessor""#,
            "`do_flip_channel_order`: is missing",
        ),
        (
            r#""CLIPImageProcessor""#,
            r#""EfficientNetImageProcessor""#,
            "`include_top`: is missing",
        ),
        (
            r#""do_convert_rgb": true"#,
            r#""do_flip_channel_order": true"#,
            "`do_flip_channel_order`: true is not supported",
        ),
        (
            r#"{"height": 224, "width": 224}"#,
            r#"{"shortest_edge": 224}"#,
            "`crop_size`: {\"shortest_edge\":224} is not supported",
        ),
        (
            r#""crop_size": {"height": 224, "width": 224},"#,
            "",
            "`crop_size`: is missing",
        ),
        (
            r#"{"shortest_edge": 256}"#,
            "-1",
            "`size`: -1 is no number of pixels",
        ),
        (
            r#""height": 224"#,
            r#""height": 300"#,
            "input.size: the manifest says [224, 224]",
        ),
        (
            "[0.26862954",
            "[0.0",
            "`image_std`: must be between 1e-9 and 1e9, found 0",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(CLIP.contains(from), "{from}");
        let found = beside("huggingface", &CLIP.replace(from, to), 224).expect_err(to);
        assert!(found.contains(expected), "{to}: {found}");
    }
}

const TIMM: &str = r#"{"architecture": "resnet50", "num_classes": 1000, "num_features": 2048,
  "pretrained_cfg": {"tag": "a1_in1k", "custom_load": false, "input_size": [3, 224, 224],
    "test_input_size": [3, 288, 288], "fixed_input_size": false, "interpolation": "bicubic",
    "crop_pct": 0.95, "test_crop_pct": 1.0, "crop_mode": "center",
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "num_classes": 1000,
    "pool_size": [7, 7], "first_conv": "conv1", "classifier": "fc"}}"#;

#[test]
fn a_timm_file_means_what_timm_does() {
    let found = beside("timm", TIMM, 224).unwrap();
    let expected = "shortest_side 235 crop 224x224 bicubic antialias pillow-13; rgb \
                    nchw float32 (x * 0.00392156862745098 - [0.485, 0.456, 0.406]) / [0.229";
    assert!(found.starts_with(expected), "{found}");
    let test = beside("timm", TIMM, 288).unwrap();
    assert!(test.starts_with("shortest_side 288 crop 288x288"), "{test}");
    let squash = TIMM
        .replace("\"center\"", "\"squash\"")
        .replace("0.95", "1.0");
    assert!(
        beside("timm", &squash, 224)
            .unwrap()
            .starts_with("stretch 224x224 bicubic")
    );
}

#[test]
fn what_a_timm_file_asks_beyond_is_refused_by_field() {
    let cases = [
        (
            "\"center\"",
            "\"border\"",
            "ROOT/p.json: `crop_mode`: \"border\" is not supported",
        ),
        (
            "\"center\"",
            "\"squash\"",
            "`crop_pct`: 0.95 together with crop_mode \"squash\"",
        ),
        (
            "\"bicubic\"",
            "\"random\"",
            "`interpolation`: \"random\" is not supported",
        ),
        ("[3, 224, 224]", "[1, 224, 224]", "`input_size`: 1 channels"),
        (
            "[3, 224, 224]",
            "[3, 224, 160]",
            "`input_size`: 224x160 with a centre crop is not supported",
        ),
        ("\"tag\"", "\"tagg\"", "unknown field `tagg`"),
        ("\"mean\"", "\"notes\"", "`mean`: is missing"),
    ];
    for (from, to, expected) in cases {
        assert!(TIMM.contains(from), "{from}");
        let found = beside("timm", &TIMM.replace(from, to), 224).expect_err(to);
        assert!(found.contains(expected), "{to}: {found}");
    }
    let found = beside("timm", "not JSON", 224).expect_err("no JSON");
    assert!(
        found.contains("m.yaml:9:20: preprocess.timm: ROOT/p.json: expected"),
        "{found}"
    );
}
