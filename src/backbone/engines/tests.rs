//! Keys that differ where the engine would, and folders that are never half built.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::backbone::provider::{Precision, Provider, Providers, TensorrtOptions};
use crate::yaml::Document;

fn options(text: &str) -> TensorrtOptions {
    let document = Document::parse(Path::new("p.yaml"), text).unwrap();
    let providers: Providers = document.typed().unwrap();
    match &providers.all()[0] {
        Provider::Tensorrt(options) => options.clone(),
        other => panic!("{other}"),
    }
}

fn key(text: &str) -> EngineKey {
    let options = options(text);
    EngineKey {
        graph: "onnx sha256:ab output features".to_owned(),
        input: "input:3x224x224".to_owned(),
        precision: options.precision.get(),
        batch: options.batch,
        workspace: options.workspace,
        onnxruntime: "1.31.0".to_owned(),
        machine: Machine {
            tensorrt: "10.13.3".to_owned(),
            gpu: "NVIDIA H200".to_owned(),
            capability: "9.0".to_owned(),
        },
    }
}

#[test]
fn a_key_is_printed_and_named() {
    let key = key("{tensorrt: {precision: fp16}}");
    assert_eq!(
        key.to_string(),
        "catpipe engine, format 1\n\
         graph: onnx sha256:ab output features\n\
         input: input:3x224x224\n\
         precision: fp16\n\
         batch: min 1, opt 16, max 64\n\
         workspace: 4GiB\n\
         onnxruntime: 1.31.0\n\
         tensorrt: 10.13.3\n\
         gpu: NVIDIA H200\n\
         compute capability: 9.0\n"
    );
    let folder = key.folder();
    assert!(folder.starts_with("fp16-1-16-64-"), "{folder}");
    // Engines of before are found again: this must not change.
    assert_eq!(folder.len(), "fp16-1-16-64-".len() + 24);
    assert_eq!(key.batches(), "batches of 1 to 64");
}

#[test]
fn whatever_an_engine_depends_on_is_in_its_folders_name() {
    let one = key("tensorrt");
    let changes: [fn(&mut EngineKey); 10] = [
        |key| key.graph.push('x'),
        |key| key.input.push('x'),
        |key| key.precision = Precision::Bf16,
        |key| key.batch = options("{tensorrt: {batch: {min: 2}}}").batch,
        |key| key.batch = options("{tensorrt: {batch: {opt: 17}}}").batch,
        |key| key.workspace = options("{tensorrt: {workspace: 2GiB}}").workspace,
        |key| key.onnxruntime.push('x'),
        |key| key.machine.tensorrt.push('x'),
        |key| key.machine.gpu.push('x'),
        |key| key.machine.capability.push('x'),
    ];
    let mut folders = vec![one.folder()];
    for change in changes {
        let mut other = one.clone();
        change(&mut other);
        assert!(!folders.contains(&other.folder()), "{other}");
        // Timings outlive everything but the machine.
        let same = other.machine == one.machine;
        assert_eq!(
            other.machine.timing_folder() == one.machine.timing_folder(),
            same
        );
        folders.push(other.folder());
    }
}

fn prepare(root: &Path, text: &str) -> Engines {
    let asked = options(text);
    Engines::prepare(root, key(text), asked.engine_cache, asked.timing_cache).unwrap()
}

/// What ONNX Runtime leaves in a folder.
fn build(engines: &Engines) {
    fs::write(engines.path().join("a_sm90.engine"), "an engine").unwrap();
    fs::write(engines.path().join("a_sm90.profile"), "its profile").unwrap();
    fs::write(engines.path().join("sm90.timing"), "timings").unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_engine_is_built_once_and_found_again() {
    let cache = tempfile::tempdir().unwrap();
    let root = cache.path().join("engines");
    let first = prepare(&root, "tensorrt");
    assert!(first.is_to_build());
    assert_eq!(
        first.to_string(),
        "tf32, batches of 1 to 64, on NVIDIA H200"
    );
    build(&first);
    let Origin::Built { kept: Ok(kept) } = first.publish() else {
        panic!("kept");
    };
    assert_eq!(
        names(&kept),
        ["a_sm90.engine", "a_sm90.profile", "engine.json"]
    );

    let second = prepare(&root, "tensorrt");
    assert!(!second.is_to_build());
    assert_eq!(second.path(), kept);
    let origin = second.publish();
    assert_eq!(origin, Origin::Cached(kept.clone()));
    assert!(origin.to_string().starts_with("TensorRT engine from /"));

    // Another precision is another engine, which is given the timings of the first.
    let other = prepare(&root, "{tensorrt: {precision: fp16}}");
    assert!(other.is_to_build());
    assert_eq!(names(other.path()), ["sm90.timing"]);
    drop(other);
    assert_eq!(names(&root).len(), 2, "{:?}", names(&root));
}

#[test]
fn a_damaged_engine_is_built_anew() {
    let damages: [fn(&Path); 5] = [
        |folder| fs::write(folder.join("a_sm90.engine"), "an engin").unwrap(),
        |folder| fs::remove_file(folder.join("a_sm90.profile")).unwrap(),
        |folder| fs::remove_file(folder.join("engine.json")).unwrap(),
        |folder| fs::write(folder.join("engine.json"), "{").unwrap(),
        |folder| {
            let list = fs::read_to_string(folder.join("engine.json")).unwrap();
            let other = list.replace("10.13.3", "10.13.4");
            fs::write(folder.join("engine.json"), other).unwrap();
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let cache = tempfile::tempdir().unwrap();
        let first = prepare(cache.path(), "tensorrt");
        build(&first);
        let Origin::Built { kept: Ok(kept) } = first.publish() else {
            panic!("kept");
        };
        damage(&kept);
        let again = prepare(cache.path(), "tensorrt");
        assert!(again.is_to_build(), "damage {number}");
        assert!(!kept.exists());
        build(&again);
        assert_eq!(again.publish(), Origin::Built { kept: Ok(kept) });
    }
}

#[test]
fn what_is_not_to_be_kept_is_gone() {
    let cache = tempfile::tempdir().unwrap();
    let text = "{tensorrt: {engine_cache: false, timing_cache: false}}";
    let engines = prepare(cache.path(), text);
    build(&engines);
    let origin = engines.publish().to_string();
    assert_eq!(
        origin,
        "TensorRT engine built, and not kept: engine_cache is false"
    );
    assert_eq!(names(cache.path()), Vec::<String>::new());
    // A session that could not be made publishes nothing.
    let engines = prepare(cache.path(), "tensorrt");
    build(&engines);
    drop(engines);
    assert_eq!(names(cache.path()), Vec::<String>::new());
    let engines = prepare(cache.path(), "tensorrt");
    let origin = engines.publish().to_string();
    assert!(origin.ends_with("not kept: TensorRT left no engine"));
}

#[test]
fn of_two_that_build_at_once_the_first_stays() {
    let cache = tempfile::tempdir().unwrap();
    let (one, two) = (
        prepare(cache.path(), "tensorrt"),
        prepare(cache.path(), "tensorrt"),
    );
    assert_ne!(one.path(), two.path());
    build(&one);
    build(&two);
    let first = one.publish();
    assert_eq!(two.publish(), first);
    assert!(!prepare(cache.path(), "tensorrt").is_to_build());
    assert_eq!(names(cache.path()).len(), 2, "the engine and the timings");
}

#[test]
fn what_a_killed_build_left_is_removed_after_a_day() {
    let cache = tempfile::tempdir().unwrap();
    let folder = |name: &str, hours: u64| {
        let path = cache.path().join(name);
        fs::create_dir(&path).unwrap();
        let at = SystemTime::now() - Duration::from_secs(hours * 3600);
        fs::File::open(&path).unwrap().set_modified(at).unwrap();
    };
    folder(".building-old", 25);
    folder(".building-new", 1);
    folder("tf32-old", 1000);
    drop(prepare(cache.path(), "tensorrt"));
    assert_eq!(names(cache.path()), [".building-new", "tf32-old"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let cache = tempfile::tempdir().unwrap();
    let file = cache.path().join("engines");
    fs::write(&file, "").unwrap();
    assert!(Engines::prepare(&file, key("tensorrt"), true, true).is_err());
}
