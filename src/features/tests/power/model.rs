//! What a power loss can leave of a folder, after any number of operations on it.
//!
//! The model promises no more than POSIX does. What a file holds is sure once the file was synced;
//! until then it may be empty, cut, or zeros where bytes should be. A name is sure once its folder
//! was synced; until then each change of names may have reached the disk or not, in any order, but
//! a renaming is one change: at no time are both names missing. (See Pillai and others, OSDI 2014,
//! "All file systems are not created equal", for what real file systems do.)

use super::super::super::disk::watch::Op;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    /// Number of a [`File`].
    File(usize),
}

#[derive(Clone, Debug)]
struct File {
    bytes: Vec<u8>,
    synced: bool,
}

/// A change of names.
#[derive(Clone, Debug)]
struct Change {
    remove: Option<PathBuf>,
    add: Option<(PathBuf, Node)>,
}

impl Change {
    fn is_in(&self, dir: &Path) -> bool {
        let added = self.add.as_ref().map(|(path, _)| path);
        let mut paths = self.remove.iter().chain(added);
        paths.any(|path| path.parent() == Some(dir))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(path) = &self.remove {
            names.remove(path);
        }
        if let Some((path, node)) = &self.add {
            names.insert(path.clone(), *node);
        }
    }
}

/// A folder: what is sure of it and what is not.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    files: Vec<File>,
    /// Names that are on the disk.
    sure: BTreeMap<PathBuf, Node>,
    /// Changes that may be.
    pending: Vec<Change>,
}

/// Files by path, relative to the folder. A folder stands there with no bytes at all.
pub(super) type State = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Model {
    /// The folder `root`, as it is, with all of it sure.
    pub(super) fn of(root: &Path) -> Self {
        let mut model = Self::default();
        model.sure.insert(root.to_owned(), Node::Folder);
        model.enter(root);
        model
    }

    fn enter(&mut self, dir: &Path) {
        for path in super::super::files(dir) {
            if path.is_dir() {
                self.sure.insert(path.clone(), Node::Folder);
                self.enter(&path);
            } else {
                let bytes = fs::read(&path).unwrap();
                let node = self.file(bytes, true);
                self.sure.insert(path, node);
            }
        }
    }

    fn file(&mut self, bytes: Vec<u8>, synced: bool) -> Node {
        self.files.push(File { bytes, synced });
        Node::File(self.files.len() - 1)
    }

    /// The names as a program that goes on sees them.
    fn now(&self) -> BTreeMap<PathBuf, Node> {
        let mut names = self.sure.clone();
        self.pending
            .iter()
            .for_each(|change| change.apply(&mut names));
        names
    }

    fn at(&mut self, path: &Path) -> Option<&mut File> {
        match self.now().get(path) {
            Some(Node::File(number)) => self.files.get_mut(*number),
            _ => None,
        }
    }

    fn change(&mut self, remove: Option<&Path>, add: Option<(&Path, Node)>) {
        self.pending.push(Change {
            remove: remove.map(Path::to_owned),
            add: add.map(|(path, node)| (path.to_owned(), node)),
        });
    }

    /// Does what `op` says.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::CreateDir(dir) => self.change(None, Some((dir, Node::Folder))),
            Op::Create(path) => {
                let file = self.file(Vec::new(), false);
                self.change(None, Some((path, file)));
            }
            Op::Write(path, bytes) => self.at(path).unwrap().bytes = bytes.clone(),
            Op::Sync(path) => self.at(path).unwrap().synced = true,
            Op::Rename(from, to) => {
                if let Some(node) = self.now().get(from).copied() {
                    self.change(Some(from), Some((to, node)));
                }
            }
            Op::Remove(path) => {
                if self.now().contains_key(path) {
                    self.change(Some(path), None);
                }
            }
            Op::SyncDir(dir) => {
                let (sure, pending) = std::mem::take(&mut self.pending)
                    .into_iter()
                    .partition(|change| change.is_in(dir));
                self.pending = pending;
                let sure: Vec<Change> = sure;
                sure.iter().for_each(|change| change.apply(&mut self.sure));
            }
            Op::Lock() => {}
        }
    }

    /// Every state that a power loss now can leave below `root`.
    pub(super) fn states(&self, root: &Path) -> BTreeSet<State> {
        let changes = self.pending.len();
        assert!(changes <= 10, "too many states: {:?}", self.pending);
        let mut states = BTreeSet::new();
        for chosen in 0..1u32 << changes {
            let mut names = self.sure.clone();
            for (position, change) in self.pending.iter().enumerate() {
                if chosen >> position & 1 == 1 {
                    change.apply(&mut names);
                }
            }
            self.fill(root, &names, &mut states);
        }
        states
    }

    /// The states of these names, with each content that a file may have.
    fn fill(&self, root: &Path, names: &BTreeMap<PathBuf, Node>, states: &mut BTreeSet<State>) {
        let mut filled = vec![State::new()];
        for (path, node) in names {
            let Ok(relative) = path.strip_prefix(root) else {
                continue;
            };
            // What lies in a folder that is not there is not there either.
            let above = path
                .ancestors()
                .skip(1)
                .take_while(|dir| dir.starts_with(root));
            if !above
                .into_iter()
                .all(|dir| names.get(dir) == Some(&Node::Folder))
            {
                continue;
            }
            let contents = match node {
                Node::Folder => vec![None],
                Node::File(number) => self.files[*number].contents(),
            };
            filled = filled
                .iter()
                .flat_map(|state| {
                    contents.iter().map(|content| {
                        let mut state = state.clone();
                        state.insert(relative.to_owned(), content.clone());
                        state
                    })
                })
                .collect();
        }
        states.extend(filled);
    }
}

impl File {
    /// What a power loss can leave of it.
    fn contents(&self) -> Vec<Option<Vec<u8>>> {
        let length = self.bytes.len();
        let mut contents = BTreeSet::from([self.bytes.clone()]);
        if !self.synced {
            for keep in [0, 1, length / 2, length.saturating_sub(1)] {
                let mut kept = self.bytes[..keep.min(length)].to_vec();
                contents.insert(kept.clone());
                // Its length may be on the disk, and its bytes not.
                kept.resize(length, 0);
                contents.insert(kept);
            }
        }
        contents.into_iter().map(Some).collect()
    }
}

/// Makes `state` in the empty folder `root`.
pub(super) fn make(state: &State, root: &Path) {
    for (path, content) in state {
        let path = root.join(path);
        match content {
            None => fs::create_dir_all(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
    }
}
