//! The program on a terminal of its own.

#![allow(unreachable_pub)] // each test file has its own part

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};

/// What a program that has run on a terminal showed there, escape codes and all, and its exit code.
pub struct Shown {
    pub code: Option<i32>,
    pub text: String,
}

/// Runs a command with a terminal of 100 columns as its stdout and stderr, in colours unless the
/// command's environment forbids them.
#[allow(unsafe_code)]
pub fn on_terminal(command: &mut Command) -> Shown {
    let (mut master, mut slave) = (-1, -1);
    let mut size = libc::winsize {
        ws_row: 40,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let (name, mode) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the pointers are to places of ours or null, which asks for defaults.
    let opened =
        unsafe { libc::openpty(&raw mut master, &raw mut slave, name, mode, &raw mut size) };
    assert_eq!(opened, 0, "a terminal");
    // SAFETY: both are open, and nobody else has them.
    let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
    // Another program that a test starts at this moment must not keep the terminal open.
    for end in [master.as_raw_fd(), slave.as_raw_fd()] {
        // SAFETY: the descriptor is open.
        unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    let other = slave.try_clone().expect("a descriptor");
    command.env("TERM", "xterm-256color");
    command.env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
    command.stdin(Stdio::null()).stdout(slave).stderr(other);
    let mut child = command.spawn().expect("the program starts");
    // The command keeps its ends for another start; the terminal has to close with the program.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut bytes = Vec::new();
    let mut master = master;
    let mut part = [0; 4096];
    // The end is an error on Linux.
    while let Ok(read @ 1..) = master.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
    }
    Shown {
        code: child.wait().expect("an end").code(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}
