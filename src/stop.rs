//! A request to end, and who will answer it.
//!
//! Whoever starts work hands it a [`Stop`] and may ask it to end, from another thread. Work that
//! has something to bring home says so by a [`Watch`]: it looks at the request between two steps,
//! publishes what is whole and returns. While nobody watches there is nothing to bring home, and
//! the program may simply end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A request to end that is made at most once. Its clones are the same request.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    asked: AtomicBool,
    watching: AtomicUsize,
    unfinished: Mutex<Vec<PathBuf>>,
}

impl Stop {
    /// Asks the work to end. Returns whether it had been asked before.
    pub fn ask(&self) -> bool {
        self.0.asked.swap(true, Ordering::SeqCst)
    }

    /// Whether the work is to end.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Says that the request is looked at for as long as the answer lives. Who drops it has to
    /// look once more afterwards: only then is no request overlooked.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.0.watching.fetch_add(1, Ordering::SeqCst);
        Watch(Arc::clone(&self.0))
    }

    /// Whether anybody looks at the request, and will end by itself.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.0.watching.load(Ordering::SeqCst) > 0
    }

    /// Names a temporary file that nobody needs if the program ends before the file is in its
    /// place.
    pub fn unfinished(&self, file: PathBuf) {
        let files = self.0.unfinished.lock();
        files.unwrap_or_else(PoisonError::into_inner).push(file);
    }

    /// Removes the files that are [unfinished](Stop::unfinished): the program ends now.
    pub fn clean_up(&self) {
        let files = self.0.unfinished.lock();
        for file in files.unwrap_or_else(PoisonError::into_inner).iter() {
            // Gone already, or written over by the next run.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The promise that a request to end is looked at.
#[derive(Debug)]
pub struct Watch(Arc<State>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.watching.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_by_every_clone_and_made_once() {
        let stop = Stop::default();
        let other = stop.clone();
        assert!(!other.is_asked());
        assert!(!stop.ask() && other.is_asked());
        assert!(other.ask());
    }

    #[test]
    fn it_is_watched_as_long_as_any_watch_lives() {
        let stop = Stop::default();
        assert!(!stop.is_watched());
        let (first, second) = (stop.watch(), stop.clone().watch());
        drop(first);
        assert!(stop.is_watched());
        drop(second);
        assert!(!stop.is_watched());
    }

    #[test]
    fn unfinished_files_are_removed_and_no_others() {
        let dir = tempfile::TempDir::new().unwrap();
        let [half, whole] = ["half", "whole"].map(|name| dir.path().join(name));
        std::fs::write(&half, "").unwrap();
        std::fs::write(&whole, "").unwrap();
        let stop = Stop::default();
        stop.unfinished(half.clone());
        stop.unfinished(dir.path().join("never there"));
        stop.clean_up();
        assert!(!half.exists() && whole.exists());
    }
}
