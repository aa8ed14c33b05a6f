//! Images through a backbone: decoding and augmentation run beside inference.
//!
//! [`extract`] knows neither files nor networks. Workers [`Prepare`] rows into batch buffers,
//! the calling thread [`Infer`]s batch after batch, or takes one in while a device computes
//! the one before ([`Ahead`]), and hands the features on in the order in which the rows were
//! asked for. The buffers are a fixed pool: a slow consumer holds the
//! workers back, and memory does not grow with the number of rows.

mod engine;
mod flow;
#[cfg(test)]
mod tests;

pub use engine::{Ahead, ExtractError, Failure, Infer, Prepare, Row, Shape, Sink, Times, extract};
