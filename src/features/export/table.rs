//! What is written: rows, and what is known of each.

use super::ExportError;
use crate::features::RowId;

/// What is to be written. What is given of each row has as many values as there are rows.
#[derive(Default)]
pub struct Table<'a> {
    /// The rows, in order.
    pub rows: &'a [RowId],
    /// The name of each row.
    pub ids: Vec<&'a str>,
    /// The class of each row, where there are classes.
    pub labels: Option<Labels<'a>>,
    /// The side of each row, `train` or `test`, where there are sides.
    pub splits: Option<Vec<&'static str>>,
    /// The number of each row's view, 0 being the plain image, where there may be others.
    pub views: Option<Vec<u32>>,
    /// What else is said about them: attributes of HDF5, metadata of Parquet and safetensors; the
    /// other forms have no place for it.
    pub about: Vec<(&'static str, String)>,
    /// A list that belongs beside the file, by what takes the place of its ending
    /// (`skipped.csv`), and its content; without content an older one is removed.
    pub beside: Option<(&'static str, Option<Vec<u8>>)>,
}

/// Classes of rows.
pub struct Labels<'a> {
    /// The names, in the order that labels count.
    pub classes: &'a [String],
    /// The class of each row; None where it is not known.
    pub rows: Vec<Option<usize>>,
}

impl Labels<'_> {
    /// The name of each row's class.
    pub(super) fn names(&self) -> impl Iterator<Item = Option<&str>> {
        let name = |class: &usize| self.classes.get(*class).map(String::as_str);
        self.rows
            .iter()
            .map(move |class| class.as_ref().and_then(name))
    }

    /// The number of each row's class, -1 where it is not known.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i64> {
        let number = |class: &usize| i64::try_from(*class).ok();
        self.rows
            .iter()
            .map(move |class| class.as_ref().and_then(number).unwrap_or(-1))
    }
}

/// A value of each row, for forms whose cells are text.
pub(super) type Texts<'t> = Box<dyn Iterator<Item = String> + 't>;

impl Table<'_> {
    /// Whether there is more to say of a row than its id.
    pub(super) fn has_facts(&self) -> bool {
        self.labels.is_some() || self.splits.is_some() || self.views.is_some()
    }

    /// The heading and the cells of each row before its features: `id`, and `label`, `split` and
    /// `view` where they are known.
    pub(super) fn cells(&self) -> (Vec<&'static str>, Vec<Texts<'_>>) {
        let ids: Texts<'_> = Box::new(self.ids.iter().map(|id| (*id).to_owned()));
        let (mut names, mut cells) = (vec!["id"], vec![ids]);
        if let Some(labels) = &self.labels {
            names.push("label");
            cells.push(Box::new(
                labels
                    .names()
                    .map(|name| name.unwrap_or_default().to_owned()),
            ));
        }
        if let Some(splits) = &self.splits {
            names.push("split");
            cells.push(Box::new(splits.iter().map(|split| (*split).to_owned())));
        }
        if let Some(views) = &self.views {
            names.push("view");
            cells.push(Box::new(views.iter().map(u32::to_string)));
        }
        (names, cells)
    }

    /// # Errors
    /// [`ExportError::Uneven`].
    pub(super) fn check(&self) -> Result<(), ExportError> {
        let columns = [
            ("ids", Some(self.ids.len())),
            (
                "labels",
                self.labels.as_ref().map(|labels| labels.rows.len()),
            ),
            ("splits", self.splits.as_ref().map(Vec::len)),
            ("views", self.views.as_ref().map(Vec::len)),
        ];
        let rows = self.rows.len();
        for (column, found) in columns {
            if let Some(found) = found.filter(|found| *found != rows) {
                return Err(ExportError::Uneven {
                    column,
                    found,
                    rows,
                });
            }
        }
        Ok(())
    }
}
