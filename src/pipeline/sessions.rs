//! How many sessions share the processor in an extraction.

use serde::{Deserialize, Serialize};

use crate::backbone::{ProviderKind, SessionOptions};

use super::config::within;

/// Sessions that share the threads of an extraction, 1 to 64; there are never more than threads.
///
/// Sessions with a thread each do not wait for one another at the end of every operator, as
/// threads that share a session do, nor all for one that a decoder took the core from. Each of them
/// holds the network's weights. Changes the speed only, never a value.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "u64")]
pub struct Sessions(u16);

impl TryFrom<u64> for Sessions {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        within(count, 64).map(Sessions)
    }
}

/// The most sessions that are opened where nobody says how many: weights are held by each.
const MOST: usize = 4;

/// Rows that are worth opening more sessions than one.
const WORTH_SHARING: usize = 64;

/// The sessions of an extraction of so many rows: those asked for; else on `cpu` one a thread, or
/// the most of 4, 3 and 2 among which the threads can be divided evenly, and one for a handful of
/// rows. OpenVINO has one: two of one thread each, free to move between the cores, were no faster
/// (ResNet50 in fp32 on two cores), and hold the weights twice; with `cpu` they were faster by a
/// twentieth.
pub(super) fn count(asked: Option<Sessions>, options: &SessionOptions, rows: usize) -> usize {
    let threads = options.threads();
    match asked {
        Some(Sessions(count)) => count.into(),
        None if rows < WORTH_SHARING || options.provider.kind() != ProviderKind::Cpu => 1,
        None => {
            let divides = |count: &usize| threads.is_multiple_of(*count);
            (1..=MOST).rev().find(divides).unwrap_or(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_divided_evenly_and_a_few_rows_not_at_all() {
        let of = |threads, rows| {
            let options = SessionOptions {
                threads: Some(threads),
                ..SessionOptions::default()
            };
            count(None, &options, rows)
        };
        let expected = [
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 4),
            (5, 1),
            (6, 3),
            (16, 4),
            (62, 2),
        ];
        for (threads, sessions) in expected {
            assert_eq!(of(threads, 64), sessions, "{threads} threads");
            assert_eq!(of(threads, 63), 1);
        }
        let openvino = SessionOptions {
            provider: ProviderKind::Openvino.into(),
            threads: Some(2),
            ..SessionOptions::default()
        };
        assert_eq!(count(None, &openvino, 64), 1);
        assert_eq!(count(Some(Sessions(3)), &openvino, 1), 3);
    }

    #[test]
    fn a_number_within_reason() {
        assert_eq!(Sessions::try_from(64), Ok(Sessions(64)));
        for wrong in [0, 65, u64::MAX] {
            let error = Sessions::try_from(wrong).expect_err("out of range");
            assert_eq!(error, format!("must be between 1 and 64, found {wrong}"));
        }
    }
}
