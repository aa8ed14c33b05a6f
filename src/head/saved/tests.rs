use super::*;
use crate::head::config::{DenseConfig, HeadConfig, LogisticConfig};
use crate::head::random::stream;
use ndarray::Array2;
use proptest::prelude::*;

fn head(hidden: &[usize], batch_norm: bool, inputs: usize, classes: usize, seed: u64) -> Head {
    let config = if hidden.is_empty() {
        HeadConfig::Logistic(LogisticConfig::default())
    } else {
        let yaml = format!("{{hidden: {hidden:?}, batch_norm: {batch_norm}}}");
        HeadConfig::Dense(serde_saphyr::from_str::<DenseConfig>(&yaml).unwrap())
    };
    let mut network = Network::new(&config, inputs, classes, &mut stream("test", seed, &[]));
    for (i, parameter) in network.parameters().into_iter().enumerate() {
        *parameter.value += 0.25 * (i + 1) as f32;
    }
    Head::new(network)
}

fn small() -> Vec<u8> {
    head(&[3], true, 4, 2, 1)
        .to_bytes(&BTreeMap::new())
        .unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    Head::from_bytes(bytes).unwrap_err().to_string()
}

fn convolutional() -> Head {
    let yaml = "{filters: [2, 3], kernel: 2, image: [7, 8, 1], hidden: [4]}";
    let config = HeadConfig::Cnn(serde_saphyr::from_str(yaml).unwrap());
    Head::new(Network::new(&config, 56, 2, &mut stream("test", 1, &[])))
}

#[test]
fn a_convolutional_head_comes_back() {
    let head = convolutional();
    let bytes = head.to_bytes(&BTreeMap::new()).unwrap();
    let (again, _) = Head::from_bytes(&bytes).unwrap();
    assert_eq!(again, head);
    let rows = Array2::from_shape_fn((3, 56), |(i, j)| ((i * 56 + j) as f32 * 0.3).sin());
    assert_eq!(
        again.logits(rows.view()).unwrap(),
        head.logits(rows.view()).unwrap()
    );
    // Blocks that do not fit: another pooling leaves another number of features.
    let at = bytes.windows(6).position(|w| w == b"\"pool\\");
    let mut other = bytes.clone();
    let at = at.unwrap();
    let digit = (at..).find(|&i| other[i].is_ascii_digit()).unwrap();
    for pool in [b'1', b'0', b'9'] {
        other[digit] = pool;
        let message = refusal(&other);
        assert!(message.contains("do not fit their picture"), "{message}");
    }
}

#[test]
fn names_and_metadata_come_back() {
    let names = ["non-cat".to_owned(), "Käse \"x\"".to_owned()];
    let head = head(&[3], true, 4, 2, 1).with_class_names(&names).unwrap();
    let metadata = BTreeMap::from([
        ("run".to_owned(), "a".to_owned()),
        ("backbone".to_owned(), "b".to_owned()),
    ]);
    let bytes = head.to_bytes(&metadata).unwrap();
    assert_eq!(bytes, head.to_bytes(&metadata).unwrap());
    let (again, found) = Head::from_bytes(&bytes).unwrap();
    assert_eq!((&again, &found), (&head, &metadata));
    assert_eq!(again.class_names(), names);
    assert!(head.with_class_names(&names[..1]).is_err());
}

#[test]
fn a_saved_head_predicts_the_same_bits() {
    let x = Array2::from_shape_fn((7, 4), |(i, j)| (i as f32 - 2.5 * j as f32).sin());
    let head = head(&[5, 3], true, 4, 2, 1);
    let (again, _) = Head::from_bytes(&head.to_bytes(&BTreeMap::new()).unwrap()).unwrap();
    assert_eq!(
        head.logits(x.view()).unwrap(),
        again.logits(x.view()).unwrap()
    );
}

/// The tensors that the module's table promises.
#[test]
fn the_tensors_of_a_file() {
    let tensors = |bytes: &[u8]| {
        let file = SafeTensors::deserialize(bytes).unwrap();
        let mut all: Vec<_> = file
            .tensors()
            .into_iter()
            .map(|(name, t)| (name, t.shape().to_vec()))
            .collect();
        all.sort();
        all
    };
    let named = |all: &[(&str, &[usize])]| {
        all.iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        tensors(&small()),
        named(&[
            ("hidden.0.norm.bias", &[3]),
            ("hidden.0.norm.running_mean", &[3]),
            ("hidden.0.norm.running_var", &[3]),
            ("hidden.0.norm.weight", &[3]),
            ("hidden.0.weight", &[3, 4]),
            ("output.bias", &[2]),
            ("output.weight", &[2, 3]),
        ])
    );
    let plain = head(&[3], false, 4, 2, 1)
        .to_bytes(&BTreeMap::new())
        .unwrap();
    assert_eq!(
        tensors(&plain),
        named(&[
            ("hidden.0.bias", &[3]),
            ("hidden.0.weight", &[3, 4]),
            ("output.bias", &[2]),
            ("output.weight", &[2, 3]),
        ])
    );
}

/// A file of tensors (name, shape, values) and a description.
fn file(description: Option<&str>, tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (
            *name,
            TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap(),
        )
    });
    let header = description.map(|text| HashMap::from([(ENTRY.to_owned(), text.to_owned())]));
    safetensors::serialize(views, header).unwrap()
}

const LOGISTIC: &str =
    r#"{"version":1,"kind":{"logistic":{}},"widths":[2,2],"classes":["a","b"],"metadata":{}}"#;
const WEIGHT: (&str, &[usize], &[f32]) = ("output.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
const BIAS: (&str, &[usize], &[f32]) = ("output.bias", &[2], &[5.0, 6.0]);

#[test]
fn a_file_by_hand_is_read() {
    let (head, _) = Head::from_bytes(&file(Some(LOGISTIC), &[WEIGHT, BIAS])).unwrap();
    let logits = head.logits(ndarray::array![[1.0, 10.0]].view()).unwrap();
    assert_eq!(logits, ndarray::array![[26.0, 49.0]]);
    assert_eq!(head.class_names(), ["a", "b"]);
    // Format 1, from before there was any.
    assert_eq!((head.temperature(), head.reject_below()), (1.0, None));
}

#[test]
fn each_rung_of_the_ladder() {
    let good = small();
    assert!(refusal(&[]).contains("not a whole safetensors file"));
    assert!(refusal(b"PK\x03\x04 a zip, perhaps, or anything").contains("not a whole safetensors"));
    assert!(refusal(&good[..good.len() - 1]).contains("not a whole safetensors file"));
    assert!(refusal(&file(None, &[WEIGHT, BIAS])).contains("not of a catpipe head"));

    let described = |text: &str| refusal(&file(Some(text), &[WEIGHT, BIAS]));
    assert!(described("{").contains("description"));
    assert!(
        described(r#"{"version":3,"new":true}"#).contains("format 3, this catpipe reads format 2")
    );
    assert!(
        described(&LOGISTIC.replace("logistic", "forest")).contains("unknown variant `forest`")
    );
    assert!(described(&LOGISTIC.replace("[2,2]", "[2,-2]")).contains("malformed"));
    let with = |more: &str| described(&LOGISTIC.replace("\"metadata\"", more));
    let cold = with(r#""temperature":0,"metadata""#);
    assert_eq!(
        cold,
        "the head's temperature is 0, a finite number above 0 is needed"
    );
    let sure = with(r#""reject_below":1.5,"metadata""#);
    assert_eq!(
        sure,
        "the head rejects below 1.5, a probability from 0 to 1 is needed"
    );
    for widths in ["[2]", "[2,2,2]", "[0,2]", "[2,3]", "[]"] {
        let message = described(&LOGISTIC.replace("[2,2]", widths));
        assert!(
            message.contains("do not make this kind of head with 2 classes"),
            "{message}"
        );
    }

    let tensors = |tensors: &[_]| refusal(&file(Some(LOGISTIC), tensors));
    assert_eq!(tensors(&[WEIGHT]), "tensor `output.bias` is missing");
    let extra = ("more", &[1_usize][..], &[0.0_f32][..]);
    assert_eq!(
        tensors(&[WEIGHT, BIAS, extra]),
        "tensor `more` belongs to no part of the head"
    );
    let wide = ("output.weight", &[1_usize, 4][..], WEIGHT.2);
    assert_eq!(
        tensors(&[wide, BIAS]),
        "tensor `output.weight` has shape [1, 4], [2, 2] is needed"
    );
    let infinite = ("output.bias", &[2_usize][..], &[0.0, f32::INFINITY][..]);
    assert_eq!(
        tensors(&[WEIGHT, infinite]),
        "value 1 of tensor `output.bias` is inf, a finite number is needed"
    );
}

#[test]
fn a_width_without_end_allocates_nothing() {
    let huge = LOGISTIC.replace("[2,2]", "[18446744073709551615,2]");
    assert!(refusal(&file(Some(&huge), &[WEIGHT, BIAS])).contains("has shape [2, 2]"));
}

#[test]
fn another_element_type_is_refused() {
    let bytes = [0_u8; 8];
    let views = [
        (
            "output.weight",
            TensorView::new(Dtype::F16, vec![2, 2], &bytes).unwrap(),
        ),
        (
            "output.bias",
            TensorView::new(Dtype::F32, vec![2], &bytes).unwrap(),
        ),
    ];
    let header = HashMap::from([(ENTRY.to_owned(), LOGISTIC.to_owned())]);
    let bytes = safetensors::serialize(views, Some(header)).unwrap();
    assert_eq!(
        refusal(&bytes),
        "tensor `output.weight` holds F16, F32 is needed"
    );
}

#[test]
fn a_negative_variance_is_refused() {
    let mut bad = head(&[3], true, 4, 2, 1);
    bad.network.hidden[0].norm.as_mut().unwrap().variance[[0, 2]] = -0.5;
    let message = refusal(&bad.to_bytes(&BTreeMap::new()).unwrap());
    assert_eq!(
        message,
        "value 2 of tensor `hidden.0.norm.running_var` is -0.5, a variance is needed"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_head_comes_back(
        hidden in prop::collection::vec(1..6_usize, 0..4),
        batch_norm: bool,
        inputs in 1..9_usize,
        classes in 1..5_usize,
        seed: u64,
        temperature in 1.0e-3..1.0e3_f32,
        threshold in prop::option::of(0.0..=1.0_f32),
    ) {
        let head = head(&hidden, batch_norm, inputs, classes, seed)
            .with_temperature(temperature)
            .with_reject_below(threshold);
        let bytes = head.to_bytes(&BTreeMap::new()).unwrap();
        let (again, _) = Head::from_bytes(&bytes).unwrap();
        prop_assert_eq!(head, again);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damaged bytes are refused or read as a head that works; nothing panics.
    #[test]
    fn damage_is_survived(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = small();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok((head, _)) = Head::from_bytes(&bytes) {
            let x = Array2::zeros((1, head.inputs()));
            prop_assert_eq!(head.logits(x.view()).unwrap().ncols(), head.classes());
        }
    }
}
