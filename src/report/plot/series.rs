//! What is drawn in a plot.

/// A line of points, or points alone.
#[derive(Clone, Debug)]
pub(in crate::report) struct Series {
    pub(super) points: Vec<[f64; 2]>,
    /// Its colour, or the ink of the text.
    pub(super) colour: Option<usize>,
    pub(super) dashed: bool,
    pub(super) line: bool,
    pub(super) dots: bool,
    /// What the value may be, at each point: (low, high).
    pub(super) intervals: Vec<Option<[f64; 2]>>,
}

impl Series {
    /// A line.
    pub(in crate::report) fn line(points: Vec<[f64; 2]>, colour: usize) -> Self {
        Self {
            points,
            colour: Some(colour),
            dashed: false,
            line: true,
            dots: false,
            intervals: Vec::new(),
        }
    }

    /// A thin dashed line to compare with.
    pub(in crate::report) fn guide(points: Vec<[f64; 2]>) -> Self {
        Self {
            colour: None,
            dashed: true,
            ..Self::line(points, 0)
        }
    }

    /// The same, dashed.
    pub(in crate::report) fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// The same with a dot at each point.
    pub(in crate::report) fn with_dots(mut self) -> Self {
        self.dots = true;
        self
    }

    /// The same with an interval at each point.
    pub(in crate::report) fn with_intervals(mut self, intervals: Vec<Option<[f64; 2]>>) -> Self {
        self.intervals = intervals;
        self
    }
}
