//! The same work for each of many examples, on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// The results of `work` for 0 to `count`, in that order whatever the threads. A thread that
/// panics hands its panic on.
pub(crate) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_watched(count, work, &mut || ())
}

/// [`map`] that calls `done`, on this thread, after each that is done.
pub(super) fn map_watched<T: Send>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    done: &mut dyn FnMut(),
) -> Vec<T> {
    let threads = thread::available_parallelism()
        .map_or(1, Into::into)
        .min(count);
    if threads <= 1 {
        let one = |i| {
            let result = work(i);
            done();
            result
        };
        return (0..count).map(one).collect();
    }
    let next = AtomicUsize::new(0);
    let claim = |tell: mpsc::Sender<()>| {
        let mut results = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return results;
            }
            results.push((i, work(i)));
            // This thread listens until all others have ended.
            let _ = tell.send(());
        }
    };
    let claim = &claim;
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let spawn = |tell: mpsc::Sender<()>| scope.spawn(move || claim(tell));
        let handles: Vec<_> = (0..threads).map(|_| spawn(tell.clone())).collect();
        drop(tell);
        for () in told {
            done();
        }
        handles
            .into_iter()
            .flat_map(|handle| match handle.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_order() {
        assert_eq!(super::map(0, |i| i), [0; 0]);
        let squares: Vec<usize> = (0..1000).map(|i| i * i).collect();
        assert_eq!(super::map(1000, |i| i * i), squares);
    }

    #[test]
    fn each_that_is_done_is_told_of() {
        for count in [0, 1, 1000] {
            let mut told = 0;
            super::map_watched(count, |i| i, &mut || told += 1);
            assert_eq!(told, count);
        }
    }
}
