//! Counts what this program holds: Rust's allocations and those of the C library inside it.
//!
//! `#[global_allocator]` would see Rust's alone, and HDF5 is C. So the C allocator's own functions
//! are defined here, in front of glibc's, which offers its real ones by the names used below for
//! exactly that. Rust's system allocator calls them too.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(old: *mut c_void);
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

/// Starts counting anew, from what is held now, which it returns.
pub(crate) fn reset() -> usize {
    let held = LIVE.load(Relaxed);
    PEAK.store(held, Relaxed);
    held
}

/// The most bytes held, or asked for in vain, since [`reset`] returned `before`, beyond that.
pub(crate) fn peak(before: usize) -> usize {
    PEAK.load(Relaxed).saturating_sub(before)
}

/// A request counts before it is answered: one that cannot be met is the worst of all.
fn ask(size: usize) {
    PEAK.fetch_max(LIVE.load(Relaxed).saturating_add(size), Relaxed);
}

fn got(block: *mut c_void) -> *mut c_void {
    // SAFETY: null or a block that the C allocator has just returned.
    LIVE.fetch_add(unsafe { malloc_usable_size(block) }, Relaxed);
    block
}

fn lost(block: *mut c_void) {
    // SAFETY: null or a live block of the C allocator: its owner is giving it back.
    LIVE.fetch_sub(unsafe { malloc_usable_size(block) }, Relaxed);
}

// SAFETY of all below: they are what their names promise, by glibc's own functions.

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    ask(size);
    got(unsafe { __libc_malloc(size) })
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    ask(count.saturating_mul(size));
    got(unsafe { __libc_calloc(count, size) })
}

#[unsafe(no_mangle)]
extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    lost(old);
    ask(size);
    let new = unsafe { __libc_realloc(old, size) };
    // A request that is refused leaves the old block as it was.
    got(if new.is_null() && size > 0 { old } else { new });
    new
}

#[unsafe(no_mangle)]
extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    const ENOMEM: c_int = 12;
    let block = aligned_alloc(align, size);
    if block.is_null() {
        return ENOMEM;
    }
    unsafe { *out = block };
    0
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    ask(size);
    got(unsafe { __libc_memalign(align, size) })
}

#[unsafe(no_mangle)]
extern "C" fn free(old: *mut c_void) {
    lost(old);
    unsafe { __libc_free(old) }
}

#[test]
fn what_rust_and_c_hold_is_counted() {
    // Other tests of this process allocate and free too, but not as much.
    let before = reset();
    let block: Vec<u8> = Vec::with_capacity(64 << 20);
    assert!(peak(before) >= 48 << 20, "{}", peak(before));
    drop(block);
    let block = malloc(96 << 20);
    assert!(peak(before) >= 80 << 20, "{}", peak(before));
    free(block);
}
