//! An axis of a plot.

/// An axis: its name, its range, and how its values are written.
#[derive(Clone, Debug)]
pub(in crate::report) struct Axis {
    pub(super) name: String,
    pub(super) range: [f64; 2],
    scale: Scale,
    labelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Linear,
    Percent,
    Whole,
    Log,
}

impl Axis {
    /// From 0 to 1, written as percentages.
    pub(in crate::report) fn percent(name: &str) -> Self {
        Self::new(name, [0.0, 1.0], Scale::Percent)
    }

    /// Percentages from a round one below the least of `values`, to 100.
    pub(in crate::report) fn upper_percent(name: &str, values: impl Iterator<Item = f64>) -> Self {
        let least = values.filter(|v| v.is_finite()).fold(1.0, f64::min);
        let from = ((least - 0.02) * 10.0).floor().clamp(0.0, 9.0) / 10.0;
        Self::new(name, [from, 1.0], Scale::Percent)
    }

    /// Whole numbers.
    pub(in crate::report) fn whole(name: &str, values: impl Iterator<Item = f64>) -> Self {
        Self::new(name, around(values, 0.0), Scale::Whole)
    }

    /// From 0 to a little over the largest of `values`.
    pub(in crate::report) fn from_zero(name: &str, values: impl Iterator<Item = f64>) -> Self {
        let [_, high] = around(values, 0.05);
        Self::new(
            name,
            [0.0, if high > 0.0 { high } else { 1.0 }],
            Scale::Linear,
        )
    }

    /// Powers of ten; values that are not above 0 have no place.
    pub(in crate::report) fn log(name: &str, values: impl Iterator<Item = f64>) -> Self {
        let values = values.filter(|v| *v > 0.0).map(f64::log10);
        Self::new(name, around(values, 0.03), Scale::Log)
    }

    /// Places without a unit, which are not written.
    pub(in crate::report) fn place(name: &str, values: impl Iterator<Item = f64>) -> Self {
        Self {
            labelled: false,
            ..Self::new(name, around(values, 0.06), Scale::Linear)
        }
    }

    fn new(name: &str, range: [f64; 2], scale: Scale) -> Self {
        Self {
            name: name.to_owned(),
            range,
            scale,
            labelled: true,
        }
    }

    /// Where a value stands on the axis.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let at = match self.scale {
            Scale::Log if value <= 0.0 => return None,
            Scale::Log => value.log10(),
            _ => value,
        };
        at.is_finite().then_some(at)
    }

    /// How a place on the axis is written.
    pub(super) fn label(&self, at: f64) -> String {
        if !self.labelled {
            return String::new();
        }
        match self.scale {
            Scale::Percent => format!("{:.0} %", at * 100.0),
            Scale::Whole if at.fract().abs() > 1e-6 => String::new(),
            Scale::Whole => format!("{at:.0}"),
            Scale::Log if (at - at.round()).abs() > 1e-6 => String::new(),
            Scale::Log => format!("1e{at:.0}"),
            Scale::Linear => {
                let text = format!("{at:.3}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }
}

/// The range of the finite ones of `values`, wider by a share of it at both ends, and never empty.
fn around(values: impl Iterator<Item = f64>, margin: f64) -> [f64; 2] {
    let none = [f64::INFINITY, f64::NEG_INFINITY];
    let [low, high] = values
        .filter(|v| v.is_finite())
        .fold(none, |[low, high], v| [low.min(v), high.max(v)]);
    if low > high {
        return [0.0, 1.0];
    }
    let wide = if high > low {
        high - low
    } else {
        low.abs().max(1.0)
    };
    let margin = if high > low { margin } else { margin.max(0.1) };
    [low - wide * margin, high + wide * margin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_never_empty() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![0.0],
            vec![3.0, 3.0],
            vec![-1.0, 5.0],
        ] {
            let [low, high] = around(values.iter().copied(), 0.0);
            assert!(low < high, "{values:?}: {low} {high}");
        }
        assert_eq!(
            Axis::upper_percent("", [0.957, 1.0].into_iter()).range,
            [0.9, 1.0]
        );
        assert_eq!(
            Axis::upper_percent("", [0.1, 0.01].into_iter()).range,
            [0.0, 1.0]
        );
        assert_eq!(
            Axis::upper_percent("", std::iter::empty()).range,
            [0.9, 1.0]
        );
    }

    #[test]
    fn labels_are_those_of_their_scale() {
        assert_eq!(Axis::percent("").label(0.5), "50 %");
        let log = Axis::log("", [1e-4, 10.0].into_iter());
        assert_eq!(
            (log.label(-4.0).as_str(), log.label(-3.5).as_str()),
            ("1e-4", "")
        );
        assert_eq!((log.at(100.0), log.at(0.0)), (Some(2.0), None));
        assert_eq!(Axis::from_zero("", [0.7].into_iter()).label(0.25), "0.25");
        assert_eq!(Axis::whole("", [1.0, 9.0].into_iter()).label(2.5), "");
    }
}
