//! Images through a backbone: decoding and augmentation run beside inference.
//!
//! [`extract`] knows neither files nor networks. Workers [`Prepare`] rows into batch buffers,
//! the calling thread [`Infer`]s batch after batch and hands the features on in the order in
//! which the rows were asked for. The buffers are a fixed pool: a slow consumer holds the
//! workers back, and memory does not grow with the number of rows.

mod engine;
#[cfg(test)]
mod tests;

pub use engine::{ExtractError, Failure, Infer, Prepare, Row, Shape, Sink, Times, extract};
