//! A certificate on the terminal.

use std::path::Path;

use crate::backbone::auto::Bar;
use crate::pipeline::probe::{Certificate, Decisions, Side};
use crate::report::Table;

/// The two sides, then the figures.
pub(super) fn told(certificate: &Certificate, file: &Path) -> String {
    let images = &certificate.images;
    let mut text = format!(
        "\n  {}\n  against {}\n  {} images ({}), {} features\n\n",
        side(&certificate.subject),
        side(&certificate.reference),
        images.count,
        images.source,
        certificate.features,
    );
    let (parity, close) = (&certificate.parity, Bar::Close);
    let mut table = Table::new(["parity", ""]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("cosine, minimum", format!("{:.6}", parity.cosine_min));
    row("cosine, mean", format!("{:.6}", parity.cosine_mean));
    row(
        "largest difference",
        format!("{:.2e}", parity.largest_difference),
    );
    let (what, figure) = match &certificate.top1 {
        Some(top1) => ("classifier's first answer flipped", flipped(top1)),
        None => (
            "classifier's first answer flipped",
            "no classifier output".to_owned(),
        ),
    };
    row(what, figure);
    if let Some(head) = &certificate.head {
        row("head's decision flipped", flipped(head));
    }
    text.push_str(&table.render());
    text.push_str(&match certificate.bar {
        Some(bar) => format!(
            "\nPasses `{bar}`: cosine at least {} on every image.\n",
            bar.least()
        ),
        None => format!(
            "\nPasses no bar: `{close}` asks for a cosine of at least {} on every image.\n",
            close.least()
        ),
    });
    text.push_str(&format!("{}: written\n", file.display()));
    text
}

fn side(side: &Side) -> String {
    let elsewhere = side.elsewhere.as_ref();
    let elsewhere = elsewhere.map_or_else(String::new, |what| format!(", but for {what}"));
    format!(
        "{} on {}, {}, ONNX Runtime {}{elsewhere}",
        side.backbone,
        side.arithmetic(),
        side.device,
        side.onnxruntime
    )
}

fn flipped(decisions: &Decisions) -> String {
    format!("{} of {}", decisions.flipped, decisions.total)
}
