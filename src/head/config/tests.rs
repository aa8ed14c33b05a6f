use super::*;

fn parse(yaml: &str) -> Result<TrainConfig, String> {
    serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
}

#[test]
fn what_is_left_out_is_filled_in() {
    let config = parse("head: {dense: {}}\nvalidation: {}\nearly_stopping: {}").unwrap();
    let yaml = serde_saphyr::to_string(&config).unwrap();
    let json = serde_json::to_value(&config).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "head": {"dense": {
                "hidden": [256], "dropout": 0.0, "batch_norm": false, "activation": "relu"
            }},
            "l2": 0.0,
            "adam": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
            "batch": 32,
            "epochs": 100,
            "validation": {"folds": 5},
            "calibration": "temperature",
            "early_stopping": {"patience": 20}
        })
    );
    assert_eq!(parse(&yaml).unwrap(), config, "{yaml}");
}

#[test]
fn every_key_can_be_written() {
    let config = parse(
        "head: {logistic: {}}\nl2: 1.0e-3\nsgd: {lr: 0.5, momentum: 0.9}\nbatch: all\nepochs: 7",
    )
    .unwrap();
    assert_eq!(config.head, HeadConfig::Logistic(LogisticConfig::default()));
    assert_eq!(config.l2.get(), 1e-3);
    assert_eq!(config.batch, Batch::All);
    assert_eq!(config.epochs.get(), 7);
    let OptimizerConfig::Sgd(sgd) = config.optimizer else {
        panic!("{config:?}")
    };
    assert_eq!((sgd.lr.get(), sgd.momentum.get()), (0.5, 0.9));
    let again = serde_saphyr::to_string(&config).unwrap();
    assert!(
        again.contains("batch: all") && !again.contains("adam"),
        "{again}"
    );
    assert_eq!(parse(&again).unwrap(), config);
}

#[test]
fn a_share_is_one_part_of_a_whole_number_of_parts() {
    for (share, folds) in [
        ("0.5", 2),
        ("0.33", 3),
        ("0.25", 4),
        ("0.2", 5),
        ("0.1", 10),
    ] {
        let yaml = format!("head: {{dense: {{}}}}\nvalidation: {{share: {share}}}");
        let config = parse(&yaml).unwrap();
        let validation = config.validation.unwrap();
        assert_eq!((validation.folds.get(), validation.models()), (folds, 1));
        let again = serde_saphyr::to_string(&config).unwrap();
        assert_eq!(parse(&again).unwrap(), config, "{again}");
    }
}

/// Keys that are left out where they have their default.
#[test]
fn the_keys_of_a_dense_head_can_be_written() {
    let yaml = "head: {dense: {hidden: [8, 4], activation: gelu}}\n\
                adamw: {lr: 0.5}\nschedule: {warmup: 2, cosine: {to: 0.25}}\n\
                label_smoothing: 0.1\nmixup: {}\nclip_norm: 2\n\
                class_weights: {cat: 2, 1: 0.5}\nmemory: 3GiB";
    let config = parse(yaml).unwrap();
    let OptimizerConfig::AdamW(adamw) = config.optimizer else {
        panic!("{config:?}")
    };
    assert_eq!((adamw.lr.get(), adamw.weight_decay.get()), (0.5, 0.01));
    let schedule = config.schedule.unwrap();
    assert_eq!(schedule.warmup(), 2);
    assert!(matches!(schedule.decay(), Decay::Cosine(cosine) if cosine.to.get() == 0.25));
    assert_eq!(config.label_smoothing.get(), 0.1);
    assert_eq!(config.mixup.unwrap().alpha.get(), 0.2);
    assert_eq!(config.clip_norm.unwrap().get(), 2.0);
    assert_eq!(config.memory.unwrap().count(), 3 << 30);
    let again = serde_saphyr::to_string(&config).unwrap();
    assert!(again.contains("memory: 3GiB"), "{again}");
    assert_eq!(parse(&again).unwrap(), config, "{again}");
    let balanced = "head: {dense: {activation: tanh}}\nsampling: balanced\n\
                    schedule: {step: {every: 30}}";
    let config = parse(balanced).unwrap();
    assert_eq!(config.sampling, Sampling::Balanced);
    let again = serde_saphyr::to_string(&config).unwrap();
    assert!(
        again.contains("by: 0.1") && !again.contains("mixup"),
        "{again}"
    );
    assert_eq!(parse(&again).unwrap(), config, "{again}");
}

/// What is wrong, and words of the message.
const WRONG: &[(&str, &str)] = &[
    (
        "head: {logistic: {}}\nl2: -1",
        "must be a number of at least 0, found -1",
    ),
    (
        "head: {logistic: {}}\nl2: automatic",
        "a number of at least 0, `auto`",
    ),
    (
        "head: {logistic: {}}\nadam: {lr: 0}",
        "must be a number above 0, found 0",
    ),
    (
        "head: {logistic: {}}\nadam: {beta1: 1}",
        "must be at least 0 and below 1, found 1",
    ),
    (
        "head: {logistic: {}}\nadam: {epsilon: 0.0}",
        "must be a number above 0, found 0",
    ),
    (
        "head: {logistic: {}}\nsgd: {momentum: 1.5}",
        "must be at least 0 and below 1, found 1.5",
    ),
    (
        "head: {logistic: {}}\nadam: {}\nsgd: {}",
        "both `adam` and `sgd`",
    ),
    (
        "head: {logistic: {}}\nbatch: 0",
        "must be at least 1, found 0",
    ),
    (
        "head: {logistic: {}}\nbatch: -4",
        "must be at least 1, found -4",
    ),
    (
        "head: {logistic: {}}\nbatch: some",
        "a number of examples of at least 1, or `all`",
    ),
    (
        "head: {logistic: {}}\nepochs: 0",
        "must be at least 1, found 0",
    ),
    (
        "head: {logistic: {}}\nvalidation: {folds: 1}",
        "must be at least 2, found 1",
    ),
    (
        "head: {dense: {}}\nvalidation: {share: 0.2, folds: 5}",
        "has both `share` and `folds`",
    ),
    (
        "head: {dense: {}}\nvalidation: {share: 0.4}",
        "found 0.4; did you mean 0.33?",
    ),
    (
        "head: {dense: {}}\nvalidation: {share: 0}",
        "found 0; did you mean 0.01?",
    ),
    (
        "head: {logistic: {}}\nvalidation: {share: 0.2}",
        "the exact solver knows no epochs",
    ),
    (
        "head: {logistic: {}}\nvalidation: {repeats: 0}",
        "must be at least 1, found 0",
    ),
    (
        "head: {logistic: {}}\ncalibration: temperature",
        "`calibration: temperature` needs `validation`",
    ),
    ("head: {logistic: {}}\ncalibration: platt", "temperature"),
    (
        "head: {logistic: {}}\nearly_stopping: {}",
        "needs `validation`",
    ),
    (
        "head: {logistic: {}}\nvalidation: {}\nearly_stopping: {patience: 0}",
        "must be at least 1, found 0",
    ),
    ("head: {dense: {hidden: []}}", "at least one width"),
    (
        "head: {dense: {hidden: [8, 0]}}",
        "must be at least 1, found 0",
    ),
    (
        "head: {dense: {dropout: 1}}",
        "must be at least 0 and below 1, found 1",
    ),
    (
        "head: {dense: {batch_norm: true}}\nbatch: 1",
        "needs a `batch` of at least 2",
    ),
    ("head: {dense: {activation: rulu}}", "relu"),
    (
        "head: {dense: {}}\nadam: {}\nadamw: {}",
        "both `adam` and `adamw`",
    ),
    (
        "head: {dense: {}}\nadamw: {}\nsgd: {}",
        "both `adamw` and `sgd`",
    ),
    (
        "head: {dense: {}}\nl2: 0.1\nadamw: {}",
        "`adamw` shrinks weights by its own `weight_decay`",
    ),
    (
        "head: {dense: {}}\nadamw: {weight_decay: -1}",
        "must be a number of at least 0, found -1",
    ),
    (
        "head: {dense: {}}\nschedule: {}",
        "needs `warmup`, `cosine` or `step`",
    ),
    (
        "head: {dense: {}}\nschedule: {cosine: {}, step: {every: 3}}",
        "both `cosine` and `step`",
    ),
    (
        "head: {dense: {}}\nepochs: 5\nschedule: {warmup: 5}",
        "warms up for 5 epochs, and there are only 5",
    ),
    ("head: {dense: {}}\nschedule: {step: {by: 0.1}}", "every"),
    (
        "head: {dense: {}}\nschedule: {cosine: {to: 1}}",
        "must be at least 0 and below 1, found 1",
    ),
    (
        "head: {dense: {}}\nschedule: {step: {every: 2, by: 1.5}}",
        "`schedule.step.by` is 1.5: a rate that grows",
    ),
    (
        "head: {dense: {}}\nlabel_smoothing: 1",
        "must be at least 0 and below 1, found 1",
    ),
    (
        "head: {dense: {}}\nmixup: {alpha: 0}",
        "must be a number above 0, found 0",
    ),
    (
        "head: {dense: {}}\nclip_norm: 0",
        "must be a number above 0, found 0",
    ),
    (
        "head: {dense: {}}\nclass_weights: even",
        "`balanced`, or a weight for each class such as {cat: 2, dog: 1}",
    ),
    (
        "head: {dense: {}}\nclass_weights: {cat: -2}",
        "must be a number of at least 0, found -2",
    ),
    (
        "head: {dense: {}}\nclass_weights: balanced\nsampling: balanced",
        "both make up for rare classes",
    ),
    ("head: {dense: {}}\nsampling: evenly", "balanced"),
    (
        "head: {dense: {}}\nmemory: 2GB",
        "must be a size such as 8GiB or 512MiB, found \"2GB\"",
    ),
    ("head: {dense: {hiden: [8]}}", "hidden"),
    ("head: {tree: {}}", "logistic"),
    ("l2: 1", "head"),
    ("head: {logistic: {}}\nepoch: 5", "epochs"),
];

#[test]
fn each_wrong_value_is_named() {
    for (yaml, words) in WRONG {
        let message = parse(yaml).unwrap_err();
        assert!(message.contains(words), "{yaml}\n gave\n{message}");
    }
}

#[test]
fn a_wrong_value_is_pointed_at() {
    let message = parse("head: {logistic: {}}\nepochs: 3\nadam: {lr: 0.1, beta2: 2}").unwrap_err();
    assert!(
        message.contains("line 3") && message.contains("column 24"),
        "{message}"
    );
    let message = parse("head: {logistic: {}}\nbatch: many").unwrap_err();
    assert!(message.contains("line 2"), "{message}");
}

#[test]
fn a_batch_never_exceeds_the_examples_nor_is_empty() {
    let batch = Batch::Examples(AtLeast::constant(32));
    assert_eq!((batch.size(100), batch.size(5), batch.size(0)), (32, 5, 1));
    assert_eq!((Batch::All.size(100), Batch::All.size(0)), (100, 1));
}
