//! Programs of the machine that fetch.

use super::error::AssetError;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
}

impl Tool<'_> {
    /// Runs the program in `folder`, silently: its words stand in the error if it fails.
    pub(super) fn run<A: AsRef<OsStr>>(&self, folder: &Path, args: &[A]) -> Result<(), AssetError> {
        let output = Command::new(self.program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
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
    use super::*;

    fn sh(script: &str) -> Result<(), AssetError> {
        let tool = Tool {
            program: Path::new("sh"),
            package: "dash",
            purpose: "test".into(),
        };
        tool.run(Path::new("."), &["-c", script])
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
        };
        let error = tool.run::<&str>(Path::new("."), &[]).unwrap_err();
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
