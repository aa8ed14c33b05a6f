//! Text files: YAML, JSON, lists.

use sha2::{Digest, Sha256};

macro_rules! files {
    ($($path:literal)*) => {
        vec![$(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)).to_vec()),*]
    };
}

/// The pipelines that catpipe comes with, and one with every augmentation op.
pub(crate) fn pipeline() -> Vec<Vec<u8>> {
    let mut all =
        files!("pipelines/resnet.yaml" "pipelines/pixels-dnn.yaml" "pipelines/hymenoptera.yaml");
    all.push(OPS.as_bytes().to_vec());
    all
}

const OPS: &str = "
name: ops
dataset: {source: {csv: a.csv, label_column: b}, split: {test: 0.2}, on_error: skip, max_skipped: 0.1,
  limits: {max_pixels: 1000}, background: [0, 0, 0]}
extract: {backbone: pixels, batch: 4, threads: 2}
augment:
  views: 4
  ops:
    - rotate: {degrees: 15}
    - affine: {degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5}
    - perspective: {distortion_scale: 0.5, p: 0.9}
    - center_crop: {size: 12}
    - pad: {padding: 2}
    - color_jitter: {brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1}
    - grayscale: {p: 0.1}
    - gaussian_blur: {kernel_size: 3, sigma: [0.1, 2.0]}
    - sharpness: {sharpness_factor: 2, p: 0.5}
    - autocontrast: {p: 0.5}
    - equalize: {p: 0.5}
    - posterize: {bits: 4}
    - solarize: {threshold: 128}
    - jpeg: {quality: [30, 90]}
    - noise: {sigma: 0.1}
    - random_erasing: {p: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3]}
    - one_of: {ops: [{hflip: {p: 0.5}}, {vflip: {p: 0.5}}]}
    - random_apply: {ops: [{hflip: {p: 0.5}}], p: 0.5}
    - trivial_augment_wide: {}
    - rand_augment: {num_ops: 2, magnitude: 9}
    - random_resized_crop: {scale: [0.7, 1.0]}
train: {head: logistic, sgd: {lr: 0.1}, batch: 4, epochs: 3}
evaluate: {}
";

/// The manifests that catpipe comes with, and one of each way to resize.
pub(crate) fn manifest() -> Vec<Vec<u8>> {
    let mut all = files!("onnx/resnet50.yaml" "onnx/mobilenet_v1_075.yaml");
    for preprocess in [
        "{preset: clip}",
        "{preset: none, resize: {rule: letterbox, fill: [9, 9, 9], filter: lanczos, antialias: false}}",
        "{color: rgb, resize: {rule: shortest_side, crop: 0.875, filter: bicubic, antialias: true}, \
         scale: 0.0039, mean: [0.4, 0.4, 0.4], std: [0.2, 0.2, 0.2]}",
    ] {
        let text = format!(
            "name: tiny\nfile: tiny.onnx\ninput: {{name: input, layout: nhwc, dtype: float32, \
             size: [32, 32]}}\npreprocess: {preprocess}\noutput: {{name: features, width: 8}}\n"
        );
        all.push(text.into_bytes());
    }
    all
}

/// Lists with every column; the pictures are the loader's.
pub(crate) fn csv() -> Vec<Vec<u8>> {
    let full =
        "path,label,split,group\na.png,cat,train,1\nb.png,dog,train,2\n\"c.png\",cat,train,1\n";
    vec![
        full.into(),
        "path,label\na.png,cat\nb.png,dog\nc.png,\"big, cat\"\n".into(),
    ]
}

pub(crate) fn jsonl() -> Vec<Vec<u8>> {
    let rows = "{\"path\": \"a.png\", \"label\": \"cat\"}\n{\"path\": \"b.png\", \"label\": \"dog\"}\n\
        {\"path\": \"c.png\", \"label\": \"c\\u00e2t\", \"other\": [1, {\"x\": null}]}\n";
    vec![rows.into()]
}

pub(crate) fn huggingface() -> Vec<Vec<u8>> {
    let vit = r#"{"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
  "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": {"height": 32, "width": 32},
  "image_processor_type": "ViTImageProcessor", "rescale_factor": 0.00392156862745098}
"#;
    let clip = r#"{"crop_size": {"height": 32, "width": 32}, "do_center_crop": true,
  "do_normalize": true, "do_rescale": true, "do_resize": true, "feature_extractor_type": "CLIPFeatureExtractor",
  "image_mean": [0.48, 0.45, 0.40], "image_std": [0.26, 0.26, 0.27], "resample": 3,
  "size": {"shortest_edge": 32}}
"#;
    vec![vit.into(), clip.into()]
}

pub(crate) fn timm() -> Vec<Vec<u8>> {
    let file = r#"{"architecture": "resnet18", "num_classes": 1000, "num_features": 512,
  "pretrained_cfg": {"tag": "a1_in1k", "input_size": [3, 32, 32], "fixed_input_size": false,
    "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center", "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225], "num_classes": 1000, "pool_size": [7, 7]}}
"#;
    vec![file.into()]
}

/// What closes a run folder that holds one file, `log`.
pub(crate) fn outputs() -> Vec<Vec<u8>> {
    let digest: String = Sha256::digest("text")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    vec![
        format!("{{\"fingerprint\": \"fingerprint\", \"files\": {{\"log\": \"{digest}\"}}}}\n")
            .into(),
    ]
}
