//! Dealing examples into the folds of a cross-validation.

use crate::head::error::HeadError;
use crate::head::random::{shuffle, stream};

/// The fold of each example, stratified: every class is shuffled and dealt out like cards, each
/// class going on where the one before stopped. Folds differ by at most one example, in all and in
/// each class.
///
/// # Errors
/// A class with fewer examples than folds.
pub(super) fn stratified(
    labels: &[usize],
    classes: usize,
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, HeadError> {
    let mut members = vec![Vec::new(); classes];
    for (example, &label) in labels.iter().enumerate() {
        if let Some(class) = members.get_mut(label) {
            class.push(example);
        }
    }
    let mut random = stream("folds", seed, &[]);
    let mut fold_of = vec![0; labels.len()];
    let mut next = 0;
    for (class, examples) in members.iter_mut().enumerate() {
        if examples.len() < folds {
            return Err(HeadError::TooFewForFolds {
                class,
                count: examples.len(),
                folds,
            });
        }
        shuffle(examples, &mut random);
        for &example in examples.iter() {
            fold_of[example] = next;
            next = (next + 1) % folds;
        }
    }
    Ok(fold_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<usize> {
        (0..53)
            .map(|i| if i % 5 == 0 { 2 } else { i % 2 })
            .collect()
    }

    #[test]
    fn folds_are_even_in_all_and_in_each_class() {
        let labels = labels();
        let folds = stratified(&labels, 3, 5, 1).unwrap();
        let spread = |keep: &dyn Fn(usize) -> bool| {
            let mut counts = [0_usize; 5];
            for (i, &fold) in folds.iter().enumerate() {
                counts[fold] += usize::from(keep(labels[i]));
            }
            counts.iter().max().unwrap() - counts.iter().min().unwrap()
        };
        assert!(spread(&|_| true) <= 1);
        for class in 0..3 {
            assert!(spread(&|label| label == class) <= 1);
        }
    }

    #[test]
    fn folds_follow_the_seed() {
        let labels = labels();
        let folds = |seed| stratified(&labels, 3, 5, seed).unwrap();
        assert_eq!(folds(1), folds(1));
        assert_ne!(folds(1), folds(2));
    }

    #[test]
    fn a_small_class_is_named_with_the_way_out() {
        let message = |labels: &[usize]| stratified(labels, 2, 3, 0).unwrap_err().to_string();
        assert_eq!(
            message(&[0, 0, 0, 1, 1]),
            "class 1 has 2 training examples, fewer than the 3 folds of `validation`: \
             add examples of it, or set `folds` to 2 or less"
        );
        assert!(message(&[0, 0, 0]).ends_with("add examples of it, or leave `validation` out"));
    }
}
