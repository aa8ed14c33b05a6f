//! `catpipe cache import`.

use std::path::PathBuf;

use serde::Serialize;

use crate::assets;
use crate::features::{Imported, import};
use crate::pipeline::cache::store_in;

use super::super::failure::Failure;
use super::super::output::{print, print_json};
use super::super::progress::counter;
use super::words::{counted, size, warn};

/// Take over the feature rows of other caches
///
/// Each PATH is a cache folder, the folder of a space in its `features`, or a shard (.h5). Every
/// shard is compared with its checksum first; what is there already is passed over, what is damaged
/// is named and left where it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache import /mnt/other/catpipe
  catpipe cache import parts/*/cache")]
pub(super) struct Args {
    /// Where the rows are
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// The outcome for other programs.
#[derive(Serialize)]
struct ImportedJson {
    shards: usize,
    rows: usize,
    bytes: u64,
    shards_known: usize,
    refused: Vec<RefusedJson>,
}

#[derive(Serialize)]
struct RefusedJson {
    path: String,
    why: String,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let cache = assets::cache_dir().map_err(Failure::failed)?;
    let mut done = Imported::default();
    let mut failed = None;
    let bar = counter();
    for path in &args.paths {
        let imported = import(&store_in(&cache), path, &mut done, &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        if let Err(error) = imported {
            failed = Some(error);
            break;
        }
    }
    bar.finish_and_clear();
    done.warnings.iter().for_each(warn);
    if args.json {
        print_json(&ImportedJson {
            shards: done.shards,
            rows: done.rows,
            bytes: done.bytes,
            shards_known: done.known,
            refused: refused(&done),
        })?;
    } else {
        print(&describe(&done))?;
    }
    match failed {
        Some(error) => Err(Failure::failed(error)),
        None if done.refused.is_empty() => Ok(()),
        None => {
            let lines = done.refused.iter().map(ToString::to_string);
            Err(Failure::failed(lines.collect::<Vec<_>>().join("\n")))
        }
    }
}

fn refused(done: &Imported) -> Vec<RefusedJson> {
    let refused = done.refused.iter().map(|one| RefusedJson {
        path: one.path.display().to_string(),
        why: one.why.clone(),
    });
    refused.collect()
}

fn describe(done: &Imported) -> String {
    let mut text = format!(
        "{} with {} imported, {}",
        counted(done.shards, "shard"),
        counted(done.rows, "row"),
        size(done.bytes)
    );
    if done.known > 0 {
        text.push_str(&format!(
            "; the rows of {} were here already",
            counted(done.known, "shard")
        ));
    }
    if !done.refused.is_empty() {
        text.push_str(&format!(
            "; {} not imported",
            counted(done.refused.len(), "file")
        ));
    }
    text + "\n"
}
