//! Looking after a store as a whole: what is in it, whether it is right, what nobody needs any
//! more, and what other stores have.
//!
//! None of this trusts an index or a name: a shard is examined byte by byte before it is moved,
//! rewritten or taken over.

mod examine;
mod folder;
mod gc;
mod import;
mod label;
mod survey;
#[cfg(test)]
mod tests;
mod verify;

pub use gc::{Freed, Gc, Left, Needed, Removal, Rewrite, SpaceGc, Why};
pub use import::{Imported, Refused, import};
pub use survey::{Pile, SpaceSurvey, spaces, survey};
pub use verify::{Verified, set_aside, shards_of, verify};
