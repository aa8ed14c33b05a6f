//! What is left of a minimisation that is interrupted.

use super::Prepared;
use super::path::Foremost;
use super::search::Search;
use super::walk::Walk;
use crate::head::error::HeadError;
use crate::head::train::Best;

impl Prepared<'_> {
    /// What is kept of a path that is interrupted.
    pub(super) fn best_of_path(&self, foremost: &Foremost) -> Best {
        let l2 = foremost.point.l2;
        let what = format!(
            "the model of the cross-validation's first fold at l2 {l2:.2e}, the best so far"
        );
        Best::of(self.network(&foremost.model), what)
    }

    /// `best`, or where that is nothing the model of the first fold as it stands.
    pub(super) fn or_first(&self, best: Best, walk: &Walk<'_>, how: &str) -> Best {
        best.or(|| match walk.first() {
            Some(model) => {
                let what = format!("the {how} model of the cross-validation's first fold");
                Best::of(self.network(model), what)
            }
            None => Best::default(),
        })
    }

    /// The same error; an interruption with the best model so far, or where none was judged with
    /// the head as it stands.
    pub(super) fn interrupted(
        &self,
        best: &mut Best,
        searches: &[Search],
        error: HeadError,
    ) -> HeadError {
        let unfinished = || match searches.first().and_then(Search::moved) {
            Some(point) => {
                let what = "the unfinished solution of all examples".to_owned();
                Best::of(self.network(point), what)
            }
            None => Best::default(),
        };
        std::mem::take(best).or(unfinished).instead(error)
    }
}
