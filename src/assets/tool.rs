//! Programs of the machine that fetch.

use super::error::AssetError;
use super::growth::Growth;
use super::news::Meter;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How often it is looked at how far a program is.
const LOOK: Duration = Duration::from_millis(100);

/// The programs that fetch, by name (looked up in `PATH`) or by path.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Python 3 with pip.
    pub python: PathBuf,
    /// npm, of Node.
    pub npm: PathBuf,
    /// curl.
    pub curl: PathBuf,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            python: "python3".into(),
            npm: "npm".into(),
            curl: "curl".into(),
        }
    }
}

/// One run of a program.
#[derive(Debug)]
pub(super) struct Tool<'a> {
    /// The program.
    pub(super) program: &'a Path,
    /// The Debian package that has it.
    pub(super) package: &'static str,
    /// What it is to do, as in "needed to ...".
    pub(super) purpose: String,
    /// Where it puts what it needs for a while, if not where all programs do.
    pub(super) temporary: Option<PathBuf>,
}

impl Tool<'_> {
    /// What the program says in `folder` when it is asked something; nothing where it does not
    /// answer.
    pub(super) fn ask(&self, folder: &Path, args: &[&str]) -> Option<String> {
        let output = Command::new(self.program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let answer = String::from_utf8(output.stdout).ok()?;
        (output.status.success() && !answer.trim().is_empty()).then(|| answer.trim().to_owned())
    }

    /// Runs the program in `folder`, silently: its words stand in the error if it fails. `meter` is
    /// told of the file that it fetches.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        folder: &Path,
        args: &[A],
        growth: &Growth,
        mut meter: Meter<'_>,
    ) -> Result<(), AssetError> {
        let mut command = Command::new(self.program);
        if let Some(temporary) = &self.temporary {
            command.env("TMPDIR", temporary);
        }
        let output = command
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|child| ended(child, &mut || meter.reach(growth.bytes())))
            .map_err(|source| self.not_started(source))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        if stderr.contains("No module named pip") {
            return Err(AssetError::ToolMissing {
                program: "pip (as python3 -m pip)".into(),
                package: "python3-pip",
                purpose: self.purpose.clone(),
            });
        }
        Err(AssetError::ToolFailed {
            program: self.program.to_owned(),
            purpose: self.purpose.clone(),
            status: output.status.to_string(),
            stderr: last_lines(&stderr, 8),
        })
    }

    fn not_started(&self, source: io::Error) -> AssetError {
        let (program, purpose) = (self.program.to_owned(), self.purpose.clone());
        match source.kind() {
            io::ErrorKind::NotFound => AssetError::ToolMissing {
                program,
                package: self.package,
                purpose,
            },
            _ => AssetError::ToolBroken {
                program,
                purpose,
                source,
            },
        }
    }
}

/// Waits until a program has ended, and calls `look` now and then until it has, and once after.
fn ended(child: Child, look: &mut dyn FnMut()) -> io::Result<Output> {
    let (tell, told) = channel();
    // What it says is read meanwhile: a full pipe would hold it up.
    thread::spawn(move || tell.send(child.wait_with_output()));
    loop {
        let waited = told.recv_timeout(LOOK);
        look();
        match waited {
            Ok(output) => return output,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("nobody waits for its end"));
            }
        }
    }
}

/// The last `count` lines of `text` that say something new, indented.
fn last_lines(text: &str, count: usize) -> String {
    let mut lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    // A program that tries again says the same again.
    lines.dedup();
    let from = lines.len().saturating_sub(count);
    let indented: Vec<_> = lines
        .iter()
        .skip(from)
        .map(|line| format!("    {line}"))
        .collect();
    indented.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::news::Phase;
    use super::*;

    fn sh(script: &str) -> Result<(), AssetError> {
        let tool = Tool {
            program: Path::new("sh"),
            package: "dash",
            purpose: "test".into(),
            temporary: None,
        };
        let (growth, mut log) = (Growth::new(Vec::new()), |_| ());
        let meter = Meter::new(&mut log, Phase::Fetching, 0);
        tool.run(Path::new("."), &["-c", script], &growth, meter)
    }

    #[test]
    fn a_program_that_fails_is_quoted_by_its_last_lines() {
        let error = sh("for i in 1 2 3 4 5 6 7 8 9; do echo line $i >&2; echo >&2; done; exit 3");
        let AssetError::ToolFailed { status, stderr, .. } = error.unwrap_err() else {
            panic!()
        };
        assert_eq!(status, "exit status: 3");
        assert!(stderr.starts_with("    line 2\n") && stderr.ends_with("\n    line 9"));
        assert!(sh("echo fine").is_ok());
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_its_package() {
        let program = Path::new("/nowhere/npm");
        let tool = Tool {
            program,
            package: "npm",
            purpose: "fetch".into(),
            temporary: None,
        };
        let (growth, mut log) = (Growth::new(Vec::new()), |_| ());
        let meter = Meter::new(&mut log, Phase::Fetching, 0);
        let error = tool.run::<&str>(Path::new("."), &[], &growth, meter);
        let error = error.unwrap_err();
        assert!(error.to_string().contains("/nowhere/npm"), "{error}");
        assert!(error.to_string().contains("apt-get install npm"), "{error}");
    }

    #[test]
    fn a_python_without_pip_is_told_apart() {
        let error = sh("echo /usr/bin/python3: No module named pip >&2; exit 1").unwrap_err();
        assert!(matches!(
            error,
            AssetError::ToolMissing {
                package: "python3-pip",
                ..
            }
        ));
    }
}
