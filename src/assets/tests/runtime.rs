//! The runtime out of a wheel.

use super::super::pins::{Pins, digest_of};
use super::super::runtime::fetch_wheel;
use super::super::wheels::{Wheel, wheel_for};
use super::super::{AssetError, RUNTIME_LIBRARY, RuntimeBuild, runtime_dir};
use super::{World, leak, log, sha256};
use sha2::Sha256;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

const LIBRARY: &[u8] = b"\x7fELF a library";

/// The pins of the runtime of these tests.
fn runtime_pins() -> Pins {
    let (library, license) = (sha256(LIBRARY), sha256(b"MIT"));
    Pins(leak(format!(
        "{library}  libonnxruntime.so.1.31.0\n{license}  LICENSE"
    )))
}

/// A world whose pip delivers a wheel of `entries`, and that wheel.
fn with_wheel(entries: &[(&str, &[u8])]) -> (World, Wheel) {
    let mut world = World::new();
    let mut zip = zip::ZipWriter::new(File::create(world.path("right.whl")).unwrap());
    for (name, content) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    world.tools.python = world.script("cp \"$W/right.whl\" ort.whl");
    let digest = digest_of::<Sha256>(&world.path("right.whl"))
        .unwrap()
        .unwrap();
    let wheel = Wheel {
        build: RuntimeBuild::Cpu,
        bytes: 1,
        platform: "manylinux_2_28_x86_64",
        file: "ort.whl",
        sha256: leak(digest),
        pins: runtime_pins(),
    };
    (world, wheel)
}

fn right_wheel() -> (World, Wheel) {
    with_wheel(&[
        ("onnxruntime/capi/libonnxruntime.so.1.31.0", LIBRARY),
        ("onnxruntime/LICENSE", b"MIT"),
        ("onnxruntime/__init__.py", b"print()"),
    ])
}

fn runtime(world: &World, wheel: &Wheel) -> Result<PathBuf, AssetError> {
    fetch_wheel(wheel, &world.tools, &world.cache(), &mut |_| ())
}

#[test]
fn the_runtime_is_fetched_once_and_only_what_is_pinned_is_kept() {
    let (world, wheel) = right_wheel();
    let mut lines = Vec::new();
    for _ in 0..2 {
        let path = fetch_wheel(&wheel, &world.tools, &world.cache(), &mut log(&mut lines)).unwrap();
        assert_eq!(path, runtime_dir(&world.cache()).join(RUNTIME_LIBRARY));
        assert_eq!(fs::read(path).unwrap(), LIBRARY);
    }
    let folder = "cache/runtime/onnxruntime-1.31.0-cpu";
    let kept = [
        format!("{folder}/LICENSE"),
        format!("{folder}/libonnxruntime.so.1.31.0"),
    ];
    assert_eq!(world.published(), kept);
    assert_eq!(world.calls(), 1);
    let said = ["fetching its wheel with pip", ": in ", "already in"];
    assert!(
        lines
            .iter()
            .zip(said)
            .all(|(line, words)| line.contains(words)),
        "{lines:?}"
    );
    let asked = fs::read_to_string(world.path("calls")).unwrap();
    assert!(
        asked.contains("onnxruntime==1.31.0") && asked.contains("--no-deps"),
        "{asked}"
    );
}

#[test]
fn a_wheel_with_another_checksum_leaves_nothing() {
    let (world, wheel) = right_wheel();
    let wheel = Wheel {
        sha256: sha256(b"pinned"),
        ..wheel
    };
    let error = runtime(&world, &wheel).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, AssetError::WrongChecksum { bits: 256, .. }));
    assert!(
        words.contains("ort.whl") && words.contains(sha256(b"pinned")),
        "{words}"
    );
    assert!(world.published().is_empty());
}

#[test]
fn a_library_with_another_checksum_leaves_nothing() {
    let (world, wheel) = with_wheel(&[
        ("onnxruntime/LICENSE", b"MIT"),
        (
            "onnxruntime/capi/libonnxruntime.so.1.31.0",
            b"\x7fELF b library",
        ),
    ]);
    let error = runtime(&world, &wheel).unwrap_err();
    let AssetError::WrongChecksum { what, expected, .. } = error else {
        panic!("{error}")
    };
    assert!(what.starts_with("libonnxruntime.so.1.31.0 in ") && expected == sha256(LIBRARY));
    assert!(world.published().is_empty());
}

#[test]
fn a_wheel_without_the_library_or_that_is_no_zip_leaves_nothing() {
    let (world, wheel) = with_wheel(&[("onnxruntime/LICENSE", b"MIT")]);
    let error = runtime(&world, &wheel).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it has no libonnxruntime.so.1.31.0"),
        "{error}"
    );
    assert!(world.published().is_empty());

    world.put("right.whl", b"<html>");
    let wheel = Wheel {
        sha256: sha256(b"<html>"),
        ..wheel
    };
    assert!(matches!(
        runtime(&world, &wheel).unwrap_err(),
        AssetError::BadArchive { .. }
    ));
    assert!(world.published().is_empty());
}

#[test]
fn a_path_in_a_wheel_leads_nowhere_else() {
    let (world, wheel) = with_wheel(&[
        ("onnxruntime/../../../../evil", b"x"),
        ("onnxruntime/capi/../LICENSE", b"x"),
        ("/onnxruntime/LICENSE", b"x"),
        ("onnxruntime/capi/libonnxruntime.so.1.31.0", LIBRARY),
        ("onnxruntime/LICENSE", b"MIT"),
    ]);
    runtime(&world, &wheel).unwrap();
    assert_eq!(world.published().len(), 2);
    assert!(!world.path("evil").exists());
}

#[test]
fn a_damaged_runtime_is_fetched_anew() {
    let (world, wheel) = right_wheel();
    let path = runtime(&world, &wheel).unwrap();
    fs::write(&path, "\x7fELF a librarz").unwrap();
    let mut lines = Vec::new();
    fetch_wheel(&wheel, &world.tools, &world.cache(), &mut log(&mut lines)).unwrap();
    assert!(
        lines[0].contains("libonnxruntime.so.1.31.0 is damaged or missing"),
        "{lines:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), LIBRARY);
    fs::remove_file(&path).unwrap();
    runtime(&world, &wheel).unwrap();
    assert_eq!(fs::read(&path).unwrap(), LIBRARY);
    assert_eq!((world.calls(), world.published().len()), (3, 2));
}

#[test]
fn what_a_killed_fetch_left_is_removed() {
    let (world, wheel) = right_wheel();
    world.put(
        "cache/runtime/.onnxruntime-1.31.0-cpu.part/fetched/ort.whl",
        b"half",
    );
    world.put("cache/runtime/.onnxruntime-1.31.0-cpu.lock", b"");
    runtime(&world, &wheel).unwrap();
    assert_eq!(world.published().len(), 2);
}

#[test]
fn a_fetch_that_fails_or_brings_nothing_leaves_nothing() {
    let (mut world, wheel) = right_wheel();
    world.tools.python = world.script("echo half > ort.whl; echo no route to host >&2; exit 1");
    let error = runtime(&world, &wheel).unwrap_err();
    assert!(error.to_string().contains("no route to host"), "{error}");
    assert!(world.published().is_empty());

    world.tools.python = world.script("true");
    let error = runtime(&world, &wheel).unwrap_err();
    assert!(matches!(error, AssetError::NothingCame { tool: "pip", .. }));
    assert!(world.published().is_empty());
}

#[test]
fn a_missing_python_is_named_with_its_package() {
    let (mut world, wheel) = right_wheel();
    world.tools.python = "/nowhere/python3".into();
    let words = runtime(&world, &wheel).unwrap_err().to_string();
    assert!(
        words.contains("/nowhere/python3") && words.contains("python3-pip"),
        "{words}"
    );
    assert!(world.published().is_empty());
}

#[test]
fn two_fetches_at_once_fetch_once() {
    let (world, wheel) = right_wheel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| runtime(&world, &wheel).unwrap());
        }
    });
    assert_eq!((world.calls(), world.published().len()), (1, 2));
}

#[test]
fn a_machine_without_a_pinned_runtime_is_told_what_to_do() {
    let words = |build, os, arch| wheel_for(build, os, arch).unwrap_err().to_string();
    let said = words(RuntimeBuild::Cpu, "macos", "aarch64");
    assert!(
        said.contains("macos on aarch64") && said.contains("ORT_DYLIB_PATH"),
        "{said}"
    );
    for build in [RuntimeBuild::Openvino, RuntimeBuild::Cuda] {
        let said = words(build, "linux", "aarch64");
        assert!(
            said.contains(build.name()) && said.contains("x86_64 alone"),
            "{said}"
        );
    }
}

#[test]
fn builds_lie_side_by_side() {
    let (world, cpu) = right_wheel();
    let other = Wheel {
        build: RuntimeBuild::Openvino,
        pins: cpu.pins,
        ..with_same_wheel(&cpu)
    };
    fetch_wheel(&cpu, &world.tools, &world.cache(), &mut |_| ()).unwrap();
    let path = fetch_wheel(&other, &world.tools, &world.cache(), &mut |_| ()).unwrap();
    assert_eq!(
        path,
        RuntimeBuild::Openvino
            .dir(&world.cache())
            .join("libonnxruntime.so.1.24.1")
    );
    let folders: std::collections::BTreeSet<_> = world
        .published()
        .iter()
        .filter_map(|name| Some(name.rsplit_once('/')?.0.to_owned()))
        .collect();
    assert_eq!(
        folders.into_iter().collect::<Vec<_>>(),
        [
            "cache/runtime",
            "cache/runtime/onnxruntime-1.24.1-openvino",
            "cache/runtime/onnxruntime-1.31.0-cpu",
        ],
        "a stamp and two folders"
    );
    let asked = fs::read_to_string(world.path("calls")).unwrap();
    assert!(asked.contains("onnxruntime-openvino==1.24.1"), "{asked}");
}

fn with_same_wheel(wheel: &Wheel) -> Wheel {
    Wheel {
        build: wheel.build,
        platform: wheel.platform,
        file: wheel.file,
        bytes: wheel.bytes,
        sha256: wheel.sha256,
        pins: wheel.pins,
    }
}
