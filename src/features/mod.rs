//! Row keys and the store of feature rows: a row is computed once in its life, and a wrong one
//! is never served.
//!
//! A row is one view of one image, turned into `width` numbers by a backbone. What it depends on
//! besides the image and the view is a [`Space`]; [`Space::row`] gives the row its [`RowId`].
//! A [`Store`] holds the rows of one space:
//!
//! ```no_run
//! # fn extract() -> Result<(), catpipe::features::StoreError> {
//! use catpipe::features::{RowType, Space, Store};
//! # let (root, row_of) = (std::path::Path::new("cache"), |_: usize| vec![0.0f32; 2048]);
//! let space = Space {
//!     format: Space::FORMAT,
//!     preprocessing: "resize=224x224 bilinear; bgr; mean=103.939,116.779,123.68".into(),
//!     graph: "0".repeat(64),
//!     output: "features".into(),
//!     width: 2048,
//!     numeric: "cpu fp32 onnxruntime-1.31.0".into(),
//!     rows: RowType::Float32,
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
//!     space.json                    the format of the store and the whole space, for people, and
//!                                   a checksum of both
//!     index.sqlite                  what the shards hold, so that opening reads none of them
//!     in-use.lock                   held, shared, by every open store
//!     shards/<SHA-256 of the file>.h5
//!     shards/.writer-*.lock, .part  a writer at work (held by a file lock) and its unfinished shard
//!     shards/.writer-*.claims       the rows that a run is going to compute
//!     shards/.writer-claiming.lock  there while a run claims rows: one at a time does
//!     damaged/                      what was set aside because it was not what it says
//! ```
//!
//! A shard is an HDF5 file that plain h5py reads:
//!
//! | object | type | what |
//! | --- | --- | --- |
//! | `features` | f32 or f16, little endian, [rows, width], contiguous | the rows |
//! | `keys` | u8 [rows, 32] | row i's [`RowId`] |
//! | attribute `catpipe` | string | `feature shard` |
//! | attribute `format` | u32 | the version of this layout, now 1 |
//! | attribute `space` | string | the space, as JSON |
//! | attribute `columns` | string | what the columns are, in words |
//!
//! A shard holds up to about 8 MiB of rows (at least one). It is written under a temporary name,
//! flushed and synced, and renamed to the SHA-256 of its own bytes; then the folder is synced. So
//! what has a shard's name is whole, `sha256sum *.h5` checks a store by eye, and a published shard
//! is never changed. HDF5's time stamps are off, so equal rows make equal files.
//!
//! Shards are not compressed. Of 550 rows of ResNet50's features of photographs, a fifth of whose
//! numbers are zeros (HDF5 through h5py, 64 rows a chunk, one core of a busy machine):
//!
//! | | size | MB/s written | MB/s read |
//! | --- | --- | --- | --- |
//! | none | 1.00 | 2497 | 7571 |
//! | deflate 4 | 0.81 | 20 | 204 |
//! | shuffle, deflate 4 | 0.79 | 19 | 113 |
//! | lzf | 0.90 | 79 | 262 |
//! | half precision | 0.50 | 720 | 4415 |
//!
//! A fifth of the room is not worth reading thirty times slower, and compressed rows cannot be
//! taken straight from the file's bytes.
//!
//! # Half precision
//!
//! A space with [`RowType::Float16`] keeps IEEE half precision: half the room. A number from 6.2e-5
//! to 65504 is rounded to the nearest half, off by at most one part in 2048 (2^-11); a smaller one
//! is off by at most 3e-8, and a larger one is refused with its row, never clipped. On the rows
//! above (values from 0 to 23.8) the largest relative error is 0.000487, the largest absolute one
//! 0.0078, and no row's cosine with what it was falls more than 4e-8 short of 1. What a row type
//! keeps is part of a row's key, so rows of both kinds never meet.
//!
//! # The index
//!
//! `index.sqlite` has one record a shard: the SHA-256 that names it, its size, inode and times when
//! it was last right, the number of rows, the XXH3-128 of every few of them (about 256 KiB: numbers,
//! then keys) and that of all other bytes, where features and keys begin in the file, all keys, and
//! a checksum over all this and the space. The record is entered after the shard was renamed, or by the next opening where
//! that did not happen. All of it can be found out from the shards again, so the index is believed
//! only as far as its checksums go, and:
//!
//! | the index | what happens |
//! | --- | --- |
//! | is missing or empty | shards are read, and it is made anew |
//! | lacks a shard (another process, a crash, an import) | that one is read and entered |
//! | has a shard that is gone | the record is dropped |
//! | has a record with a wrong checksum | that shard is read and the record replaced, with a [`Warning`] |
//! | is no database, or a damaged one | it is moved to `damaged/` and made anew, with a [`Warning`] |
//! | is of an older version | it is made anew, and shards are read |
//! | is locked, read-only, of a newer version, on a disk without locks | it is left alone; shards that it would have told of are read, with a [`Warning`] |
//!
//! In memory a row takes at most 94 bytes.
//!
//! # Trust
//!
//! [`Store::open`] compares every shard's SHA-256 with its name; [`Store::open_changed`] only where
//! the index does not know the shard, or its size, inode or times are no longer what they were.
//! Reading rows compares all bytes that it takes rows from, and those of the shard that belong to
//! no row, always: with the XXH3-128 that was made when HDF5 had read the same file and had found
//! in it just the rows and keys that lie at the recorded places, else, and where that differs, the
//! whole shard with its SHA-256. Rows are then taken straight from those bytes, and each only where
//! the file has the key that was asked for. A shard that differs is moved to `damaged/`, told in a
//! [`Warning`] or an error, and its rows are missing, so they are computed again. HDF5 only ever
//! sees files whose SHA-256 was right, and even then types, shapes and sizes are checked before
//! use.
//!
//! # Several processes
//!
//! Any number of processes may open, read and write one store on one machine. Shards never
//! change, and are named by content, so writers cannot collide. [`Store::refresh`] enters what
//! others have published since. A writer holds a lock on a file of its own for as long as it lives,
//! so the leftovers of a killed one are told from the work of a live one, and removed.
//!
//! So that two runs do not compute the same rows, a run [claims](Store::claim) those that it is
//! going to compute, in a file beside such a lock, and waits for those that another has claimed.
//! The claims of a dead run count for nothing, nor do those of one that has shown no sign of life
//! for ten minutes; should two runs compute the same row after all, either copy serves.
//!
//! Only [`Gc`] removes rows that are right, and only while it holds alone the lock that every open
//! store shares: what is in use is left as it is.

mod catalogue;
mod claims;
mod disk;
mod error;
mod export;
mod files;
mod image;
mod in_use;
mod index;
mod key;
mod numbers;
mod opening;
mod raw;
mod reading;
mod scattered;
mod seal;
mod shard;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

pub use claims::{Claim, Other};
pub use error::{Damage, StoreError, Warning};
pub use export::{Export, ExportError, Labels, Table};
pub use key::{RowId, RowNamer, RowType, Space};
pub use scattered::Scattered;
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
