//! The child process: one input after another through a loader, each guarded.
#![allow(unsafe_code)]

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::memory;
use crate::kinds::Kind;
use crate::loaders::Outcome;

/// The most processor time that one input may take, on all threads together.
const TIME: Duration = Duration::from_secs(2);

/// The address space of a child: whatever asks for more gets nothing, and the machine stays whole.
const SPACE: u64 = 6 << 30;

/// Whatever takes this long takes for ever.
const FOR_EVER: Duration = Duration::from_secs(10);

/// The input that is being loaded.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What the last panic said, and where.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Loads the inputs and writes one line each to standard error: its number and what became of it.
pub(crate) fn work(kind: &Kind, seed: u64, numbers: std::ops::Range<u32>) {
    confine();
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut said) = PANIC.lock() {
            *said = info.to_string().replace(['\n', '\t'], " ");
        }
    }));
    let room = tempfile::tempdir().expect("a temporary folder");
    let inputs = kind.inputs(seed);
    std::thread::spawn(watch);
    for number in numbers {
        NUMBER.store(number, Relaxed);
        let became = guarded(kind, &inputs.input(number), room.path());
        tell(number, &became);
    }
}

fn tell(number: u32, became: &str) {
    let line = format!("{}{number}\t{became}\n", super::MARK);
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("a line");
}

/// Ends the process when one input takes for ever.
fn watch() {
    let (mut last, mut since) = (u32::MAX, Duration::ZERO);
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let (number, now) = (NUMBER.load(Relaxed), processor_time());
        if number != last {
            (last, since) = (number, now);
        } else if now.saturating_sub(since) > FOR_EVER {
            tell(
                number,
                &format!(
                    "{}no end after {FOR_EVER:?} of processor time",
                    super::FAILED
                ),
            );
            std::process::abort();
        }
    }
}

/// What became of an input: `accepted`, the kind of its refusal, or a failure, which starts with
/// [`super::FAILED`].
fn guarded(kind: &Kind, input: &[u8], room: &Path) -> String {
    let failed = super::FAILED;
    let (held, started) = (memory::reset(), processor_time());
    let outcome = catch_unwind(AssertUnwindSafe(|| (kind.load)(input, room)));
    let (peak, took) = (memory::peak(held), processor_time().saturating_sub(started));
    let outcome: Outcome = match outcome {
        Ok(outcome) => outcome,
        Err(_) => {
            let said = PANIC.lock().map(|said| said.clone()).unwrap_or_default();
            return format!("{failed}panic: {said}");
        }
    };
    let became = outcome.map_or_else(|refusal| refusal, |()| super::ACCEPTED.to_owned());
    if took > TIME {
        return format!("{failed}{took:?} of processor time, then {became}");
    }
    let touched = if kind.untouched { resident() } else { peak };
    if peak > kind.memory && touched > kind.memory {
        let limit = kind.memory >> 10;
        return format!(
            "{failed}{} KiB of memory where {limit} are allowed, then {became}",
            peak >> 10
        );
    }
    became
}

/// The most memory that this process has had in the machine's.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process's status");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|line| line.trim().strip_suffix(" kB"));
    most.expect("a figure").parse::<usize>().expect("a number") << 10
}

/// Limits the address space, and turns core files off.
fn confine() {
    for (what, most) in [(libc::RLIMIT_AS, SPACE), (libc::RLIMIT_CORE, 0)] {
        let limit = libc::rlimit {
            rlim_cur: most,
            rlim_max: most,
        };
        // SAFETY: the pointer is to a whole `rlimit`.
        assert_eq!(unsafe { libc::setrlimit(what, &raw const limit) }, 0);
    }
}

/// The processor time that this process has taken. Unlike the clock on the wall, it does not run
/// while others have the processor.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a whole `timespec`.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
