//! Dealing examples into the folds of a cross-validation.

use crate::head::config::ValidationConfig;
use crate::head::error::{Dealt, HeadError, Parts};
use crate::head::examples::Examples;
use crate::head::random::{shuffle, stream};

/// The fold of each example, for each repeat: `[repeats][examples]`. Stratified; what is of one
/// group comes into one fold. Each repeat deals anew; the first is the same however many there are.
///
/// # Errors
/// A class with fewer examples, or in fewer groups, than folds.
pub(in crate::head) fn divide(
    examples: &Examples<'_>,
    config: ValidationConfig,
    seed: u64,
) -> Result<Vec<Vec<usize>>, HeadError> {
    let folds = config.folds.get();
    let members = members(examples.labels, examples.classes);
    let parts = match config.one_part {
        true => Parts::OneOf(folds),
        false => Parts::Folds(folds),
    };
    check(examples, &members, folds, parts)?;
    let deal = |repeat: usize| {
        // The first has the stream that it had before there were repeats.
        let key = repeat as u64;
        let keys: &[u64] = if repeat == 0 { &[] } else { &[key] };
        let random = &mut stream("folds", seed, keys);
        match examples.groups {
            None => stratified(members.clone(), examples.len(), folds, random),
            Some(groups) => grouped(examples, groups, folds, random),
        }
    };
    Ok((0..config.repeats.get()).map(deal).collect())
}

/// The examples of each class.
fn members(labels: &[usize], classes: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); classes];
    for (example, &label) in labels.iter().enumerate() {
        if let Some(class) = members.get_mut(label) {
            class.push(example);
        }
    }
    members
}

/// Whether each class has enough to be in every fold.
fn check(
    examples: &Examples<'_>,
    members: &[Vec<usize>],
    folds: usize,
    parts: Parts,
) -> Result<(), HeadError> {
    for (class, own) in members.iter().enumerate() {
        let (count, of) = match examples.groups {
            None => (own.len(), Dealt::Examples),
            Some(groups) => {
                let mut groups: Vec<usize> = own.iter().map(|&e| groups[e]).collect();
                groups.sort_unstable();
                groups.dedup();
                (groups.len(), Dealt::Groups)
            }
        };
        if count < folds {
            return Err(HeadError::TooFewForFolds {
                class,
                name: None,
                count,
                parts,
                of,
            });
        }
    }
    Ok(())
}

/// Every class is shuffled and dealt out like cards, each class going on where the one before
/// stopped. Folds differ by at most one example, in all and in each class.
fn stratified(
    members: Vec<Vec<usize>>,
    count: usize,
    folds: usize,
    random: &mut impl rand_chacha::rand_core::Rng,
) -> Vec<usize> {
    let mut fold_of = vec![0; count];
    let mut next = 0;
    for mut examples in members {
        shuffle(&mut examples, random);
        for example in examples {
            fold_of[example] = next;
            next = (next + 1) % folds;
        }
    }
    fold_of
}

/// Whole groups, stratified as far as they allow: in a random order, but the largest first, each
/// into the fold where it leaves the classes most evenly spread. That is a greedy search for the
/// smallest
///
/// > Σ over folds and classes of (examples of the class in the fold / examples of the class)²
///
/// and between equals for the smallest fold. (scikit-learn's `StratifiedGroupKFold` has the same
/// order, by spread within a group, and compares standard deviations.) Groups of one example each
/// are dealt as [`stratified`] does, up to the order.
fn grouped(
    examples: &Examples<'_>,
    groups: &[usize],
    folds: usize,
    random: &mut impl rand_chacha::rand_core::Rng,
) -> Vec<usize> {
    let mut all = members(groups, groups.iter().max().map_or(0, |most| most + 1));
    all.retain(|group| !group.is_empty());
    shuffle(&mut all, random);
    all.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let totals = examples.class_counts();
    let mut counts = vec![vec![0_usize; examples.classes]; folds];
    let mut sizes = vec![0_usize; folds];
    let mut fold_of = vec![0; examples.len()];
    for group in all {
        let own = class_counts(&group, examples.labels);
        let fold = evenest(&own, &totals, &counts, &sizes);
        for &(class, count) in &own {
            counts[fold][class] += count;
        }
        sizes[fold] += group.len();
        for example in group {
            fold_of[example] = fold;
        }
    }
    fold_of
}

/// How many examples of each class some examples are, for the classes that they have.
fn class_counts(some: &[usize], labels: &[usize]) -> Vec<(usize, usize)> {
    let mut own: Vec<usize> = some.iter().map(|&example| labels[example]).collect();
    own.sort_unstable();
    own.chunk_by(|a, b| a == b)
        .filter_map(|run| Some((*run.first()?, run.len())))
        .collect()
}

/// The fold whose sum of squared shares grows least when the classes `own` come to it.
fn evenest(
    own: &[(usize, usize)],
    totals: &[usize],
    counts: &[Vec<usize>],
    sizes: &[usize],
) -> usize {
    #[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
    let growth = |fold: &usize| -> f64 {
        let of_class = |&(class, count): &(usize, usize)| {
            let total = totals[class].max(1) as f64;
            let added = (2 * counts[*fold][class] * count + count * count) as f64;
            added / total / total
        };
        own.iter().map(of_class).sum()
    };
    let worse = |a: &usize, b: &usize| {
        growth(a)
            .total_cmp(&growth(b))
            .then(sizes[*a].cmp(&sizes[*b]))
    };
    (0..counts.len()).min_by(worse).unwrap_or(0)
}

#[cfg(test)]
mod tests;
