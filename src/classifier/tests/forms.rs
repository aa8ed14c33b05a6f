//! Both forms, and what else is of no consequence for the probabilities.

use super::*;

/// The largest difference between the image form and catpipe's own path.
fn off(world: &World, head: &Head) -> f32 {
    let images = images();
    let own = world.own(head, &images);
    let mut classifier = open(&world.trunk(), head, of(Form::Image));
    let mut largest = 0.0_f32;
    for (image, own) in images.iter().zip(own.outer_iter()) {
        let answer = classifier.image(image).unwrap();
        for (own, exported) in own.iter().zip(&answer.probabilities) {
            largest = largest.max((own - exported).abs());
        }
    }
    largest
}

#[test]
fn an_image_gets_the_same_probabilities() {
    for (hidden, batch_norm) in [(&[][..], false), (&[7, 5], true)] {
        let head = head(hidden, batch_norm);
        let largest = off(&World::new(&[]), &head);
        assert!(largest < 0.01, "{hidden:?}: {largest}");
    }
    let swapped = World::new(&[
        ("color: rgb", "color: bgr"),
        ("scale: 1.0", "scale: 0.5"),
        ("mean: [127.5, 127.5, 127.5]", "mean: [50.0, 60.0, 70.0]"),
        ("std: [127.5, 127.5, 127.5]", "std: [60.0, 70.0, 80.0]"),
    ]);
    let largest = off(&swapped, &head(&[], false));
    assert!(largest < 0.01, "{largest}");
}

#[test]
fn the_tensor_form_computes_the_same_in_batches() {
    let (world, head) = (World::new(&[]), head(&[7], true));
    let images = images();
    let own = world.own(&head, &images);
    let mut classifier = open(&world.trunk(), &head, of(Form::Tensor));
    let input: Vec<f32> = images.iter().flat_map(|image| world.input(image)).collect();
    let answers = classifier.tensors(&input, images.len()).unwrap();
    let mut parity = Parity::new(Form::Tensor, false, "test", "x");
    for (answer, own) in answers.iter().zip(own.outer_iter()) {
        let exported = ndarray::ArrayView1::from(&answer.probabilities);
        parity.add("x", own, exported, None);
    }
    parity.check(Gate::of(Form::Tensor)).unwrap();
    assert!(parity.largest < 1e-5, "{}", parity.largest);
    assert!(classifier.image(&images[0]).is_err(), "the other form");
}

#[test]
fn halved_weights_cost_little() {
    let dir = tiny(|model| {
        *model = residual(&TinyConfig {
            width: 12,
            ..TinyConfig::default()
        });
    });
    let world = World {
        dir,
        ..World::new(&[])
    };
    let head = head(&[], false);
    let mut model = build(&world.trunk(), &head, of(Form::Image)).unwrap();
    let halved = halve(&mut model).unwrap();
    assert_eq!(halved.tensors, 2, "the two convolutions of the block");
    metadata(&world.trunk(), &head, Form::Image)
        .write(&mut model)
        .unwrap();
    let options = SessionOptions::default();
    let runtime = testing::runtime();
    let mut classifier = Classifier::of(Path::new("x"), model, &runtime, &options).unwrap();
    let images = images();
    let own = world.own(&head, &images);
    for (image, own) in images.iter().zip(own.outer_iter()) {
        let answer = classifier.image(image).unwrap();
        let off = own
            .iter()
            .zip(&answer.probabilities)
            .map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 0.01);
    }
}

#[test]
fn pixels_need_no_backbone() {
    let world = World {
        dir: tempfile::tempdir().unwrap(),
        backbone: Backbone::Pixels,
    };
    let trunk = Trunk::of(&world.backbone, world.dir.path(), (2, 2)).unwrap();
    let head = head(&[4], false);
    let images: Vec<_> = (0..3).map(|seed| synth::image(seed, 0, 0, 2, 2)).collect();
    let own = world.own(&head, &images);
    let mut by_image = open(&trunk, &head, of(Form::Image));
    let mut by_tensor = open(&trunk, &head, of(Form::Tensor));
    for (image, own) in images.iter().zip(own.outer_iter()) {
        let input = world.input(image);
        let tensor = by_tensor.tensors(&input, 1).unwrap().remove(0);
        for answer in [by_image.image(image).unwrap(), tensor] {
            let off = own
                .iter()
                .zip(&answer.probabilities)
                .map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-6);
        }
    }
    let other = by_image.image(&synth::image(1, 0, 0, 3, 2)).unwrap_err();
    assert!(
        other.to_string().contains("failed in ONNX Runtime"),
        "{other}"
    );
    let wanted = Wanted {
        map: true,
        ..Wanted::default()
    };
    let told = build(&trunk, &head, wanted).unwrap_err().to_string();
    assert_eq!(
        told,
        "there is no class activation map: `backbone: pixels` has no feature map"
    );
}
