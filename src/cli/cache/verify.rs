//! `catpipe cache verify`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::backbone::measure::Parity;
use crate::features::{Space, Verified, Warning, set_aside, verify};
use crate::pipeline::Checked;
use crate::pipeline::cache::{Different, Recomputed, recompute, store_in};

use super::super::failure::Failure;
use super::super::output::{print, print_json};
use super::super::progress::{byte_counter, counter};
use super::projects::Projects;
use super::words::{counted, size, warn};

/// Check that every shard is what it was when it was written
///
/// Reads all shards, or those of the spaces that the pipelines use, and compares them with their
/// checksums and their layout. A damaged one is set aside, and its rows are computed again when
/// they are needed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache verify
  catpipe cache verify pipelines/resnet.yaml --recompute 100")]
pub(super) struct Args {
    #[command(flatten)]
    projects: Projects,

    /// Compute so many cached rows of each pipeline again, and compare them
    #[arg(long, value_name = "N", requires = "pipelines")]
    recompute: Option<NonZeroUsize>,

    /// Which rows are computed again: another seed, another sample
    #[arg(long, value_name = "S", default_value_t = 1, requires = "recompute")]
    seed: u64,

    /// Set aside the shards of rows that differ when they are computed again
    #[arg(long, requires = "recompute")]
    set_aside: bool,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let options = args.projects.options()?;
    let pipelines = args.projects.checked(&options)?;
    let only: Vec<Space> = pipelines
        .iter()
        .map(|checked| checked.space.clone())
        .collect();
    if pipelines.iter().any(Checked::is_undecided) {
        return Err(crate::pipeline::PipelineError::Undecided.into());
    }
    let only = (!pipelines.is_empty()).then_some(only);
    let root = store_in(&options.cache);
    let bar = byte_counter();
    let verified = verify(&root, only.as_deref(), &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let verified = verified.map_err(Failure::failed)?;
    verified.strangers.iter().for_each(warn);
    if !args.json {
        print(&describe(&verified))?;
    }
    let mut samples = Vec::new();
    for (path, checked) in args.projects.pipelines.iter().zip(&pipelines) {
        let Some(count) = args.recompute else { break };
        let sample = Sample::take(path, checked, count.get(), &args)?;
        if !args.json {
            print(&sample.describe())?;
        }
        samples.push(sample);
    }
    if args.json {
        print_json(&json(&verified, &samples))?;
    }
    let unread = verified.unread.iter().map(ToString::to_string);
    let damaged = verified.damaged.iter().map(ToString::to_string);
    let different = samples.iter().flat_map(|sample| &sample.errors).cloned();
    let errors: Vec<String> = damaged.chain(unread).chain(different).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(errors.join("\n"))),
    }
}

fn describe(found: &Verified) -> String {
    let are = if found.shards == 1 { "is" } else { "are" };
    let mut text = format!(
        "{} {are} right: {} in {}, {} read\n",
        counted(found.shards, "shard"),
        counted(found.rows, "row"),
        counted(found.spaces, "space"),
        size(found.bytes)
    );
    if !found.is_right() {
        text.push_str(&format!(
            "{} damaged, {} not readable\n",
            found.damaged.len(),
            found.unread.len()
        ));
    }
    text
}

/// The rows of one pipeline that were computed again.
struct Sample {
    pipeline: String,
    found: Recomputed,
    errors: Vec<String>,
}

impl Sample {
    fn take(path: &Path, checked: &Checked, count: usize, args: &Args) -> Result<Self, Failure> {
        let bar = counter();
        let found = recompute(checked, count, args.seed, &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        let found = found?;
        let error = |one: &Different| {
            let mut shards = Vec::new();
            for shard in &one.shards {
                shards.push(place(shard, args.set_aside));
            }
            format!(
                "{}: view {} of {} is not what the network gives ({}); it lies in {}",
                path.display(),
                one.view,
                one.image,
                one.parity.map_or_else(|| "not comparable".to_owned(), near),
                shards.join(", ")
            )
        };
        let errors = found.different.iter().map(error).collect();
        Ok(Self {
            pipeline: path.display().to_string(),
            found,
            errors,
        })
    }

    fn describe(&self) -> String {
        let Recomputed {
            cached,
            compared,
            unsteady,
            parity,
            different,
        } = &self.found;
        let rows = format!(
            "{}: {} of {cached} cached rows computed again",
            self.pipeline, compared
        );
        let Some(parity) = parity else {
            return format!("{rows}: there are none\n");
        };
        let outcome = match (different.len(), unsteady) {
            (0, None) => "bit for bit the same".to_owned(),
            (0, Some(why)) => format!("alike ({}; {why})", near(*parity)),
            (count, _) => format!("{count} differ"),
        };
        format!("{rows}: {outcome}\n")
    }
}

/// Where a shard is, and where it goes.
fn place(shard: &Path, aside: bool) -> String {
    let path = shard.display();
    match aside.then(|| set_aside(shard)) {
        Some(Some(moved)) => format!("{path} (moved to {})", moved.display()),
        Some(None) => format!("{path} (which could not be moved)"),
        None => path.to_string(),
    }
}

fn near(parity: Parity) -> String {
    format!(
        "cosine {:.7}, largest difference {:.2e}",
        parity.cosine_min, parity.largest_difference
    )
}

/// What was found, for other programs.
#[derive(Serialize)]
struct VerifiedJson {
    spaces: usize,
    shards: usize,
    rows: usize,
    bytes: u64,
    damaged: Vec<DamagedJson>,
    unread: Vec<String>,
    recomputed: Vec<SampleJson>,
}

#[derive(Serialize)]
struct DamagedJson {
    path: String,
    damage: String,
    moved_to: Option<String>,
}

#[derive(Serialize)]
struct SampleJson {
    pipeline: String,
    cached: usize,
    compared: usize,
    unsteady: Option<&'static str>,
    parity: Option<Parity>,
    different: Vec<DifferentJson>,
}

#[derive(Serialize)]
struct DifferentJson {
    image: String,
    view: u32,
    parity: Option<Parity>,
    shards: Vec<String>,
}

fn json(found: &Verified, samples: &[Sample]) -> VerifiedJson {
    let shown = |path: &PathBuf| path.display().to_string();
    let damaged = found.damaged.iter().filter_map(|one| match one {
        Warning::Damaged {
            path,
            damage,
            moved_to,
        } => Some(DamagedJson {
            path: shown(path),
            damage: damage.to_string(),
            moved_to: moved_to.as_ref().map(shown),
        }),
        _ => None,
    });
    let different = |one: &Different| DifferentJson {
        image: one.image.clone(),
        view: one.view,
        parity: one.parity,
        shards: one.shards.iter().map(shown).collect(),
    };
    let sample = |one: &Sample| SampleJson {
        pipeline: one.pipeline.clone(),
        cached: one.found.cached,
        compared: one.found.compared,
        unsteady: one.found.unsteady,
        parity: one.found.parity,
        different: one.found.different.iter().map(different).collect(),
    };
    VerifiedJson {
        spaces: found.spaces,
        shards: found.shards,
        rows: found.rows,
        bytes: found.bytes,
        damaged: damaged.collect(),
        unread: found.unread.iter().map(ToString::to_string).collect(),
        recomputed: samples.iter().map(sample).collect(),
    }
}
