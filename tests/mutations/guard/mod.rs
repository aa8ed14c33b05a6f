//! The guards: inputs go through a loader in child processes, so that even one that crashes or
//! never ends is known by its number, and the others are tried all the same.

mod child;
mod memory;
mod report;

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

pub(crate) use child::work;
pub(crate) use report::Report;

use crate::kinds::Kind;

/// What a line of a child starts with that says what became of an input.
const MARK: char = '@';
/// What became of an input that a loader took.
const ACCEPTED: &str = "accepted";
/// What a line says first of an input that broke a promise.
const FAILED: &str = "FAILED: ";
/// Says to a process of this program that it is a child, and what its work is.
pub(crate) const CHILD: &str = "CATPIPE_MUTATIONS_CHILD";
/// Inputs that one child loads: a new one starts with clean libraries.
const BATCH: u32 = 2_000;
/// The longest silence of a child, on the clock on the wall: a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so many failures of a kind the rest is not tried.
const ENOUGH: usize = 20;

/// Sends `count` inputs of a kind through its loader.
pub(crate) fn run(kind: &Kind, seed: u64, count: u32) -> Report<'_> {
    let mut report = Report::new(kind, seed);
    let mut next = 0;
    while next < count && report.failures() < ENOUGH {
        let end = count.min(next + BATCH);
        next = batch(kind, seed, next..end, &mut report);
    }
    report
}

/// Loads some inputs in one child, and returns the number of the first that it did not come to.
fn batch(kind: &Kind, seed: u64, numbers: Range<u32>, report: &mut Report) -> u32 {
    let mut child = spawn(kind, seed, &numbers);
    let lines = lines(&mut child);
    let mut next = numbers.start;
    let mut noise = String::new();
    let mut gave_up = false;
    let silent = loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => match line
                .strip_prefix(MARK)
                .and_then(|line| line.split_once('\t'))
            {
                Some((number, became)) => {
                    assert_eq!(number, next.to_string(), "the child lost count: {noise}");
                    report.add(next, became);
                    gave_up = became.contains("no end after");
                    next += 1;
                    if report.failures() >= ENOUGH {
                        child.kill().expect("the child can be ended");
                        child.wait().expect("the child ends");
                        return next;
                    }
                }
                None => noise.push_str(&line),
            },
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if silent {
        child.kill().expect("the child can be ended");
    }
    let status = child.wait().expect("the child ends");
    if silent {
        report.add(next, &format!("{FAILED}no end after {PATIENCE:?}"));
    } else if gave_up {
        return next;
    } else if next < numbers.end {
        report.add(
            next,
            &format!("{FAILED}the process ended: {status} {noise}"),
        );
    } else {
        assert!(status.success(), "{status}: {noise}");
        return next;
    }
    next + 1
}

/// This program again, as a child.
fn spawn(kind: &Kind, seed: u64, numbers: &Range<u32>) -> Child {
    let program = std::env::current_exe().expect("this program's path");
    let Range { start, end } = numbers;
    Command::new(program)
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{} {seed} {start} {end}", kind.name))
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// The lines that a child writes, as they come.
fn lines(child: &mut Child) -> Receiver<String> {
    let stderr = child.stderr.take().expect("the child's lines");
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stderr).split(b'\n');
        while let Some(Ok(line)) = lines.next() {
            let line = String::from_utf8_lossy(&line).into_owned();
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}
