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
    assert_eq!(config.head, HeadConfig::Logistic(LogisticConfig {}));
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

/// What is wrong, and words of the message.
const WRONG: &[(&str, &str)] = &[
    (
        "head: {logistic: {}}\nl2: -1",
        "must be a number of at least 0, found -1",
    ),
    (
        "head: {logistic: {}}\nl2: .nan",
        "must be a number of at least 0, found NaN",
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
