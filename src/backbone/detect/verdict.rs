//! What the figures allow to say.

use super::convention::{Convention, Rule};
use super::race::Trial;

/// Fewer pictures say nothing about the next one.
pub const FEWEST: usize = 16;

/// By how many standard errors the best convention must lead.
pub const MARGIN: f64 = 2.5;

/// The score below which no convention makes sense of the pictures.
pub const LEAST: f64 = 0.1;

/// What can be said about the preprocessing.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// One convention leads clearly.
    Told {
        /// Its values.
        convention: Convention,
        /// Its resize rule, where one of the two leads clearly.
        rule: Option<Rule>,
        /// By how many standard errors it leads, and before what ([`Convention::label`]); `None`
        /// where all others were dropped early.
        next: Option<(f64, String)>,
    },
    /// Several conventions are too close.
    Tied {
        /// The best first, with what each is behind in standard errors.
        rivals: Vec<(Convention, f64)>,
    },
    /// There are not enough pictures.
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// Under no convention the answers follow the pictures.
    Nothing {
        /// The best score.
        best: f64,
    },
}

impl Verdict {
    /// Of trials that are sorted, the best first.
    pub(super) fn of(trials: &[Trial], pictures: usize) -> Self {
        if pictures < FEWEST {
            return Self::TooFew { found: pictures };
        }
        let score = |trial: &&Trial| trial.figures.map(|figures| figures.score);
        let best = trials.first().filter(|trial| score(trial) >= Some(LEAST));
        let Some(best) = best else {
            let best = trials
                .iter()
                .filter_map(|trial| score(&trial))
                .fold(0.0, f64::max);
            return Self::Nothing { best };
        };
        let running = || trials.iter().filter(|t| !t.dropped && t.figures.is_some());
        // Each other convention with the resize rule that does it best.
        let mut others: Vec<(Convention, f64)> = Vec::new();
        for trial in running().filter(|trial| trial.convention != best.convention) {
            match others.iter_mut().find(|(c, _)| *c == trial.convention) {
                Some((_, behind)) => *behind = behind.min(trial.behind),
                None => others.push((trial.convention, trial.behind)),
            }
        }
        others.sort_by(|a, b| a.1.total_cmp(&b.1));
        let close = others.iter().take_while(|(_, behind)| *behind < MARGIN);
        let rivals: Vec<_> = close.copied().collect();
        if !rivals.is_empty() {
            let rivals = [vec![(best.convention, 0.0)], rivals].concat();
            return Self::Tied { rivals };
        }
        let other_rule = |t: &&Trial| t.convention == best.convention && t.rule != best.rule;
        let undecided = running()
            .find(other_rule)
            .is_some_and(|t| t.behind < MARGIN);
        Self::Told {
            convention: best.convention,
            rule: (!undecided).then_some(best.rule),
            next: others
                .first()
                .map(|(convention, behind)| (*behind, convention.label())),
        }
    }
}
