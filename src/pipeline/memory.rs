//! How much memory training may take.

use std::fs;

/// What the machine, or the group of processes that this one is in, has free: the kernel's own
/// estimate (`MemAvailable`), or what a cgroup's limit leaves where that is less. `None` where
/// nobody says.
pub(super) fn available() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo");
    let machine = machine.ok().as_deref().and_then(mem_available);
    let [most, now] = ["memory.max", "memory.current"]
        .map(|name| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok())
        .map(|text| text.and_then(|text| text.trim().parse::<usize>().ok()));
    let group = most.zip(now).map(|(most, now)| most.saturating_sub(now));
    match (machine, group) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// `MemAvailable:   12345 kB`, in bytes.
fn mem_available(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Bytes as a person reads them: 1.5 GiB, 300 MiB.
#[allow(clippy::cast_precision_loss)] // two digits are shown
pub(super) fn readable(bytes: usize) -> String {
    let bytes = bytes as f64;
    match bytes {
        b if b >= 1024.0 * 1024.0 * 1024.0 => format!("{:.1} GiB", b / 1024.0 / 1024.0 / 1024.0),
        b => format!("{:.0} MiB", b / 1024.0 / 1024.0),
    }
}

/// Blocks from this size on are handed back to the system when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Hands memory that was freed back to the system, and from now on every large block at once. Left
/// to itself, glibc learns from large blocks that were freed to keep the next ones in its arenas,
/// of which each thread may have one: a training that was given a limit took a third more.
pub(super) fn hand_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: both take numbers alone, and say how the allocator treats memory that nobody holds.
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_estimate_is_read() {
        let text = "MemTotal:       24576000 kB\nMemAvailable:   12288000 kB\n";
        assert_eq!(mem_available(text), Some(12_288_000 * 1024));
        assert_eq!(mem_available("MemTotal: 1 kB"), None);
        if cfg!(target_os = "linux") {
            assert!(available().is_some_and(|bytes| bytes > 0));
        }
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(readable(300 << 20), "300 MiB");
        assert_eq!(readable(3 << 29), "1.5 GiB");
    }
}
