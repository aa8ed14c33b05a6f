//! `catpipe model inspect`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::backbone::onnx::{self, Candidate, DataFile, Dim, ModelProto, Port, Shapes, Summary};
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};

use super::sha256_hex;

/// Show what an ONNX file takes, gives and costs, and where its features may be
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe model inspect onnx/resnet50.onnx --json")]
pub(super) struct Args {
    /// The ONNX file
    #[arg(value_name = "MODEL.ONNX")]
    model: PathBuf,

    /// Print JSON for other programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut model = onnx::read(&args.model).map_err(Failure::failed)?;
    let files = Files::of(&args.model, &mut model)?;
    let (summary, shapes) = (Summary::of(&model), Shapes::of(&model));
    let candidates = onnx::candidates(&model, &shapes);
    if args.json {
        return print_json(&Json::of(&files, &summary, &shapes, &candidates));
    }
    let path = args.model.display().to_string();
    print(&text(&path, &files, &summary, &shapes, &candidates))
}

/// The files of weights beside the graph, and the checksum of all.
struct Files {
    data: Vec<DataFile>,
    sha256: String,
}

impl Files {
    fn of(path: &Path, model: &mut ModelProto) -> Result<Self, Failure> {
        let data = onnx::data_files(path, model).map_err(Failure::failed)?;
        let unread = |e| Failure::failed(format!("{}: cannot be read: {e}", path.display()));
        let file = sha256_hex(&std::fs::read(path).map_err(unread)?);
        let sha256 = onnx::digest(&file, &data);
        Ok(Files { data, sha256 })
    }
}

fn text(
    path: &str,
    files: &Files,
    summary: &Summary,
    shapes: &Shapes,
    candidates: &[Candidate],
) -> String {
    let mut text = format!("{path}\n");
    let mut line = |what: &str, value: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {what:<11} {value}");
    };
    line("producer", or(&summary.producer, "not stated"));
    line("graph", or(&summary.graph, "no name"));
    let opset = summary
        .opset
        .map_or_else(|| "none".to_owned(), |opset| opset.to_string());
    line(
        "opset",
        &format!("{opset}, IR version {}", summary.ir_version),
    );
    line("nodes", &summary.nodes.to_string());
    line("parameters", &summary.parameters.to_string());
    line(
        "FLOPs",
        &match shapes.flops() {
            Ok(flops) => format!(
                "{:.3} G for one image (two a multiplication)",
                flops as f64 / 1e9
            ),
            Err(node) => format!("can't be told: the shapes at node {node} are not known"),
        },
    );
    line("sha256", &files.sha256);
    for file in &files.data {
        let megabytes = file.bytes as f64 / 1e6;
        line("weights in", &format!("{}, {megabytes:.1} MB", file.name));
    }
    for port in &summary.inputs {
        line("input", &port.to_string());
    }
    for port in &summary.outputs {
        line("output", &port.to_string());
    }
    for candidate in candidates {
        line("candidate", &described(candidate));
    }
    if candidates.is_empty() {
        line(
            "candidate",
            "none found: choose a tensor with `catpipe model features --output`",
        );
    }
    text
}

fn or<'a>(text: &'a str, instead: &'a str) -> &'a str {
    if text.is_empty() { instead } else { text }
}

/// A candidate on one line: `pool: [1, 2048], the last global pool, of the map relu [..]`.
pub(super) fn described(candidate: &Candidate) -> String {
    let dims = candidate.dims.as_deref().unwrap_or_default();
    let map = candidate.map.as_ref();
    let map = map.map_or_else(String::new, |(map, dims)| {
        format!("; of the map {map} {dims:?}")
    });
    format!("{} {dims:?}: {}{map}", candidate.tensor, candidate.reason)
}

#[derive(Serialize)]
struct Json<'a> {
    producer: &'a str,
    graph: &'a str,
    ir_version: i64,
    opset: Option<i64>,
    /// As a manifest has it.
    sha256: &'a str,
    external_data: Vec<JsonFile<'a>>,
    nodes: usize,
    parameters: u64,
    /// For one image; `null` where it can't be told.
    flops: Option<u64>,
    /// The node that stands in the way of counting.
    flops_unknown_at: Option<&'a str>,
    inputs: Vec<JsonPort<'a>>,
    outputs: Vec<JsonPort<'a>>,
    candidates: Vec<JsonCandidate<'a>>,
    metadata: &'a [(String, String)],
}

/// A file of weights beside the graph.
#[derive(Serialize)]
struct JsonFile<'a> {
    file: &'a str,
    bytes: u64,
    sha256: &'a str,
}

/// A dimension is a number, a name such as `N`, or `?`.
#[derive(Serialize)]
struct JsonPort<'a> {
    name: &'a str,
    element: Option<String>,
    dims: Option<Vec<serde_json::Value>>,
}

#[derive(Serialize)]
struct JsonCandidate<'a> {
    tensor: &'a str,
    dims: Option<&'a [i64]>,
    reason: &'a str,
    feature_map: Option<&'a str>,
    feature_map_dims: Option<&'a [i64]>,
}

impl<'a> Json<'a> {
    fn of(
        files: &'a Files,
        summary: &'a Summary,
        shapes: &'a Shapes,
        candidates: &'a [Candidate],
    ) -> Self {
        let flops = shapes.flops();
        Self {
            producer: &summary.producer,
            graph: &summary.graph,
            ir_version: summary.ir_version,
            opset: summary.opset,
            sha256: &files.sha256,
            external_data: files.data.iter().map(json_file).collect(),
            nodes: summary.nodes,
            parameters: summary.parameters,
            flops: flops.ok(),
            flops_unknown_at: flops.err(),
            inputs: summary.inputs.iter().map(json_port).collect(),
            outputs: summary.outputs.iter().map(json_port).collect(),
            candidates: candidates.iter().map(json_candidate).collect(),
            metadata: &summary.metadata,
        }
    }
}

fn json_file(file: &DataFile) -> JsonFile<'_> {
    JsonFile {
        file: &file.name,
        bytes: file.bytes,
        sha256: &file.sha256,
    }
}

fn json_port(port: &Port) -> JsonPort<'_> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(length) => (*length).into(),
        other => other.to_string().into(),
    };
    JsonPort {
        name: &port.name,
        element: port.element.map(|element| element.to_string()),
        dims: port
            .dims
            .as_ref()
            .map(|dims| dims.iter().map(dim).collect()),
    }
}

fn json_candidate(candidate: &Candidate) -> JsonCandidate<'_> {
    let map = candidate.map.as_ref();
    JsonCandidate {
        tensor: &candidate.tensor,
        dims: candidate.dims.as_deref(),
        reason: &candidate.reason,
        feature_map: map.map(|(map, _)| map.as_str()),
        feature_map_dims: map.map(|(_, dims)| dims.as_slice()),
    }
}
