//! What the survey says of made-up libraries and drivers.

use super::super::driver::Gpu;
use super::*;

/// Answers by the library's file name.
struct Fake {
    driver: Result<Driver, String>,
}

impl Ask for Fake {
    fn library(&self, path: &Path) -> Result<Answer, String> {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (version, kind) = match name {
            "openvino.so" => ("1.24.1", Some(ProviderKind::Openvino)),
            "cuda.so" => ("1.31.0", Some(ProviderKind::Cuda)),
            "cpu.so" => ("1.31.0", None),
            other => return Err(format!("{other} crashed")),
        };
        let cpu = std::iter::once(ProviderKind::Cpu);
        Ok(Answer {
            version: version.to_owned(),
            providers: cpu.chain(kind).collect(),
        })
    }

    fn driver(&self) -> Result<Driver, String> {
        self.driver.clone()
    }
}

fn no_driver() -> Fake {
    Fake {
        driver: Err("no driver".to_owned()),
    }
}

fn cache(files: &[&str]) -> (tempfile::TempDir, Search) {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        std::fs::write(dir.path().join(file), "").unwrap();
    }
    let path = |name: &str| dir.path().join(name);
    let search = Search {
        flag: None,
        env: None,
        cached: vec![
            (Build::Cpu, path("cpu.so")),
            (Build::Openvino, path("openvino.so")),
            (Build::Cuda, path("cuda.so")),
        ],
        packages: Some(dir.path().to_path_buf()),
    };
    (dir, search)
}

fn of(survey: &Survey, kind: ProviderKind) -> &ProviderReport {
    survey
        .providers
        .iter()
        .find(|one| one.name == kind)
        .unwrap()
}

#[test]
fn builds_side_by_side_serve_their_providers() {
    let (_dir, search) = cache(&["cpu.so", "openvino.so"]);
    let survey = Survey::of(&search, &no_driver());
    let cpu = of(&survey, ProviderKind::Cpu);
    assert!(cpu.usable && cpu.problems.is_empty());
    assert_eq!(cpu.version.as_deref(), Some("1.31.0"));
    let openvino = of(&survey, ProviderKind::Openvino);
    assert!(openvino.usable);
    assert_eq!(openvino.version.as_deref(), Some("1.24.1"));
    let cuda = of(&survey, ProviderKind::Cuda);
    assert!(!cuda.usable);
    assert_eq!(
        cuda.problems[0],
        "ONNX Runtime with it is not fetched: catpipe fetch runtime --ep cuda"
    );
    assert_eq!(survey.libraries.len(), 3);
}

#[test]
fn a_named_library_is_the_only_one() {
    let (dir, mut search) = cache(&["cpu.so", "openvino.so"]);
    search.env = Some(dir.path().join("cpu.so"));
    let survey = Survey::of(&search, &no_driver());
    assert_eq!(survey.libraries.len(), 1);
    assert!(of(&survey, ProviderKind::Cpu).usable);
    assert_eq!(
        of(&survey, ProviderKind::Openvino).problems,
        [
            "the library (ORT_DYLIB_PATH) is a build without it: catpipe fetch runtime --ep \
          openvino, and unset ORT_DYLIB_PATH"
        ]
    );
}

#[test]
fn a_library_that_crashes_is_a_problem_of_its_providers() {
    let (dir, mut search) = cache(&["cpu.so", "broken.so"]);
    search.cached[1].1 = dir.path().join("broken.so");
    let survey = Survey::of(&search, &no_driver());
    assert!(of(&survey, ProviderKind::Cpu).usable);
    assert_eq!(
        of(&survey, ProviderKind::Openvino).problems,
        ["the library (openvino) cannot be used: broken.so crashed"]
    );
}

#[test]
fn the_gpus_are_named() {
    let gpu = Gpu {
        name: "NVIDIA H200".to_owned(),
        memory: 139 << 30,
        capability: "9.0".to_owned(),
    };
    let driver = Driver {
        cuda: "13.0".to_owned(),
        gpus: vec![gpu],
    };
    let found = Found {
        driver: true,
        ..Found::default()
    };
    let words =
        |driver: Driver| device(ProviderKind::Cuda, &found, &DriverAnswer(Ok(driver)), "cpu");
    assert_eq!(
        words(driver.clone()).unwrap().unwrap(),
        "NVIDIA H200, 139 GiB (driver for CUDA 13.0)"
    );
    let old = Driver {
        cuda: "12.4".to_owned(),
        ..driver.clone()
    };
    assert!(words(old).unwrap_err().contains("knows CUDA 12.4 at most"));
    let none = Driver {
        gpus: Vec::new(),
        ..driver
    };
    assert_eq!(words(none).unwrap_err(), "the driver sees no GPU");
}
