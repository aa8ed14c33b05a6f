//! When to stop: the best epoch, and how long to wait for a better one.

/// Keeps the epoch of the lowest loss, or of whatever else is the better the lower it is.
#[derive(Debug)]
pub(super) struct Patience {
    patience: usize,
    best: Option<(usize, f64)>,
}

/// What an epoch's loss means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The lowest so far.
    Best,
    /// Not lower, but there is still patience.
    Wait,
    /// `patience` epochs have gone by since the best one.
    Stop,
}

impl Patience {
    pub(super) fn new(patience: usize) -> Self {
        Self {
            patience,
            best: None,
        }
    }

    /// Takes in the loss of an epoch; a tie is not an improvement.
    pub(super) fn observe(&mut self, epoch: usize, loss: f64) -> Verdict {
        match self.best {
            Some((_, best)) if loss.partial_cmp(&best) != Some(std::cmp::Ordering::Less) => {}
            _ => {
                self.best = Some((epoch, loss));
                return Verdict::Best;
            }
        }
        let since = self.best.map_or(0, |(best, _)| epoch.saturating_sub(best));
        if since >= self.patience {
            Verdict::Stop
        } else {
            Verdict::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses by epoch (from 1), patience, then the best epoch and the epoch where it stops.
    type Case = (&'static [f64], usize, usize, Option<usize>);

    const CASES: &[Case] = &[
        (&[3.0, 2.0, 1.0], 1, 3, None),
        (&[3.0, 2.0, 2.5, 1.0], 1, 2, Some(3)),
        (&[3.0, 2.0, 2.5, 1.0], 2, 4, None),
        (&[1.0, 2.0, 3.0, 4.0], 3, 1, Some(4)),
        (&[1.0, 1.0, 1.0, 1.0], 2, 1, Some(3)),
        (&[5.0, 6.0, 4.0, 5.0, 4.5, 3.9], 2, 3, Some(5)),
        (&[5.0, f64::NAN, 4.0], 2, 3, None),
    ];

    #[test]
    fn a_table() {
        for &(losses, patience, best, stop) in CASES {
            let mut watch = Patience::new(patience);
            let mut last_best = 0;
            let mut stopped = None;
            for (epoch, &loss) in (1..).zip(losses) {
                match watch.observe(epoch, loss) {
                    Verdict::Best => last_best = epoch,
                    Verdict::Wait => {}
                    Verdict::Stop => {
                        stopped = Some(epoch);
                        break;
                    }
                }
            }
            assert_eq!(
                (last_best, stopped),
                (best, stop),
                "{losses:?}, patience {patience}"
            );
        }
    }
}
