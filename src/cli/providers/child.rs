//! Questions that this program answers in a process of its own: a library may crash, and a process
//! can hold one ONNX Runtime only.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backbone::runtime::driver::{self, Driver};
use crate::backbone::runtime::nvidia::DRIVER;
use crate::backbone::runtime::survey::{Answer, Ask};
use crate::backbone::{Opening, Runtime, Search};
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::output::print_json;
use crate::cli::progress::Passes;
use crate::dataset::Pass;
use crate::pipeline::PassObserver;
use crate::pipeline::probe::Job;
use crate::stop::Stop;

/// A question to a process of its own; the answer is JSON on its stdout.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Question {
    /// What is this library? An [`Answer`].
    Library(PathBuf),
    /// What does NVIDIA's driver see? A [`Driver`].
    Driver,
    /// How fast is this? A [`Measured`](crate::pipeline::probe::Measured).
    Measure(Job),
}

/// How long a library or a driver may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a measurement may take: building an engine for a GPU takes minutes.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);

/// Answers in this process.
pub(super) fn answer(question: Question, cache: &Path) -> Result<(), Failure> {
    match question {
        Question::Library(path) => {
            let search = Search {
                flag: Some(path),
                env: None,
                cached: Vec::new(),
                packages: None,
            };
            let runtime = Runtime::locate(&search).map_err(Failure::failed)?;
            print_json(&Answer {
                version: runtime.version().to_owned(),
                providers: runtime.providers(),
            })
        }
        Question::Driver => print_json(&driver::ask(DRIVER).map_err(Failure::failed)?),
        Question::Measure(job) => {
            let passes = Arc::new(Telling::default());
            print_json(&job.run(cache, passes, &mut waiting(), &mut done())?)
        }
    }
}

/// The beginning of a line by which a process says what keeps it waiting.
const WAITING: &str = "waiting: ";
/// How often it does.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Says on stderr what takes minutes, where whoever asked picks it up.
fn waiting() -> impl FnMut(&Opening) {
    let mut last: Option<Instant> = None;
    move |opening| {
        if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            last = Some(Instant::now());
            let _ = writeln!(std::io::stderr(), "{WAITING}{opening}");
        }
    }
}

/// The beginning of a line by which a process says how many pictures it is through with.
const DONE: &str = "done: ";
/// How often it does at most.
const DONE_EVERY: Duration = Duration::from_millis(200);

/// Says on stderr how far the process is.
fn done() -> impl FnMut(usize) {
    let mut last: Option<Instant> = None;
    move |count| {
        if last.is_none_or(|last| last.elapsed() >= DONE_EVERY) {
            last = Some(Instant::now());
            // Whoever asked has gone where this fails, and this process ends with them.
            let _ = writeln!(std::io::stderr(), "{DONE}{count}");
        }
    }
}

/// The beginning of a line by which a process says how far a pass over all pictures is.
const PASS: &str = "pass: ";

/// Says on stderr how far each pass is, and when it is through.
#[derive(Debug, Default)]
struct Telling(Mutex<Option<Instant>>);

impl PassObserver for Telling {
    fn pass(&self, pass: Pass, done: usize, total: usize) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if done >= total || last.is_none_or(|last| last.elapsed() >= DONE_EVERY) {
            *last = Some(Instant::now());
            if let Ok(json) = serde_json::to_string(&(pass, done, total)) {
                let _ = writeln!(std::io::stderr(), "{PASS}{json}");
            }
        }
    }

    /// The end of this process says it.
    fn ended(&self) {}
}

/// What a process says while it is at work.
#[derive(Debug, PartialEq)]
enum Told<'a> {
    /// What keeps it waiting.
    Waiting(&'a str),
    /// How many pictures it is through with.
    Done(u64),
    /// How many of how many pictures a pass over all is through with.
    Pass(Pass, usize, usize),
}

impl<'a> Told<'a> {
    /// That of a line, if it is any.
    fn of(line: &'a str) -> Option<Self> {
        if let Some(what) = line.strip_prefix(WAITING) {
            return Some(Self::Waiting(what));
        }
        if let Some(count) = line.strip_prefix(DONE) {
            return count.parse().ok().map(Self::Done);
        }
        let json = line.strip_prefix(PASS)?;
        let (pass, done, total) = serde_json::from_str(json).ok()?;
        Some(Self::Pass(pass, done, total))
    }
}

/// Asks in processes of their own.
#[derive(Debug, Default)]
pub(in crate::cli) struct Children {
    /// The request to end, at which nobody waits for them any more.
    pub(super) stop: Stop,
}

impl Children {
    pub(in crate::cli) fn new(stop: &Stop) -> Self {
        Self { stop: stop.clone() }
    }
}

impl Ask for Children {
    fn library(&self, path: &Path) -> Result<Answer, String> {
        ask(&Question::Library(path.to_path_buf()), &self.stop)
    }

    fn driver(&self) -> Result<Driver, String> {
        ask(&Question::Driver, &self.stop)
    }
}

/// Ends this process as soon as nobody holds the other end of its stdin: the process that asked
/// is gone, however it went, and nobody wants the answer.
pub(super) fn end_with_parent() {
    thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        interrupt::leave()
    });
}

/// Asks a question in a process of its own, which does not outlive this one.
///
/// # Errors
/// What went wrong, in words; at a request to end, that it was asked.
pub(in crate::cli) fn ask<T: DeserializeOwned>(
    question: &Question,
    stop: &Stop,
) -> Result<T, String> {
    ask_watched(question, stop, &ProgressBar::hidden())
}

/// [`ask`], with a bar that shows how many pictures a measurement is through with.
///
/// # Errors
/// As [`ask`].
pub(in crate::cli) fn ask_watched<T: DeserializeOwned>(
    question: &Question,
    stop: &Stop,
    bar: &ProgressBar,
) -> Result<T, String> {
    let patience = match question {
        Question::Measure(_) => LONG_PATIENCE,
        Question::Library(_) | Question::Driver => PATIENCE,
    };
    let json = serde_json::to_string(question).map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let child = Command::new(program)
        .args(["providers", "--attended", "--ask", &json])
        .env("NO_COLOR", "1")
        // A terminal sends its Ctrl-C to a whole group: what is to become of this process is for
        // the one that asks to say.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("a process of its own cannot be started: {error}"))?;
    let (done, stdout, stderr) = wait(child, patience, stop, bar)?;
    if !done.success() {
        let said = stderr
            .trim()
            .strip_prefix("error: ")
            .unwrap_or(stderr.trim());
        return Err(match (done.code(), said) {
            (Some(_), said) if !said.is_empty() => said.to_owned(),
            _ => format!("the process that used it crashed ({done})"),
        });
    }
    serde_json::from_str(&stdout).map_err(|error| format!("its answer makes no sense: {error}"))
}

/// Waits for a process and reads what it says; one that takes too long is ended, and so is any at a
/// request to end.
fn wait(
    mut child: Child,
    patience: Duration,
    stop: &Stop,
    bar: &ProgressBar,
) -> Result<(std::process::ExitStatus, String, String), String> {
    // Held open until the end: it says that somebody waits.
    let _stdin = child.stdin.take();
    let stdout = child.stdout.take().map(reader);
    let passes = Arc::new(Passes::default());
    let stderr = child.stderr.take().map(|pipe| {
        let (bar, passes) = (bar.clone(), Arc::clone(&passes));
        listener(pipe, move |told| match told {
            Told::Waiting(what) => bar.suspend(|| passed_on(what)),
            Told::Done(count) => bar.set_position(count),
            Told::Pass(pass, done, total) => passes.pass(pass, done, total),
        })
    });
    let start = Instant::now();
    let done = loop {
        match child.try_wait() {
            Ok(Some(done)) => break done,
            Ok(None) if stop.is_asked() => {
                end(&mut child);
                passes.ended();
                return Err("interrupted".to_owned());
            }
            Ok(None) if start.elapsed() < patience => thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                end(&mut child);
                passes.ended();
                return Err(format!("no answer within {} s", patience.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    let text = |thread: Option<thread::JoinHandle<String>>| {
        thread
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    };
    let said = (done, text(stdout), text(stderr));
    // One that failed in the middle of a pass.
    passes.ended();
    Ok(said)
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A closed stderr is nobody's loss.
fn passed_on(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Reads a pipe to its end on a thread of its own: lines of what keeps the process waiting and of how
/// far it is are told at once, the others are kept.
fn listener(
    pipe: impl Read + Send + 'static,
    tell: impl Fn(Told<'_>) + Send + 'static,
) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        let mut lines = BufReader::new(pipe).split(b'\n');
        while let Some(Ok(line)) = lines.next() {
            let line = String::from_utf8_lossy(&line);
            match Told::of(&line) {
                Some(told) => tell(told),
                None => text.extend([&*line, "\n"]),
            }
        }
        text
    })
}

/// Reads a pipe to its end on a thread of its own, so that no side waits for the other.
fn reader(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What cannot be read is missing in the answer, which then makes no sense.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_keeps_a_process_waiting_is_told_and_not_taken_for_an_error() {
        let (heard, told) = channel();
        let said = b"one\npass: [\"trying\",3,40]\nwaiting: building; 0 s\ndone: 16\ntwo\n\
                     waiting: building; 10 s\ndone: all\npass: over\ndone: 32\nerror: broken";
        let thread = listener(&said[..], move |told| {
            let _ = heard.send(format!("{told:?}"));
        });
        assert_eq!(
            thread.join().unwrap(),
            "one\ntwo\ndone: all\npass: over\nerror: broken\n"
        );
        let expected = [
            Told::Pass(Pass::Trying, 3, 40),
            Told::Waiting("building; 0 s"),
            Told::Done(16),
            Told::Waiting("building; 10 s"),
            Told::Done(32),
        ];
        let told: Vec<String> = told.iter().collect();
        assert_eq!(told, expected.map(|told| format!("{told:?}")));
    }
}
