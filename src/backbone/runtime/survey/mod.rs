//! What of ONNX Runtime this machine has, and which providers can run: for people, before they run
//! anything, and for programs that choose.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::provider::{
    CudaPrecision, OpenvinoPrecision, Precision, ProviderKind, TensorrtPrecision,
};
use super::driver::Driver;
use super::nvidia::{Found, Places};
use super::{Asked, Build, Candidate, RuntimeError, Search, Versions, has_bf16};

/// What a library says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its version.
    pub version: String,
    /// The providers that it was built with, of those that catpipe knows.
    pub providers: Vec<ProviderKind>,
}

/// How libraries are questioned: each may crash, and a process can hold one ONNX Runtime only, so
/// that each is asked in a process of its own.
pub trait Ask: Sync {
    /// Asks the library of ONNX Runtime at a path.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn library(&self, path: &Path) -> Result<Answer, String>;

    /// Asks NVIDIA's driver.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn driver(&self) -> Result<Driver, String>;
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The libraries that catpipe looks at, present or not.
    pub libraries: Vec<LibraryReport>,
    /// Each provider.
    pub providers: Vec<ProviderReport>,
}

/// A library of ONNX Runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LibraryReport {
    /// What it was made for: `cpu`, `openvino`, `cuda`; or who named it.
    pub name: &'static str,
    /// Where it lies or would lie.
    pub path: PathBuf,
    /// Its version, where it can be used.
    pub version: Option<String>,
    /// Why it cannot be used.
    pub problem: Option<String>,
    /// What it has.
    #[serde(skip)]
    answer: Option<Answer>,
}

/// A provider on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderReport {
    /// Its name.
    pub name: ProviderKind,
    /// Whether it can run, as far as can be told without a session.
    pub usable: bool,
    /// The version of ONNX Runtime that has it.
    pub version: Option<String>,
    /// What it would run on.
    pub device: Option<String>,
    /// What is known of its driver and its libraries.
    #[serde(flatten)]
    pub versions: Versions,
    /// The precisions that it has here.
    pub precisions: Vec<Precision>,
    /// Why it cannot run and what to install, a line each.
    pub problems: Vec<String>,
}

impl Survey {
    /// Looks at every library that `search` may lead to and every provider.
    #[must_use]
    pub fn of(search: &Search, ask: &dyn Ask) -> Self {
        let (libraries, driver) = question(search, ask);
        let places = Places::of_this_process(search.packages.as_deref());
        let cpu = processor();
        let providers = ProviderKind::ALL
            .into_iter()
            .map(|kind| {
                let library = libraries
                    .iter()
                    .find(|one| one.serves(kind))
                    .or(libraries.first());
                let found = Found::of(kind, &places, &|name| driver.has(name));
                report(kind, library, &found, &driver, search, &cpu)
            })
            .collect();
        Self {
            libraries,
            providers,
        }
    }
}

/// The driver's answer, and a way to ask the system's loader.
struct DriverAnswer(Result<Driver, String>);

impl DriverAnswer {
    /// The driver counts as there if its library loads, whatever it says then.
    fn has(&self, soname: &str) -> bool {
        super::nvidia::loads(soname)
    }
}

/// Asks every library and the driver, all at once.
fn question(search: &Search, ask: &dyn Ask) -> (Vec<LibraryReport>, DriverAnswer) {
    let candidates = candidates(search);
    std::thread::scope(|scope| {
        let asked: Vec<_> = candidates
            .iter()
            .map(|(name, candidate)| (name, candidate, scope.spawn(|| answer(candidate, ask))))
            .collect();
        let driver = scope.spawn(|| ask.driver());
        let lost = || "the thread that asked it was lost".to_owned();
        let libraries = asked
            .into_iter()
            .map(|(name, candidate, thread)| {
                let answer = thread.join().unwrap_or_else(|_| Err(lost()));
                LibraryReport {
                    name,
                    path: path_of(candidate),
                    version: answer.as_ref().ok().map(|one| one.version.clone()),
                    problem: answer.as_ref().err().cloned(),
                    answer: answer.ok(),
                }
            })
            .collect();
        let driver = driver.join().unwrap_or_else(|_| Err(lost()));
        (libraries, DriverAnswer(driver))
    })
}

type Located = Result<Candidate, (PathBuf, String)>;

fn answer(candidate: &Located, ask: &dyn Ask) -> Result<Answer, String> {
    match candidate {
        Ok(candidate) => ask.library(&candidate.path),
        Err((_, problem)) => Err(problem.clone()),
    }
}

fn path_of(candidate: &Located) -> PathBuf {
    match candidate {
        Ok(candidate) => candidate.path.clone(),
        Err((path, _)) => path.clone(),
    }
}

/// The one library that was named, else those of the cache.
fn candidates(search: &Search) -> Vec<(&'static str, Located)> {
    let named = search.flag.as_ref().map(|path| ("--ort-dylib", path));
    let named = named.or(search.env.as_ref().map(|path| ("ORT_DYLIB_PATH", path)));
    if let Some((name, path)) = named {
        let candidate = search
            .candidate_for(ProviderKind::Cpu)
            .map_err(|error| (path.clone(), first_line(&error)));
        return vec![(name, candidate)];
    }
    search
        .cached
        .iter()
        .map(|(build, path)| {
            let candidate = Candidate::asked(Asked::Cache, path).map_err(|error| {
                let problem = match error {
                    RuntimeError::Missing { .. } => format!("not fetched: {}", build.fetch()),
                    other => first_line(&other),
                };
                (path.clone(), problem)
            });
            (build.name(), candidate)
        })
        .collect()
}

fn first_line(error: &RuntimeError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

impl LibraryReport {
    fn serves(&self, kind: ProviderKind) -> bool {
        self.name == Build::of(kind).name()
    }
}

fn report(
    kind: ProviderKind,
    library: Option<&LibraryReport>,
    found: &Found,
    driver: &DriverAnswer,
    search: &Search,
    cpu: &str,
) -> ProviderReport {
    let mut problems = Vec::new();
    let answer = library.and_then(|one| one.answer.as_ref());
    match (library, answer) {
        (Some(_), Some(answer)) if answer.providers.contains(&kind) => {}
        (Some(library), Some(_)) => problems.push(format!(
            "the library ({}) is a build without it: {}{}",
            library.name,
            Build::of(kind).fetch(),
            undo(search)
        )),
        (Some(library), None) => {
            let problem = library.problem.as_deref().unwrap_or_default();
            problems.push(match problem.strip_prefix("not fetched: ") {
                Some(fetch) => format!("ONNX Runtime with it is not fetched: {fetch}"),
                None => {
                    let problem = problem.lines().next().unwrap_or_default();
                    format!("the library ({}) cannot be used: {problem}", library.name)
                }
            });
        }
        (None, _) => problems.push("no library is looked at".to_owned()),
    }
    problems.extend(found.complaints(search.packages.as_deref()));
    let device = device(kind, found, driver, cpu).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    // Where there is no driver, its tool need not be asked.
    let versions = match library.filter(|_| found.driver && answer.is_some()) {
        Some(library) => Versions::of(kind, &library.path, search.packages.as_deref()),
        None => Versions::default(),
    };
    ProviderReport {
        name: kind,
        usable: problems.is_empty(),
        version: answer.map(|one| one.version.clone()),
        device,
        precisions: precisions(kind),
        versions,
        problems,
    }
}

fn undo(search: &Search) -> &'static str {
    if search.flag.is_some() {
        Asked::Flag.undo()
    } else if search.env.is_some() {
        Asked::Env.undo()
    } else {
        ""
    }
}

fn device(
    kind: ProviderKind,
    found: &Found,
    driver: &DriverAnswer,
    cpu: &str,
) -> Result<Option<String>, String> {
    match kind {
        ProviderKind::Cpu | ProviderKind::Openvino => Ok(Some(cpu.to_owned())),
        // Without a driver there is nothing more to complain of.
        ProviderKind::Cuda | ProviderKind::Tensorrt if !found.driver => Ok(None),
        ProviderKind::Cuda | ProviderKind::Tensorrt => {
            let driver = driver.0.as_ref().map_err(Clone::clone)?;
            driver.gpus().map(Some)
        }
    }
}

/// The precisions that a provider has on this machine; of OpenVINO's, those of the CPU.
#[must_use]
pub fn precisions(kind: ProviderKind) -> Vec<Precision> {
    match kind {
        ProviderKind::Cpu => vec![Precision::Fp32],
        ProviderKind::Cuda => CudaPrecision::ALL.iter().map(|one| one.get()).collect(),
        ProviderKind::Tensorrt => TensorrtPrecision::ALL.iter().map(|one| one.get()).collect(),
        ProviderKind::Openvino => OpenvinoPrecision::ALL
            .iter()
            .map(|one| one.get())
            .filter(|one| match one {
                Precision::Bf16 => has_bf16(),
                other => *other == Precision::Fp32,
            })
            .collect(),
    }
}

/// The processor in words: its name, threads, and what makes reduced precisions fast.
#[must_use]
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| name.trim() == key);
        found.map(|(_, value)| value.trim().to_owned())
    };
    let name = value("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let flags = value("flags").unwrap_or_default();
    let known = [
        ("avx512f", "AVX-512"),
        ("avx512_vnni", "VNNI"),
        ("avx_vnni", "VNNI"),
        ("avx512_bf16", "bf16"),
        ("amx_tile", "AMX"),
    ];
    let mut has: Vec<_> = known
        .into_iter()
        .filter(|(flag, _)| flags.split(' ').any(|one| one == *flag))
        .map(|(_, name)| name)
        .collect();
    has.dedup();
    let threads_word = if threads == 1 { "thread" } else { "threads" };
    let mut words = format!("{name}, {threads} {threads_word}");
    if !has.is_empty() {
        words.push_str(&format!(" ({})", has.join(", ")));
    }
    words
}
