//! `catpipe cache ls`.

use std::path::Path;

use serde::Serialize;

use crate::assets;
use crate::digests::Shelf;
use crate::features::{Pile, Space, SpaceSurvey, survey};
use crate::pipeline::cache::{Other, digests_in, others, store_in};
use crate::report::Table;

use super::super::failure::Failure;
use super::super::output::{print, print_json};
use super::words::{counted, short, size, warn, when};

/// List what the cache has: feature rows by what they depend on, and everything else
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache ls
  catpipe cache ls --json")]
pub(super) struct Args {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let cache = assets::cache_dir().map_err(Failure::failed)?;
    let shelf = Shelf::new(digests_in(&cache), false);
    let (spaces, warnings) = survey(&store_in(&cache), &shelf).map_err(Failure::failed)?;
    let others = others(&cache).map_err(|error| {
        Failure::failed(format!("{}: cannot be read: {error}", cache.display()))
    })?;
    warnings.iter().for_each(warn);
    if args.json {
        return print_json(&CacheJson::new(&cache, &spaces, &others));
    }
    print(&describe(&cache, &spaces, &others))
}

fn describe(cache: &Path, spaces: &[SpaceSurvey], others: &[Other]) -> String {
    let mut text = format!("The cache is {}\n\n", cache.display());
    if spaces.is_empty() {
        text.push_str("There are no feature rows in it.\n");
    } else {
        text.push_str(&table(spaces));
        text.push_str(&totals(spaces));
    }
    for space in spaces {
        text.push_str(&trouble(space));
    }
    if !others.is_empty() {
        text.push_str("\nBeside them:\n");
        text.push_str(&table_of_others(cache, others));
    }
    text
}

fn table(spaces: &[SpaceSurvey]) -> String {
    let mut table = Table::new([
        "space",
        "backbone",
        "preprocessing",
        "numeric class",
        "width",
        "rows",
        "shards",
        "size",
        "last written",
    ]);
    for one in spaces {
        let of = |field: fn(&Space) -> String| one.space.as_ref().map_or("?".to_owned(), field);
        table.row([
            name(&one.folder),
            of(|space| short(&space.output, 20)),
            of(|space| short(&space.preprocessing, 24)),
            of(|space| short(&space.numeric, 32)),
            of(|space| space.width.to_string()),
            match one.problem {
                Some(_) => "?".to_owned(),
                None => one.rows.to_string(),
            },
            one.shards.files.to_string(),
            size(one.bytes),
            one.written.map_or_else(|| "never".to_owned(), when),
        ]);
    }
    table.render()
}

fn totals(spaces: &[SpaceSurvey]) -> String {
    let sum = |of: fn(&SpaceSurvey) -> usize| spaces.iter().map(of).sum::<usize>();
    format!(
        "\n{} in {} of {}, {}\n",
        counted(sum(|one| one.rows), "row"),
        counted(sum(|one| one.shards.files), "shard"),
        counted(spaces.len(), "space"),
        size(spaces.iter().map(|one| one.bytes).sum()),
    )
}

/// What a space has that it should not have.
fn trouble(one: &SpaceSurvey) -> String {
    let mut text = String::new();
    let mut line = |what: String| text.push_str(&format!("{}: {what}\n", name(&one.folder)));
    if let Some(problem) = &one.problem {
        line(problem.clone());
    }
    let Pile { files, bytes } = one.damaged;
    if files > 0 {
        let what = counted(files, "damaged shard");
        line(format!(
            "{what} set aside, {} (`catpipe cache gc` removes them)",
            size(bytes)
        ));
    }
    if one.leftovers.files > 0 {
        line(format!(
            "{} of killed runs, {}, now removed",
            counted(one.leftovers.files, "leftover"),
            size(one.leftovers.bytes)
        ));
    }
    text
}

fn table_of_others(cache: &Path, others: &[Other]) -> String {
    let mut table = Table::new(["where", "files", "size", "what"]);
    for one in others {
        let path = one.path.strip_prefix(cache).unwrap_or(&one.path);
        table.row([
            path.display().to_string(),
            one.files.to_string(),
            size(one.bytes),
            one.what.unwrap_or("none of catpipe's").to_owned(),
        ]);
    }
    table.render()
}

fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// [`describe`] for other programs.
#[derive(Serialize)]
struct CacheJson<'a> {
    cache: String,
    spaces: Vec<SpaceJson<'a>>,
    others: Vec<OtherJson>,
}

#[derive(Serialize)]
struct SpaceJson<'a> {
    folder: String,
    space: Option<&'a Space>,
    problem: Option<&'a str>,
    rows: usize,
    shards: usize,
    bytes: u64,
    damaged: usize,
    damaged_bytes: u64,
    leftovers: usize,
    leftover_bytes: u64,
    strangers: usize,
    /// Seconds since 1970.
    written: Option<u64>,
}

#[derive(Serialize)]
struct OtherJson {
    path: String,
    what: Option<&'static str>,
    files: usize,
    bytes: u64,
}

impl<'a> CacheJson<'a> {
    fn new(cache: &Path, spaces: &'a [SpaceSurvey], others: &[Other]) -> Self {
        let seconds = |time: std::time::SystemTime| {
            let since = time.duration_since(std::time::UNIX_EPOCH);
            since.ok().map(|since| since.as_secs())
        };
        let space = |one: &'a SpaceSurvey| SpaceJson {
            folder: one.folder.display().to_string(),
            space: one.space.as_ref(),
            problem: one.problem.as_deref(),
            rows: one.rows,
            shards: one.shards.files,
            bytes: one.bytes,
            damaged: one.damaged.files,
            damaged_bytes: one.damaged.bytes,
            leftovers: one.leftovers.files,
            leftover_bytes: one.leftovers.bytes,
            strangers: one.strangers,
            written: one.written.and_then(seconds),
        };
        let other = |one: &Other| OtherJson {
            path: one.path.display().to_string(),
            what: one.what,
            files: one.files,
            bytes: one.bytes,
        };
        Self {
            cache: cache.display().to_string(),
            spaces: spaces.iter().map(space).collect(),
            others: others.iter().map(other).collect(),
        }
    }
}
