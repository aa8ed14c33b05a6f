//! Images that other spaces of the store have.

use serde_json::Value;

use crate::features::{Space, Store, spaces};

use super::super::super::checked::Checked;
use super::super::super::error::PipelineError;
use super::super::store_in;
use super::{Change, Image, What};

/// For each image, what is different about the nearest space that has it.
pub(super) struct Elsewhere(Vec<What>);

/// Another space, and which of the images it has.
struct Other {
    space: Space,
    changes: Vec<Change>,
    has: Vec<usize>,
}

impl Elsewhere {
    /// Looks for the plain rows of `images` in the other spaces of the store. The space with the
    /// most of them speaks for those that it has, then the next; of equal ones that with the
    /// fewest differences.
    pub(super) fn look(
        checked: &Checked,
        images: &[Image],
        warnings: &mut Vec<String>,
    ) -> Result<Self, PipelineError> {
        let mut found = Self(vec![What::Image; images.len()]);
        if images.is_empty() {
            return Ok(found);
        }
        let mut others = others(checked, images, warnings)?;
        loop {
            others
                .iter_mut()
                .for_each(|other| other.has.retain(|&i| found.0[i] == What::Image));
            others.retain(|other| !other.has.is_empty());
            others.sort_by_cached_key(|other| {
                (
                    std::cmp::Reverse(other.has.len()),
                    other.changes.len(),
                    other.space.digest(),
                )
            });
            let Some(nearest) = others.first() else {
                return Ok(found);
            };
            for &image in &nearest.has {
                found.0[image] = What::Space {
                    nearest: nearest.space.folder(),
                    changes: nearest.changes.clone(),
                };
            }
        }
    }

    pub(super) fn reason(&mut self, image: usize) -> What {
        self.0[image].clone()
    }
}

fn others(
    checked: &Checked,
    images: &[Image],
    warnings: &mut Vec<String>,
) -> Result<Vec<Other>, PipelineError> {
    let root = store_in(&checked.options.cache);
    let shelf = checked.options.shelf();
    let mut others = Vec::new();
    for space in spaces(&root)?
        .into_iter()
        .filter(|space| *space != checked.space)
    {
        let store = match Store::open_changed(&root, &space, &shelf) {
            Ok((store, told)) => {
                warnings.extend(told.iter().map(ToString::to_string));
                store
            }
            // What one of many others can't say is no reason to say nothing.
            Err(error) => {
                warnings.push(error.to_string());
                continue;
            }
        };
        let ids: Vec<_> = images
            .iter()
            .map(|image| space.row(&image.key, "plain"))
            .collect();
        let mut has = vec![true; ids.len()];
        let missing: std::collections::HashSet<_> =
            store.missing(&ids).into_iter().map(|i| ids[i]).collect();
        for (has, id) in has.iter_mut().zip(&ids) {
            *has = !missing.contains(id);
        }
        others.push(Other {
            changes: changes(&space, &checked.space),
            has: (0..ids.len()).filter(|&i| has[i]).collect(),
            space,
        });
    }
    Ok(others)
}

/// The fields in which two spaces differ.
fn changes(old: &Space, new: &Space) -> Vec<Change> {
    let fields = |space| match serde_json::to_value(space) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    };
    let (old, new) = (fields(old), fields(new));
    let mut names: Vec<&String> = new.keys().collect();
    names.extend(old.keys().filter(|name| !new.contains_key(*name)));
    let differing = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    differing
        .map(|name| Change {
            field: name.clone(),
            old: text(old.get(name)),
            new: text(new.get(name)),
        })
        .collect()
}
