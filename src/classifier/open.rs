//! An exported file, ready to run.

use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::{Array3, ArrayView1};
use ort::value::TensorRef;

use super::build::TENSOR;
use super::config::Form;
use super::error::ClassifierError;
use super::metadata::{Metadata, Preprocessing};
use super::preprocess::IMAGE;
use crate::backbone::manifest::Dtype;
use crate::backbone::onnx::{self, ModelProto, Summary};
use crate::backbone::session::{load_graph_of, told};
use crate::backbone::{BackboneError, ProviderKind, Runtime, SessionOptions};
use crate::head::metrics::predicted;

/// What a classifier says about one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// A probability for each class.
    pub probabilities: Vec<f32>,
    /// The most probable class, the first of equals.
    pub class: usize,
    /// How much each place speaks for each class, `[classes, h, w]`, where the file gives that.
    pub map: Option<Array3<f32>>,
}

/// An exported file in a session.
#[derive(Debug)]
pub struct Classifier {
    session: ort::session::Session,
    path: PathBuf,
    metadata: Metadata,
    has_label: bool,
    has_map: bool,
    dtype: Dtype,
    dims: Vec<usize>,
}

impl Classifier {
    /// Opens the exported file at `path`.
    ///
    /// # Errors
    /// No ONNX file, one that `catpipe export` has not written, one that ONNX Runtime or the
    /// provider does not take.
    pub fn open(
        path: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, ClassifierError> {
        Self::of(path, onnx::read(path)?, runtime, options)
    }

    /// [`Classifier::open`] of a model in memory; `path` is for the errors.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn of(
        path: &Path,
        model: ModelProto,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, ClassifierError> {
        let metadata = Metadata::read(path, &model)?;
        let outputs = Summary::of(&model).outputs;
        let gives = |name: &str| outputs.iter().any(|port| port.name == name);
        let (has_map, mut has_label) = (gives("map"), gives("label"));
        let mut model = model;
        if options.provider.kind() != ProviderKind::Cpu && has_label {
            // Texts exist on the processor alone; the label is the class's name anyway.
            let numbers = outputs.iter().map(|port| port.name.as_str());
            let numbers: Vec<&str> = numbers.filter(|name| *name != "label").collect();
            model = onnx::prune(&model, &numbers)?;
            has_label = false;
        }
        let (input, dims, dtype) = match (metadata.form(), &metadata.preprocessing) {
            (Form::Image, _) => (IMAGE, Vec::new(), Dtype::Uint8),
            (Form::Tensor, Preprocessing::Network { input, .. }) => {
                (TENSOR, input.dims().to_vec(), input.dtype)
            }
            (Form::Tensor, Preprocessing::Pixels { width, height }) => {
                let length = 3 * *width as usize * *height as usize;
                (TENSOR, vec![length], Dtype::Float32)
            }
        };
        let content = onnx::encode(&model);
        drop(model);
        // Only a network's input has three; the sizes of images are free.
        let fixed = <[usize; 3]>::try_from(dims.as_slice()).unwrap_or([1; 3]);
        let session = load_graph_of(path, &content, (input, fixed), runtime, options)?;
        Ok(Self {
            session,
            path: path.to_owned(),
            metadata,
            has_label,
            has_map,
            dtype,
            dims,
        })
    }

    /// What the file says about itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether it gives class activation maps.
    #[must_use]
    pub fn has_map(&self) -> bool {
        self.has_map
    }

    /// What the image form says about an image.
    ///
    /// # Errors
    /// A file of the other form, a run that fails, an answer of another shape.
    pub fn image(&mut self, image: &RgbImage) -> Result<Answer, ClassifierError> {
        if self.metadata.form() != Form::Image {
            return Err(self.other_form());
        }
        let (width, height) = image.dimensions();
        let shape = vec![1, height as usize, width as usize, 3];
        let given = TensorRef::from_array_view((shape, image.as_raw().as_slice()))
            .map_err(|error| failed(&self.path, 1, &error))?;
        let mut answers = self.run(ort::inputs![IMAGE => given], 1)?;
        answers.pop().ok_or(ClassifierError::NothingToCompare)
    }

    /// What the tensor form says about `batch` preprocessed images.
    ///
    /// # Errors
    /// A file of the other form, an input of another length, a run that fails, an answer of another
    /// shape.
    pub fn tensors(&mut self, input: &[f32], batch: usize) -> Result<Vec<Answer>, ClassifierError> {
        if self.metadata.form() != Form::Tensor {
            return Err(self.other_form());
        }
        if batch == 0 {
            return Ok(Vec::new());
        }
        let shape: Vec<usize> = [batch].iter().chain(&self.dims).copied().collect();
        let error = |error: ort::Error| failed(&self.path, batch, &error);
        if self.dtype == Dtype::Uint8 {
            // Whole numbers of 0..=255: the manifest let nothing else through.
            let levels: Vec<u8> = input.iter().map(|value| *value as u8).collect();
            let given = TensorRef::from_array_view((shape, levels.as_slice())).map_err(error)?;
            return self.run(ort::inputs![TENSOR => given], batch);
        }
        let given = TensorRef::from_array_view((shape, input)).map_err(error)?;
        self.run(ort::inputs![TENSOR => given], batch)
    }

    fn other_form(&self) -> ClassifierError {
        ClassifierError::OtherForm {
            path: self.path.clone(),
            found: self.metadata.form(),
        }
    }

    fn run<'v, const N: usize>(
        &mut self,
        given: impl Into<ort::session::SessionInputs<'v, 'v, N>>,
        batch: usize,
    ) -> Result<Vec<Answer>, ClassifierError> {
        let path = &self.path;
        let error = |error: ort::Error| failed(path, batch, &error);
        let outputs = self.session.run(given).map_err(error)?;
        let wrong = |output, found: String, expected: String| ClassifierError::Output {
            path: path.clone(),
            output,
            found,
            expected,
        };
        let labels = &self.metadata.labels;
        let classes = labels.len().max(1);
        let (shape, values) = outputs["probabilities"]
            .try_extract_tensor::<f32>()
            .map_err(error)?;
        if values.len() != batch * classes {
            let expected = format!("[{batch}, {classes}]");
            return Err(wrong("probabilities", format!("{shape:?}"), expected));
        }
        let mut answers: Vec<Answer> = values.chunks_exact(classes).map(answer).collect();
        if self.has_label {
            let (_, told) = outputs["label"].try_extract_strings().map_err(error)?;
            for (answer, told) in answers.iter().zip(&told) {
                if labels.get(answer.class) != Some(told) {
                    let expected = labels.get(answer.class).cloned().unwrap_or_default();
                    return Err(wrong("label", told.clone(), expected));
                }
            }
        }
        if self.has_map {
            let (shape, values) = outputs["map"].try_extract_tensor::<f32>().map_err(error)?;
            let dims: Vec<usize> = shape
                .iter()
                .map(|dim| usize::try_from(*dim).unwrap_or(0))
                .collect();
            let [found, of, height, width] = dims[..] else {
                return Err(wrong(
                    "map",
                    format!("{shape:?}"),
                    "[N, classes, h, w]".to_owned(),
                ));
            };
            let each = of * height * width;
            if (found, of) != (batch, classes) || each == 0 {
                let expected = format!("[{batch}, {classes}, h, w]");
                return Err(wrong("map", format!("{shape:?}"), expected));
            }
            for (answer, values) in answers.iter_mut().zip(values.chunks_exact(each)) {
                answer.map = Array3::from_shape_vec((of, height, width), values.to_vec()).ok();
            }
        }
        Ok(answers)
    }
}

fn answer(probabilities: &[f32]) -> Answer {
    Answer {
        probabilities: probabilities.to_vec(),
        class: predicted(ArrayView1::from(probabilities)),
        map: None,
    }
}

fn failed(path: &Path, batch: usize, error: &ort::Error) -> ClassifierError {
    BackboneError::Run {
        path: path.to_owned(),
        batch,
        reason: told(error),
    }
    .into()
}
