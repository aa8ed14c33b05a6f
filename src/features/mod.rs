//! Row keys and the store of feature rows: a row is computed once in its life, and a wrong one
//! is never served.
//!
//! A row is one view of one image, turned into `width` numbers by a backbone. What it depends on
//! besides the image and the view is a [`Space`]; [`Space::row`] gives the row its [`RowId`].
//! A [`Store`] holds the rows of one space:
//!
//! ```no_run
//! # fn extract() -> Result<(), catpipe::features::StoreError> {
//! use catpipe::features::{Space, Store};
//! # let (root, row_of) = (std::path::Path::new("cache"), |_: usize| vec![0.0f32; 2048]);
//! let space = Space {
//!     format: Space::FORMAT,
//!     preprocessing: "resize=224x224 bilinear; bgr; mean=103.939,116.779,123.68".into(),
//!     graph: "0".repeat(64),
//!     output: "features".into(),
//!     width: 2048,
//!     numeric: "cpu fp32 onnxruntime-1.31.0".into(),
//! };
//! let (store, warnings) = Store::open(root, &space)?;
//! warnings.iter().for_each(|warning| eprintln!("{warning}"));
//! let ids = [space.row(&[7; 32], "plain")];
//! let mut writer = store.writer()?;
//! for index in store.missing(&ids) {
//!     writer.append(ids[index], &row_of(index))?;
//! }
//! writer.finish()?;
//! let rows = store.read(&ids)?; // [1, 2048], in the order of `ids`
//! # Ok(()) }
//! ```
//!
//! # On disk
//!
//! ```text
//! <root>/
//!   <first 16 hex digits of the space's digest>/
//!     space.json                    the format of the store and the whole space, for people
//!     in-use.lock                   held, shared, by every open store
//!     shards/<SHA-256 of the file>.h5
//!     shards/.writer-*.lock, .part  a writer at work (held by a file lock) and its unfinished shard
//!     damaged/                      shards that were set aside because they were not what they say
//! ```
//!
//! A shard is an HDF5 file that plain h5py reads:
//!
//! | object | type | what |
//! | --- | --- | --- |
//! | `features` | f32, little endian, [rows, width], contiguous | the rows |
//! | `keys` | u8 [rows, 32] | row i's [`RowId`] |
//! | attribute `catpipe` | string | `feature shard` |
//! | attribute `format` | u32 | the version of this layout, now 1 |
//! | attribute `space` | string | the space, as JSON |
//! | attribute `columns` | string | what the columns are, in words |
//!
//! A shard holds up to about 8 MiB of rows (at least one). It is written under a temporary name,
//! flushed and synced, and renamed to the SHA-256 of its own bytes; then the folder is synced. So
//! what has a shard's name is whole, `sha256sum *.h5` checks a store by eye, and a published shard
//! is never changed. Uncompressed and contiguous because it is read ten times faster than deflate
//! and saves only a fifth with it; HDF5's time stamps are off, so equal rows make equal files.
//!
//! # Trust
//!
//! Opening a store reads every shard and compares its SHA-256 with its name
//! ([`Store::open_changed`] only where size, times or inode of a shard have changed since that was
//! last done); reading rows does so again, always, for the shards that it touches. A shard that
//! differs is moved to `damaged/`, told in a [`Warning`], and its rows are missing, so they are
//! computed again. HDF5 only ever sees files whose checksum was right, and even then types, shapes
//! and sizes are checked before use.
//!
//! # Several processes
//!
//! Any number of processes may open, read and write one store on one machine. Shards never
//! change, and are named by content, so writers cannot collide; at worst two of them compute
//! the same row, and either copy serves. A writer holds a lock on a file of its own for as long as
//! it lives, so the leftovers of a killed one are told from the work of a live one, and removed.
//!
//! Only [`Gc`] removes rows that are right, and only while it holds alone the lock that every open
//! store shares: what is in use is left as it is.

mod error;
mod export;
mod files;
mod image;
mod in_use;
mod index;
mod key;
mod shard;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

pub use error::{Damage, StoreError, Warning};
pub use export::{Export, ExportError, Table};
pub use key::{RowId, Space};
pub use store::Store;
pub use upkeep::{
    Freed, Gc, Imported, Left, Needed, Pile, Refused, Removal, Rewrite, SpaceGc, SpaceSurvey,
    Verified, Why, import, set_aside, shards_of, spaces, survey, verify,
};
pub use writer::Writer;

/// The version of the HDF5 library that shards are written with.
#[must_use]
pub fn hdf5_version() -> String {
    let (major, minor, patch) = hdf5::library_version();
    format!("{major}.{minor}.{patch}")
}
