//! Why a head says what it says: which part of an image speaks for a class, and which training
//! examples look like it.
//!
//! Both need nothing but arrays. A [`class_map`] weighs the channels of the backbone's last feature
//! map with [`LogitGradients`]; [`nearest`] compares feature rows.

mod class_map;
mod gradient;
mod nearest;
#[cfg(test)]
pub(crate) mod testing;

pub use class_map::class_map;
pub use gradient::LogitGradients;
pub use nearest::{Neighbour, nearest};
