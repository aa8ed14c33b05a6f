//! Which part of a row's key is new.

mod spaces;
mod views;

use std::collections::HashSet;
use std::fs;

use serde::Serialize;

use crate::dataset::Source;
use crate::features::{RowId, Store};

use super::super::checked::Checked;
use super::super::error::PipelineError;
use super::super::plan::parts;
use super::super::rows::Part;
use spaces::Elsewhere;
use views::Views;

/// How many images are named for a reason.
const NAMED: usize = 3;

/// Why rows would be computed.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Rows that a run needs.
    pub needed: usize,
    /// Rows that it would compute.
    pub missing: usize,
    /// Why, those with the most rows first.
    pub reasons: Vec<Reason>,
    /// Damaged shards of these rows' space that were set aside. Their rows look like new ones.
    pub set_aside: usize,
    /// What else came up.
    pub warnings: Vec<String>,
}

/// Some rows that would be computed for one reason.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// The reason.
    #[serde(flatten)]
    pub what: What,
    /// How many rows.
    pub rows: usize,
    /// Of how many images.
    pub images: usize,
    /// The ids of the first few.
    pub examples: Vec<String>,
}

/// What is new about rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum What {
    /// The image: no space of the cache has it.
    Image,
    /// What turns it into features: the cache has the image, in other spaces only.
    Space {
        /// The folder of the nearest of them.
        nearest: String,
        /// What is different now.
        changes: Vec<Change>,
    },
    /// The view: the image is there, and other views of it.
    View {
        /// What is different now; empty where nothing tells what it was before.
        changes: Vec<Change>,
    },
    /// More views of the same kind than before.
    MoreViews {
        /// Augmented views that are there.
        old: u32,
        /// Those that are wanted.
        new: u32,
    },
    /// Nothing: others of the image's views are there, before and after. A run was stopped, or a
    /// shard was lost.
    Nothing,
}

/// One part of a key that is different now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its name.
    pub field: String,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
}

/// An image with rows that are missing.
struct Image<'a> {
    id: &'a str,
    key: [u8; 32],
    /// Rows of it that a run computes, in order.
    missing: Vec<u32>,
    /// Views of it that are wanted, the plain one among them.
    wanted: u32,
}

/// Says for the rows that a run would compute which part of their keys is new. Reads every image
/// that is new or changed, and opens the other spaces of the store to see what they have. `read` is
/// called after each example.
///
/// # Errors
/// An image or the store cannot be read; a provider `auto` that has not chosen yet.
pub fn why(checked: &Checked, read: &mut dyn FnMut()) -> Result<Explanation, PipelineError> {
    checked.expect_decided()?;
    let (train, test) = parts(checked, read)?;
    let (store, warnings) = checked.store()?;
    let dataset = &checked.dataset;
    let mut images = Vec::new();
    let mut seen = HashSet::new();
    let mut needed = HashSet::new();
    for (source, part) in [
        (Some(&dataset.train), Some(&train)),
        (dataset.test.as_ref(), test.as_ref()),
    ] {
        let (Some(source), Some(part)) = (source, part) else {
            continue;
        };
        needed.extend(part.ids.iter().copied());
        lacking(source, part, &store, &mut seen, &mut images);
    }
    let mut explanation = Explanation {
        needed: needed.len(),
        missing: images.iter().map(|image| image.missing.len()).sum(),
        reasons: Vec::new(),
        set_aside: set_aside(&store),
        warnings: warnings.iter().map(ToString::to_string).collect(),
    };
    let space = &checked.space;
    let is_known = |image: &Image| store.missing(&[space.row(&image.key, "plain")]).is_empty();
    let (known, strange): (Vec<Image>, Vec<Image>) = images.into_iter().partition(is_known);
    let mut views = Views::new(checked, &store);
    for image in &known {
        explanation.count(image, views.reason(image));
    }
    let mut elsewhere = Elsewhere::look(checked, &strange, &mut explanation.warnings)?;
    for (index, image) in strange.iter().enumerate() {
        explanation.count(image, elsewhere.reason(index));
    }
    explanation
        .reasons
        .sort_by_key(|reason| std::cmp::Reverse(reason.rows));
    Ok(explanation)
}

/// The images of one side with rows that are missing, and not yet `seen` to be.
fn lacking<'a>(
    source: &'a Source,
    part: &Part,
    store: &Store,
    seen: &mut HashSet<RowId>,
    images: &mut Vec<Image<'a>>,
) {
    let wanted = u32::try_from(part.views).unwrap_or(u32::MAX);
    for index in store.missing(&part.ids) {
        if !seen.insert(part.ids[index]) {
            continue;
        }
        let row = part.rows[index];
        let (id, key) = (
            &source.examples()[row.example].id,
            part.examples[row.example],
        );
        match images.last_mut() {
            Some(last) if last.key == key && last.id == id => last.missing.push(row.view),
            _ => images.push(Image {
                id,
                key,
                missing: vec![row.view],
                wanted,
            }),
        }
    }
}

impl Explanation {
    fn count(&mut self, image: &Image, what: What) {
        let found = self.reasons.iter().position(|reason| reason.what == what);
        let index = found.unwrap_or_else(|| {
            self.reasons.push(Reason {
                what,
                rows: 0,
                images: 0,
                examples: Vec::new(),
            });
            self.reasons.len() - 1
        });
        let reason = &mut self.reasons[index];
        reason.rows += image.missing.len();
        reason.images += 1;
        if reason.examples.len() < NAMED {
            reason.examples.push(image.id.to_owned());
        }
    }
}

/// Shards of the space that were set aside.
fn set_aside(store: &Store) -> usize {
    fs::read_dir(store.path().join("damaged")).map_or(0, Iterator::count)
}
