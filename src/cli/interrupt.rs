//! Ctrl-C and its kin: SIGINT, SIGTERM (`kill`, a job's time limit) and SIGHUP (a closed terminal).
//!
//! The first one asks the work to end. Who watches for that ends by itself, publishes what is
//! whole and says what is kept; while nobody watches there is nothing to bring home, and the
//! program ends at once. It ends at once at the second one, too. Either way its exit code is 130.

use std::io::{IsTerminal, Write};

use anstyle::AnsiColor;

use super::failure::Failure;
use crate::stop::Stop;

/// The exit code of a program that was interrupted: 128 and the number of SIGINT.
pub(super) const CODE: u8 = 130;

/// Listens from now on. To be called once.
pub(super) fn listen() -> Stop {
    let stop = Stop::default();
    let told = stop.clone();
    let ignored = ignored();
    // Without a handler, a signal ends the program as it ends any other; what is published is
    // whole then, too.
    let _ = ctrlc::set_handler(move || interrupted(&told));
    keep_ignoring(&ignored);
    stop
}

/// Listens while `measure` asks processes of their own, which end at the request.
///
/// # Errors
/// Those of `measure`; that it was interrupted.
pub(super) fn while_measuring<T>(
    measure: impl FnOnce(&Stop) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let stop = listen();
    let watch = stop.watch();
    let measured = measure(&stop);
    drop(watch);
    if stop.is_asked() {
        let told = "interrupted while measuring, of which nothing is kept";
        return Err(Failure::Interrupted(told.to_owned()));
    }
    measured
}

fn interrupted(stop: &Stop) {
    if stop.ask() {
        say("interrupted again: ended at once; what was published is kept");
    } else if stop.is_watched() {
        return say("stopping, to keep what is whole; once more ends it at once");
    } else {
        say("interrupted: what was finished is kept; run the same command again to go on");
    }
    stop.clean_up();
    leave()
}

/// Tells a person, in place of the bar that may stand in the line.
pub(super) fn say(text: &str) {
    let clear = match std::io::stderr().is_terminal() {
        true => "\r\x1b[2K",
        false => "",
    };
    let warn = AnsiColor::Yellow.on_default().bold();
    // In one go, as the bar is drawn by another thread. A closed stderr is nobody's loss.
    let line = format!("{clear}{warn}{text}{warn:#}\n");
    let _ = anstream::stderr().write_all(line.as_bytes());
}

/// Ends the program without more ado. A library may be at work on another thread, which the
/// ordinary end would pull the ground from under, so that the program crashes or hangs.
#[allow(unsafe_code)]
pub(super) fn leave() -> ! {
    let _ = std::io::stdout().flush();
    // SAFETY: ends the process; nothing is touched.
    unsafe { libc::_exit(CODE.into()) }
}

/// The signals that were to be ignored when the program was started (`nohup`, `trap ''`, a shell's
/// `&` in a script), which a handler would undo.
#[allow(unsafe_code)]
fn ignored() -> Vec<libc::c_int> {
    let is_ignored = |signal: &libc::c_int| {
        // SAFETY: all zeros are a value of this struct of numbers and a nullable pointer; with a
        // null for the new action nothing changes, and the old one is written into `old`.
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            libc::sigaction(*signal, std::ptr::null(), &raw mut old) == 0
                && old.sa_sigaction == libc::SIG_IGN
        }
    };
    let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    signals.into_iter().filter(is_ignored).collect()
}

#[allow(unsafe_code)]
fn keep_ignoring(signals: &[libc::c_int]) {
    for signal in signals {
        // SAFETY: `SIG_IGN` is no function of ours that would have to be safe in a handler.
        unsafe { libc::signal(*signal, libc::SIG_IGN) };
    }
}
