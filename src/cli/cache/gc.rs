//! `catpipe cache gc`.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use serde::Serialize;

use crate::digests::{Stale, stale};
use crate::features::{Freed, Gc, Left, Needed, SpaceGc, Why};
use crate::pipeline::cache::{digests_in, needs, store_in};

use super::super::failure::Failure;
use super::super::output::{print, print_json};
use super::super::progress::{byte_counter, image_counter};
use super::projects::Projects;
use super::words::{counted, short, size, warn};

/// Remove the feature rows that none of these pipelines needs
///
/// What the pipelines on the command line need stays; every other row goes, those of `catpipe
/// extract` too. Shards of which some rows are needed are rewritten. What was set aside as damaged,
/// what killed runs left, and records of files that are gone go as well; runtimes, models and
/// measurements stay. Rows that a living run has open are left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache gc pipelines/*.yaml --dry-run
  catpipe cache gc pipelines/*.yaml
  catpipe cache gc --all")]
pub(super) struct Args {
    #[command(flatten)]
    projects: Projects,

    /// Remove every row
    #[arg(long, conflicts_with = "pipelines")]
    all: bool,

    /// Print what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,

    /// Print what is removed as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    if args.projects.pipelines.is_empty() && !args.all {
        let why = "no pipeline is named, and what none needs is removed: name every pipeline whose \
                   rows are to stay, or remove all rows with `--all`";
        return Err(Failure::wrong(why));
    }
    let options = args.projects.options()?;
    let mut needed: Vec<Needed> = Vec::new();
    for checked in args.projects.checked(&options)? {
        let bar = image_counter(&checked);
        let rows = needs(&checked, &mut || bar.inc(1));
        bar.finish_and_clear();
        needed.push(rows?);
    }
    let bar = byte_counter();
    let root = store_in(&options.cache);
    let planned = Gc::plan(&root, &needed, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let gc = planned.map_err(Failure::failed)?;
    let digests = digests_in(&options.cache);
    // A record that can't be looked at is kept: it only costs its place.
    let records = stale(&digests, SystemTime::now()).unwrap_or_default();
    for left in gc.left.iter().filter(|left| !left.is_failure()) {
        warn(left);
    }
    let failures: Vec<String> = gc
        .left
        .iter()
        .filter(|left| left.is_failure())
        .map(Left::to_string)
        .collect();
    if args.json {
        return carry_out_json(gc, &records, failures, args.dry_run);
    }
    print(&describe(&gc, &records, args.dry_run))?;
    if args.dry_run {
        return told(failures);
    }
    let is_nothing = gc.is_empty() && records.is_empty();
    let freed = carry_out(gc, &records);
    if !is_nothing {
        let (files, bytes) = (counted(freed.files, "file"), size(freed.bytes));
        print(&format!("Removed {files}, {bytes}.\n"))?;
    }
    told(failures.into_iter().chain(reasons(&freed)).collect())
}

/// Removes rows and records.
fn carry_out(gc: Gc, records: &[Stale]) -> Freed {
    let mut freed = gc.carry_out();
    for record in records {
        // Somebody may have come before, or need it again: either is fine.
        if fs::remove_file(&record.path).is_ok() {
            freed.files += 1;
            freed.bytes += record.bytes;
        }
    }
    freed
}

fn reasons(freed: &Freed) -> Vec<String> {
    let left = freed.left.iter().map(ToString::to_string);
    left.chain(freed.failed.iter().map(ToString::to_string))
        .collect()
}

/// Ends with what could not be done, if anything.
fn told(failures: Vec<String>) -> Result<(), Failure> {
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(failures.join("\n"))),
    }
}

fn describe(gc: &Gc, records: &[Stale], dry_run: bool) -> String {
    let mut text = String::new();
    for space in &gc.spaces {
        text.push_str(&describe_space(space));
    }
    if !records.is_empty() {
        let mut why: BTreeMap<&str, usize> = BTreeMap::new();
        records
            .iter()
            .for_each(|record| *why.entry(record.why).or_default() += 1);
        let why: Vec<String> = why
            .iter()
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        let what = counted(records.len(), "record");
        text.push_str(&format!("digests: {what} of files: {}\n", why.join(", ")));
    }
    let kept = match gc.kept {
        0 => String::new(),
        1 => "; 1 needed row stays".to_owned(),
        kept => format!("; {kept} needed rows stay"),
    };
    let bytes = gc.frees() + records.iter().map(|record| record.bytes).sum::<u64>();
    text.push_str(&match (bytes, dry_run) {
        (0, _) if gc.is_empty() => format!("There is nothing that can be removed{kept}.\n"),
        (bytes, true) => format!("This would free about {}{kept}.\n", size(bytes)),
        (bytes, false) => format!("This frees about {}{kept}.\n", size(bytes)),
    });
    text
}

fn describe_space(gc: &SpaceGc) -> String {
    let mut parts = Vec::new();
    let files = |is: fn(&Why) -> bool| gc.removals.iter().filter(|one| is(&one.why)).count();
    let unneeded = gc.removals.iter().filter_map(|one| match one.why {
        Why::Unneeded { rows } => Some(rows),
        _ => None,
    });
    let (shards, rows) = (unneeded.clone().count(), unneeded.sum::<usize>());
    if shards > 0 {
        let (shards, rows) = (counted(shards, "shard"), counted(rows, "row"));
        parts.push(format!("{shards} with {rows}"));
    }
    if !gc.rewrites.is_empty() {
        let keep: usize = gc.rewrites.iter().map(|one| one.keep.len()).sum();
        let rows: usize = gc.rewrites.iter().map(|one| one.rows).sum();
        let shards = counted(gc.rewrites.len(), "shard");
        parts.push(format!("{shards} rewritten with {keep} of {rows} rows"));
    }
    for (count, what) in [
        (files(|why| matches!(why, Why::Damaged(_))), "damaged shard"),
        (
            files(|why| matches!(why, Why::SetAside)),
            "shard set aside before",
        ),
        (
            files(|why| matches!(why, Why::Leftover)),
            "leftover of a killed run",
        ),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if parts.is_empty() {
        parts.push("an empty folder".to_owned());
    }
    let folder = gc.folder.file_name().unwrap_or_default().to_string_lossy();
    let whole = if gc.whole { "no row is needed: " } else { "" };
    format!(
        "{folder} ({}, {}): {whole}{}\n",
        short(&gc.space.output, 24),
        short(&gc.space.numeric, 40),
        parts.join(", ")
    )
}

/// What is removed, for other programs.
#[derive(Serialize)]
struct GcJson {
    dry_run: bool,
    spaces: Vec<SpaceJson>,
    records: usize,
    rows_kept: usize,
    /// Bytes that are free now, or would be.
    bytes: u64,
    /// What was left, and why.
    failures: Vec<String>,
}

#[derive(Serialize)]
struct SpaceJson {
    folder: String,
    whole: bool,
    removed: Vec<String>,
    rewritten: Vec<String>,
}

fn carry_out_json(
    gc: Gc,
    records: &[Stale],
    mut failures: Vec<String>,
    dry_run: bool,
) -> Result<(), Failure> {
    let path = |path: &std::path::Path| path.display().to_string();
    let space = |one: &SpaceGc| SpaceJson {
        folder: path(&one.folder),
        whole: one.whole,
        removed: one.removals.iter().map(|one| path(&one.path)).collect(),
        rewritten: one.rewrites.iter().map(|one| path(&one.path)).collect(),
    };
    let (spaces, rows_kept) = (gc.spaces.iter().map(space).collect(), gc.kept);
    let bytes = match dry_run {
        true => gc.frees() + records.iter().map(|record| record.bytes).sum::<u64>(),
        false => {
            let freed = carry_out(gc, records);
            failures.extend(reasons(&freed));
            freed.bytes
        }
    };
    print_json(&GcJson {
        dry_run,
        spaces,
        records: records.len(),
        rows_kept,
        bytes,
        failures: failures.clone(),
    })?;
    told(failures)
}
