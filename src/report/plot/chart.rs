//! A plot of lines and points.

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::axis::Axis;
use super::colour::{GRID, INK, series, themed};
use super::series::Series;

/// Size of a plot's own coordinates; on the page it is as wide as there is room.
const SIZE: (u32, u32) = (460, 300);
const TEXT: u32 = 13;

/// A plot: axes, and what is drawn between them.
#[derive(Clone, Debug)]
pub(in crate::report) struct Chart {
    label: String,
    size: (u32, u32),
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    places: Vec<Place>,
}

/// A point that can be pointed at: script finds it by its number.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Place {
    pub(in crate::report) at: [f64; 2],
    pub(in crate::report) colour: usize,
    /// Drawn as a ring, not a disk.
    pub(in crate::report) ring: bool,
    /// Drawn larger and framed.
    pub(in crate::report) marked: bool,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = Box<dyn std::error::Error>;

impl Chart {
    /// An empty plot; `label` says in words what one would see in it.
    pub(in crate::report) fn new(label: &str, x: Axis, y: Axis) -> Self {
        Self {
            label: label.to_owned(),
            size: SIZE,
            x,
            y,
            series: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The same with other proportions.
    pub(in crate::report) fn sized(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// The same with one more series.
    pub(in crate::report) fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The same with points that can be pointed at.
    pub(in crate::report) fn with_places(mut self, places: Vec<Place>) -> Self {
        self.places = places;
        self
    }

    /// The plot as SVG.
    pub(in crate::report) fn draw(&self) -> Markup {
        let inner = match self.svg() {
            Ok(inner) => inner,
            Err(error) => return html! { p.note { "This plot cannot be drawn: " (error) } },
        };
        let (width, height) = self.size;
        html! {
            svg.plot viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(self.label) {
                (PreEscaped(inner))
            }
        }
    }

    /// What stands between `<svg>` and `</svg>`.
    fn svg(&self) -> Result<String, Failure> {
        let mut text = String::new();
        let mut places = String::new();
        {
            let area = SVGBackend::with_string(&mut text, self.size).into_drawing_area();
            self.fill(&area, &mut places)?;
            area.present()?;
        }
        let start = text
            .find("<svg")
            .and_then(|at| Some(at + text.get(at..)?.find('>')? + 1));
        let end = text.rfind("</svg>");
        let inner = start.zip(end).and_then(|(start, end)| text.get(start..end));
        Ok(themed(inner.ok_or("it is no SVG")?) + &places)
    }

    fn fill(&self, area: &Area<'_>, places: &mut String) -> Result<(), Failure> {
        let [left, right] = self.x.range;
        let [low, high] = self.y.range;
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(16)
            .x_label_area_size(40)
            .y_label_area_size(54)
            .build_cartesian_2d(left..right, low..high)?;
        let text = ("sans-serif", TEXT).into_font().color(&INK);
        chart
            .configure_mesh()
            .x_labels(6)
            .y_labels(6)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(text.clone())
            .axis_desc_style(text)
            .x_desc(self.x.name.as_str())
            .y_desc(self.y.name.as_str())
            .x_label_formatter(&|at| self.x.label(*at))
            .y_label_formatter(&|at| self.y.label(*at))
            .draw()?;
        for one in &self.series {
            self.draw_series(&mut chart, one)?;
        }
        for (number, place) in self.places.iter().enumerate() {
            if let (Some(x), Some(y)) = (self.x.at(place.at[0]), self.y.at(place.at[1])) {
                places.push_str(&place.svg(number, chart.backend_coord(&(x, y))));
            }
        }
        Ok(())
    }

    fn draw_series<'a>(&self, chart: &mut Cartesian<'a>, one: &Series) -> Result<(), Failure> {
        let colour = one.colour.map_or(INK, series);
        let width = if one.colour.is_none() { 1 } else { 2 };
        let style = colour.stroke_width(width);
        for (point, interval) in one.points.iter().zip(&one.intervals) {
            let ends = interval
                .map(|[low, high]| (self.place([point[0], low]), self.place([point[0], high])));
            if let Some((Some(low), Some(high))) = ends {
                let faint = ShapeStyle::from(colour.mix(0.45)).stroke_width(3);
                chart.draw_series([PathElement::new(vec![low, high], faint)])?;
            }
        }
        let points: Vec<(f64, f64)> = one.points.iter().filter_map(|p| self.place(*p)).collect();
        if one.dots {
            let dot = |p: &(f64, f64)| Circle::new(*p, 3, colour.filled());
            chart.draw_series(points.iter().map(dot))?;
        }
        if !one.line {
            return Ok(());
        }
        if one.dashed {
            chart.draw_series(DashedLineSeries::new(points, 5, 4, style))?;
        } else {
            chart.draw_series(LineSeries::new(points, style))?;
        }
        Ok(())
    }

    fn place(&self, [x, y]: [f64; 2]) -> Option<(f64, f64)> {
        Some((self.x.at(x)?, self.y.at(y)?))
    }
}

type Cartesian<'a> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

impl Place {
    fn svg(&self, number: usize, (x, y): (i32, i32)) -> String {
        let colour = self.colour % super::SERIES;
        let (fill, stroke) = if self.ring {
            ("var(--page)".to_owned(), format!("var(--s{colour})"))
        } else {
            (format!("var(--s{colour})"), "var(--page)".to_owned())
        };
        let (radius, class) = if self.marked {
            (7, "place marked")
        } else {
            (4, "place")
        };
        format!(
            "<circle class=\"{class}\" data-place=\"{number}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" \
             fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.5\"/>"
        )
    }
}
