//! The words of a first pipeline.

use std::fmt::Write;
use std::path::Path;

use super::layout::Layout;
use super::{Counts, FOLDS};

/// Below so many training examples, augmented views are worth their time.
const FEW: usize = 2000;

/// The folder's name as a pipeline's.
pub(super) fn name(folder: &Path) -> String {
    let last = folder.components().next_back();
    let last = last
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .unwrap_or_default();
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = last.chars().map(kept).take(60).collect();
    match name.trim_matches('-') {
        "" => "pictures".to_owned(),
        name => name.to_owned(),
    }
}

/// A path as a value of YAML: in quotes, which JSON and YAML share, where it is not plain.
fn path(path: &Path) -> String {
    value(&path.to_string_lossy())
}

fn value(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let begins = text
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || "./_".contains(c));
    let word = ["true", "false", "null", "yes", "no", "on", "off"];
    if begins && text.chars().all(plain) && !word.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

/// The `dataset` section, its keys at the left.
pub(super) fn dataset(layout: &Layout) -> String {
    let mut text = match layout {
        Layout::Classes { folder } => format!(
            "# One folder for each class. A fifth is kept back for the test; which pictures those are\n\
             # stays the same when others are added.\n\
             source: {{folder: {}}}\nsplit: {{test: 0.2}}\n",
            path(folder)
        ),
        Layout::Sides { train, test, .. } => format!(
            "# One folder for each class, on both sides. The test side chooses nothing.\n\
             train: {{folder: {}}}\ntest: {{folder: {}}}\n",
            path(train),
            path(test)
        ),
        Layout::List {
            csv,
            path: paths,
            label,
            split,
        } => {
            let mut columns = format!(
                "path_column: {}, label_column: {}",
                value(paths),
                value(label)
            );
            if let Some(split) = split {
                let _ = write!(columns, ", split_column: {}", value(split));
            }
            let divided = match split {
                Some(_) => "",
                None => "split: {test: 0.2}\n",
            };
            format!(
                "# A list of paths and labels; paths start at the list's own folder.\n\
                 source: {{csv: {}, {columns}}}\n{divided}",
                path(csv)
            )
        }
        Layout::Unlabelled { folder } => format!(
            "# Pictures without labels: features only. For a classifier, put them into one folder for\n\
             # each class.\n\
             train: {{files: {}}}\n",
            path(folder)
        ),
    };
    text.push_str("# Files that cannot be read are left out and named in skipped.csv; `stop` ends the run.\non_error: skip\n");
    text
}

/// The whole pipeline.
pub(super) fn pipeline(name: &str, layout: &Layout, backbone: &str, counts: &Counts) -> String {
    let indented: String = dataset(layout)
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    let mut text = format!(
        "# Made by `catpipe init`; change what you like. `catpipe check` says what is wrong with it, and\n\
         # `catpipe run --dry-run` what would run.\n\
         name: {name}\n\
         # Seed of everything random. The same seed and files give the same bits.\n\
         seed: 1\n\n\
         dataset:\n{indented}\n"
    );
    let labelled = !matches!(layout, Layout::Unlabelled { .. });
    if labelled && counts.train < FEW {
        text.push_str(AUGMENT);
    }
    let _ = write!(
        text,
        "extract:\n  # The frozen network that turns pictures into features; each is computed once and kept.\n  \
         backbone: {}\n  \
         # What it runs on: cpu, openvino, cuda, tensorrt, or auto, which measures and takes the fastest.\n  \
         provider: cpu\n",
        value(backbone)
    );
    if labelled {
        text.push_str(&trained(counts));
    }
    text
}

const AUGMENT: &str = "# Views of each training picture beside the plain one; worth their time where pictures are few.
# `catpipe preview` shows them.
augment:
  views: 4
  ops:
    - hflip: {p: 0.5}
    - random_resized_crop: {scale: [0.7, 1.0]}

";

fn trained(counts: &Counts) -> String {
    let folds = counts.fewest.clamp(2, FOLDS);
    let evaluate = if counts.test > 0 {
        "# Scores on the test pictures, with intervals.\nevaluate: {}\n\n"
    } else {
        ""
    };
    format!(
        "
train:
  # Logistic regression: hard to beat on a frozen network's features.
  head: logistic
  # The penalty on weights: the best of 50 values, by cross-validation.
  l2: auto
  # Every training picture judged by a model that has not seen it.
  validation: {{folds: {folds}}}

{evaluate}# model.onnx: preprocessing, network and head in one file, for `catpipe predict` and any ONNX Runtime.
export: {{}}

# report.html: scores, mistakes, plots, and how to run it again.
report: {{}}
"
    )
}

/// What was found, in words.
pub(super) fn found(layout: &Layout, counts: &Counts) -> String {
    let what = match layout {
        Layout::Classes { .. } => "class folders, of which a fifth is kept back for the test",
        Layout::Sides { .. } => "class folders for training and test",
        Layout::List { .. } => "a list of paths and labels",
        Layout::Unlabelled { .. } => "pictures without labels",
    };
    if counts.classes == 0 {
        return format!("{what}: {}", counts.train);
    }
    format!(
        "{what}: {} classes, {} training and {} test pictures",
        counts.classes, counts.train, counts.test
    )
}

/// What one should know.
pub(super) fn remarks(layout: &Layout, counts: &Counts) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Layout::Sides {
        test,
        unused: Some(unused),
        ..
    } = layout
    {
        remarks.push(format!(
            "{} is not used: {} is the test side, and cross-validation does without a third",
            unused.display(),
            test.display()
        ));
    }
    if let Layout::Unlabelled { .. } = layout {
        remarks.push(
            "without labels there is nothing to learn: the pipeline computes features only; put the \
             pictures into one folder for each class to train a classifier"
                .to_owned(),
        );
    }
    if counts.skipped > 0 {
        remarks.push(format!(
            "{} {} cannot be used and will be left out; the run names {}",
            counts.skipped,
            if counts.skipped == 1 { "file" } else { "files" },
            if counts.skipped == 1 { "it" } else { "them" },
        ));
    }
    if counts.classes > 0 && counts.fewest < 10 {
        remarks.push(format!(
            "the smallest class has {} training pictures: scores will be rough, as their intervals say",
            counts.fewest
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_to_be_names() {
        for (folder, expected) in [
            ("data/My Cats & Dogs", "my-cats---dogs"),
            ("data/hymenoptera/", "hymenoptera"),
            ("日本", "pictures"),
            (".", "pictures"),
        ] {
            assert_eq!(name(Path::new(folder)), expected);
        }
    }

    #[test]
    fn values_are_those_of_yaml() {
        for text in [
            "a/b.c",
            "no",
            "1",
            "a: b",
            "#x",
            "with \"quotes\"",
            "é",
            "",
            "a b",
            "-x",
        ] {
            let yaml = format!("{{k: {}}}", value(text));
            let map: std::collections::BTreeMap<String, String> =
                serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(map["k"], text, "{yaml}");
        }
    }
}
