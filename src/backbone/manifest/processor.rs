//! Hugging Face's classes of image processors: what each does by itself.

/// What a class that is named in a file makes of it. Compared with transformers 5.23.0; a class
/// that is not here may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Processor {
    /// Its name without `ImageProcessor` or `FeatureExtractor`.
    name: &'static str,
    /// What it does with `size`.
    pub(super) rule: Rule,
    /// Whether a bare number is a square; else it is the shortest edge.
    pub(super) square: bool,
    /// Whether it crops where the file does not say.
    pub(super) crops: bool,
}

/// What a class does with `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// What it says.
    Plain,
    /// Resizes and crops by `crop_pct` below 384 pixels, stretches from there on.
    ConvNext,
    /// Resizes the shortest edge to 256/224 of it.
    Levit,
    /// As it says, and turns the channels unless told not to.
    MobileVit,
    /// As it says, and normalises twice unless told not to.
    EfficientNet,
}

const fn class(name: &'static str, rule: Rule, square: bool, crops: bool) -> Processor {
    Processor {
        name,
        rule,
        square,
        crops,
    }
}

const CLASSES: [Processor; 15] = [
    class("Beit", Rule::Plain, true, false),
    class("Bit", Rule::Plain, false, true),
    class("Blip", Rule::Plain, true, false),
    class("ChineseCLIP", Rule::Plain, false, true),
    class("CLIP", Rule::Plain, false, true),
    class("ConvNext", Rule::ConvNext, false, false),
    class("DeiT", Rule::Plain, true, true),
    class("EfficientNet", Rule::EfficientNet, true, false),
    class("Levit", Rule::Levit, false, true),
    class("MobileNetV1", Rule::Plain, false, true),
    class("MobileNetV2", Rule::Plain, false, true),
    class("MobileViT", Rule::MobileVit, false, true),
    class("Pvt", Rule::Plain, true, false),
    class("Siglip", Rule::Plain, false, false),
    class("ViT", Rule::Plain, true, false),
];

impl Processor {
    /// The class that a file names, or why it can't be followed.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let short = ["Fast", "Pil"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let short = short.unwrap_or(name);
        let ends = ["ImageProcessor", "FeatureExtractor"];
        let stem = ends.iter().find_map(|end| short.strip_suffix(end));
        let found = CLASSES.iter().find(|class| Some(class.name) == stem);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = CLASSES.iter().map(|class| class.name).collect();
            format!(
                "{name:?} is none of the classes that catpipe follows ({}): write color, resize, \
                 scale, mean and std into the manifest instead",
                known.join(", ")
            )
        })
    }
}
