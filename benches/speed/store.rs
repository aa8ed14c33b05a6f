//! The store of rows: writing it, opening it and planning over it, and streaming all of it.
//!
//! Rows are made, not extracted. What is streamed is compared, in the same run, with a plain loop
//! that reads the same files in pieces of 8 MiB as `dd bs=8M` does; then with that loop when the
//! files were dropped from the cache. Streaming reads, checks and hands out every byte; the loop
//! only reads it. Where the files are in the system's cache, streaming is compared with two more
//! figures: copying in memory, and what the system hands out when two threads do nothing but read
//! (`2 loops`), which is as much as any reader of files can have on two cores.

use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use catpipe::digests::Shelf;
use catpipe::features::{RowId, RowType, Space, Store, StoreError};

const WIDTH: usize = 2048;
const ROUNDS: usize = 3;

/// The word by which the program calls itself to open a store in a process of its own.
pub(super) const PLAN: &str = "store-plan";

/// Prints a line for each size of store, in a folder for temporary files (`TMPDIR`) that is empty
/// again afterwards.
pub(super) fn measure() -> Result<(), Box<dyn Error>> {
    println!(
        "\n{:<12} {:>9} {:>9} {:>7} {:>33} {:>14}",
        format!("rows x {WIDTH}"),
        "written",
        "open+plan",
        "memory",
        "streamed, cached",
        "from the disk"
    );
    println!(
        "{:<12} {:>9} {:>9} {:>7} {:>7} {:>7} {:>9} {:>7} {:>7} {:>6}",
        "", "rows/s", "s", "MB", "GB/s", "x loop", "x 2 loops", "x copy", "GB/s", "x loop"
    );
    for rows in [10_000, 100_000, 1_000_000] {
        let root = tempfile::tempdir()?;
        match room(root.path(), rows)? {
            true => line(root.path(), rows)?,
            false => println!(
                "{rows:<12} not measured: no room in {}",
                root.path().display()
            ),
        }
    }
    Ok(())
}

fn line(root: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let written = write(root, rows)?;
    let (seconds, megabytes) = planned_apart(root, rows)?;
    let files = shards(root)?;
    // The first round fills the system's cache.
    let warm = race(root, rows, &files, || Ok(()))?;
    let by_two = warm.0 / read_by_two(&files)?;
    let copy = warm.0 / copied()?;
    let cold = race(root, rows, &files, || drop_from_cache(&files))?;
    println!(
        "{rows:<12} {written:>9.0} {seconds:>9.2} {megabytes:>7.0} {:>7.2} {:>7.2} {by_two:>9.2} \
         {copy:>7.2} {:>7.2} {:>6.2}",
        warm.0, warm.1, cold.0, cold.1
    );
    Ok(())
}

fn space() -> Space {
    Space {
        format: Space::FORMAT,
        preprocessing: "none".to_owned(),
        graph: "none".to_owned(),
        output: "features".to_owned(),
        width: WIDTH,
        numeric: "made".to_owned(),
        rows: RowType::Float32,
    }
}

/// The ids of so many rows, made as a run makes them.
fn ids(rows: usize) -> Vec<RowId> {
    let namer = space().namer();
    let id = |row: usize| {
        let mut image = [0; 32];
        image[..8].copy_from_slice(&row.to_le_bytes());
        namer.row(&image, "plain")
    };
    (0..rows).map(id).collect()
}

/// Rows a second of writing so many.
fn write(root: &Path, rows: usize) -> Result<f64, Box<dyn Error>> {
    let (store, _) = Store::open(root, &space())?;
    let ids = ids(rows);
    let level = |i: usize| (i.wrapping_mul(2_654_435_761) >> 16) % 65_536;
    let mut row: Vec<f32> = (0..WIDTH).map(|i| level(i) as f32 / 4096.0).collect();
    let start = Instant::now();
    let mut writer = store.writer()?;
    for (number, id) in ids.iter().enumerate() {
        row[0] = number as f32;
        row.rotate_left(1);
        writer.append(*id, &row)?;
    }
    writer.finish()?;
    Ok(rows as f64 / start.elapsed().as_secs_f64())
}

/// Opens the store and plans over all its rows in a new process: seconds, and its peak memory.
fn planned_apart(root: &Path, rows: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?)
        .args([PLAN.as_ref(), root.as_os_str(), rows.to_string().as_ref()])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let mut numbers = said.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(seconds), Some(megabytes)) => Ok((seconds?, megabytes?)),
        _ => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

/// What that process does and says.
pub(super) fn plan(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [root, rows] = arguments else {
        return Err("a folder and a number of rows".into());
    };
    let (root, rows) = (Path::new(root), rows.parse()?);
    let start = Instant::now();
    let (store, warnings) = open(root)?;
    let missing = store.missing(&ids(rows)).len();
    let seconds = start.elapsed().as_secs_f64();
    if missing > 0 || !warnings.is_empty() || store.len() != rows {
        return Err(format!("{missing} rows are missing; {warnings:?}").into());
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = super::memory::high_water_mark(&status).unwrap_or(f64::NAN);
    println!("{seconds} {peak}");
    Ok(())
}

fn open(root: &Path) -> Result<(Store, Vec<catpipe::features::Warning>), StoreError> {
    Store::open_changed(root, &space(), &Shelf::new(root.join("digests"), false))
}

/// GB a second of streaming the store, and how many times the plain loop's that is; `before` runs
/// before each.
fn race(
    root: &Path,
    rows: usize,
    files: &[PathBuf],
    before: impl Fn() -> Result<(), Box<dyn Error>>,
) -> Result<(f64, f64), Box<dyn Error>> {
    let (store, _) = open(root)?;
    let ids = ids(rows);
    let (mut streamed, mut plain) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        before()?;
        plain = plain.min(seconds(|| read_plainly(files))?);
        before()?;
        streamed = streamed.min(seconds(|| stream(&store, &ids))?);
    }
    Ok((gigabytes(files) / streamed, plain / streamed))
}

fn gigabytes(files: &[PathBuf]) -> f64 {
    let sizes = files
        .iter()
        .map(|file| file.metadata().map_or(0, |m| m.len()));
    sizes.sum::<u64>() as f64 / 1e9
}

fn seconds(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Takes every row into a batch, as training does.
fn stream(store: &Store, ids: &[RowId]) -> Result<(), Box<dyn Error>> {
    const BATCH: usize = 256;
    let mut batch = vec![0.0; BATCH * WIDTH];
    let mut seen = 0;
    store.visit(ids, |_, row| {
        let place = seen % BATCH * WIDTH;
        batch[place..place + WIDTH].copy_from_slice(row);
        seen += 1;
        Ok::<(), StoreError>(())
    })?;
    std::hint::black_box(&batch);
    match seen == ids.len() {
        true => Ok(()),
        false => Err("rows are missing".into()),
    }
}

/// GB a second of copying what no cache holds.
fn copied() -> Result<f64, Box<dyn Error>> {
    const BYTES: usize = 256 << 20;
    let from = vec![1u8; BYTES];
    let mut to = vec![0u8; BYTES];
    let mut best = f64::INFINITY;
    for _ in 0..2 * ROUNDS {
        best = best.min(seconds(|| {
            to.copy_from_slice(std::hint::black_box(&from));
            std::hint::black_box(&to);
            Ok(())
        })?);
    }
    Ok(BYTES as f64 / best / 1e9)
}

fn read_plainly(files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let mut buffer = vec![0; 8 << 20];
    for path in files {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    std::hint::black_box(&buffer);
    Ok(())
}

/// GB a second of two threads that read half of the files each, plainly.
fn read_by_two(files: &[PathBuf]) -> Result<f64, Box<dyn Error>> {
    let (ours, theirs) = files.split_at(files.len() / 2);
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        best = best.min(seconds(|| {
            thread::scope(|scope| {
                let there = scope.spawn(|| read_plainly(theirs).map_err(|error| error.to_string()));
                read_plainly(ours)?;
                there.join().map_err(|_| "a reader ended early")??;
                Ok(())
            })
        })?);
    }
    Ok(gigabytes(files) / best)
}

/// Asks the system to forget these files, and only these.
fn drop_from_cache(files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    for path in files {
        let mut from = std::ffi::OsString::from("if=");
        from.push(path);
        let dd = Command::new("dd")
            .arg(from)
            .args(["iflag=nocache", "count=0"])
            .output()?;
        if !dd.status.success() {
            return Err(String::from_utf8_lossy(&dd.stderr).into());
        }
    }
    Ok(())
}

fn shards(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let (store, _) = open(root)?;
    let mut files: Vec<PathBuf> = fs::read_dir(store.path().join("shards"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Whether there is room for so many rows, and a gigabyte more.
fn room(dir: &Path, rows: usize) -> Result<bool, Box<dyn Error>> {
    let df = Command::new("df")
        .args(["--output=avail", "-B1"])
        .arg(dir)
        .output()?;
    let said = String::from_utf8(df.stdout)?;
    let free: u64 = said.lines().last().unwrap_or_default().trim().parse()?;
    Ok(free > rows as u64 * (WIDTH as u64 * 4 + 100) + (1 << 30))
}
