//! Who watches a training.

use super::EpochRow;
use crate::head::search::Trial;

/// Watches a training.
pub trait Watch {
    /// An epoch is done.
    fn epoch(&mut self, row: &EpochRow);

    /// The trial of a search begins; its place, from 0, and how many there are.
    fn trial_begins(&mut self, _place: usize, _of: usize) {}

    /// The trial is done.
    fn trial_ended(&mut self, _trial: &Trial) {}
}

/// Shows a function the epochs and nothing else.
pub(super) struct Epochs<'a>(pub(super) &'a mut dyn FnMut(&EpochRow));

impl Watch for Epochs<'_> {
    fn epoch(&mut self, row: &EpochRow) {
        (self.0)(row);
    }
}
