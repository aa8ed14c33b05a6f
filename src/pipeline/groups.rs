//! Which training examples stay on one side of any division.

use std::collections::HashMap;

use crate::dataset::Source;

use super::rows::Part;

/// The training examples that stay together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Groups {
    /// The group of each example, by a number; `None` where each is one of its own.
    pub(super) of: Option<Vec<usize>>,
    /// Examples with the same content as one before them.
    pub(super) copies: usize,
}

impl Groups {
    /// What the dataset calls a group, and what has the same content: a copy of a picture that is
    /// held out must not be learned from.
    pub(super) fn new(source: &Source, part: &Part) -> Self {
        Self::of(source.group_numbers(), &part.examples)
    }

    fn of(named: Option<Vec<usize>>, contents: &[[u8; 32]]) -> Self {
        let mut first = HashMap::new();
        let same: Vec<usize> = contents
            .iter()
            .enumerate()
            .map(|(example, content)| *first.entry(content).or_insert(example))
            .collect();
        let copies = contents.len() - first.len();
        if copies == 0 {
            return Self { of: named, copies };
        }
        let alone = || (0..contents.len()).collect();
        let mut groups = named.unwrap_or_else(alone);
        join(&mut groups, &same);
        Self {
            of: Some(groups),
            copies,
        }
    }
}

/// Joins the groups of the examples that are the `same` as an earlier one. A group goes by the
/// number of the one that it was joined to.
fn join(groups: &mut [usize], same: &[usize]) {
    let most = groups.iter().max().map_or(0, |most| most + 1);
    let mut joined: Vec<usize> = (0..most).collect();
    let root = |joined: &[usize], mut group: usize| {
        while joined[group] != group {
            group = joined[group];
        }
        group
    };
    for (example, &first) in same.iter().enumerate() {
        let (a, b) = (root(&joined, groups[first]), root(&joined, groups[example]));
        joined[a.max(b)] = a.min(b);
    }
    for group in groups {
        *group = root(&joined, *group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(letters: &str) -> Vec<[u8; 32]> {
        letters.bytes().map(|letter| [letter; 32]).collect()
    }

    #[test]
    fn copies_are_a_group_and_join_those_that_they_are_in() {
        let of = |named: Option<&[usize]>, letters| {
            let found = Groups::of(named.map(<[usize]>::to_vec), &contents(letters));
            (found.of, found.copies)
        };
        assert_eq!(of(None, "abcd"), (None, 0));
        assert_eq!(of(Some(&[0, 0, 1, 2]), "abcd"), (Some(vec![0, 0, 1, 2]), 0));
        assert_eq!(of(None, "abad"), (Some(vec![0, 1, 0, 3]), 1));
        // The third is a copy of the first, and so brings its group along.
        assert_eq!(of(Some(&[0, 1, 2, 2]), "abad"), (Some(vec![0, 1, 0, 0]), 1));
        assert_eq!(of(Some(&[0, 1, 2, 3]), "abba"), (Some(vec![0, 1, 1, 0]), 2));
        assert_eq!(of(Some(&[0, 1, 0, 2]), "aabb"), (Some(vec![0, 0, 0, 0]), 2));
        assert_eq!(of(None, ""), (None, 0));
    }
}
