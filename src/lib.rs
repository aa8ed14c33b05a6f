//! catpipe turns a few labelled images into a trained, explained, deployable classifier.
//!
//! A frozen ONNX backbone runs through ONNX Runtime and turns augmented views of images into
//! feature rows; the rows are cached in HDF5; a native head trains on them; a YAML pipeline
//! describes each stage. One module is one room of the house:
//!
//! | module | owns |
//! | --- | --- |
//! | [`dataset`] | where examples come from, their labels, decoding to RGB |
//! | [`augment`] | the seeded views of an image |
//! | [`backbone`] | manifests, preprocessing, ONNX graphs, the runtime and its sessions |
//! | [`extract`] | images through a backbone, decode and augmentation beside inference |
//! | [`features`] | row keys and the store of rows |
//! | [`head`] | layers, training, metrics, the saved head |
//! | [`classifier`] | backbone and head as one ONNX file |
//! | [`predict`] | images through a trained classifier |
//! | [`report`] | tables and pictures for people |
//! | [`assets`] | files from outside, pinned and checked |
//! | [`digests`] | which files are unchanged since they were last read |
//! | [`size`] | sizes in bytes, as a person writes them |
//! | [`stop`] | a request to end, and who will answer it |
//! | [`yaml`] | YAML whose errors name file, line and column |
//! | [`pipeline`] | the whole: what is up to date, what runs, the run folder |
//! | [`cli`] | the program's subcommands |

pub mod assets;
pub mod augment;
pub mod backbone;
pub mod classifier;
pub mod cli;
pub mod dataset;
pub mod digests;
pub mod extract;
pub mod features;
pub mod head;
pub mod pipeline;
pub mod predict;
pub mod report;
pub mod size;
pub mod stop;
pub mod yaml;
