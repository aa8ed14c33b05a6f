//! The choice on made-up measurements, and what a measurement depends on.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::backbone::measure::Parity;
use crate::backbone::onnx::Arithmetic;
use crate::backbone::provider::{Precision, ProviderKind};
use crate::backbone::runtime::survey::{ProviderReport, Survey};
use crate::backbone::runtime::{Build, Search};
use crate::yaml::Document;

fn parity(cosine_min: f64) -> Parity {
    Parity {
        cosine_min,
        cosine_mean: f64::midpoint(cosine_min, 1.0),
        largest_difference: 0.1,
    }
}

fn of(provider: ProviderKind, precision: Precision) -> Candidate {
    Candidate {
        provider,
        precision,
        backbone: None,
    }
}

fn trial(provider: ProviderKind, precision: Precision, speed: f64, cosine: f64) -> Trial {
    let candidate = of(provider, precision);
    Trial {
        rows_per_second: Some(speed),
        parity: (!candidate.is_reference()).then(|| parity(cosine)),
        numeric_class: None,
        head: None,
        problem: None,
        candidate,
    }
}

fn measured() -> Vec<Trial> {
    use Precision::{Bf16, Fp32};
    vec![
        trial(ProviderKind::Cpu, Fp32, 26.0, 1.0),
        trial(ProviderKind::Openvino, Fp32, 29.0, 0.999_999_9),
        trial(ProviderKind::Openvino, Bf16, 60.0, 0.9994),
        trial(ProviderKind::Tensorrt, Precision::Fp16, 3000.0, 0.9989),
    ]
}

fn chosen(bar: Bar, trials: &[Trial]) -> String {
    fastest(bar, trials).map_or_else(String::new, |one| one.candidate.to_string())
}

#[test]
fn each_bar_takes_the_fastest_that_passes_it() {
    assert_eq!(chosen(Bar::Strict, &measured()), "openvino fp32");
    assert_eq!(chosen(Bar::Close, &measured()), "openvino bf16");
    assert_eq!(chosen(Bar::Close, &measured()[..1]), "cpu fp32");
    assert_eq!(chosen(Bar::Close, &[]), "");
    let mut equal = measured();
    equal[1].rows_per_second = Some(26.0);
    assert_eq!(chosen(Bar::Strict, &equal), "cpu fp32");
}

#[test]
fn what_cannot_be_compared_does_not_pass() {
    let mut trials = measured();
    trials[2].parity = Some(parity(f64::NAN));
    trials[1].parity = None;
    assert_eq!(chosen(Bar::Close, &trials), "cpu fp32");
    trials[1].parity = Some(parity(1.0));
    trials[1].problem = Some("out of memory".to_owned());
    trials[2].rows_per_second = Some(f64::INFINITY);
    assert_eq!(chosen(Bar::Close, &trials), "cpu fp32");
    // "fp32" that is nothing of the kind does not pass the strict bar.
    let mut trials = measured();
    trials[1].parity = Some(parity(0.9999));
    assert_eq!(chosen(Bar::Strict, &trials), "cpu fp32");
}

fn any_trial() -> impl Strategy<Value = Trial> {
    let kinds = prop::sample::select(ProviderKind::ALL.to_vec());
    let precisions = prop::sample::select(vec![
        Precision::Fp32,
        Precision::Tf32,
        Precision::Fp16,
        Precision::Bf16,
    ]);
    let cosine = prop_oneof![0.99..1.0_f64, -1.0..1.0_f64, Just(f64::NAN), Just(0.999)];
    let speed = prop::option::of(prop_oneof![0.0..1e4_f64, Just(f64::NAN), Just(0.0)]);
    (kinds, precisions, speed, cosine, prop::bool::weighted(0.1)).prop_map(
        |(provider, precision, speed, cosine, fails)| Trial {
            rows_per_second: speed,
            problem: fails.then(|| "crashed".to_owned()),
            ..trial(provider, precision, 0.0, cosine)
        },
    )
}

proptest! {
    #[test]
    fn the_choice_passes_and_nothing_that_passes_is_faster(
        trials in prop::collection::vec(any_trial(), 0..8), strict in any::<bool>(),
    ) {
        let bar = if strict { Bar::Strict } else { Bar::Close };
        // Said once more, in other words than the code's.
        let passes = |one: &Trial| {
            let reference = one.candidate.is_reference();
            let near = one.parity.is_some_and(|p| p.cosine_min >= if strict { 0.99999 } else { 0.999 });
            let precise = !strict || one.candidate.precision == Precision::Fp32;
            one.problem.is_none()
                && one.rows_per_second.is_some_and(|speed| speed > 0.0)
                && (reference || (near && precise))
        };
        match fastest(bar, &trials) {
            None => prop_assert!(!trials.iter().any(passes)),
            Some(chosen) => {
                prop_assert!(passes(chosen));
                for one in trials.iter().filter(|one| passes(one)) {
                    prop_assert!(one.rows_per_second <= chosen.rows_per_second);
                }
            }
        }
    }
}

#[test]
fn a_bar_is_a_name() {
    let read = |text: &str| {
        let document = Document::parse(Path::new("p.yaml"), text).unwrap();
        let read = document.typed::<AutoOptions>();
        read.map_err(|error| error.to_string().lines().next().unwrap_or("").to_owned())
    };
    assert_eq!(read("{}").unwrap().parity, Bar::Close);
    assert_eq!(read("{parity: strict}").unwrap().parity, Bar::Strict);
    assert_eq!(read("{parity: fast}").unwrap().parity, Bar::Fast);
    let refused = read("{parity: near}").unwrap_err();
    assert!(
        refused.ends_with("must be `strict`, `close` or `fast`, found \"near\""),
        "{refused}"
    );
    let refused = read("{pariti: close}").unwrap_err();
    assert!(refused.contains("did you mean `parity`?"), "{refused}");
}

#[test]
fn a_candidate_has_its_precision_and_runs_whole() {
    for kind in ProviderKind::ALL {
        for precision in crate::backbone::runtime::survey::precisions(kind) {
            let candidate = of(kind, precision);
            let provider = candidate.with_options().expect("a provider");
            assert_eq!((provider.kind(), provider.precision()), (kind, precision));
            assert!(!provider.allows_partial());
        }
    }
    let none = of(ProviderKind::Cpu, Precision::Bf16);
    assert_eq!(none.with_options(), None);
}

/// A search that leads to two files of a folder.
fn search(folder: &Path) -> Search {
    fs::write(folder.join("cpu.so"), "one").unwrap();
    fs::write(folder.join("openvino.so"), "two").unwrap();
    Search {
        flag: None,
        env: None,
        cached: vec![
            (Build::Cpu, folder.join("cpu.so")),
            (Build::Openvino, folder.join("openvino.so")),
            (Build::Cuda, folder.join("not fetched.so")),
        ],
        packages: None,
    }
}

fn key(search: &Search) -> Key {
    let siblings = vec!["tiny-int8.yaml graph".to_owned()];
    Key::new(
        search,
        "graph".into(),
        "rgb".into(),
        "32 generated".into(),
        siblings,
    )
}

#[test]
fn whatever_a_measurement_depends_on_changes_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let search = search(folder.path());
    let base = key(&search);
    assert_eq!(base.libraries.len(), 2, "{base:?}");
    assert_eq!(key(&search).digest(), base.digest());
    let changes: [fn(&mut Key); 8] = [
        |key| key.catpipe.push('1'),
        |key| key.graph.push('1'),
        |key| key.preprocessing.push('1'),
        |key| key.images.push('1'),
        |key| key.siblings[0].push('1'),
        |key| key.libraries[0].push('1'),
        |key| key.processor.push('1'),
        |key| key.gpus.push("Model: new".to_owned()),
    ];
    for change in changes {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(other.digest(), base.digest(), "{other:?}");
    }
    // A line that moves from one list into the other is another key.
    let mut moved = base.clone();
    moved.gpus.extend(moved.libraries.pop());
    assert_ne!(moved.digest(), base.digest());
}

#[test]
fn a_library_that_changes_comes_or_goes_is_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut search = search(folder.path());
    let base = key(&search);
    fs::write(folder.path().join("openvino.so"), "changed").unwrap();
    assert_ne!(key(&search), base);
    let without = {
        fs::remove_file(folder.path().join("openvino.so")).unwrap();
        key(&search)
    };
    assert_eq!(without.libraries.len(), 1);
    fs::write(folder.path().join("not fetched.so"), "cuda").unwrap();
    assert_eq!(key(&search).libraries.len(), 2);
    // One that is named is the only one.
    search.env = Some(folder.path().join("cpu.so"));
    assert_eq!(key(&search).libraries.len(), 1);
}

#[test]
fn what_is_kept_comes_back_for_its_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept {
        key: key(&search(folder.path())),
        candidates: measured().into_iter().map(|one| one.candidate).collect(),
        trials: measured(),
        problems: vec!["cuda: crashed".to_owned()],
    };
    let home = folder.path().join("auto");
    assert_eq!(Kept::read(&home, &kept.key), None);
    kept.write(&home).unwrap();
    assert_eq!(Kept::read(&home, &kept.key), Some(kept.clone()));
    let mut other = kept.key.clone();
    other.graph.push('2');
    assert_eq!(Kept::read(&home, &other), None);
    // A file that came to stand under another name is about another machine.
    fs::copy(Kept::path(&home, &kept.key), Kept::path(&home, &other)).unwrap();
    assert_eq!(Kept::read(&home, &other), None);
    fs::write(Kept::path(&home, &kept.key), "{\"key\": ").unwrap();
    assert_eq!(Kept::read(&home, &kept.key), None);
}

#[test]
fn a_bar_asks_for_what_it_admits_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Kept {
        key: key(&search(folder.path())),
        candidates: measured().into_iter().map(|one| one.candidate).collect(),
        trials: Vec::new(),
        problems: Vec::new(),
    };
    assert_eq!(kept.unmeasured(Bar::Strict).len(), 2);
    assert_eq!(kept.unmeasured(Bar::Close).len(), 4);
    kept.trials = measured()[..2].to_vec();
    assert!(kept.unmeasured(Bar::Strict).is_empty());
    assert_eq!(kept.unmeasured(Bar::Close).len(), 2);
}

fn usable(name: ProviderKind, precisions: Vec<Precision>) -> ProviderReport {
    ProviderReport {
        name,
        usable: true,
        version: None,
        device: None,
        versions: Default::default(),
        precisions,
        problems: Vec::new(),
    }
}

#[test]
fn quantized_siblings_are_candidates_where_they_run_in_integers() {
    use Precision::{Bf16, Fp32, Int8, Tf32};
    let mut off = usable(ProviderKind::Openvino, vec![Fp32]);
    let survey = |all: Vec<ProviderReport>| Survey {
        libraries: Vec::new(),
        providers: all,
    };
    let all = || {
        survey(vec![
            usable(ProviderKind::Cpu, vec![Fp32]),
            usable(ProviderKind::Openvino, vec![Fp32, Bf16]),
            usable(ProviderKind::Cuda, vec![Fp32, Tf32]),
            usable(ProviderKind::Tensorrt, vec![Tf32, Int8]),
        ])
    };
    let told = |survey: &Survey, graph, siblings: &[String]| -> Vec<String> {
        let found = candidates(survey, graph, siblings);
        found.iter().map(ToString::to_string).collect()
    };
    let siblings = ["m-int8.yaml".to_owned()];
    assert_eq!(
        told(&all(), Arithmetic::Float, &siblings),
        [
            "cpu fp32",
            "openvino fp32",
            "openvino bf16",
            "cuda fp32",
            "cuda tf32",
            "tensorrt tf32",
            "cpu int8 (m-int8.yaml)",
            "openvino int8 (m-int8.yaml)",
            "tensorrt int8 (m-int8.yaml)",
        ]
    );
    // A graph that is one of integers itself is told as such, and runs once on each.
    assert_eq!(
        told(&all(), Arithmetic::Int8, &[]),
        [
            "cpu int8",
            "openvino int8",
            "cuda fp32",
            "cuda tf32",
            "tensorrt int8"
        ]
    );
    off.usable = false;
    assert_eq!(
        told(&survey(vec![off]), Arithmetic::Float, &[]),
        ["cpu fp32"]
    );
    for candidate in candidates(&all(), Arithmetic::Float, &siblings) {
        assert!(candidate.with_options().is_some(), "{candidate}");
    }
    let reference = Candidate::reference(Arithmetic::Int8);
    assert!(reference.is_reference() && reference.with_options().is_some());
}

#[test]
fn fast_asks_for_the_mean_and_for_the_head() {
    let mut trials = measured();
    // Openvino's bf16 is the fastest whose head is as good.
    let head = |correct| {
        Some(HeadScore {
            correct,
            total: 100,
            interval: [0.88, 0.97],
        })
    };
    trials[3].parity = Some(Parity {
        cosine_min: 0.97,
        ..parity(0.991)
    });
    assert_eq!(chosen(Bar::Fast, &trials), "cpu fp32");
    trials[3].head = head(87);
    trials[2].head = head(88);
    assert_eq!(chosen(Bar::Fast, &trials), "openvino bf16");
    assert_eq!(
        trials[3].refusal(Bar::Fast).unwrap(),
        "its head is not as good"
    );
    trials[3].head = head(97);
    assert_eq!(chosen(Bar::Fast, &trials), "tensorrt fp16");
    trials[3].parity = Some(parity(0.97));
    assert_eq!(
        trials[3].refusal(Bar::Fast).unwrap(),
        "below 0.99 on average"
    );
}

mod siblings {
    use super::*;
    use crate::backbone::manifest::Manifest;
    use crate::backbone::model::{Backbone, Graph};
    use crate::backbone::onnx::{self, proto::NodeProto};
    use crate::backbone::testing::{TINY_MANIFEST, tiny};
    use crate::digests::Shelf;

    fn look(folder: &Path) -> (Graph, Siblings) {
        let backbone = Backbone::named("m/tiny.yaml", folder).unwrap();
        let graph = backbone.check_changed(folder, &Shelf::default()).unwrap();
        let manifest = Manifest::read(&folder.join("m/tiny.yaml")).unwrap();
        let found = Siblings::of("m/tiny.yaml", &manifest, &graph, folder, &Shelf::default());
        (graph, found)
    }

    /// A project with the tiny network and one beside it that says that it was made of it.
    fn project() -> tempfile::TempDir {
        let folder = tiny(|_| {});
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("m")).unwrap();
        fs::write(path("m/tiny.yaml"), TINY_MANIFEST).unwrap();
        let mut model = onnx::read(&path("tiny.onnx")).unwrap();
        let nodes = &mut model.graph.as_mut().unwrap().node;
        let node = NodeProto {
            op_type: Some("DequantizeLinear".to_owned()),
            input: nodes[0].input[..1].to_vec(),
            output: vec!["dequantized".to_owned()],
            ..NodeProto::default()
        };
        nodes[0].input[0] = "dequantized".to_owned();
        nodes.insert(0, node);
        onnx::write(&path("tiny8.onnx"), &model).unwrap();
        folder
    }

    fn write(folder: &Path, name: &str, from: &str, change: impl Fn(String) -> String) {
        let text = TINY_MANIFEST.replace("file: tiny.onnx", "file: tiny8.onnx");
        let from = format!("quantized_from: {{file: tiny.onnx, sha256: \"{from}\"}}\n");
        fs::write(folder.join(name), change(text + &from)).unwrap();
    }

    #[test]
    fn what_was_made_of_the_graph_is_found_by_its_checksum() {
        let folder = project();
        let folder = folder.path();
        let (graph, none) = look(folder);
        assert!(none.found.is_empty() && none.left_out.is_empty());
        let digest = graph.digest.clone().unwrap();
        write(folder, "m/any-name.yaml", &digest, |text| text);
        let (_, one) = look(folder);
        assert_eq!(one.left_out, Vec::<String>::new());
        assert_eq!(one.found[0].manifest, "m/any-name.yaml");
        assert_eq!(one.found[0].graph.arithmetic, Arithmetic::Int8);
        assert_eq!(one.about().len(), 1);

        // As the graph was before: told. Of something else: nobody's business.
        write(folder, "m/any-name.yaml", &"ab".repeat(32), |text| text);
        let (_, stale) = look(folder);
        assert!(stale.found.is_empty());
        assert!(
            stale.left_out[0].starts_with("m/any-name.yaml: it was made of another tiny.onnx"),
            "{stale:?}"
        );
        let other = |text: String| text.replace("{file: tiny.onnx", "{file: other.onnx");
        write(folder, "m/any-name.yaml", &"ab".repeat(32), other);
        let (_, none) = look(folder);
        assert!(none.found.is_empty() && none.left_out.is_empty());
    }

    #[test]
    fn what_cannot_stand_for_the_graph_is_left_out_with_the_reason() {
        let folder = project();
        let folder = folder.path();
        let (graph, _) = look(folder);
        let digest = graph.digest.unwrap();
        type Change = fn(String) -> String;
        let cases: [(Change, &str); 4] = [
            (
                |text| text.replace("color: rgb", "color: bgr"),
                "its preprocessing or its features are not those of its source",
            ),
            (|text| text.replace("tiny8.onnx", "gone.onnx"), "gone.onnx"),
            (
                |text| text.replace("file: tiny8.onnx", "file: tiny.onnx"),
                "its graph quantizes nothing",
            ),
            (|text| text.replace("width: 8", "width: eight"), "width"),
        ];
        for (change, words) in cases {
            write(folder, "m/int8.yaml", &digest, change);
            let (_, siblings) = look(folder);
            assert!(siblings.found.is_empty(), "{words}");
            let told = &siblings.left_out[0];
            assert!(
                told.starts_with("m/int8.yaml: ") && told.contains(words),
                "{told}"
            );
        }
    }
}
