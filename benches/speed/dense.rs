//! One epoch of a dense head, beside PyTorch on rows of the same shape.

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use catpipe::head::{Examples, TrainConfig, fit};
use ndarray::Array2;

const EXAMPLES: usize = 50_000;
const FEATURES: usize = 2048;
const CLASSES: usize = 10;
const THREADS: usize = 2;
const EPOCHS: usize = 5;

/// Prints the seconds of an epoch, the best of a few: Adam, a hidden layer of 256 units with
/// BatchNorm and dropout, batches of 256. With `CATPIPE_BENCH_TORCH` (`make bench PYTORCH=1`) the
/// same by PyTorch, with batches cut by hand and by its DataLoader.
pub(super) fn measure() -> Result<(), Box<dyn Error>> {
    println!(
        "\n{:<60} {:>10} {:>6}",
        format!("an epoch, {EXAMPLES} x {FEATURES}, 256 units, {THREADS} threads"),
        "seconds",
        "ratio"
    );
    let own = epoch()?;
    println!("{:<60} {own:>10.3} {:>6.2}", "catpipe", 1.0);
    let Some(python) = std::env::var_os("CATPIPE_BENCH_TORCH") else {
        println!("(beside PyTorch: make bench PYTORCH=1)");
        return Ok(());
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/dense.py");
    let output = Command::new(python)
        .arg(script)
        .args([EXAMPLES, FEATURES, CLASSES, THREADS].map(|n| n.to_string()))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let (what, seconds) = line.rsplit_once('\t').ok_or("no seconds")?;
        let seconds: f64 = seconds.parse()?;
        println!("{what:<60} {seconds:>10.3} {:>6.2}", seconds / own);
    }
    // Once more: a machine that changes its pace in between shows it.
    let again = epoch()?;
    println!(
        "{:<60} {again:>10.3} {:>6.2}",
        "catpipe, again",
        again / own
    );
    Ok(())
}

/// Seconds of the fastest epoch.
fn epoch() -> Result<f64, Box<dyn Error>> {
    let config: TrainConfig = serde_saphyr::from_str(&format!(
        "{{head: {{dense: {{hidden: [256], dropout: 0.5, batch_norm: true}}}}, \
         adam: {{}}, batch: 256, epochs: {EPOCHS}}}"
    ))?;
    // Numbers without a pattern that a processor could like; their values do not change the work.
    let value = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) as u16 as f32 / 65_536.0 - 0.5;
    let rows = (0..EXAMPLES * FEATURES).map(value).collect();
    let features = Array2::from_shape_vec((EXAMPLES, FEATURES), rows)?;
    let labels: Vec<usize> = (0..EXAMPLES).map(|i| i % CLASSES).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .build()?;
    let ends = pool.install(|| {
        let examples = Examples {
            features: &features,
            views: 1,
            labels: &labels,
            classes: CLASSES,
            groups: None,
        };
        let mut ends = Vec::new();
        fit(&config, &examples, 1, &mut |_| ends.push(Instant::now())).map(|_| ends)
    })?;
    let epochs = ends
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64());
    Ok(epochs.fold(f64::INFINITY, f64::min))
}
