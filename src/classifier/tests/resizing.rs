//! Resizing in the graph beside catpipe's own.

use super::*;

/// The preprocessed tensor alone, by the graph and by catpipe: the largest difference in levels of
/// grey, and the share of values that differ.
fn levels(resize: &str) -> (f32, f32) {
    let resize = format!("resize: {resize}");
    let world = World::new(&[
        (
            "resize: {rule: stretch, filter: bilinear, antialias: true}",
            &resize,
        ),
        ("mean: [127.5, 127.5, 127.5]", "mean: [0.0, 0.0, 0.0]"),
        ("std: [127.5, 127.5, 127.5]", "std: [1.0, 1.0, 1.0]"),
        ("size: [32, 32]", "size: [32, 24]"),
    ]);
    let trunk = match world.trunk_of_free_size() {
        Trunk::Network(network) => network,
        Trunk::Pixels { .. } => panic!("a network"),
    };
    let mut graph = crate::backbone::onnx::build::GraphBuilder::new("x");
    let any = |name: &str| onnx::Dim::Symbol(name.to_owned());
    let dims = [any("N"), any("h"), any("w"), onnx::Dim::Fixed(3)];
    let byte = onnx::proto::tensor_proto::DataType::Uint8;
    graph.take(preprocess::IMAGE, byte, dims.into_iter());
    let input = preprocess::preprocess(&mut graph, &trunk.input, &trunk.preprocess).unwrap();
    graph.node("Identity", "out", &[&input], "out", Vec::new());
    graph.output("out", &[3, 32, 24]);
    let mut model = graph.finish(&[]);
    model.opset_import[0].version = Some(18);
    let content = onnx::encode(&model);
    let options = SessionOptions::default();
    let given = (preprocess::IMAGE, [1; 3]);
    let runtime = testing::runtime();
    let mut session = crate::backbone::session::load_graph_of(
        Path::new("x"),
        &content,
        given,
        &runtime,
        &options,
    )
    .unwrap();
    let (mut largest, mut differ, mut all) = (0.0_f32, 0, 0);
    for image in images() {
        // Of an image that loses more than twice as many rows as columns, Pillow makes the rows
        // first, and ONNX the columns.
        if image.dimensions() == (20, 90) {
            continue;
        }
        let shape = [1, image.height() as usize, image.width() as usize, 3];
        let pixels = image.as_raw().as_slice();
        let tensor = ort::value::TensorRef::from_array_view((shape, pixels)).unwrap();
        let outputs = session
            .run(ort::inputs![preprocess::IMAGE => tensor])
            .unwrap();
        let (_, found) = outputs["out"].try_extract_tensor::<f32>().unwrap();
        let own = world.input(&image);
        assert_eq!(found.len(), own.len());
        for (found, own) in found.iter().zip(&own) {
            let off = (found - own).abs();
            largest = largest.max(off);
            differ += usize::from(off > 0.01);
            all += 1;
        }
    }
    (largest, differ as f32 / all as f32)
}

impl World {
    /// The trunk without a look at its graph, whose size another manifest may not share.
    fn trunk_of_free_size(&self) -> Trunk {
        let Backbone::Onnx(manifest) = &self.backbone else {
            panic!("a network");
        };
        let mut trunk = World::new(&[]).trunk();
        if let Trunk::Network(network) = &mut trunk {
            network.input = manifest.config.input.clone();
            network.preprocess = *manifest.preprocess_keys();
        }
        trunk
    }
}

#[test]
fn every_way_of_resizing_comes_within_levels_of_catpipes_own() {
    // Fit, filter; the most levels off and the most values that are.
    let cases = [
        (
            "{rule: stretch, filter: bilinear, antialias: true}",
            2.0,
            0.06,
        ),
        (
            "{rule: stretch, filter: bicubic, antialias: true}",
            1.0,
            0.01,
        ),
        (
            "{rule: stretch, filter: nearest, antialias: false}",
            0.0,
            0.0,
        ),
        (
            "{rule: stretch, filter: bilinear, antialias: false}",
            1.0,
            0.06,
        ),
        (
            "{rule: shortest_side, crop: 0.875, filter: bilinear, antialias: true}",
            2.0,
            0.06,
        ),
        (
            "{rule: shortest_side, side: 37, centre: floor, filter: bicubic, antialias: true}",
            1.0,
            0.01,
        ),
        (
            "{rule: shortest_side, side: 20, filter: nearest, antialias: false}",
            0.0,
            0.0,
        ),
        (
            "{rule: letterbox, fill: [114, 7, 255], filter: bilinear, antialias: true}",
            2.0,
            0.06,
        ),
        (
            "{rule: letterbox, fill: [0, 0, 0], filter: nearest, antialias: false}",
            0.0,
            0.0,
        ),
    ];
    for (resize, most, share) in cases {
        let (largest, differ) = levels(resize);
        println!("{resize}: {largest} levels, {differ} of the values");
        assert!(
            largest <= most + 1e-3 && differ <= share,
            "{resize}: {largest}, {differ}"
        );
    }
}
