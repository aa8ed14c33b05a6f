use super::super::data::*;
use super::super::figures::Figures;
use super::page;

const HOSTILE: &str = "</script><script>alert(1)</script>\"'&";

/// Everything that `metrics.json` can have, in the form that a run writes.
fn figures(name: &str) -> Figures {
    let share = |value: f64| serde_json::json!({"v": value, "ci": [value - 0.1, value]});
    let class = |name: &str| {
        serde_json::json!({
            "class": name, "support": 10, "precision": share(0.9)["v"],
            "precision_ci95": share(0.9)["ci"], "recall": null, "f1": 0.8, "f1_ci95": [0.7, 0.9],
        })
    };
    let scores = serde_json::json!({
        "correct": 15, "total": 20, "accuracy": 0.75, "accuracy_ci95": [0.531, 0.888],
        "balanced_accuracy": 0.7512, "balanced_accuracy_ci95": [0.5, 0.9], "log_loss": 0.4321,
        "log_loss_ci95": [0.3, 0.6], "ece": 0.0456, "roc_auc": 0.9876, "roc_auc_ci95": [0.9, 1.0],
        "average_precision": null, "confusion": [[8, 2], [3, 7]],
        "classes": [class(name), class("dog")],
    });
    let json = serde_json::json!({
        "name": name, "dataset": {"train": 40, "test": 20, "views": 3, "classes": [name, "dog"]},
        "test": scores, "validation": scores, "epochs": 12, "temperature": 1.234,
        "l2": {"chosen": 0.01, "rule": "one standard error", "path": [
            {"l2": 0.001, "log_loss": 0.5, "standard_error": 0.1, "accuracy": 0.7},
            {"l2": 0.01, "log_loss": 0.4, "standard_error": 0.1, "accuracy": 0.8}]},
        "trials": [{"trial": 1, "settings": {"l2": 0.001, "note": name}, "validated": scores,
            "chosen": true}, {"trial": 2, "settings": {}, "diverged": name, "chosen": false}],
        "learning_curve": [{"examples": 10, "accuracy": 0.6, "accuracy_ci95": [0.4, 0.8]},
            {"examples": 40, "accuracy": 0.75, "log_loss": 0.4}],
        "label_errors": [{"id": name, "label": name, "suggested": "dog", "p_label": 0.1, "p_suggested": 0.9}],
        "test_coverage": [{"threshold": 0.5, "coverage": 1.0, "accuracy": 0.75},
            {"threshold": 0.99, "coverage": 0.0, "accuracy": null}],
        "provider": {"name": "cpu", "precision": "fp32", "device": "CPU", "numeric_class": "cpu;1"},
        "parity": {"against": "cpu fp32", "images": 9, "cosine_min": 0.99, "cosine_mean": 0.999,
            "largest_difference": 0.01},
        "timings": {"rows_computed": 140, "extract": 7.0, "infer": 6.5, "train": 1.0},
        "versions": {"catpipe": "0.1.0"}, "hardware": name,
    });
    serde_json::from_value(json).unwrap()
}

fn card(text: &str) -> Card {
    let picture = Some(Picture {
        jpeg: vec![1, 2, 3],
        width: 4,
        height: 3,
    });
    Card {
        id: text.to_owned(),
        label: text.to_owned(),
        predicted: text.to_owned(),
        probabilities: vec![(text.to_owned(), 0.5)],
        picture: picture.clone(),
        heat_map: picture.clone(),
        nearest: vec![Near {
            id: text.to_owned(),
            label: text.to_owned(),
            similarity: 0.5,
            picture,
        }],
    }
}

/// A run with everything in it, and `text` wherever a text from outside stands.
fn run(text: &str) -> Run {
    let line = |name: &str| Line {
        name: name.to_owned(),
        points: vec![[0.0, 0.0], [0.5, 0.9], [1.0, 1.0]],
    };
    let epoch = |epoch| Epoch {
        phase: "final".to_owned(),
        epoch,
        train_loss: Some(0.5),
        train_accuracy: Some(0.9),
        ..Epoch::default()
    };
    Run {
        name: text.to_owned(),
        folder: format!("runs/{text}"),
        figures: figures(text),
        train_counts: vec![25, 15],
        test_counts: vec![10, 10],
        curves: Some(ScoreCurves {
            roc: vec![line(text)],
            precision_recall: vec![line(text)],
            reliability: vec![Bin {
                from: 0.9,
                to: 1.0,
                count: 20,
                confidence: 0.95,
                accuracy: 0.75,
                interval: [0.5, 0.9],
            }],
            coverage: vec![[0.5, 1.0], [1.0, 0.75]],
        }),
        epochs: (1..4).map(epoch).collect(),
        mistakes: vec![card(text)],
        mistake_count: 5,
        uncertain: vec![card(text)],
        suspects: vec![card(text)],
        map: Some(Map {
            explained: [0.5, 0.25],
            points: vec![MapPoint {
                at: [1.0, 2.0],
                id: text.to_owned(),
                test: true,
                taken_for: Some(text.to_owned()),
                ..MapPoint::default()
            }],
            total: 2,
        }),
        skipped: vec![(text.to_owned(), text.to_owned())],
        pipeline: format!("name: {text}\n"),
        digests: vec![("run".to_owned(), text.to_owned())],
        notes: vec![text.to_owned()],
    }
}

fn two(text: &str) -> Report {
    Report {
        runs: vec![run(text), run("other")],
        differences: vec![Difference {
            name: text.to_owned(),
            both: 20,
            gained: 2,
            lost: 5,
            accuracy: -0.15,
            interval: [-0.3, 0.05],
            p_value: 0.453,
        }],
        disagreements: vec![Disagreement {
            id: text.to_owned(),
            label: text.to_owned(),
            predicted: vec![Some((text.to_owned(), 0.5)), None],
            picture: None,
        }],
    }
}

fn one(run: Run) -> Report {
    Report {
        runs: vec![run],
        ..Report::default()
    }
}

#[test]
fn every_section_is_there_with_its_numbers() {
    let html = page(&one(run("cats")));
    for part in [
        "15 of 20 test pictures right: 75.0\u{a0}%, with a 95\u{a0}% interval of 53.1 to 88.8\u{a0}%",
        "Always answering “cats” would get 10 of 20 right",
        "0.9876",
        "temperature 1.234",
        "Confusion matrix",
        "Reliability",
        "Coverage against accuracy",
        "Precision-recall",
        "Loss by epoch",
        "Accuracy by training examples",
        "1.00e-2, by the rule “one standard error”",
        "Settings that were tried",
        "Mistakes (5)",
        "The first 1 are shown",
        "Labels to check (1)",
        "1 of 2 pictures, evenly chosen",
        "Class balance",
        "Parity certificate",
        "catpipe run runs/cats/pipeline.yaml",
        "Not in this report",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(html.matches("<h1>").count(), 1);
    let plots = html.matches("<svg").count();
    assert_eq!(html.matches("role=\"img\"").count(), plots);
    assert!(
        html.contains("var(--s0)") && !html.contains("#0102"),
        "the page's colours"
    );
}

#[test]
fn runs_beside_each_other() {
    let html = page(&two("cats"));
    for part in [
        "cats against other",
        "McNemar",
        "−15.0",
        "Where they differ",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("cats: training") && html.contains("other: training"));
}

#[test]
fn text_from_outside_stays_text() {
    for html in [page(&one(run(HOSTILE))), page(&two(HOSTILE))] {
        assert!(!html.contains(HOSTILE));
        assert!(!html.contains("<script>alert"));
        // Two that are ours: the map's data and the page's own.
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script>").count(), 2);
        assert!(html.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
        assert!(html.contains("\\u003c/script>"));
    }
}

#[test]
fn nothing_is_loaded() {
    let html = page(&two("cats"));
    for from in [
        "http://", "https://", "src=\"//", "url(", "@import", "<link",
    ] {
        assert!(!html.contains(from), "{from}");
    }
}

#[test]
fn what_a_run_does_not_have_is_left_out() {
    let bare = Run {
        name: "features".to_owned(),
        folder: "runs/features".to_owned(),
        ..Run::default()
    };
    let html = page(&one(bare));
    assert!(html.contains("features computed features and scored nothing"));
    for part in ["Confusion", "<svg", "Pictures</h2>", "Map of the features"] {
        assert!(!html.contains(part), "{part}");
    }
    assert!(html.contains("Run it again"));
    assert!(page(&Report::default()).contains("<html"));
}
