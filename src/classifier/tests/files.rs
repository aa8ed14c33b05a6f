//! What stands in a file, and what none is made or read of.

use super::*;

#[test]
fn a_file_says_what_it_takes_and_gives() {
    let (world, head) = (World::new(&[]), head(&[], false));
    let wanted = Wanted {
        form: Form::Image,
        features: true,
        map: true,
    };
    let mut model = build(&world.trunk(), &head, wanted).unwrap();
    let written = metadata(&world.trunk(), &head, Form::Image);
    written.write(&mut model).unwrap();
    written.write(&mut model).unwrap();
    assert_eq!(Metadata::read(Path::new("x"), &model).unwrap(), written);
    assert!(written.preprocessing.recipe().is_some());
    let summary = Summary::of(&model);
    let ports: Vec<String> = summary
        .inputs
        .iter()
        .chain(&summary.outputs)
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(ports.join("\n"), @r"
    image: uint8 [N, height, width, 3]
    probabilities: float32 [N, 3]
    label: string [N]
    features: float32 [N, 12]
    map: float32 [N, 3, 16, 16]
    ");
    assert_eq!(summary.opset, Some(18));
}

#[test]
fn what_cannot_be_exported_or_read_says_why() {
    let head = head(&[], false);
    let lanczos = World::new(&[("filter: bilinear", "filter: lanczos")]);
    lanczos.trunk().check(of(Form::Image)).unwrap_err();
    let told = build(&lanczos.trunk(), &head, of(Form::Image)).unwrap_err();
    assert!(told.to_string().contains("filter: lanczos"), "{told}");
    build(&lanczos.trunk(), &head, of(Form::Tensor)).unwrap();
    let foreign: ModelProto = residual(&TinyConfig::default());
    let told = Metadata::read(Path::new("other.onnx"), &foreign).unwrap_err();
    insta::assert_snapshot!(told.to_string(), @"other.onnx: is an ONNX file, but not one of `catpipe export`: its metadata lacks `catpipe.export`, without which nobody can know what it takes and gives; export a run (`catpipe export runs/NAME`), or use this graph as a backbone (`catpipe model features`)");
    let trunk = Trunk::Pixels {
        width: 3,
        height: 3,
    };
    let told = build(&trunk, &head, Wanted::default())
        .unwrap_err()
        .to_string();
    assert_eq!(
        told,
        "the head takes 12 features, and the backbone gives 27"
    );
}
