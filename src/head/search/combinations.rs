//! The combinations of values that are tried.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde_json::Value;

use super::Settings;
use super::config::{RandomConfig, SearchConfig, Strategy};
use super::error::SearchError;
use super::values::{Keys, Values, number};
use crate::head::random::{below, stream};

/// The most trials of a search; far more than anybody waits for.
pub(super) const MOST: usize = 10_000;

/// Draws in a row that only repeat a combination, after which there are no more different ones
/// for all one knows.
const REPEATS: usize = 200;

/// All combinations of a grid, the last key changing fastest; or as many random ones as are asked
/// for, which the seed decides. Where a setting is a whole number in `base`, the numbers of its
/// range are rounded.
///
/// # Errors
/// More than [`MOST`].
pub(super) fn combinations(
    config: &SearchConfig,
    base: &Value,
    seed: u64,
) -> Result<Vec<Settings>, SearchError> {
    match &config.strategy {
        Strategy::Grid(keys) => grid(keys, base),
        Strategy::Random(random) => drawn(random, base, seed),
    }
}

fn grid(keys: &Keys, base: &Value) -> Result<Vec<Settings>, SearchError> {
    let counts: Vec<usize> = keys.iter().filter_map(|(_, v)| v.count()).collect();
    let total = counts.iter().try_fold(1_usize, |n, &c| n.checked_mul(c));
    let total = total.filter(|&n| n <= MOST).ok_or(SearchError::TooMany)?;
    let combination = |number: usize| {
        let mut stride = total;
        let mut settings = Settings::new();
        for ((key, values), count) in keys.iter().zip(&counts) {
            stride /= count;
            let value = values.at(number / stride % count);
            settings.push((key.clone(), fitting(value, key, values, base)));
        }
        settings
    };
    Ok((0..total).map(combination).collect())
}

fn drawn(config: &RandomConfig, base: &Value, seed: u64) -> Result<Vec<Settings>, SearchError> {
    let wanted = config.trials.get();
    if wanted > MOST {
        return Err(SearchError::TooMany);
    }
    let mut random = stream("search", seed, &[]);
    let mut all: Vec<Settings> = Vec::new();
    let mut repeats = 0;
    while all.len() < wanted && repeats < REPEATS {
        let draw = |(key, values): &(String, Values)| {
            let value = one_of(values, &mut random);
            (key.clone(), fitting(value, key, values, base))
        };
        let settings: Settings = config.keys.iter().map(draw).collect();
        if all.contains(&settings) {
            repeats += 1;
        } else {
            repeats = 0;
            all.push(settings);
        }
    }
    Ok(all)
}

/// A range's number, whole where the setting is a whole number in `base`.
fn fitting(value: Value, key: &str, values: &Values, base: &Value) -> Value {
    let now = base.pointer(&format!("/{}", key.replace('.', "/")));
    match (values, value.as_f64(), now) {
        (Values::Range(_), Some(x), Some(now)) if now.is_i64() => number(x.round()),
        _ => value,
    }
}

fn one_of(values: &Values, random: &mut ChaCha8Rng) -> Value {
    match values.count() {
        Some(count) => values.at(below(random, count)),
        None => {
            // 53 bits: a range has far more values than a uniform f32 has.
            #[allow(clippy::cast_precision_loss)]
            let share = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            values.between(share)
        }
    }
}
