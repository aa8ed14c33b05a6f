//! Who watches a training.

use super::EpochRow;
use crate::head::logistic::L2Point;
use crate::head::search::Trial;
use crate::stop::Stop;

/// Watches a training.
pub trait Watch {
    /// An epoch is done.
    fn epoch(&mut self, row: &EpochRow);

    /// The request to end: training looks at it between two steps, and then fails with
    /// [`HeadError::Interrupted`](crate::head::HeadError::Interrupted), which has the best head so
    /// far. Nobody makes it by default.
    fn stop(&self) -> Stop {
        Stop::default()
    }

    /// The trial of a search begins; its place, from 0, and how many there are.
    fn trial_begins(&mut self, _place: usize, _of: usize) {}

    /// `l2: auto` has cross-validated a value.
    fn l2_tried(&mut self, _point: &L2Point) {}

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
