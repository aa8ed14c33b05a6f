//! The numeric class, by which rows are told apart.

use super::tests::one;
use super::*;
use crate::backbone::testing;

#[test]
fn the_numeric_class_names_all_that_changes_bits() {
    let runtime = testing::runtime();
    let (version, arch) = (runtime.version(), std::env::consts::ARCH);
    // Every row in the world was keyed by one of these two lines: they must not change.
    let direct = one("{cpu: {convolutions: direct}}");
    let class = direct.numeric_class(Arithmetic::Float, &runtime);
    assert_eq!(class, format!("cpu fp32 onnxruntime-{version} {arch}"));
    let class = Provider::default().numeric_class(Arithmetic::Float, &runtime);
    let way = match winograd::is_available() {
        true => "winograd ",
        false => "",
    };
    assert_eq!(class, format!("cpu fp32 {way}onnxruntime-{version} {arch}"));
    let threads = one("{cpu: {threads: 1}}");
    assert_eq!(threads.numeric_class(Arithmetic::Float, &runtime), class);

    let tail = format!("onnxruntime-{version} {arch}");
    for (text, expected) in [
        ("openvino", "openvino CPU fp32"),
        ("{openvino: {precision: bf16}}", "openvino CPU bf16"),
        ("{openvino: {device: GPU}}", "openvino GPU fp32"),
        ("{cuda: {precision: tf32, device: 1}}", "cuda tf32"),
        ("tensorrt", "tensorrt tf32"),
    ] {
        let class = one(text).numeric_class(Arithmetic::Float, &runtime);
        assert_eq!(class, format!("{expected} {tail}"));
    }
    let kernels = integer_class();
    for (text, expected, precision) in [
        ("cpu", format!("cpu int8 {kernels}"), Precision::Int8),
        (
            "{cpu: {convolutions: direct}}",
            format!("cpu int8 {kernels}"),
            Precision::Int8,
        ),
        (
            "openvino",
            format!("openvino CPU int8+fp32 {kernels}"),
            Precision::Int8,
        ),
        (
            "{openvino: {precision: bf16}}",
            format!("openvino CPU int8+bf16 {kernels}"),
            Precision::Int8,
        ),
        (
            "{openvino: {device: GPU}}",
            "openvino GPU int8+fp32".to_owned(),
            Precision::Int8,
        ),
        ("cuda", "cuda fp32".to_owned(), Precision::Fp32),
        (
            "{tensorrt: {precision: int8}}",
            "tensorrt int8".to_owned(),
            Precision::Int8,
        ),
    ] {
        let class = one(text).numeric_class(Arithmetic::Int8, &runtime);
        assert_eq!(class, format!("{expected} {tail}"));
        assert_eq!(one(text).precision_of(Arithmetic::Int8), precision);
    }
}
