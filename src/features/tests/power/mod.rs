//! Power loss after each operation of a run, in every state that it can leave.

mod model;

use super::super::Warning;
use super::super::disk::watch::{Fault, Op, Reach, steps, watch};
use super::*;
use model::{Model, State};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the runs here, in shards of two.
const ROWS: u8 = 5;

/// What a run had promised after a number of operations: rows that are there for good, and the
/// index as it then was.
struct Promise {
    after: usize,
    rows: Vec<u8>,
    index: Index,
}

/// The files of the index, which is SQLite's and does its own file operations.
type Index = BTreeMap<PathBuf, Vec<u8>>;

fn index(root: &Path) -> Index {
    let dir = root.join(space().folder());
    let files = files(&dir).into_iter();
    let files = files.filter(|path| path.is_file() && !path.ends_with("space.json"));
    files
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path.strip_prefix(root).unwrap().to_owned(), bytes)
        })
        .collect()
}

/// Writes the rows that are missing, and notes what is promised at which time.
fn run(root: &Path) -> Vec<Promise> {
    let mut promises = Vec::new();
    let mut promise = |store: &Store| {
        promises.push(Promise {
            after: steps(),
            rows: there(store),
            index: index(root),
        });
    };
    let (store, _) = Store::open(root, &space()).unwrap();
    promise(&store);
    let mut writer = store.writer_of(2).unwrap();
    for example in 0..ROWS {
        let id = ids(ROWS)[usize::from(example)];
        writer.append(id, &row(example)).unwrap();
        promise(&store);
    }
    writer.finish().unwrap();
    promise(&store);
    promises
}

fn there(store: &Store) -> Vec<u8> {
    let missing = store.missing(&ids(ROWS));
    let there = |example: &u8| !missing.contains(&usize::from(*example));
    (0..ROWS).filter(there).collect()
}

/// What lies in the folder, beside the index and the lock.
fn left(root: &Path) -> Vec<String> {
    let dir = root.join(space().folder());
    let mut names: Vec<String> = files(&dir.join("shards")).iter().map(|p| name(p)).collect();
    let index = |name: &String| name.starts_with("index.sqlite") || name == "in-use.lock";
    names.extend(
        files(&dir)
            .iter()
            .map(|path| name(path))
            .filter(|name| !index(name)),
    );
    names.retain(|name| !name.ends_with(".h5"));
    names
}

/// Whether a warning is about the index, which a shard's rows do not depend on.
fn of_index(warning: &Warning) -> bool {
    warning.to_string().contains("index.sqlite")
}

/// No row of the state is wrong, all that were promised are there, and a new run completes it.
fn survives(state: &State, promised: &[u8], damaged: bool) {
    let root = TempDir::new().unwrap();
    model::make(state, root.path());
    let (store, warnings) = Store::open(root.path(), &space()).unwrap();
    let shard = |warning: &Warning| damaged && matches!(warning, Warning::Damaged { .. });
    let expected = |warning: &Warning| shard(warning) || of_index(warning);
    assert!(warnings.iter().all(expected), "{warnings:?}");
    let found = there(&store);
    let lost = promised.iter().find(|row| !found.contains(row));
    assert!(lost.is_none(), "{found:?} of {promised:?}");
    assert_rows(&store, &found);
    write(&store, 0..ROWS);
    let (store, warnings) = Store::open(root.path(), &space()).unwrap();
    assert!(warnings.iter().all(of_index), "{warnings:?}");
    assert_rows(&store, &(0..ROWS).collect::<Vec<_>>());
    assert_eq!(open(root.path()).len(), usize::from(ROWS));
    let mut expected = vec!["shards", "space.json"];
    if root.path().join(space().folder()).join("damaged").exists() {
        expected.insert(0, "damaged");
    }
    assert_eq!(left(root.path()), expected);
}

/// The states after each operation of a run that begins with what lies in `root`, each with what
/// was promised before.
fn states(root: &Path) -> (Vec<(State, Vec<u8>)>, Vec<Promise>) {
    let mut model = Model::of(root);
    let (promises, log, _) = watch(None, || run(root));
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for done in 0..=log.len() {
        if let Some(op) = done.checked_sub(1).and_then(|last| log.get(last)) {
            model.apply(op);
        }
        let promised = promises.iter().rev().find(|promise| promise.after <= done);
        let promised = promised
            .map(|promise| promise.rows.clone())
            .unwrap_or_default();
        let new = model.states(root).into_iter();
        let new = new.filter(|state| seen.insert((state.clone(), promised.clone())));
        all.extend(
            new.map(|state| (state, promised.clone()))
                .collect::<Vec<_>>(),
        );
    }
    (all, promises)
}

#[test]
fn a_power_loss_at_any_step_loses_nothing_that_was_published() {
    let root = TempDir::new().unwrap();
    let (states, _) = states(root.path());
    assert!(states.len() > 50, "{}", states.len());
    for (state, promised) in &states {
        survives(&without_index(state), promised, false);
    }
}

#[test]
fn a_power_loss_while_a_damaged_shard_is_set_aside_loses_nothing() {
    let (root, store) = filled(4);
    fs::write(&shards(&store)[0], "not what it was").unwrap();
    fs::write(store.path().join("shards/.writer-old.part"), "half a shard").unwrap();
    let (states, _) = states(root.path());
    assert!(states.len() > 20, "{}", states.len());
    for (state, promised) in &states {
        survives(&without_index(state), promised, true);
    }
}

#[test]
fn a_power_loss_after_a_killed_run_loses_nothing_that_a_later_one_published() {
    for at in 0.. {
        let root = TempDir::new().unwrap();
        let mut model = Model::of(root.path());
        let fault = Fault {
            at,
            errno: libc::EIO,
            reach: Reach::Dead,
        };
        let work = || {
            let (store, _) = Store::open(root.path(), &space())?;
            let mut writer = store.writer_of(2)?;
            writer.append(ids(1)[0], &row(0))?;
            writer.finish()
        };
        let (_, log, hit) = watch(Some(fault), work);
        log.iter().take(at).for_each(|op| model.apply(op));
        let (promises, log, _) = watch(None, || run(root.path()));
        log.iter().for_each(|op| model.apply(op));
        let promised = &promises.last().unwrap().rows;
        assert_eq!(promised.len(), usize::from(ROWS));
        for state in model.states(root.path()) {
            survives(&without_index(&state), promised, false);
        }
        if hit.is_none() {
            break;
        }
    }
}

/// The index is a convenience: in whatever state it is, whatever state the shards are in.
#[test]
fn an_index_in_any_state_beside_shards_in_any_state_loses_nothing() {
    let root = TempDir::new().unwrap();
    let (states, promises) = states(root.path());
    let mut indices: Vec<Index> = Vec::new();
    for promise in promises {
        if !promise.index.is_empty() && !indices.contains(&promise.index) {
            indices.push(promise.index);
        }
    }
    let path = Path::new(&space().folder()).join("index.sqlite");
    let garbage: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 3) as u8).collect();
    for bytes in [&b""[..], b"SQLite format 3\0", &garbage] {
        indices.push(Index::from([(path.clone(), bytes.to_vec())]));
    }
    for whole in indices.clone() {
        for part in [1, 2, 3] {
            let cut = |bytes: &Vec<u8>| bytes[..bytes.len() * part / 4].to_vec();
            indices.push(
                whole
                    .iter()
                    .map(|(path, bytes)| (path.clone(), cut(bytes)))
                    .collect(),
            );
        }
    }
    let long = std::env::var("CATPIPE_TORTURE").is_ok_and(|form| form == "long");
    for (number, (state, promised)) in states.iter().enumerate() {
        for (which, index) in indices.iter().enumerate() {
            // In the short form each state meets one index, and each index some states.
            if !long && which != number % indices.len() {
                continue;
            }
            let mut state = without_index(state);
            if state.contains_key(Path::new(&space().folder())) {
                state.extend(
                    index
                        .iter()
                        .map(|(path, bytes)| (path.clone(), Some(bytes.clone()))),
                );
                survives(&state, promised, false);
            }
        }
    }
}

fn without_index(state: &State) -> State {
    let mut state = state.clone();
    state.retain(|path, _| !path.to_string_lossy().contains("/index.sqlite"));
    state
}

/// The model is worth something only if it finds what is wrong.
#[test]
fn the_model_finds_a_run_that_does_not_sync() {
    let root = TempDir::new().unwrap();
    let mut model = Model::of(root.path());
    let (_, log, _) = watch(None, || run(root.path()));
    let lax = log.iter().filter(|op| !matches!(op, Op::Sync(_)));
    lax.for_each(|op| model.apply(op));
    let whole = |state: &State| {
        let shards = state
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "h5"));
        shards.into_iter().all(|(path, bytes)| {
            let digest = super::super::files::digest(bytes.as_ref().unwrap());
            path.file_stem().unwrap() == super::super::key::hex(&digest).as_str()
        })
    };
    let states = model.states(root.path());
    assert!(states.iter().any(|state| !whole(state)));
    assert!(states.iter().any(whole));
}
