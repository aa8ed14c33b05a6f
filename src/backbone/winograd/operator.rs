//! The kernel that ONNX Runtime calls.

use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
    ShapeInferenceContext,
};
use ort::session::Session;
use ort::value::{TensorElementType, ValueType};

use super::Convolution;
use super::replace::{CHANNELS, DOMAIN, OPERATOR, PLACE};
use crate::backbone::onnx::build::GraphBuilder;
use crate::backbone::onnx::encode;

/// The operators of a graph whose convolutions were [replaced](super::replace()), for a session of
/// so many threads.
///
/// # Errors
/// What ONNX Runtime says.
pub(in crate::backbone) fn operators(
    convolutions: &Arc<[Convolution]>,
    threads: usize,
    environment: &Environment,
) -> ort::Result<OperatorDomain> {
    make_known(environment)?;
    OperatorDomain::new(DOMAIN)?.add(Winograd {
        convolutions: Arc::clone(convolutions),
        threads,
    })
}

/// Makes the domain known to ONNX Runtime by a session of nothing. Its list of domains is the
/// process's, and sessions that are made at the same time would all find the domain missing there
/// and add it, which only the first of them is allowed to.
fn make_known(environment: &Environment) -> ort::Result<()> {
    static KNOWN: Mutex<bool> = Mutex::new(false);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if !*known {
        let mut nothing = GraphBuilder::new("nothing");
        nothing.input("input", &[]);
        nothing.node("Identity", "identity", &["input"], "output", Vec::new());
        nothing.output("output", &[]);
        let domain = OperatorDomain::new(DOMAIN)?.add(Winograd {
            convolutions: Arc::default(),
            threads: 1,
        })?;
        Session::builder(environment)?
            .with_intra_threads(1)?
            .with_operators(domain)?
            .commit_from_memory(&encode(&nothing.finish(&[])))?;
        *known = true;
    }
    Ok(())
}

struct Winograd {
    convolutions: Arc<[Convolution]>,
    threads: usize,
}

impl Operator for Winograd {
    type Kernel<'attr> = Node;

    fn name(&self) -> &str {
        OPERATOR
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    /// Without the shape ONNX Runtime would not see that what is added to it later has the same,
    /// and would add in a pass of its own.
    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let channels = context.attr::<i64>(CHANNELS)?;
        let Some(ValueType::Tensor {
            ty,
            mut shape,
            dimension_symbols,
        }) = context.inputs().into_iter().next()
        else {
            return Ok(());
        };
        // A number of channels is no symbol, unless the graph says nothing of it.
        let named = (dimension_symbols.get(1)).is_none_or(|symbol| !symbol.is_empty());
        if let ([_, of_input, _, _], false) = (&mut *shape, named) {
            *of_input = channels;
            let output = ValueType::Tensor {
                ty,
                shape,
                dimension_symbols,
            };
            context.set_output(0, &output)?;
        }
        Ok(())
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Node> {
        let place = context.get::<i64>(PLACE).unwrap_or(-1);
        let known = usize::try_from(place).is_ok_and(|place| place < self.convolutions.len());
        known
            .then(|| Node {
                convolutions: Arc::clone(&self.convolutions),
                place: place as usize,
                threads: self.threads,
            })
            .ok_or_else(|| ort::Error::new(format!("catpipe has no convolution {place}")))
    }
}

/// A node of a graph.
struct Node {
    convolutions: Arc<[Convolution]>,
    place: usize,
    threads: usize,
}

impl Kernel for Node {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let convolution = &self.convolutions[self.place];
        let refused = |what: String| ort::Error::new(format!("catpipe's {OPERATOR}: {what}"));
        let missing = || refused("a tensor is missing".to_owned());
        let input = context.input(0)?.ok_or_else(missing)?;
        let (shape, values) = input.try_extract_tensor::<f32>()?;
        let (dims, channels) = match **shape {
            [images, channels, height, width] => ([images, height, width], channels),
            _ => return Err(refused(format!("takes [N, C, H, W], found {shape}"))),
        };
        let sizes = dims.map(|dim| usize::try_from(dim).unwrap_or(0));
        let [images, height, width] = dims;
        let outputs = convolution.outputs() as i64;
        let mut out = context
            .output(0, [images, outputs, height, width])?
            .ok_or_else(missing)?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        let tasks = convolution.tasks(values, sizes, out, self.threads);
        let tasks = tasks.ok_or_else(|| {
            let inputs = convolution.inputs();
            refused(format!("takes {inputs} channels, found {channels}"))
        })?;
        context.par_for(tasks.len(), 0, |at| {
            let mut task = tasks[at].lock().unwrap_or_else(PoisonError::into_inner);
            task.run();
        })
    }
}
