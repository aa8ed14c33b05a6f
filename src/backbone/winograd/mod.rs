//! 3x3 convolutions by Winograd's minimal filtering, as nodes of ONNX Runtime's graph.
//!
//! [`replace()`] takes the convolutions out of a graph and puts nodes of catpipe's own in their
//! places; [`operators`] gives ONNX Runtime the kernel for those, which is
//! [`catpipe_winograd`]'s. All else of the graph is ONNX Runtime's.

mod operator;
mod replace;
#[cfg(test)]
mod tests;

pub(super) use catpipe_winograd::{Convolution, is_available};

pub(super) use operator::operators;
pub(super) use replace::replace;
