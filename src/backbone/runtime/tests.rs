//! Libraries that are not what they should be. The wrong ones are made here with `cc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::elf::{Extent, extent};
use super::*;
use crate::backbone::testing;

const WAY_OUT: &str = "needed: ONNX Runtime 1.20 or newer (tested with 1.31.0)\n  \
                       get it: catpipe fetch runtime";

fn search(flag: Option<&Path>, env: Option<&Path>, dir: &Path) -> Search {
    Search {
        flag: flag.map(Path::to_path_buf),
        env: env.map(Path::to_path_buf),
        cached: vec![(Build::Cpu, dir.join(library_name(PINNED_VERSION)))],
        packages: None,
    }
}

/// What `locate` does before anything is loaded for good.
fn refusal(search: &Search) -> RuntimeError {
    let probed = search.candidate().and_then(|at| probe::open(&at));
    probed
        .map(|probe| probe.version)
        .expect_err("the library is refused")
}

fn compiled(dir: &TempDir, source: &str) -> PathBuf {
    let (c, library) = (dir.path().join("fake.c"), dir.path().join("fake.so"));
    fs::write(&c, source).unwrap();
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&c)
        .status();
    assert!(done.expect("these tests need a C compiler, cc").success());
    library.canonicalize().unwrap()
}

/// A library that says it is ONNX Runtime of `version` and offers no interface.
fn fake_runtime(dir: &TempDir, version: &str) -> PathBuf {
    compiled(
        dir,
        &format!(
            "static const void *api(unsigned v) {{ (void)v; return 0; }}\n\
             static const char *version(void) {{ return \"{version}\"; }}\n\
             static const struct {{ const void *(*a)(unsigned); const char *(*v)(void); }}\n\
             base = {{ api, version }};\n\
             const void *OrtGetApiBase(void) {{ return &base; }}\n"
        ),
    )
}

#[test]
fn nothing_given_and_nothing_fetched() {
    let dir = TempDir::new().unwrap();
    let error = refusal(&search(None, None, dir.path()));
    let library = dir.path().join(library_name("1.31.0"));
    assert_eq!(
        error.to_string(),
        format!(
            "ONNX Runtime's shared library was not found\n  \
             tried: the command line: nothing given\n  \
             tried: ORT_DYLIB_PATH: not set\n  \
             tried: {}: no such file\n  {WAY_OUT}",
            library.display()
        )
    );
}

#[test]
fn what_was_asked_for_is_not_replaced() {
    let dir = TempDir::new().unwrap();
    let works = testing::runtime();
    let gone = dir.path().join("gone.so");
    let asked = refusal(&search(Some(&gone), Some(works.path()), dir.path()));
    assert_eq!(
        asked.to_string(),
        format!(
            "ONNX Runtime's shared library {} (given on the command line) does not exist\n  \
             {WAY_OUT}",
            gone.display()
        )
    );
    let asked = refusal(&search(None, Some(&gone), works.path().parent().unwrap()));
    assert!(
        asked
            .to_string()
            .contains("gone.so (from ORT_DYLIB_PATH) does not exist"),
        "{asked}"
    );
}

#[test]
fn the_flag_comes_before_the_variable_and_the_variable_before_the_cache() {
    let dir = TempDir::new().unwrap();
    let places = ["flag", "env", &library_name(PINNED_VERSION)].map(|name| dir.path().join(name));
    for place in &places {
        fs::write(place, "").unwrap();
    }
    let [flag, env, cached] = places.map(|place| place.canonicalize().unwrap());
    let found = |flag, env| search(flag, env, dir.path()).candidate().unwrap();
    let candidate = |by, path: &Path| Candidate {
        by,
        path: path.to_path_buf(),
    };
    assert_eq!(
        found(Some(&flag), Some(&env)),
        candidate(Asked::Flag, &flag)
    );
    assert_eq!(found(None, Some(&env)), candidate(Asked::Env, &env));
    assert_eq!(found(None, None), candidate(Asked::Cache, &cached));
}

#[test]
fn a_folder_is_not_a_library() {
    let dir = TempDir::new().unwrap();
    let error = refusal(&search(Some(dir.path()), None, dir.path()));
    assert!(matches!(error, RuntimeError::Unreadable { .. }));
    assert!(
        error
            .to_string()
            .contains("it is not a file; give the path of lib"),
        "{error}"
    );
}

#[test]
fn a_text_file_is_not_a_library() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("note.so");
    fs::write(
        &path,
        "this is a note, and longer than an ELF header: ".repeat(4),
    )
    .unwrap();
    let error = refusal(&search(Some(&path), None, dir.path()));
    assert!(matches!(error, RuntimeError::NotALibrary { .. }));
    let text = error.to_string();
    assert!(
        text.contains("is not a shared library that this machine can load"),
        "{text}"
    );
    assert!(
        text.contains("invalid ELF header") || cfg!(not(target_os = "linux")),
        "{text}"
    );
    assert!(text.ends_with(WAY_OUT), "{text}");
}

/// Handed to the system's loader, this file would end the process with SIGBUS.
#[test]
#[cfg(target_os = "linux")]
fn a_library_cut_short_is_refused_before_the_loader_sees_it() {
    let dir = TempDir::new().unwrap();
    let whole = fs::read(testing::runtime().path()).unwrap();
    let path = dir.path().join("cut.so");
    for length in [3_000, whole.len() / 2, whole.len() - 400_000] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refusal(&search(Some(&path), None, dir.path()));
        let text = error.to_string();
        assert!(
            text.contains(&format!("it is cut short: {length} bytes of at least")),
            "{text}"
        );
    }
}

#[test]
fn any_header_is_measured_without_a_panic() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("odd.so");
    let mut head = vec![0xff; 64];
    head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    fs::write(&path, &head).unwrap();
    assert_eq!(extent(&path).unwrap(), Extent::Whole);
    head[54..56].copy_from_slice(&56_u16.to_le_bytes());
    fs::write(&path, &head).unwrap();
    let short = Extent::Short {
        needed: u64::MAX,
        found: 64,
    };
    assert_eq!(extent(&path).unwrap(), short);
    assert_eq!(extent(testing::runtime().path()).unwrap(), Extent::Whole);
}

#[test]
fn a_library_of_something_else() {
    let dir = TempDir::new().unwrap();
    let path = compiled(&dir, "int answer(void) { return 42; }\n");
    let error = refusal(&search(None, Some(&path), dir.path()));
    assert_eq!(
        error.to_string(),
        format!(
            "{} (from ORT_DYLIB_PATH) is a shared library, but not ONNX Runtime: \
             it does not export OrtGetApiBase\n  {WAY_OUT}",
            path.display()
        )
    );
}

#[test]
fn a_library_whose_entry_point_gives_nothing() {
    let dir = TempDir::new().unwrap();
    let path = compiled(&dir, "const void *OrtGetApiBase(void) { return 0; }\n");
    let error = refusal(&search(Some(&path), None, dir.path()));
    assert!(
        error.to_string().contains("OrtGetApiBase gives nothing"),
        "{error}"
    );
}

#[test]
fn a_runtime_too_old() {
    let dir = TempDir::new().unwrap();
    let path = fake_runtime(&dir, "1.17.3");
    let error = refusal(&search(Some(&path), None, dir.path()));
    assert_eq!(
        error.to_string(),
        format!(
            "{} (given on the command line) is ONNX Runtime 1.17.3, which is too old\n  \
             found: 1.17.3\n  {WAY_OUT}",
            path.display()
        )
    );
}

#[test]
fn a_runtime_new_enough_without_the_interface() {
    let dir = TempDir::new().unwrap();
    let path = fake_runtime(&dir, "1.25.0");
    let error = refusal(&search(Some(&path), None, dir.path()));
    assert!(matches!(error, RuntimeError::NoInterface { .. }));
    assert!(
        error
            .to_string()
            .contains("does not offer interface version 20"),
        "{error}"
    );
}

#[test]
fn one_runtime_a_process() {
    let first = testing::runtime();
    let again = testing::runtime();
    assert_eq!(first.path(), again.path());
    assert!(first.version().starts_with("1."), "{first}");

    let dir = TempDir::new().unwrap();
    let other = dir.path().join("other.so");
    fs::copy(first.path(), &other).unwrap();
    let error = Runtime::locate(&search(Some(&other), None, dir.path())).expect_err("another");
    assert!(matches!(error, RuntimeError::AnotherLoaded { .. }));
    assert!(error.to_string().contains("start catpipe anew"), "{error}");
}
