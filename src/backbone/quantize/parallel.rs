//! The same work for each of several things, on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Works on each item once, in no certain order; the results come in the order of the items. What
/// the work does to an item must depend on that item alone: then the threads do not show.
pub(super) fn each<T: Send, R: Send>(
    items: &mut [T],
    work: impl Fn(usize, &mut T) -> R + Sync,
) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, Into::into);
    let slots: Vec<Mutex<(&mut T, Option<R>)>> = (items.iter_mut())
        .map(|item| Mutex::new((item, None)))
        .collect();
    let next = AtomicUsize::new(0);
    let claim = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = slots.get(place) else { return };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(place, slot.0);
            slot.1 = Some(result);
        }
    };
    thread::scope(|scope| {
        // A thread that panics makes the scope panic with it.
        for _ in 1..threads.min(slots.len()) {
            scope.spawn(claim);
        }
        claim();
    });
    let results = slots.into_iter().map(|slot| {
        let (_, result) = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        result
    });
    results.flatten().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_item_once_and_in_order() {
        let mut items: Vec<usize> = (0..500).collect();
        let doubled = super::each(&mut items, |place, item| {
            *item += 1;
            place * 2
        });
        assert_eq!(doubled, (0..1000).step_by(2).collect::<Vec<_>>());
        assert_eq!(items, (1..=500).collect::<Vec<_>>());
        assert_eq!(super::each(&mut [0_u8; 0], |_, _| ()), []);
    }
}
