//! What is not as it should be with a head, though it can be used.

use std::fmt;

use super::error::Model;
use super::logistic::End;

/// Something that a user should know of a trained head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warning {
    /// L-BFGS ended before its tolerance was reached.
    NotConverged {
        /// Which model.
        model: Model,
        /// Steps that it took.
        iterations: usize,
        /// Steps that it might take.
        limit: usize,
        /// The largest element of the gradient that it came to.
        gradient: f64,
        /// The one it was to come to.
        tolerance: f64,
        /// The weight of the penalty.
        l2: f64,
    },
    /// The best `l2` of a path is its smallest or largest.
    PathEnd {
        /// The value.
        l2: f64,
        /// At which end.
        end: End,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotConverged {
                model,
                iterations,
                limit,
                gradient,
                tolerance,
                l2,
            } => {
                write!(
                    f,
                    "the logistic head of {model} is not solved to its tolerance: after {iterations} \
                     steps with l2 {l2:.3e} the gradient is {gradient:.1e}, not {tolerance:.1e}; "
                )?;
                let more = limit.saturating_mul(10);
                match (iterations < limit, l2 > 0.0) {
                    (true, _) => write!(
                        f,
                        "rounding allows no more: bring features to about 1, or ask for less, e.g. \
                         `head: {{logistic: {{tolerance: {:.0e}}}}}`",
                        gradient * 2.0
                    ),
                    (false, true) => write!(
                        f,
                        "allow more steps, `head: {{logistic: {{iterations: {more}}}}}`, or a larger `l2`"
                    ),
                    (false, false) => write!(
                        f,
                        "without a penalty there may be no minimum: give `l2` a value, or `l2: auto`"
                    ),
                }
            }
            Self::PathEnd { l2, end } => {
                let (which, key, value) = match end {
                    End::Smallest => ("smallest", "from", l2 / 100.0),
                    End::Largest => ("largest", "to", l2 * 100.0),
                };
                write!(
                    f,
                    "the best l2, {l2:.3e}, is the {which} that was tried: a better one may lie beyond; \
                     try `l2: {{auto: {{{key}: {value:.1e}}}}}`"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_to_change() {
        let stopped = |iterations, l2| Warning::NotConverged {
            model: Model::Final,
            iterations,
            limit: 10,
            gradient: 3e-3,
            tolerance: 1e-8,
            l2,
        };
        let end = |end| Warning::PathEnd { l2: 1e-7, end };
        let all = [
            stopped(10, 1e-3),
            stopped(10, 0.0),
            stopped(4, 1e-3),
            end(End::Smallest),
            end(End::Largest),
        ];
        let told: Vec<String> = all.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
