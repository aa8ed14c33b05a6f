//! How near an exported graph comes to catpipe's own path.

use std::fmt;

use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use super::config::Form;
use super::error::ClassifierError;
use crate::head::metrics::predicted;

/// The exported graph's answers beside catpipe's own, on the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// The form that was run.
    pub form: Form,
    /// Whether its large weights are float16.
    pub half: bool,
    /// Which examples: `test`, or `train` where there are no others.
    pub on: String,
    /// How many.
    pub images: usize,
    /// The largest difference in a probability.
    pub largest: f32,
    /// The image that it was found on.
    pub at: String,
    /// Images that got another label.
    pub labels_changed: usize,
    /// The first of them.
    pub first_changed: String,
    /// Images labelled right by catpipe's own path, and by the graph, where their labels are known.
    pub right: Option<[usize; 2]>,
    /// What ran the graph.
    pub runtime: String,
}

/// How near is near enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// The largest difference in a probability.
    pub largest: f32,
    /// Whether labels may change.
    pub labels_may_change: bool,
}

impl Gate {
    /// The tensor form computes the same; the image form's resize differs in last levels of grey.
    #[must_use]
    pub fn of(form: Form) -> Self {
        match form {
            Form::Tensor => Self {
                largest: 1e-4,
                labels_may_change: true,
            },
            Form::Image => Self {
                largest: 0.02,
                labels_may_change: false,
            },
        }
    }
}

impl Parity {
    /// Nothing compared yet.
    #[must_use]
    pub fn new(form: Form, half: bool, on: &str, runtime: &str) -> Self {
        Self {
            form,
            half,
            on: on.to_owned(),
            images: 0,
            largest: 0.0,
            at: String::new(),
            labels_changed: 0,
            first_changed: String::new(),
            right: None,
            runtime: runtime.to_owned(),
        }
    }

    /// Takes the probabilities of one image by catpipe's own path and by the graph. A number that
    /// is none counts as a difference of 1.
    pub fn add(
        &mut self,
        id: &str,
        own: ArrayView1<'_, f32>,
        exported: ArrayView1<'_, f32>,
        label: Option<usize>,
    ) {
        self.images += 1;
        for (own, exported) in own.iter().zip(exported) {
            let off = (own - exported).abs();
            let off = if off.is_nan() { 1.0 } else { off };
            if off > self.largest || self.at.is_empty() {
                self.largest = off;
                id.clone_into(&mut self.at);
            }
        }
        let (ours, theirs) = (predicted(own), predicted(exported));
        if ours != theirs {
            self.labels_changed += 1;
            if self.first_changed.is_empty() {
                id.clone_into(&mut self.first_changed);
            }
        }
        if let Some(label) = label {
            let right = self.right.get_or_insert([0; 2]);
            right[0] += usize::from(ours == label);
            right[1] += usize::from(theirs == label);
        }
    }

    /// # Errors
    /// Nothing was compared, or the graph does not come near enough; the error names the image.
    pub fn check(&self, gate: Gate) -> Result<(), ClassifierError> {
        if self.images == 0 {
            return Err(ClassifierError::NothingToCompare);
        }
        let differs = |id: &str, found: String| ClassifierError::Differs {
            form: self.form,
            id: id.to_owned(),
            found,
        };
        if self.largest > gate.largest {
            let (found, most) = (self.largest, gate.largest);
            let found = format!("by {found:.2e} in a probability, where {most:e} is allowed");
            return Err(differs(&self.at, found));
        }
        if self.labels_changed > 0 && !gate.labels_may_change {
            let images = match self.labels_changed {
                1 => "the only image".to_owned(),
                n => format!("the first of {n} images"),
            };
            let found = format!("{images} whose label changes");
            return Err(differs(&self.first_changed, found));
        }
        Ok(())
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let half = if self.half { ", float16 weights" } else { "" };
        write!(
            f,
            "{} form{half}, on {} {} images: largest difference in a probability {:.2e}, {} {}",
            self.form,
            self.images,
            self.on,
            self.largest,
            self.labels_changed,
            if self.labels_changed == 1 {
                "label changed"
            } else {
                "labels changed"
            }
        )?;
        match self.right {
            Some([own, exported]) if own != exported => {
                write!(f, ", {exported} right instead of {own}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn compared(form: Form, exported: [f32; 2]) -> Parity {
        let mut parity = Parity::new(form, false, "test", "1.31.0");
        let same = array![0.9, 0.1];
        parity.add("a.jpg", same.view(), same.view(), Some(0));
        let exported = array![exported[0], exported[1]];
        parity.add(
            "b.jpg",
            array![0.501, 0.499].view(),
            exported.view(),
            Some(0),
        );
        parity
    }

    #[test]
    fn each_form_has_its_gate() {
        let near = compared(Form::Tensor, [0.50095, 0.49905]);
        near.check(Gate::of(Form::Tensor)).unwrap();
        let far = compared(Form::Tensor, [0.5012, 0.4988]);
        let told = far.check(Gate::of(Form::Tensor)).unwrap_err().to_string();
        assert!(told.contains("on b.jpg: by 2.00e-4"), "{told}");
        compared(Form::Image, [0.5012, 0.4988])
            .check(Gate::of(Form::Image))
            .unwrap();
        let changed = compared(Form::Image, [0.499, 0.501]);
        let told = changed
            .check(Gate::of(Form::Image))
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("on b.jpg: the only image whose label changes"),
            "{told}"
        );
        assert_eq!(changed.right, Some([2, 1]));
        assert!(
            changed
                .to_string()
                .ends_with("1 label changed, 1 right instead of 2")
        );
    }

    #[test]
    fn a_number_that_is_none_and_no_image_at_all_are_no_parity() {
        let none = compared(Form::Image, [f32::NAN, 0.5]);
        assert!(none.check(Gate::of(Form::Image)).is_err());
        let empty = Parity::new(Form::Image, false, "test", "");
        assert!(matches!(
            empty.check(Gate::of(Form::Image)),
            Err(ClassifierError::NothingToCompare)
        ));
    }
}
