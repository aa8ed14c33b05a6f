//! What is to be removed.

use super::super::super::error::{Damage, StoreError};
use super::super::super::in_use::Alone;
use super::super::super::key::{RowId, Space};
use super::super::super::shard::Refusal;
use super::super::examine::examine;
use super::super::folder::{self, Contents, ShardFile, contents, described};
use super::{Gc, Left, Needed, Removal, Rewrite, SpaceGc, Why};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

impl Gc {
    /// What there is to remove from the store at `root` where `needed` is to stay. Reads every
    /// shard. `progress` is told the bytes that have been read and those that there are.
    ///
    /// # Errors
    /// A store whose folder cannot be read.
    pub fn plan(
        root: &Path,
        needed: &[Needed],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, StoreError> {
        let (folders, others) = folder::spaces(root)?;
        let strangers = others.into_iter().map(|path| Left::Stranger { path });
        let mut gc = Gc {
            spaces: Vec::new(),
            left: strangers.collect(),
            kept: 0,
        };
        // What cannot be listed is told of below.
        let listed = folders.iter().filter_map(|folder| contents(folder).ok());
        let total = listed
            .flat_map(|found| found.shards)
            .map(|one| one.bytes)
            .sum();
        let mut read = 0;
        let mut progress = |bytes| {
            read += bytes;
            progress(read, total);
        };
        for folder in folders {
            let wanted = Wanted::new(&folder, needed);
            if let Err(error) = gc.look_into(folder, &wanted, &mut progress) {
                gc.left.push(Left::Unread(error));
            }
        }
        Ok(gc)
    }

    fn look_into(
        &mut self,
        folder: PathBuf,
        wanted: &Wanted,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), StoreError> {
        let said = described(&folder)?;
        let contents = contents(&folder)?;
        let space = wanted.space.clone().or(said);
        let Some(space) = space.or_else(|| labelled(&folder, &contents)) else {
            self.left.push(Left::Unknown { folder });
            return Ok(());
        };
        let (seen, busy) = (contents.names(), contents.busy);
        let looked = Looked::into(&space, contents, wanted, progress);
        let whole = looked.kept == 0 && looked.left.is_empty();
        let is_clean = looked.removals.is_empty() && looked.rewrites.is_empty();
        self.kept += looked.kept;
        self.left.extend(looked.left);
        if is_clean && !whole {
            return Ok(());
        }
        match Alone::take(&folder) {
            // A writer that holds no lock on the space itself is of an older program.
            _ if busy => self.left.push(Left::InUse { folder }),
            Err(why) => self.left.push(Left::shared(folder, why)),
            // Given back: it is taken again when something is removed.
            Ok(_) => self.spaces.push(SpaceGc {
                folder,
                space,
                whole,
                removals: looked.removals,
                rewrites: looked.rewrites,
                seen,
            }),
        }
        Ok(())
    }

    /// Bytes that this frees, about: a rewritten shard frees its share of unneeded rows.
    #[must_use]
    pub fn frees(&self) -> u64 {
        self.spaces.iter().map(SpaceGc::frees).sum()
    }

    /// Whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }
}

impl SpaceGc {
    /// Bytes that this frees, about.
    #[must_use]
    pub fn frees(&self) -> u64 {
        let rewritten = self.rewrites.iter().map(|one| {
            let kept = one.bytes as f64 * one.keep.len() as f64 / one.rows.max(1) as f64;
            one.bytes.saturating_sub(kept as u64)
        });
        let removed = self.removals.iter().map(|one| one.bytes);
        removed.chain(rewritten).sum()
    }
}

/// What is needed of one folder.
struct Wanted<'a> {
    space: Option<Space>,
    rows: Vec<&'a HashSet<RowId>>,
}

impl<'a> Wanted<'a> {
    fn new(folder: &Path, needed: &'a [Needed]) -> Self {
        let here = |one: &&Needed| folder::is_folder_of(folder, &one.space);
        let mine: Vec<_> = needed.iter().filter(here).collect();
        Self {
            space: mine.first().map(|one| one.space.clone()),
            rows: mine.iter().map(|one| &one.rows).collect(),
        }
    }

    fn has(&self, row: &RowId) -> bool {
        self.rows.iter().any(|rows| rows.contains(row))
    }
}

/// The space that a right shard in the folder says, where `space.json` is lost.
fn labelled(folder: &Path, contents: &Contents) -> Option<Space> {
    contents.shards.iter().find_map(|shard| {
        let found = examine(&shard.path, &shard.digest, None).ok()?;
        folder::is_folder_of(folder, &found.space).then_some(found.space)
    })
}

/// A right shard, and which of its rows are needed.
struct Right {
    file: ShardFile,
    keys: Vec<RowId>,
    needed: usize,
}

/// What was found in one space.
#[derive(Default)]
struct Looked {
    removals: Vec<Removal>,
    rewrites: Vec<Rewrite>,
    left: Vec<Left>,
    /// Needed rows that are there.
    kept: usize,
}

impl Looked {
    fn into(
        space: &Space,
        contents: Contents,
        wanted: &Wanted,
        progress: &mut dyn FnMut(u64),
    ) -> Self {
        let mut looked = Looked::default();
        let mut right = Vec::new();
        for file in contents.shards {
            let bytes = file.bytes;
            match examine(&file.path, &file.digest, Some(space)) {
                Ok(found) => right.push(Right {
                    needed: found.keys.iter().filter(|key| wanted.has(key)).count(),
                    keys: found.keys,
                    file,
                }),
                // Its user removed it since it was listed.
                Err(Refusal::Damage(Damage::Gone)) => {}
                // Its bytes are what somebody meant them to be.
                Err(Refusal::Damage(Damage::Layout { .. })) => {
                    looked.left.push(Left::Stranger { path: file.path });
                }
                Err(Refusal::Damage(damage)) => {
                    looked.remove(file.path, bytes, Why::Damaged(damage));
                }
                Err(Refusal::Error(error)) => looked.left.push(Left::Unread(error)),
            }
            progress(bytes);
        }
        looked.share_out(right, wanted);
        for path in contents.damaged {
            let bytes = folder::size(&path);
            looked.remove(path, bytes, Why::SetAside);
        }
        for path in contents.leftovers {
            let bytes = folder::size(&path);
            looked.remove(path, bytes, Why::Leftover);
        }
        let strangers = contents.strangers.into_iter();
        looked
            .left
            .extend(strangers.map(|path| Left::Stranger { path }));
        looked
    }

    /// Decides which shard keeps which needed row. Those that are needed whole come first: what
    /// they hold need not be rewritten from another shard, as after a collection that was killed
    /// when it had published and not yet removed.
    fn share_out(&mut self, mut right: Vec<Right>, wanted: &Wanted) {
        right.sort_by_key(|one| (one.needed < one.keys.len(), one.file.digest));
        let mut kept: HashSet<RowId> = HashSet::new();
        for one in right {
            let is_new = |key: &RowId| wanted.has(key) && !kept.contains(key);
            let rows = one.keys.len();
            let mut seen = HashSet::new();
            let keep: Vec<usize> = (0..rows)
                .filter(|&row| is_new(&one.keys[row]) && seen.insert(one.keys[row]))
                .collect();
            let (path, bytes) = (one.file.path, one.file.bytes);
            if keep.is_empty() {
                self.remove(path, bytes, Why::Unneeded { rows });
            } else if one.needed < rows {
                let digest = one.file.digest;
                self.rewrites.push(Rewrite {
                    path,
                    digest,
                    bytes,
                    rows,
                    keep,
                });
            }
            kept.extend(seen);
        }
        self.kept = kept.len();
    }

    fn remove(&mut self, path: PathBuf, bytes: u64, why: Why) {
        self.removals.push(Removal { path, bytes, why });
    }
}
