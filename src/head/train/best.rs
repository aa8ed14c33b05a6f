//! The best head so far, for a training that is interrupted.

use super::trainer::Trainer;
use crate::head::error::HeadError;
use crate::head::model::Head;
use crate::head::network::Network;

/// What there is of a training that was interrupted.
#[derive(Debug)]
pub struct Partial {
    /// The best head so far; `None` before there was any.
    pub head: Option<Head>,
    /// Which one that is, for a person.
    pub what: String,
}

/// The best head so far. What has been judged on examples that it had not seen comes before what
/// has not: in cross-validation the model of the first fold, at the epoch that is best over all
/// folds; without it the final training as it stands. Of a head that L-BFGS solves it is likewise
/// the model of the first fold, at the best `l2` so far.
#[derive(Debug, Default)]
pub(in crate::head) struct Best {
    kept: Option<(Network<f32>, String)>,
}

impl Partial {
    /// Nothing.
    pub(in crate::head) fn none() -> Self {
        Self {
            head: None,
            what: "no step had been taken".to_owned(),
        }
    }
}

impl From<Head> for Partial {
    /// A head whose training had just come to its end.
    fn from(head: Head) -> Self {
        Self {
            head: Some(head),
            what: "the finished head".to_owned(),
        }
    }
}

impl Best {
    /// This one, and which it is.
    pub(in crate::head) fn of(network: Network<f32>, what: String) -> Self {
        Self {
            kept: Some((network, what)),
        }
    }

    /// The model of the first fold, at the best epoch so far.
    pub(super) fn keep(&mut self, network: &Network<f32>, epoch: usize) {
        let what = format!(
            "the model of the cross-validation's first fold after epoch {epoch}, the best so far"
        );
        match &mut self.kept {
            Some((kept, told)) => {
                kept.clone_from(network);
                *told = what;
            }
            None => self.kept = Some((network.clone(), what)),
        }
    }

    /// What is kept.
    pub(super) fn into_network(self) -> Option<Network<f32>> {
        self.kept.map(|(network, _)| network)
    }

    /// The final training as it stands in `epoch`, unless there is something better.
    pub(super) fn or_unfinished(&mut self, trainer: Trainer<'_, '_>, epoch: usize, of: usize) {
        if self.kept.is_some() || trainer.steps() == 0 {
            return;
        }
        let what = format!("the training in epoch {epoch} of {of}");
        self.kept = Some((trainer.into_network(), what));
    }

    /// This, or `other` where this is nothing.
    pub(in crate::head) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self.kept {
            Some(_) => self,
            None => other(),
        }
    }

    /// The same error; an interruption with what there is.
    pub(in crate::head) fn instead(&mut self, error: HeadError) -> HeadError {
        match (error, self.kept.take()) {
            (HeadError::Interrupted(_), Some((network, what))) => {
                let head = Some(Head::new(network));
                HeadError::Interrupted(Box::new(Partial { head, what }))
            }
            (error, _) => error,
        }
    }
}
