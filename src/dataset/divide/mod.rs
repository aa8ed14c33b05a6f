//! One source divided into a training and a test side.

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::config::SplitConfig;
use super::error::{DatasetError, Split};
use super::parallel;
use super::source::Source;

/// Divides `whole` as `split` says, or as its examples themselves do. Where images have to be read
/// for that, `watch` is told how many examples are drawn, and of how many.
///
/// # Errors
/// Nobody says how, or both do; a file that cannot be read; a side, or a class on one side, that
/// no example falls on.
pub(super) fn divide(
    whole: &Source,
    split: Option<&SplitConfig>,
    watch: &mut dyn FnMut(usize, usize),
) -> Result<(Source, Source), DatasetError> {
    let told = whole.sides().iter().any(Option::is_some);
    let sides = match (split, told) {
        (Some(_), true) => return Err(DatasetError::TwoSplits),
        (None, false) => return Err(DatasetError::NoSplit),
        (None, true) => told_sides(whole)?,
        (Some(split), false) => drawn_sides(whole, split, watch)?,
    };
    let part = |side: Split| {
        let wanted = (0..).zip(&sides).filter(|(_, found)| **found == side);
        let indices: Vec<usize> = wanted.map(|(i, _)| i).collect();
        whole.part(side.name(), &indices)
    };
    let (train, test) = (part(Split::Train), part(Split::Test));
    let stratified = split.is_some_and(|split| split.stratified);
    for (source, split) in [(&train, Split::Train), (&test, Split::Test)] {
        check_side(source, split, stratified)?;
    }
    Ok((train, test))
}

fn told_sides(whole: &Source) -> Result<Vec<Split>, DatasetError> {
    let sides = whole.sides().iter().zip(whole.examples());
    sides
        .map(|(side, example)| {
            side.ok_or_else(|| DatasetError::NoSide {
                id: example.id.clone(),
            })
        })
        .collect()
}

fn drawn_sides(
    whole: &Source,
    split: &SplitConfig,
    watch: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Split>, DatasetError> {
    let total = whole.examples().len();
    let group = |i: usize| whole.groups().get(i).and_then(Option::as_deref);
    let draw_one = |i| {
        Ok(match group(i) {
            Some(group) => draw(split, "group", group.as_bytes()),
            None => draw(split, "content", &whole.draw_key(i)?),
        })
    };
    let reads = (0..total).any(|i| group(i).is_none());
    let mut done = 0;
    let mut one = || {
        done += 1;
        if reads {
            watch(done, total);
        }
    };
    let drawn = parallel::map_watched(total, draw_one, &mut one);
    drawn.into_iter().collect()
}

/// The side of whatever is known by `key`: a test example with probability `split.test`, by the
/// first 53 bits of a hash of seed and key.
fn draw(split: &SplitConfig, what: &str, key: &[u8]) -> Split {
    let hash = Sha256::new()
        .chain_update(b"catpipe split v1\0")
        .chain_update(split.seed.to_le_bytes())
        .chain_update(what)
        .chain_update(b"\0")
        .chain_update(key)
        .finalize();
    let bits = hash.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b));
    if (bits >> 11) as f64 / (1u64 << 53) as f64 >= split.test.get() {
        Split::Train
    } else {
        Split::Test
    }
}

/// A side has examples; where the division is stratified, of every class.
fn check_side(source: &Source, split: Split, stratified: bool) -> Result<(), DatasetError> {
    let empty = |class| Err(DatasetError::EmptySide { class, split });
    if source.examples().is_empty() {
        return empty(None);
    }
    if !stratified {
        return Ok(());
    }
    let mut there = vec![false; source.classes().len()];
    for example in source.examples() {
        if let Some(class) = example.label.and_then(|label| there.get_mut(label)) {
            *class = true;
        }
    }
    match there.iter().position(|there| !there) {
        Some(class) => empty(source.classes().get(class).cloned()),
        None => Ok(()),
    }
}

/// No group stands on both sides.
pub(super) fn check_groups(train: &Source, test: &Source) -> Result<(), DatasetError> {
    let ids = |source: &Source| -> Vec<(String, String)> {
        let groups = source.groups().iter().zip(source.examples());
        groups
            .filter_map(|(group, example)| Some((group.clone()?, example.id.clone())))
            .collect()
    };
    let training: HashMap<String, String> = ids(train).into_iter().collect();
    for (group, test) in ids(test) {
        if let Some(train) = training.get(&group) {
            let train = train.clone();
            return Err(DatasetError::GroupOnBothSides { group, train, test });
        }
    }
    Ok(())
}
