//! `catpipe model certify`.

mod sides;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueHint;

use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};
use crate::features::Space;
use crate::head::Head;
use crate::pipeline::probe::{Certificate, Outcome, Pictures};
use crate::yaml::Document;

use sides::Sides;

/// Compare a model's features on one provider with those of a reference, and write the certificate
///
/// Both sides see the same images, each in a process of its own. The certificate holds the largest
/// difference of a feature, the cosines, how often the classifier's first answer changes (where the
/// graph has a classifier) and how often a head decides otherwise (with --head). A run whose
/// features it is about shows it, and has it in metrics.json.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe model certify onnx/resnet50.yaml --provider '{openvino: {precision: bf16}}'
  catpipe model certify onnx/resnet50.yaml --provider openvino --images photos --count 100
  catpipe model certify onnx/resnet50-int8.yaml --against onnx/resnet50.yaml \\
    --images pipelines/hymenoptera.yaml --head runs/hymenoptera-resnet50")]
pub(super) struct Args {
    /// The model's manifest
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    manifest: PathBuf,

    /// What it runs on, as in a pipeline's `extract.provider`
    #[arg(long, value_name = "PROVIDER", default_value = "cpu")]
    provider: String,

    /// What it is compared with: the same model on another provider, or another model on the CPU
    #[arg(long, value_name = "PROVIDER|MANIFEST", default_value = "cpu")]
    against: String,

    /// A folder of images, searched to any depth, or a pipeline, whose training examples are taken
    /// [default: generated pictures]
    #[arg(long, value_name = "DIR|PIPELINE", value_hint = ValueHint::AnyPath)]
    images: Option<PathBuf>,

    /// The number of images, 1 to 100000, taken evenly from all
    #[arg(long, value_name = "N", default_value_t = 48)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,

    /// Images of one inference, 1 to 1024
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,

    /// A run folder (or its head.safetensors) whose head decides on both sides' features
    #[arg(long, value_name = "RUN", value_hint = ValueHint::AnyPath)]
    head: Option<PathBuf>,

    /// The certificate's file [default: beside the manifest, named after it and the provider]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// The project's folder: relative paths start here [default: the current folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ort_dylib: Option<PathBuf>,

    /// Print the certificate as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let root = args.root.clone().unwrap_or_default();
    let sides = Sides::read(&args, &root)?;
    // A head that cannot be used is told before minutes of work.
    let head = args.head.as_deref().map(|path| head(path, &root, &sides));
    let head = head.transpose()?;
    let (subject, reference) = sides.measure(&args, &root)?;
    let source = pictures(&args).told();
    let certificate = Certificate::of(&subject, &reference, sides.answers.as_ref(), source);
    let mut certificate = certificate.map_err(Failure::failed)?;
    if let Some((name, head)) = &head {
        certificate = certificate
            .with_head(name.clone(), head, &subject, &reference)
            .map_err(Failure::failed)?;
    }
    let file = match &args.output {
        Some(file) => file.clone(),
        None => root.join(certificate.file(&args.manifest, sides.other.as_deref())),
    };
    write(&certificate, &file)?;
    if args.json {
        return print_json(&certificate);
    }
    print(&text::told(&certificate, &file))
}

fn pictures(args: &Args) -> Pictures {
    match &args.images {
        Some(path) => Pictures::From(path.clone()),
        None => Pictures::Generated,
    }
}

/// The head and what it is called.
fn head(path: &Path, root: &Path, sides: &Sides) -> Result<(String, Head), Failure> {
    let mut file = root.join(path);
    if file.is_dir() {
        file.push("head.safetensors");
    }
    let shown = file.display();
    let bytes = std::fs::read(&file)
        .map_err(|error| Failure::wrong(format!("--head: {shown}: {error}")))?;
    let (head, about) = Head::from_bytes(&bytes)
        .map_err(|error| Failure::wrong(format!("--head: {shown}: {error}")))?;
    let width = sides.width();
    if head.inputs() != width {
        return Err(Failure::wrong(format!(
            "--head: {shown}: the head takes rows of {} features, and the model gives {width}",
            head.inputs()
        )));
    }
    // A head of another network's features decides nothing of meaning.
    let space = about.get("features").and_then(|text| {
        let document = Document::parse(&file, text).ok()?;
        document.typed::<Space>().ok()
    });
    if let Some(space) = space
        && !sides.graphs().contains(&space.graph.as_str())
    {
        return Err(Failure::wrong(format!(
            "--head: {shown}: the head was trained on features of another network than these: give \
             a run whose extract.backbone is one of the two sides"
        )));
    }
    Ok((path.display().to_string(), head))
}

/// Writes the certificate; the file appears when it is whole.
fn write(certificate: &Certificate, path: &Path) -> Result<(), Failure> {
    let fail = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut json = serde_json::to_vec_pretty(certificate).map_err(Failure::failed)?;
    json.push(b'\n');
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(&json).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// What both sides leave.
type Both = (Outcome, Outcome);
