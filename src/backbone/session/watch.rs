//! Opening that takes minutes, watched.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often a long wait is told of.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Something that takes long while a session is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// What is done, such as `building a TensorRT engine for resnet50 (...)`.
    pub what: String,
    /// How long it has taken so far.
    pub elapsed: Duration,
}

impl fmt::Display for Opening {
    /// `building ...: this takes minutes; 37 s so far`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs();
        write!(f, "{}: this takes minutes; {seconds} s so far", self.what)
    }
}

/// Says what takes long; from another thread than the one that watches.
#[derive(Debug, Clone)]
pub(super) struct Herald(Option<SyncSender<String>>);

impl Herald {
    /// One whom nobody hears.
    pub(super) fn silent() -> Self {
        Self(None)
    }

    /// What follows takes long.
    pub(super) fn says(&self, what: String) {
        if let Some(watcher) = &self.0 {
            // Who has stopped watching wants to know nothing.
            let _ = watcher.send(what);
        }
    }
}

/// Does `work` in a thread of its own, and tells `watch` of what takes long: when it begins, and
/// again and again until it ends. `None` where the thread was lost.
pub(super) fn watched<T: Send>(
    work: impl FnOnce(&Herald) -> T + Send,
    every: Duration,
    watch: &mut dyn FnMut(&Opening),
) -> Option<T> {
    thread::scope(|scope| {
        let (herald, heard) = sync_channel(1);
        let working = scope.spawn(move || work(&Herald(Some(herald))));
        let mut current: Option<(String, Instant)> = None;
        loop {
            match heard.recv_timeout(every) {
                Ok(what) => current = Some((what, Instant::now())),
                Err(RecvTimeoutError::Timeout) => {}
                // The herald went with the work.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some((what, since)) = &current {
                watch(&Opening {
                    what: what.clone(),
                    elapsed: since.elapsed(),
                });
            }
        }
        working.join().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_takes_long_is_told_again_and_again() {
        let (seen, enough) = channel();
        let mut told = Vec::new();
        let work = move |herald: &Herald| {
            herald.says("building".to_owned());
            // Done when it has been told of three times.
            (0..3).map(|_| enough.recv().map_or(0, |()| 1)).sum::<i32>()
        };
        let done = watched(work, Duration::from_millis(1), &mut |opening| {
            told.push(opening.what.clone());
            let _ = seen.send(());
        });
        assert_eq!(done, Some(3));
        assert!(told.len() >= 3 && told.iter().all(|what| what == "building"));
    }

    #[test]
    fn what_takes_no_time_is_not_told_of() {
        let done = watched(|_| 7, EVERY, &mut |opening| panic!("{opening}"));
        assert_eq!(done, Some(7));
        Herald::silent().says("nobody hears this".to_owned());
    }

    #[test]
    fn a_thread_that_is_lost_is_seen() {
        let lost = watched(|_| panic!("on purpose"), EVERY, &mut |_| ());
        assert_eq!(lost, None::<()>);
    }

    #[test]
    fn a_wait_is_put_in_words() {
        let opening = Opening {
            what: "building a TensorRT engine for tiny (fp16)".to_owned(),
            elapsed: Duration::from_millis(37_900),
        };
        assert_eq!(
            opening.to_string(),
            "building a TensorRT engine for tiny (fp16): this takes minutes; 37 s so far"
        );
    }
}
