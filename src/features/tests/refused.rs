//! Every file operation of a run refused in turn: disk full, a failing disk, no locks, no right to
//! write.

use super::super::disk::watch::{Fault, Op, Reach, watch};
use super::super::{StoreError, Warning};
use super::*;

const ROWS: u8 = 5;

/// Writes the rows that are missing.
fn run(root: &Path) -> Result<usize, StoreError> {
    let (store, _) = Store::open(root, &space())?;
    let mut writer = store.writer_of(2)?;
    for example in 0..ROWS {
        writer.append(ids(ROWS)[usize::from(example)], &row(example))?;
    }
    writer.finish()
}

/// The rows that are there are right; how many there are.
fn readable(root: &Path) -> usize {
    let (store, _) = Store::open(root, &space()).unwrap();
    let missing = store.missing(&ids(ROWS));
    let there = (0..ROWS).filter(|example| !missing.contains(&usize::from(*example)));
    let there: Vec<u8> = there.collect();
    assert_rows(&store, &there);
    there.len()
}

/// Files of writers that lie about.
fn leftovers(root: &Path) -> Vec<PathBuf> {
    let mut left = files(&root.join(space().folder()).join("shards"));
    left.retain(|path| path.extension().is_none_or(|ending| ending != "h5"));
    left
}

/// A folder with what some run finds: nothing, or two shards of which one is damaged, and what a
/// killed run has left.
fn found(full: bool) -> TempDir {
    if !full {
        return TempDir::new().unwrap();
    }
    let (root, store) = filled(4);
    fs::write(&shards(&store)[0], "not what it was").unwrap();
    for leftover in [".writer-a.lock", ".writer-a.part", ".writer-b.part"] {
        fs::write(store.path().join("shards").join(leftover), "half").unwrap();
    }
    root
}

/// Refuses operation after operation of a run, and looks at what it says and leaves. `judge` gets
/// what was refused and what the run said of it.
fn refuse(errno: i32, reach: Reach, judge: impl Fn(&Op, StoreError)) {
    for full in [false, true] {
        for at in 0.. {
            let root = found(full);
            let before = if full { 2 } else { 0 };
            let fault = Fault { at, errno, reach };
            let (said, log, hit) = watch(Some(fault), || run(root.path()));
            let Some(hit) = hit else {
                assert!(at >= 10 && said.is_ok(), "{at}: {said:?}");
                break;
            };
            // What was published is what was renamed to a shard's name.
            let shards = log.iter().take(at).filter(|op| {
                matches!(op, Op::Rename(_, to)
                    if to.extension().is_some_and(|ending| ending == "h5")
                    && to.parent().is_some_and(|dir| dir.ends_with("shards")))
            });
            let least = (before + 2 * shards.count()).min(usize::from(ROWS));
            assert!(readable(root.path()) >= least, "{hit:?}");
            match said {
                Ok(_) if cleans_up(&hit, full) => {}
                Ok(_) => panic!("{hit:?} was refused, and nothing said"),
                Err(error) => judge(&hit, error),
            }
            // With room again the run goes on, and nothing is left lying about.
            run(root.path()).unwrap();
            assert_eq!(readable(root.path()), usize::from(ROWS));
            assert!(leftovers(root.path()).is_empty(), "{hit:?}");
        }
    }
}

/// Operations of which a run can do without: those that clean up, or set a damaged shard aside.
fn cleans_up(op: &Op, damaged: bool) -> bool {
    match op {
        Op::Remove(_) => true,
        Op::Lock() | Op::SyncDir(_) => damaged,
        Op::CreateDir(dir) => damaged && dir.ends_with("damaged"),
        Op::Rename(_, to) => damaged && to.parent().is_some_and(|dir| dir.ends_with("damaged")),
        _ => false,
    }
}

#[test]
fn a_full_disk_at_any_operation_is_told_and_costs_nothing_that_was_published() {
    for reach in [Reach::Once, Reach::Full] {
        refuse(libc::ENOSPC, reach, |op, error| {
            let text = error.to_string();
            let full = matches!(error, StoreError::DiskFull { .. });
            assert!(full, "{op:?}: {error:?}");
            assert!(
                text.contains("no room") && text.contains("run again"),
                "{text}"
            );
        });
    }
}

#[test]
fn a_failing_disk_at_any_operation_is_told_and_costs_nothing_that_was_published() {
    refuse(libc::EIO, Reach::Once, |op, error| match error {
        StoreError::Io { path, source, .. } => {
            assert!(path.is_absolute() && source.raw_os_error() == Some(libc::EIO));
        }
        other => panic!("{op:?}: {other:?}"),
    });
}

#[test]
fn a_place_that_may_not_be_written_is_told() {
    for errno in [libc::EROFS, libc::EACCES] {
        refuse(errno, Reach::Full, |op, error| {
            let told = matches!(error, StoreError::ReadOnly { .. });
            assert!(told, "{op:?}: {error:?}");
        });
    }
}

#[test]
fn a_writer_whose_disk_was_full_for_a_moment_goes_on() {
    for at in 0.. {
        let root = TempDir::new().unwrap();
        let store = open(root.path());
        let mut writer = store.writer_of(2).unwrap();
        let fault = Fault {
            at,
            errno: libc::ENOSPC,
            reach: Reach::Once,
        };
        let (said, _, hit) = watch(Some(fault), || {
            for example in 0..4 {
                let id = ids(4)[usize::from(example)];
                // The row that filled the shard waits with the others: handed over again it is
                // passed over, and the next one publishes.
                let _ = writer.append(id, &row(example));
            }
            writer.append(ids(5)[4], &row(4))
        });
        if hit.is_none() {
            assert!(at >= 5, "{at}");
            break;
        }
        said.unwrap();
        writer.finish().unwrap();
        assert_rows(&store, &[0, 1, 2, 3, 4]);
        assert_rows(&open(root.path()), &[0, 1, 2, 3, 4]);
    }
}

#[test]
fn a_file_system_without_locks_is_told_and_can_be_read() {
    for errno in [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS] {
        let root = found(true);
        let fault = Fault {
            at: 0,
            errno,
            reach: Reach::Locks,
        };
        let (opened, ..) = watch(Some(fault), || Store::open(root.path(), &space()));
        let (store, warnings) = opened.unwrap();
        let kept = |warning: &Warning| matches!(warning, Warning::LeftoverKept { .. });
        assert_eq!(warnings.iter().filter(|warning| kept(warning)).count(), 1);
        assert_eq!(readable(root.path()), 2);
        let (writer, ..) = watch(Some(fault), || store.writer_of(2).map(drop));
        let error = writer.unwrap_err();
        assert!(matches!(error, StoreError::NoLocks { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("no file locks") && text.contains("CATPIPE_CACHE"),
            "{text}"
        );
    }
}
