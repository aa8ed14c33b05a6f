//! Parity certificates: how near the features of one arithmetic are to those of another, on which
//! pictures, in a file beside the model.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::backbone::Manifest;
use crate::backbone::auto::Bar;
use crate::backbone::measure::{Parity, parity};
use crate::backbone::onnx::{self, Dim, Element, OnnxError, Summary};
use crate::features::Space;
use crate::head::{Head, HeadError};

use super::job::{Answers, Measured, Side};

/// What a certificate's file name ends with.
const ENDING: &str = ".parity.json";

/// How near the features of one side are to those of a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The version of this file, [`Certificate::FORMAT`].
    pub format: u32,
    /// The program that made it.
    pub catpipe: String,
    /// What was judged.
    pub subject: Side,
    /// What it was judged by.
    pub reference: Side,
    /// The pictures that both saw.
    pub images: ImagesSummary,
    /// Features of a row.
    pub features: usize,
    /// How near the features are.
    pub parity: Parity,
    /// The strictest bar that they pass, if any.
    pub bar: Option<Bar>,
    /// What became of the classifier's first answer, where the graph has a classifier.
    pub top1: Option<Decisions>,
    /// What became of the decisions of a head, where one was given.
    pub head: Option<Decisions>,
}

/// Pictures that a certificate was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesSummary {
    /// `generated`, or the folder or pipeline.
    pub source: String,
    /// How many.
    pub count: usize,
    /// SHA-256 of what they hold.
    pub sha256: String,
}

/// Decisions that two sides agree on, or do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// Whose: the graph's output, or the head.
    pub of: String,
    /// Pictures that the two sides decide differently.
    pub flipped: usize,
    /// Pictures in all.
    pub total: usize,
}

/// What a side's job left.
#[derive(Debug)]
pub struct Outcome {
    /// What was measured.
    pub measured: Measured,
    /// `[pictures, width]`.
    pub features: Vec<f32>,
    /// `[pictures, classes]`, where answers were asked for.
    pub answers: Option<Vec<f32>>,
}

impl Certificate {
    /// The version of the file that this program writes.
    pub const FORMAT: u32 = 1;

    /// Compares two sides. `answers` is the output that both kept, `source` where the pictures
    /// came from.
    ///
    /// # Errors
    /// Features of different widths, or of different pictures, in words.
    pub fn of(
        subject: &Outcome,
        reference: &Outcome,
        answers: Option<&Answers>,
        source: String,
    ) -> Result<Self, String> {
        let (a, b) = (&subject.measured, &reference.measured);
        if a.width != b.width {
            return Err(format!(
                "{} has {} features and {} has {}: they cannot be compared",
                a.side.backbone, a.width, b.side.backbone, b.width
            ));
        }
        if (&a.pictures, a.images) != (&b.pictures, b.images) {
            return Err("the images changed between the two sides: run it again".to_owned());
        }
        let parity = parity(&reference.features, &subject.features, a.width)
            .ok_or("the two sides gave different numbers of rows")?;
        let both = subject.answers.as_ref().zip(reference.answers.as_ref());
        let top1 = answers.zip(both).map(|(answers, (a, b))| {
            let classes = u32::from(answers.classes) as usize;
            decisions(answers.output.clone(), classes, a, b)
        });
        let precision = serde_json::from_value(a.side.precision.clone().into());
        let passes = |bar: &Bar| {
            let precision = precision.as_ref().ok();
            precision.is_some_and(|precision| bar.refusal(*precision, Some(&parity)).is_none())
        };
        Ok(Self {
            format: Self::FORMAT,
            catpipe: env!("CARGO_PKG_VERSION").to_owned(),
            subject: a.side.clone(),
            reference: b.side.clone(),
            images: ImagesSummary {
                source,
                count: a.images,
                sha256: a.pictures.clone(),
            },
            features: a.width,
            parity,
            bar: Bar::OF_FEATURES.into_iter().find(passes),
            top1,
            head: None,
        })
    }

    /// The same with what becomes of the decisions of `head`, called `name`.
    ///
    /// # Errors
    /// A head for rows of another width.
    pub fn with_head(
        mut self,
        name: String,
        head: &Head,
        subject: &Outcome,
        reference: &Outcome,
    ) -> Result<Self, HeadError> {
        let width = self.features;
        let logits = |outcome: &Outcome| {
            let rows = outcome.features.len() / width.max(1);
            let features = ArrayView2::from_shape((rows, width), &outcome.features);
            let logits = features.map(|features| head.logits(features));
            // A view of rows that were counted by their width is always one.
            logits.unwrap_or(Err(HeadError::Width {
                expected: head.inputs(),
                found: width,
            }))
        };
        let flat =
            |outcome: &Outcome| Ok::<_, HeadError>(logits(outcome)?.iter().copied().collect());
        let (a, b): (Vec<f32>, Vec<f32>) = (flat(subject)?, flat(reference)?);
        self.head = Some(decisions(name, head.classes(), &a, &b));
        Ok(self)
    }

    /// Where it goes: beside the manifest, named after it and the two sides. `against` is the
    /// reference's manifest, where that is another one.
    #[must_use]
    pub fn file(&self, manifest: &Path, against: Option<&Path>) -> PathBuf {
        let stem = |path: &Path| {
            path.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let side = |side: &Side| {
            let device = match side.device.as_str() {
                "CPU" | "GPU 0" => String::new(),
                other => format!("-{}", other.to_lowercase().replace([' ', '.'], "")),
            };
            format!("{}{device}-{}", side.provider, side.precision)
        };
        let mut name = format!("{}.{}", stem(manifest), side(&self.subject));
        if let Some(against) = against {
            name.push_str(&format!("-against-{}", stem(against)));
        }
        let reference = side(&self.reference);
        if reference != "cpu-fp32" {
            let joint = if against.is_some() { "-" } else { "-against-" };
            name.push_str(&format!("{joint}{reference}"));
        }
        manifest.with_file_name(format!("{name}{ENDING}"))
    }

    /// What the other side is, in words: `cpu fp32`, or `resnet50 on cpu fp32` where it is another
    /// network.
    #[must_use]
    pub fn against(&self) -> String {
        let arithmetic = self.reference.arithmetic();
        if self.reference.graph == self.subject.graph {
            return arithmetic;
        }
        format!("{} on {arithmetic}", self.reference.backbone)
    }

    /// What a run says of it.
    #[must_use]
    pub fn summary(&self) -> ParitySummary {
        ParitySummary {
            against: self.against(),
            reference: self.reference.numeric_class.clone(),
            images: self.images.count,
            cosine_min: self.parity.cosine_min,
            cosine_mean: self.parity.cosine_mean,
            largest_difference: self.parity.largest_difference,
            bar: self.bar,
        }
    }

    fn is_about(&self, space: &Space) -> bool {
        let subject = &self.subject;
        (
            &subject.graph,
            &subject.preprocessing,
            &subject.numeric_class,
        ) == (&space.graph, &space.preprocessing, &space.numeric)
    }
}

/// What a run says of the certificate of its features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParitySummary {
    /// What they were compared with.
    pub against: String,
    /// Its numeric class.
    pub reference: String,
    /// On how many pictures.
    pub images: usize,
    /// The least cosine of a picture.
    pub cosine_min: f64,
    /// The mean of the cosines.
    pub cosine_mean: f64,
    /// The largest absolute difference of a feature.
    pub largest_difference: f64,
    /// The strictest bar that is passed.
    pub bar: Option<Bar>,
}

impl std::fmt::Display for ParitySummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "parity with {}: cosine min {:.5} mean {:.5} on {} images",
            self.against, self.cosine_min, self.cosine_mean, self.images
        )
    }
}

/// The certificate beside `manifest` that is about the rows of `space`: of several the one with
/// the most pictures. Files there that are called certificates and are none come back in words.
#[must_use]
pub fn find(manifest: &Path, space: &Space) -> (Option<Certificate>, Vec<String>) {
    let folder = match manifest.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(ENDING))
        .collect();
    files.sort();
    let (mut best, mut damaged): (Option<Certificate>, _) = (None, Vec::new());
    for file in files {
        let found = match read(&file) {
            Ok(found) => found,
            Err(why) => {
                damaged.push(why);
                continue;
            }
        };
        let more = best
            .as_ref()
            .is_none_or(|one| found.images.count > one.images.count);
        if more && found.is_about(space) {
            best = Some(found);
        }
    }
    (best, damaged)
}

/// A certificate, or what is wrong with it.
fn read(file: &Path) -> Result<Certificate, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let shown = file.display();
    let mend = "remove it, or make it anew with `catpipe model certify`";
    let wrong = |why: String| format!("{shown}: this certificate cannot be read: {why}; {mend}");
    let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let parsed = |error: serde_json::Error| wrong(error.to_string());
    let Format { format } = serde_json::from_slice(&text).map_err(parsed)?;
    if format != Certificate::FORMAT {
        return Err(wrong(format!(
            "it is of format {format}, and this version knows {}",
            Certificate::FORMAT
        )));
    }
    serde_json::from_slice(&text).map_err(parsed)
}

/// How often the largest of each row of `width` stands in another place.
fn decisions(of: String, width: usize, a: &[f32], b: &[f32]) -> Decisions {
    let width = width.max(1);
    let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
    let flipped = rows.filter(|(a, b)| largest(a) != largest(b)).count();
    Decisions {
        of,
        flipped,
        total: a.len() / width,
    }
}

/// The first of the largest.
fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}

impl Answers {
    /// The first output of the manifest's graph, beside the features, that is a vector of classes.
    ///
    /// # Errors
    /// The graph cannot be read.
    pub fn of(manifest: &Manifest, root: &Path) -> Result<Option<Self>, OnnxError> {
        let model = onnx::read(&manifest.graph_path(root))?;
        let features = &manifest.config.output.name;
        let classes = |port: &onnx::Port| {
            let [batch, Dim::Fixed(classes), ones @ ..] = port.dims.as_deref()? else {
                return None;
            };
            let flat = ones.iter().all(|dim| *dim == Dim::Fixed(1));
            let free = !matches!(batch, Dim::Fixed(_));
            let float = matches!(port.element, Some(Element::FLOAT32 | Element::FLOAT16));
            let classes = u32::try_from(*classes)
                .ok()
                .filter(|classes| *classes > 1)?;
            (flat && free && float && port.name != *features).then_some(classes)
        };
        let outputs = Summary::of(&model).outputs;
        Ok(outputs.iter().find_map(|port| {
            Some(Self {
                output: port.name.clone(),
                classes: classes(port)?.try_into().ok()?,
            })
        }))
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
