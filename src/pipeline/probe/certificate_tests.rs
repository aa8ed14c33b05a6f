//! Certificates of made-up features.

use std::fs;

use super::*;

fn side(provider: &str, precision: &str) -> Side {
    Side {
        backbone: "tiny".to_owned(),
        graph: "onnx sha256:ab output features".to_owned(),
        preprocessing: "rgb".to_owned(),
        provider: provider.to_owned(),
        precision: precision.to_owned(),
        device: "CPU".to_owned(),
        onnxruntime: "1.31.0".to_owned(),
        numeric_class: format!("{provider} {precision} onnxruntime-1.31.0"),
        elsewhere: None,
    }
}

fn outcome(side: Side, features: &[f32], answers: Option<&[f32]>) -> Outcome {
    let measured = Measured {
        speed: None,
        open_seconds: 0.1,
        peak_memory: None,
        elsewhere: None,
        images: features.len() / 2,
        pictures: "cd".to_owned(),
        width: 2,
        side,
    };
    Outcome {
        measured,
        features: features.to_vec(),
        answers: answers.map(<[f32]>::to_vec),
    }
}

fn certificate() -> Certificate {
    let a = outcome(
        side("openvino", "bf16"),
        &[1.0, 0.0, 0.0, 2.0],
        Some(&[0.1, 0.9, 0.0, 0.3, 0.3, 0.4]),
    );
    let b = outcome(
        side("cpu", "fp32"),
        &[1.0, 0.0, 0.0, 1.0],
        Some(&[0.1, 0.8, 0.1, 0.3, 0.4, 0.3]),
    );
    let answers = Answers {
        output: "probabilities".to_owned(),
        classes: 3.try_into().unwrap(),
    };
    Certificate::of(&a, &b, Some(&answers), "generated".to_owned()).unwrap()
}

#[test]
fn figures_by_hand() {
    let certificate = certificate();
    assert_eq!(certificate.parity.cosine_min, 1.0);
    assert_eq!(certificate.parity.largest_difference, 1.0);
    assert_eq!(certificate.images.count, 2);
    let top1 = certificate.top1.as_ref().unwrap();
    assert_eq!((top1.flipped, top1.total), (1, 2));
    // The cosines are those of the strict bar, but bf16 is not for it.
    assert_eq!(certificate.bar, Some(Bar::Close));
    assert_eq!(
        certificate.summary().to_string(),
        "parity with cpu fp32: cosine min 1.00000 mean 1.00000 on 2 images"
    );
    let json = serde_json::to_string(&certificate).unwrap();
    assert_eq!(
        serde_json::from_str::<Certificate>(&json).unwrap(),
        certificate
    );
}

#[test]
fn features_that_do_not_belong_together_are_refused() {
    let a = outcome(side("openvino", "bf16"), &[1.0, 0.0], None);
    let mut b = outcome(side("cpu", "fp32"), &[1.0, 0.0], None);
    let told = |b: &Outcome| Certificate::of(&a, b, None, String::new()).unwrap_err();
    b.measured.pictures.push('1');
    assert!(told(&b).starts_with("the images changed"), "{}", told(&b));
    b.measured.width = 1;
    assert_eq!(
        told(&b),
        "tiny has 2 features and tiny has 1: they cannot be compared"
    );
}

#[test]
fn a_certificate_is_named_after_its_sides() {
    let name = |subject: Side, reference: Side, against: Option<&str>| {
        let certificate = Certificate {
            subject,
            reference,
            ..certificate()
        };
        let file = certificate.file(Path::new("onnx/resnet50.yaml"), against.map(Path::new));
        file.display().to_string()
    };
    let (bf16, cpu) = (side("openvino", "bf16"), side("cpu", "fp32"));
    let gpu = Side {
        device: "GPU.1".to_owned(),
        ..side("openvino", "fp16")
    };
    assert_eq!(
        name(bf16.clone(), cpu.clone(), None),
        "onnx/resnet50.openvino-bf16.parity.json"
    );
    assert_eq!(
        name(gpu, cpu.clone(), None),
        "onnx/resnet50.openvino-gpu1-fp16.parity.json"
    );
    assert_eq!(
        name(bf16.clone(), side("openvino", "fp32"), None),
        "onnx/resnet50.openvino-bf16-against-openvino-fp32.parity.json"
    );
    assert_eq!(
        name(cpu.clone(), cpu, Some("onnx/other.yaml")),
        "onnx/resnet50.cpu-fp32-against-other.parity.json"
    );
}

#[test]
fn a_run_finds_the_certificate_of_its_rows_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("tiny.yaml");
    let subject = certificate().subject;
    let mut space = Space {
        format: Space::FORMAT,
        preprocessing: subject.preprocessing,
        graph: subject.graph,
        output: "tiny".to_owned(),
        width: 2,
        numeric: subject.numeric_class,
        rows: crate::features::RowType::Float32,
    };
    assert_eq!(find(&manifest, &space), (None, Vec::new()));
    let write = |name: &str, count: usize| {
        let mut certificate = certificate();
        certificate.images.count = count;
        let json = serde_json::to_vec(&certificate).unwrap();
        fs::write(folder.path().join(name), json).unwrap();
    };
    write("a.parity.json", 7);
    write("b.parity.json", 9);
    write("c.json", 100);
    fs::write(folder.path().join("d.parity.json"), "{").unwrap();
    let later = r#"{"format": 2, "more": true}"#;
    fs::write(folder.path().join("e.parity.json"), later).unwrap();
    let (found, damaged) = find(&manifest, &space);
    assert_eq!(found.unwrap().images.count, 9);
    let told = |number: usize| -> &str { &damaged[number] };
    assert_eq!(damaged.len(), 2);
    assert!(told(0).contains("d.parity.json: this certificate cannot be read: EOF"));
    assert!(told(0).ends_with("; remove it, or make it anew with `catpipe model certify`"));
    assert!(told(1).contains("it is of format 2, and this version knows 1"));
    space.numeric.push('1');
    assert_eq!(find(&manifest, &space), (None, damaged));
}
