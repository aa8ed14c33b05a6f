//! A project whose rows take their time, and a process of the program in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use image::RgbImage;
use serde_json::Value;

use crate::common::Project;

/// Pictures of a project.
pub const COUNT: u64 = 16;

/// How long anything is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pictures whose rows are their pixels: a shard holds two of them, and is seen when it is there.
pub fn wide() -> Project {
    let project = Project::new();
    for number in 0..COUNT + 2 {
        let side = if number < COUNT { "train" } else { "test" };
        let place = format!("all/{side}/class{}/{number}.png", number % 2);
        let path = project.write(&place, "");
        // Each another picture, and no view of it like another.
        let colour = |x: u32, y: u32| [x as u8, y as u8, (x * y + 7 * number as u32) as u8];
        let picture = RgbImage::from_fn(512, 512, |x, y| image::Rgb(colour(x, y)));
        picture.save(path).expect("a picture");
    }
    project
}

/// Arguments that extract the rows of [`wide`].
pub fn extract<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = "extract --backbone pixels --batch 1 --json --images all/train --out";
    let start = start.split(' ').chain([out]);
    start.chain(more.iter().copied()).collect()
}

/// A process at work.
pub struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Not read before the end but by who asks for a line: a process that writes much then waits.
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
}

/// A process that has ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Process {
    pub fn start(project: &Project, args: &[&str]) -> Self {
        Self::fed(project, args, "")
    }

    /// A process with this on its stdin.
    #[allow(unsafe_code)]
    pub fn fed(project: &Project, args: &[&str], stdin: &str) -> Self {
        let mut command = project.command(args);
        command.env("TMPDIR", tmp(project));
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Where tests run in the background of a script, they hand down that SIGINT is ignored.
        let listen = || {
            // SAFETY: `signal` may be called between fork and exec.
            unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
            Ok(())
        };
        // SAFETY: the closure does nothing but that.
        let mut child = unsafe { command.pre_exec(listen) }
            .spawn()
            .expect("a start");
        let said = Arc::new(Mutex::new(String::new()));
        let mut input = child.stdin.take().expect("a pipe");
        // A process that has ended reads no more.
        let _ = input.write_all(stdin.as_bytes());
        drop(input);
        let stdout = child.stdout.take().expect("a pipe");
        let stderr = reader(child.stderr.take().expect("a pipe"), Arc::clone(&said));
        Self {
            child,
            said,
            stdout: BufReader::new(stdout),
            stderr,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until stderr says `text`.
    pub fn until_it_says(&self, text: &str) {
        let said = || self.said.lock().unwrap().contains(text);
        until(said, || {
            format!("{text:?} in {:?}", self.said.lock().unwrap())
        });
    }

    #[allow(unsafe_code)]
    pub fn send(&self, signal: libc::c_int) {
        let id = libc::pid_t::try_from(self.child.id()).expect("an id");
        // SAFETY: the child has not been waited for, so that the id is its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// The next line of stdout.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("UTF-8");
        line
    }

    pub fn end(mut self) -> Ended {
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("UTF-8");
        let status = self.child.wait().expect("an end");
        let stderr = self.stderr.join().expect("text");
        Ended {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Ended {
    /// What a process that succeeded printed as JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("JSON only")
    }
}

/// Rows that the process has computed, of what `extract --json` printed.
pub fn computed(json: &Value) -> u64 {
    let [rows, computed, cached] =
        ["rows", "computed", "cached"].map(|key| json[key].as_u64().expect("a number"));
    assert_eq!((rows, computed + cached), (COUNT, COUNT), "{json}");
    computed
}

fn reader(pipe: impl Read + Send + 'static, said: Arc<Mutex<String>>) -> JoinHandle<String> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let line = line.expect("UTF-8");
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
        said.lock().unwrap().clone()
    })
}

/// Waits until something is the case.
pub fn until(is: impl Fn() -> bool, what: impl Fn() -> String) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {}", what());
        thread::sleep(Duration::from_millis(5));
    }
}

/// The files of the store with one of these endings.
pub fn stored(project: &Project, endings: &[&str]) -> Vec<PathBuf> {
    let spaces = entries(&project.path("cache/features"));
    let files = spaces
        .iter()
        .flat_map(|space| entries(&space.join("shards")));
    let ends = |path: &PathBuf| {
        let name = path.to_string_lossy();
        endings.iter().any(|ending| name.ends_with(ending))
    };
    files.filter(ends).collect()
}

/// Waits until the store has shards, so many or more.
pub fn until_shards(project: &Project, count: usize) {
    until(
        || stored(project, &[".h5"]).len() >= count,
        || format!("{count} shards"),
    );
}

/// Fails where a process has left anything but published shards and `kept`.
pub fn assert_clean(project: &Project, kept: &[&str]) {
    let left = stored(project, &[".lock", ".claims", ".part"]);
    assert!(left.is_empty(), "{left:?}");
    let mut left = entries(&tmp(project));
    // ONNX Runtime's, since 1.31.
    left.retain(|path| !path.ends_with(".ses"));
    assert!(left.is_empty(), "{left:?}");
    let mut names: Vec<String> = entries(&project.path(""))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| !["all", "cache", "tmp"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert_eq!(names, kept);
}

/// The folder for temporary files.
pub fn tmp(project: &Project) -> PathBuf {
    let path = project.path("tmp");
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// What is in a folder; nothing where there is none, and what is just being removed or not.
pub fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.flatten().map(|entry| entry.path()).collect()
}
