//! What came out.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use crate::backbone::quantize::Report;
use crate::cli::progress::seconds;
use crate::report::Table;

/// How many layers a table shows.
const SHOWN: usize = 12;

/// What was written, and how good it is.
#[derive(Serialize)]
pub(super) struct Outcome {
    pub(super) file: String,
    pub(super) manifest: String,
    pub(super) sha256: String,
    pub(super) bytes: usize,
    pub(super) source_sha256: String,
    /// SHA-256 of the calibration images' digests, in their order.
    pub(super) images_sha256: String,
    pub(super) seconds: f64,
    /// Figures of calibration images that were held out.
    pub(super) report: Report,
}

impl Outcome {
    /// What a person is told.
    pub(super) fn text(&self) -> String {
        let report = &self.report;
        let mut text = format!(
            "{}: {} of {} convolutions in int8, {:.1} MB, in {}\n  sha256 {}\n  manifest {}\n",
            self.file,
            report.convolutions - report.kept_float.len(),
            report.convolutions,
            self.bytes as f64 / 1e6,
            seconds(Duration::from_secs_f64(self.seconds)),
            self.sha256,
            self.manifest,
        );
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "  features of {} calibration images that were held out, against float: cosine {}",
            report.held_out_images, report.cosine
        );
        if !report.rounded_nearest.is_empty() {
            let names = report.rounded_nearest.join(", ");
            let _ = writeln!(
                text,
                "  rounded to the nearest, since their inputs say nothing: {names}"
            );
        }
        if report.sensitivity.is_empty() {
            return text;
        }
        let _ = writeln!(
            text,
            "  with all convolutions in int8: cosine {}\n",
            report.all_int8
        );
        let mut table = Table::new(["layer", "mean cosine gained in float", "now"]);
        for layer in report.sensitivity.iter().take(SHOWN) {
            let float = report.kept_float.contains(&layer.layer);
            let now = if float { "float" } else { "int8" };
            table.row([
                layer.layer.clone(),
                format!("{:+.6}", layer.effect),
                now.to_owned(),
            ]);
        }
        text.push_str(&table.render());
        if let Some(more) = report
            .sensitivity
            .len()
            .checked_sub(SHOWN)
            .filter(|n| *n > 0)
        {
            let _ = writeln!(text, "  and {more} more (--json has them all)");
        }
        text
    }
}
