//! Work for many items on several threads, taken in order.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Results that wait on each thread until they are taken.
const AHEAD: usize = 2;

/// Does `work` for 0 to `count` on `threads` threads and hands the results to `take` in that order,
/// on the calling thread. At most `AHEAD + 2` results a thread are there at once, whatever the
/// count. Ends at the first error of `take`, or without one where `work` has lost a thread:
/// `take` has then not got all.
pub(super) fn in_order<T: Send, E>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.clamp(1, count.max(1));
    let work = &work;
    thread::scope(|scope| {
        // Thread t has every item t, t + threads, ...: so one is always next, and none waits for
        // another.
        let lanes: Vec<_> = (0..threads)
            .map(|first| {
                let (ready, results) = sync_channel(AHEAD);
                scope.spawn(move || {
                    for item in (first..count).step_by(threads) {
                        // Nobody takes any more after an error.
                        if ready.send(work(item)).is_err() {
                            return;
                        }
                    }
                });
                results
            })
            .collect();
        for item in 0..count {
            let Ok(result) = lanes[item % threads].recv() else {
                break;
            };
            take(item, result)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_and_only_a_few_wait() {
        let made = AtomicUsize::new(0);
        let mut taken = Vec::new();
        let work = |item: usize| {
            made.fetch_add(1, Ordering::SeqCst);
            item * item
        };
        let take = |item: usize, square: usize| {
            taken.push(square);
            let ahead = made.load(Ordering::SeqCst) - item;
            assert!(ahead <= 3 * (AHEAD + 2), "{ahead}");
            Ok::<_, ()>(())
        };
        in_order(500, 3, work, take).unwrap();
        assert_eq!(taken, (0..500).map(|i| i * i).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_it() {
        let mut taken = 0;
        let ended = in_order(
            1000,
            4,
            |item| item,
            |item, _| {
                taken += 1;
                if item == 10 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((ended, taken), (Err("enough"), 11));
        assert_eq!(in_order(0, 4, |item| item, |_, _| Err("none")), Ok(()));
    }
}
