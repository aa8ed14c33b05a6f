//! Which examples an epoch takes, by which of their views, and in which order.

use rand_chacha::ChaCha8Rng;

use crate::head::config::Sampling;
use crate::head::random::{below, shuffle};

/// An example and one of its views.
pub(super) type Draw = (usize, usize);

/// An epoch's draws over the members of a model, in a random order, each by a random view. All
/// orders are equally likely, whether the rows lie in memory or are streamed.
pub(super) fn draw(
    sampling: Sampling,
    members: &[usize],
    labels: &[usize],
    views: usize,
    random: &mut ChaCha8Rng,
) -> Vec<Draw> {
    let taken = match sampling {
        Sampling::Once => members.to_vec(),
        Sampling::Balanced => balanced(members, labels, random),
    };
    let with_view = |example| (example, below(random, views));
    let mut order: Vec<Draw> = taken.into_iter().map(with_view).collect();
    shuffle(&mut order, random);
    order
}

/// As many as there are members, the same number of each class that has any (give or take one, by
/// lot); a class's members are gone through in random orders, each to its end.
fn balanced(members: &[usize], labels: &[usize], random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for &example in members {
        let Some(&label) = labels.get(example) else {
            continue;
        };
        if classes.len() <= label {
            classes.resize(label + 1, Vec::new());
        }
        if let Some(class) = classes.get_mut(label) {
            class.push(example);
        }
    }
    classes.retain(|class| !class.is_empty());
    shuffle(&mut classes, random);
    let count = classes.len().max(1);
    let mut taken = Vec::with_capacity(members.len());
    for (number, class) in classes.iter_mut().enumerate() {
        let mut wanted = members.len() / count + usize::from(number < members.len() % count);
        while wanted > 0 {
            shuffle(class, random);
            let some = wanted.min(class.len());
            taken.extend(class.iter().take(some));
            wanted -= some;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::random::stream;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn over_the_epochs_every_view_of_every_example_comes_about_equally_often() {
        let members = [3, 5, 8, 9];
        let mut counts = BTreeMap::new();
        let mut orders = BTreeSet::new();
        for epoch in 0..2_000 {
            let mut random = stream("epoch", 1, &[0, epoch]);
            let drawn = draw(Sampling::Once, &members, &[0; 10], 4, &mut random);
            let mut order: Vec<usize> = drawn.iter().map(|(example, _)| *example).collect();
            orders.insert(order.clone());
            order.sort_unstable();
            assert_eq!(order, members);
            for pair in drawn {
                *counts.entry(pair).or_insert(0_u32) += 1;
            }
        }
        assert_eq!(orders.len(), 24);
        assert_eq!(counts.len(), 16);
        // 500 expected; five standard deviations are 5 * sqrt(2000 * 3/16) = 97.
        assert!(counts.values().all(|n| n.abs_diff(500) < 97), "{counts:?}");
    }

    #[test]
    fn balanced_epochs_have_as_many_of_each_class_and_spread_them_evenly() {
        // 20 of class 0, 7 of class 2, 3 of class 5; members are the odd ones of 60.
        let labels: Vec<usize> = (0..60)
            .map(|i| match i / 2 {
                0..20 => 0,
                20..27 => 2,
                _ => 5,
            })
            .collect();
        let members: Vec<usize> = (0..30).map(|i| 2 * i + 1).collect();
        for epoch in 0..20 {
            let mut random = stream("epoch", 1, &[epoch]);
            let drawn = draw(Sampling::Balanced, &members, &labels, 3, &mut random);
            assert_eq!(drawn.len(), 30);
            let mut counts = BTreeMap::new();
            for (example, view) in drawn {
                assert!(example % 2 == 1 && view < 3);
                *counts.entry(example).or_insert(0_usize) += 1;
            }
            for (class, size) in [(0, 20), (2, 7), (5, 3)] {
                let own = counts
                    .iter()
                    .filter(|(example, _)| labels[**example] == class);
                let own: Vec<usize> = own.map(|(_, count)| *count).collect();
                assert_eq!(own.iter().sum::<usize>(), 10, "class {class}");
                assert!(own.iter().all(|n| *n <= 10_usize.div_ceil(size)), "{own:?}");
            }
        }
    }
}
