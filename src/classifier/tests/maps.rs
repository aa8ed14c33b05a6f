//! Class activation maps.

use super::*;

#[test]
fn the_map_is_that_of_the_heads_gradient() {
    for (hidden, activation) in [
        (&[][..], "relu"),
        (&[7, 5], "relu"),
        (&[7, 5], "gelu"),
        (&[7, 5], "tanh"),
    ] {
        let (world, head) = (World::new(&[]), head_with(hidden, true, activation));
        let wanted = Wanted {
            form: Form::Tensor,
            features: true,
            map: true,
        };
        let mut classifier = open(&world.trunk(), &head, wanted);
        let image = &images()[1];
        let input = world.input(image);
        let answer = classifier.tensors(&input, 1).unwrap().remove(0);
        let own = world.own(&head, std::slice::from_ref(image));
        for (own, exported) in own.iter().zip(&answer.probabilities) {
            assert!(
                (own - exported).abs() < 1e-5,
                "{activation}: {own} {exported}"
            );
        }
        let found = answer.map.unwrap();
        assert_eq!(found.dim(), (3, 16, 16));
        let Backbone::Onnx(manifest) = &world.backbone else {
            panic!("a network");
        };
        let options = SessionOptions::default();
        let runtime = testing::runtime();
        let mut maps = Maps::open(manifest.as_ref(), world.dir.path(), &runtime, &options).unwrap();
        let (features, maps) = maps.run(&input, 1).unwrap();
        let gradients = LogitGradients::of(&head);
        for class in 0..3 {
            let weights = gradients.at(features.row(0), class).unwrap();
            let own = class_map(maps.index_axis(Axis(0), 0), weights.view());
            let off = (&own - &found.index_axis(Axis(0), class)).mapv(f32::abs);
            let off = off.iter().fold(0.0_f32, |most, x| most.max(*x));
            assert!(off < 1e-4, "{hidden:?} {activation} class {class}: {off}");
            if hidden.is_empty() {
                let logit = head.logits(features.view()).unwrap()[[0, class]];
                let bias = head.layers()[0].bias[class];
                let mean = own.mean().unwrap();
                assert!(
                    (mean + bias - logit).abs() < 1e-5,
                    "{mean} + {bias} is not {logit}"
                );
            }
        }
    }
}
