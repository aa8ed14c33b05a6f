//! Training a logistic head: the matrix products, beside NumPy's (OpenBLAS), and the whole path of
//! `l2: auto`, beside scikit-learn's `LogisticRegressionCV` on the same features.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use catpipe::head::{Examples, Real, TrainConfig, fit, linalg};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

const ROUNDS: usize = 10;

/// How long a product is repeated: until the system has given each thread a core, and longer.
const AT_LEAST: Duration = Duration::from_millis(100);

const TURNS: usize = 3;

/// Rows, features and outputs of what training multiplies: a batch through a hidden layer, small
/// batches, and the rows of five folds' models side by side.
const SHAPES: [(usize, usize, usize); 4] = [
    (256, 2048, 256),
    (32, 2048, 256),
    (512, 2048, 50),
    (2000, 2048, 2000),
];

const WHAT: [&str; 3] = ["A Bt", "C B", "Ct A"];

/// Prints a table of the products of both, and one of the paths.
pub(super) fn measure(root: &Path) -> Result<(), Box<dyn Error>> {
    products(root)?;
    paths(root)
}

fn products(root: &Path) -> Result<(), Box<dyn Error>> {
    println!(
        "\n{:<44} {:>9} {:>9} {:>6}",
        "matrix products, 2 threads, GFLOP/s", "catpipe", "OpenBLAS", "ratio"
    );
    for (n, k, m) in SHAPES {
        let (mut own, mut theirs) = ([0.0; 6], [0.0; 6]);
        // By turns: a machine that others use is not as fast in one minute as in the next.
        for _ in 0..TURNS {
            let said = said_by_peer(root, &["products", &format!("{n},{k},{m}")])?;
            let said: Vec<f64> = (said.split_whitespace())
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            // On a thread of the pool, as in training.
            let in_pool = |_: &rayon::Scope<'_>| (speeds::<f32>(n, k, m), speeds::<f64>(n, k, m));
            let ([a, b, c], [d, e, f]) = rayon::scope(in_pool);
            own = better(own, [a, b, c, d, e, f]);
            let said = said.try_into().map_err(|_| "six figures of the peer")?;
            theirs = better(theirs, said);
        }
        let names = ["f32", "f64"].map(|name| WHAT.map(|what| (name, what)));
        for ((name, what), (own, theirs)) in names.iter().flatten().zip(own.iter().zip(theirs)) {
            let what = format!("{name}, n {n}, k {k}, m {m}: {what}");
            println!("{what:<44} {own:>9.1} {theirs:>9.1} {:>6.2}", own / theirs);
        }
    }
    Ok(())
}

fn better(before: [f64; 6], now: [f64; 6]) -> [f64; 6] {
    std::array::from_fn(|i| f64::max(before[i], now[i]))
}

/// GFLOP/s of A Bᵀ, C B and Cᵀ A, each into the same place time and again.
fn speeds<F: Real>(n: usize, k: usize, m: usize) -> [f64; 3] {
    let matrix = |rows, columns| {
        let value = |(i, j)| F::of(((i * 7919 + j * 104_729) % 1009) as f64 / 500.0 - 1.0);
        Array2::from_shape_fn((rows, columns), value)
    };
    let (a, b, c) = (matrix(n, k), matrix(m, k), matrix(n, m));
    let mut outs = [matrix(n, m), matrix(n, k), matrix(m, k)];
    let [abt, cb, cta] = outs.each_mut().map(|out| out.view_mut());
    [
        speed(n * k * m, abt, |out| {
            linalg::times_transposed_into(a.view(), b.view(), out)
        }),
        speed(n * k * m, cb, |out| {
            linalg::times_into(c.view(), b.view(), out)
        }),
        speed(n * k * m, cta, |out| {
            linalg::transposed_times_into(c.view(), a.view(), out)
        }),
    ]
}

fn speed<F>(
    multiply_adds: usize,
    mut out: ArrayViewMut2<F>,
    product: impl Fn(ArrayViewMut2<F>),
) -> f64 {
    let (mut best, mut rounds, begin) = (f64::INFINITY, 0, Instant::now());
    while rounds < ROUNDS || begin.elapsed() < AT_LEAST {
        let start = Instant::now();
        product(out.view_mut());
        best = best.min(start.elapsed().as_secs_f64());
        rounds += 1;
    }
    2.0 * multiply_adds as f64 / best / 1e9
}

/// The ends of the path that both walk.
const FROM: f64 = 1e-7;
const TO: f64 = 1.0;

fn paths(root: &Path) -> Result<(), Box<dyn Error>> {
    println!(
        "\n{:<30} {:>9} {:>9} {:>6} {:>19} {:>19}",
        "45 l2 x 5 folds, 10 classes", "catpipe", "sklearn", "times", "l2 chosen", "log loss"
    );
    for n in [2_000, 10_000] {
        let (features, labels) = examples(n);
        let (seconds, chosen, loss) = path(&features, &labels)?;
        let folder = tempfile::tempdir()?;
        write(folder.path(), features.view(), &labels)?;
        let words = [
            "path".to_owned(),
            folder.path().display().to_string(),
            FROM.to_string(),
            TO.to_string(),
        ];
        let said = said_by_peer(root, &words.each_ref().map(String::as_str))?;
        let figures: Vec<f64> = said
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [theirs, their_l2, their_loss] = figures[..] else {
            return Err(format!("what the peer said: {said}").into());
        };
        let what = format!("{n} x {WIDTH}");
        println!(
            "{what:<30} {seconds:>7.1} s {theirs:>7.1} s {:>6.1} {chosen:>9.2e}/{their_l2:>9.2e} \
             {loss:>9.5}/{their_loss:>9.5}",
            theirs / seconds
        );
    }
    Ok(())
}

const WIDTH: usize = 2048;
const CLASSES: usize = 10;

/// Features as a network's last ReLU gives them: a 32-dimensional picture of each example, spread
/// out over all features, with noise, cut off at 0. The classes overlap.
fn examples(n: usize) -> (Array2<f32>, Vec<usize>) {
    const HIDDEN: usize = 32;
    let labels: Vec<usize> = (0..n).map(|i| i % CLASSES).collect();
    let mut random = Normal(1);
    let mut matrix = |rows, columns| Array2::from_shape_fn((rows, columns), |_| random.next());
    let centres = matrix(CLASSES, HIDDEN);
    let spread = matrix(HIDDEN, WIDTH) / (HIDDEN as f32).sqrt();
    let mut hidden = matrix(n, HIDDEN) * 1.8;
    for (mut row, &label) in hidden.outer_iter_mut().zip(&labels) {
        row += &centres.row(label);
    }
    let noise = matrix(n, WIDTH);
    let features = hidden.dot(&spread) + noise * 0.7 - 0.3;
    (features.mapv_into(|x| x.max(0.0)), labels)
}

/// About normal with variance 1: the sum of four uniforms, scaled (Irwin and Hall).
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..4 {
            // Knuth's linear congruential generator (MMIX); its upper bits are good enough here.
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            sum += (self.0 >> 40) as f32 / (1u64 << 24) as f32;
        }
        (sum - 2.0) * 3_f32.sqrt()
    }
}

/// Seconds of choosing `l2` and training the head, the value, and its out-of-fold log loss.
fn path(features: &Array2<f32>, labels: &[usize]) -> Result<(f64, f64, f64), Box<dyn Error>> {
    let config: TrainConfig = serde_json::from_value(serde_json::json!({
        "head": {"logistic": {}},
        "l2": {"auto": {"values": 45, "from": FROM, "to": TO}},
        "validation": {"folds": 5},
    }))?;
    let examples = Examples {
        features,
        views: 1,
        labels,
        classes: CLASSES,
        groups: None,
    };
    let start = Instant::now();
    let found = fit(&config, &examples, 1, &mut |_| {})?;
    let seconds = start.elapsed().as_secs_f64();
    for warning in &found.warnings {
        eprintln!("warning: {warning}");
    }
    let path = found.l2_path.ok_or("no path")?;
    let loss = path.lowest().map_or(f64::NAN, |point| point.log_loss);
    Ok((seconds, path.chosen, loss))
}

fn write(
    folder: &Path,
    features: ArrayView2<'_, f32>,
    labels: &[usize],
) -> Result<(), Box<dyn Error>> {
    ndarray_npy::write_npy(folder.join("features.npy"), &features)?;
    let labels: ndarray::Array1<i64> = labels.iter().map(|&label| label as i64).collect();
    ndarray_npy::write_npy(folder.join("labels.npy"), &labels)?;
    Ok(())
}

fn said_by_peer(root: &Path, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let python = std::env::var_os("CATPIPE_BENCH_PYTHON")
        .ok_or("CATPIPE_BENCH_PYTHON names no Python: `make bench` makes one")?;
    let output = Command::new(python)
        .arg(root.join("benches/logistic.py"))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the peer failed".into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
