//! What a test sees of a thread's file operations, and how it makes them fail.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Something that is about to be done to a file or folder.
#[derive(Clone, Debug)]
pub(in super::super) enum Op {
    CreateDir(PathBuf),
    /// An empty file.
    Create(PathBuf),
    /// The content of a file that was just created.
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    Lock(),
}

/// Which operations fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Reach {
    /// The one.
    Once,
    /// It and all later ones that need room on the disk.
    Full,
    /// It and all later ones: a process that is dead does nothing more.
    Dead,
    /// All later ones that lock a file.
    Locks,
}

/// A failure: of which operation, with which error of the system.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Fault {
    pub(in super::super) at: usize,
    pub(in super::super) errno: i32,
    pub(in super::super) reach: Reach,
}

impl Fault {
    fn hits(&self, number: usize, op: &Op) -> bool {
        let room = !matches!(op, Op::Remove(_) | Op::SyncDir(_) | Op::Lock());
        match self.reach {
            Reach::Once => number == self.at,
            Reach::Full => number >= self.at && room,
            Reach::Dead => number >= self.at,
            Reach::Locks => number >= self.at && matches!(op, Op::Lock()),
        }
    }
}

#[derive(Default)]
struct Watch {
    log: Vec<Op>,
    fault: Option<Fault>,
    hit: Option<Op>,
}

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Watches what `work` does on this thread: what it returns, what was done, and the first operation
/// that `fault` hit.
pub(in super::super) fn watch<T>(
    fault: Option<Fault>,
    work: impl FnOnce() -> T,
) -> (T, Vec<Op>, Option<Op>) {
    let begun = Watch {
        fault,
        ..Watch::default()
    };
    WATCH.with_borrow_mut(|watch| *watch = Some(begun));
    let result = work();
    let watch = WATCH.take().unwrap_or_default();
    (result, watch.log, watch.hit)
}

/// How many operations have been done since the watch began.
pub(in super::super) fn steps() -> usize {
    WATCH.with_borrow(|watch| watch.as_ref().map_or(0, |watch| watch.log.len()))
}

/// Writes `op` down, or refuses it.
pub(super) fn step(op: Op) -> io::Result<()> {
    WATCH.with_borrow_mut(|watch| {
        let Some(watch) = watch else { return Ok(()) };
        let fault = watch.fault.filter(|fault| fault.hits(watch.log.len(), &op));
        if fault.is_some() {
            watch.hit.get_or_insert_with(|| op.clone());
        }
        watch.log.push(op);
        match fault {
            Some(fault) => Err(io::Error::from_raw_os_error(fault.errno)),
            None => Ok(()),
        }
    })
}

/// [`step`] of a write. One that fails leaves half of its bytes, as a full disk does.
pub(super) fn tear(file: &mut File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    step(Op::Write(path.to_owned(), bytes.to_owned())).inspect_err(|_| {
        let _ = file.write_all(&bytes[..bytes.len() / 2]);
    })
}
