//! How fast a session is, and how near its features are to another's.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::BackboneError;
use super::session::Session;

/// The speed of a session: inference alone, on inputs that lie ready.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Rows a second: those of the fastest pass over all inputs.
    pub rows_per_second: f64,
    /// Passes over all inputs after the first, which warms up and is not counted.
    pub passes: usize,
}

/// Runs a session over `inputs` (`[rows, input_len]`) in batches, at least twice and for at least
/// `least`, and gives the features of the first pass with the speed of the others. The fastest
/// pass counts: whatever else the machine does makes passes slower, never faster.
///
/// # Errors
/// Those of [`Session::run`].
pub fn speed(
    session: &mut Session,
    inputs: &[f32],
    batch: usize,
    least: Duration,
) -> Result<(Vec<f32>, Speed), BackboneError> {
    let rows = inputs.len() / session.input_len().max(1);
    let mut features = vec![0.0; rows * session.width()];
    pass(session, inputs, batch, &mut features)?;
    let mut scratch = vec![0.0; features.len()];
    let start = Instant::now();
    let (mut passes, mut fastest) = (0, f64::INFINITY);
    while passes == 0 || start.elapsed() < least {
        let of_this = Instant::now();
        pass(session, inputs, batch, &mut scratch)?;
        fastest = of_this.elapsed().as_secs_f64().min(fastest);
        passes += 1;
    }
    let speed = Speed {
        rows_per_second: rows as f64 / fastest,
        passes,
    };
    Ok((features, speed))
}

fn pass(
    session: &mut Session,
    inputs: &[f32],
    batch: usize,
    features: &mut [f32],
) -> Result<(), BackboneError> {
    let (each, width, batch) = (session.input_len(), session.width(), batch.max(1));
    let batches = inputs.chunks(batch * each.max(1));
    let outs = features.chunks_mut(batch * width.max(1));
    let rows = |input: &[f32]| input.len() / each.max(1);
    if session.depth() == 0 {
        for (input, out) in batches.zip(outs) {
            session.run(input, rows(input), out)?;
        }
        return Ok(());
    }
    // As an extraction does: the next batch is brought while one is computed.
    let mut outs = outs;
    let mut under_way = 0;
    for input in batches {
        if under_way == session.depth() {
            under_way -= 1;
            session.finish(outs.next().unwrap_or_default())?;
        }
        session.start(input, rows(input))?;
        under_way += 1;
    }
    for out in outs {
        session.finish(out)?;
    }
    Ok(())
}

/// How near features are to those of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// The least cosine of a row with its reference.
    pub cosine_min: f64,
    /// The mean of the cosines.
    pub cosine_mean: f64,
    /// The largest absolute difference of a feature.
    pub largest_difference: f64,
}

/// Compares `features` with `reference`, both `[rows, width]`; `None` where they are of another
/// shape, or empty. Two rows of nothing but zeros are alike.
#[must_use]
pub fn parity(reference: &[f32], features: &[f32], width: usize) -> Option<Parity> {
    if width == 0 || reference.is_empty() || reference.len() != features.len() {
        return None;
    }
    let rows = reference
        .chunks_exact(width)
        .zip(features.chunks_exact(width));
    let cosines: Vec<f64> = rows.map(|(a, b)| cosine(a, b)).collect();
    let differences = reference
        .iter()
        .zip(features)
        .map(|(a, b)| f64::from((a - b).abs()));
    Some(Parity {
        cosine_min: cosines.iter().copied().fold(f64::INFINITY, f64::min),
        cosine_mean: cosines.iter().sum::<f64>() / cosines.len() as f64,
        largest_difference: differences.fold(0.0, f64::max),
    })
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 {
        // Rounding may lift the cosine of equal rows above one.
        (dot(a, b) / lengths).min(1.0)
    } else if a == b {
        1.0
    } else {
        0.0
    }
}

/// The most memory that this process has had, in bytes, where the system tells it (Linux).
#[must_use]
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::SessionOptions;
    use crate::backbone::testing::{TINY_MANIFEST, manifest, runtime, tiny, values};

    #[test]
    fn parity_by_hand() {
        let found = parity(&[3.0, 4.0, 1.0, 0.0], &[3.0, 4.0, 1.0, 1.0], 2).unwrap();
        assert_eq!(found.largest_difference, 1.0);
        assert!((found.cosine_min - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((found.cosine_mean - f64::midpoint(1.0, 0.5_f64.sqrt())).abs() < 1e-12);
        let zeros = parity(&[0.0, 0.0], &[0.0, 0.0], 2).unwrap();
        assert_eq!((zeros.cosine_min, zeros.largest_difference), (1.0, 0.0));
        assert_eq!(parity(&[0.0, 0.0], &[0.0, 1.0], 2).unwrap().cosine_min, 0.0);
        assert_eq!(parity(&[1.0], &[1.0, 2.0], 1), None);
        assert_eq!(parity(&[], &[], 1), None);
    }

    #[test]
    fn a_session_that_takes_batches_in_ahead_is_measured_as_it_is_used() {
        let dir = tiny(|_| {});
        let manifest = manifest(TINY_MANIFEST).unwrap();
        let options = SessionOptions::default();
        let bound = Session::open_bound(&manifest, dir.path(), &runtime(), &options);
        let mut session = bound.unwrap();
        let mut plain = Session::open(&manifest, dir.path(), &runtime(), &options).unwrap();
        let inputs = values(5, 11 * 3 * 32 * 32);
        for batch in [1, 4, 11, 20] {
            let (expected, _) = speed(&mut plain, &inputs, batch, Duration::ZERO).unwrap();
            let (found, _) = speed(&mut session, &inputs, batch, Duration::ZERO).unwrap();
            assert_eq!(found, expected, "batch {batch}");
        }
    }

    #[test]
    fn a_session_is_measured_and_its_features_are_those_of_a_run() {
        let dir = tiny(|_| {});
        let manifest = manifest(TINY_MANIFEST).unwrap();
        let options = SessionOptions::default();
        let mut session = Session::open(&manifest, dir.path(), &runtime(), &options).unwrap();
        let inputs = values(3, 5 * 3 * 32 * 32);
        let (features, speed) = speed(&mut session, &inputs, 2, Duration::ZERO).unwrap();
        assert_eq!(speed.passes, 1);
        assert!(speed.rows_per_second > 0.0);
        let mut expected = vec![0.0; 5 * 8];
        session.run(&inputs, 5, &mut expected).unwrap();
        assert_eq!(features, expected);
        assert!(peak_memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}
