use super::*;
use ndarray::Array2;
use proptest::prelude::*;

fn labels() -> Vec<usize> {
    (0..53)
        .map(|i| if i % 5 == 0 { 2 } else { i % 2 })
        .collect()
}

fn config(folds: i64, repeats: i64) -> ValidationConfig {
    serde_saphyr::from_str(&format!("{{folds: {folds}, repeats: {repeats}}}")).unwrap()
}

fn divide_all(
    labels: &[usize],
    groups: Option<&[usize]>,
    config: ValidationConfig,
    seed: u64,
) -> Result<Vec<Vec<usize>>, HeadError> {
    let features = Array2::<f32>::zeros((labels.len(), 1));
    let examples = Examples {
        features: &features,
        views: 1,
        labels,
        classes: labels.iter().max().unwrap() + 1,
        groups,
    };
    divide(&examples, config, seed)
}

/// By how many examples the folds differ.
fn spread(fold_of: &[usize], folds: usize, keep: impl Fn(usize) -> bool) -> usize {
    let mut counts = vec![0_usize; folds];
    for (example, &fold) in fold_of.iter().enumerate() {
        counts[fold] += usize::from(keep(example));
    }
    counts.iter().max().unwrap() - counts.iter().min().unwrap()
}

#[test]
fn folds_are_even_in_all_and_in_each_class() {
    let labels = labels();
    let alone: Vec<usize> = (0..labels.len()).collect();
    for groups in [None, Some(&alone[..])] {
        for fold_of in divide_all(&labels, groups, config(5, 3), 1).unwrap() {
            assert!(spread(&fold_of, 5, |_| true) <= 1, "{groups:?}");
            for class in 0..3 {
                assert!(spread(&fold_of, 5, |example| labels[example] == class) <= 1);
            }
        }
    }
}

#[test]
fn folds_follow_the_seed_and_repeats_differ() {
    let labels = labels();
    let folds = |seed, repeats| divide_all(&labels, None, config(5, repeats), seed).unwrap();
    assert_eq!(folds(1, 1), folds(1, 1));
    assert_ne!(folds(1, 1), folds(2, 1));
    let three = folds(1, 3);
    assert_eq!(three.len(), 3);
    assert_eq!(three[..1], folds(1, 1));
    assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2]);
}

#[test]
fn a_small_class_is_named_with_the_way_out() {
    let message = |labels: &[usize], groups| {
        let found = divide_all(labels, groups, config(3, 1), 0);
        found.unwrap_err().to_string()
    };
    assert_eq!(
        message(&[0, 0, 0, 1, 1], None),
        "class 1 has 2 training examples, fewer than the 3 folds of `validation`: \
         add examples of it, or set `folds` to 2 or less"
    );
    assert!(
        message(&[0, 0, 0, 1], None).ends_with("add examples of it, or leave `validation` out")
    );
    assert_eq!(
        message(&[0, 0, 0, 1, 1, 1, 1], Some(&[0, 1, 2, 3, 3, 4, 4])),
        "class 1 has training examples in 2 groups, fewer than the 3 folds of `validation`, and a \
         group stays in one fold: add groups with it, or set `folds` to 2 or less"
    );
}

/// Four patients with many pictures each and some with few: as even as whole patients can be.
#[test]
fn large_groups_are_spread_before_small_ones_fill_the_gaps() {
    let sizes = [9, 1, 8, 2, 7, 3, 6, 4, 5, 5];
    let groups: Vec<usize> = (0..10).flat_map(|g| vec![g; sizes[g]]).collect();
    let labels: Vec<usize> = groups.iter().map(|g| g % 2).collect();
    for seed in 0..20 {
        let fold_of = &divide_all(&labels, Some(&groups), config(5, 1), seed).unwrap()[0];
        assert_eq!(spread(fold_of, 5, |_| true), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_group_is_in_one_fold_and_every_example_in_one(
        groups in prop::collection::vec(0..12_usize, 40..90),
        seed: u64,
        folds in 2..4_i64,
    ) {
        // Each of two classes in each group, so that there are enough.
        let groups: Vec<usize> = groups.into_iter().flat_map(|g| [g, g]).collect();
        let labels: Vec<usize> = (0..groups.len()).map(|i| i % 2).collect();
        if let Ok(repeats) = divide_all(&labels, Some(&groups), config(folds, 2), seed) {
            for fold_of in repeats {
                prop_assert_eq!(fold_of.len(), labels.len());
                for group in 0..12 {
                    let mut own: Vec<usize> = (0..groups.len())
                        .filter(|&e| groups[e] == group)
                        .map(|e| fold_of[e])
                        .collect();
                    own.dedup();
                    prop_assert!(own.len() <= 1);
                }
                let largest = (0..12)
                    .map(|group| groups.iter().filter(|g| **g == group).count())
                    .max()
                    .unwrap();
                #[allow(clippy::cast_sign_loss)]
                let uneven = spread(&fold_of, folds as usize, |_| true);
                prop_assert!(uneven <= largest, "{} of {}", uneven, largest);
            }
        }
    }
}
