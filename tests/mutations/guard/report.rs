//! What became of the inputs of a kind.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{ACCEPTED, FAILED};
use crate::kinds::{Inputs, Kind};

/// Counts by what became of the inputs, and the failures with their files.
pub(crate) struct Report<'a> {
    kind: &'a Kind,
    inputs: Inputs<'a>,
    seed: u64,
    total: u32,
    became: BTreeMap<String, u32>,
    failures: Vec<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(kind: &'a Kind, seed: u64) -> Self {
        Self {
            kind,
            inputs: kind.inputs(seed),
            seed,
            total: 0,
            became: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// What became of the input of this number. The input of a failure is written to a file.
    pub(super) fn add(&mut self, number: u32, became: &str) {
        self.total += 1;
        if let Some(failure) = became.strip_prefix(FAILED) {
            let path = self.save(number);
            let replay = format!(
                "CATPIPE_MUTATIONS_REPLAY={} cargo test --test mutations {}",
                path.display(),
                self.kind.name
            );
            self.failures
                .push(format!("input {number}: {failure}\n    {replay}"));
        } else {
            assert!(
                became == ACCEPTED || number >= self.inputs.whole(),
                "seed {number} of {} is refused as it is: {became}",
                self.kind.name
            );
            *self.became.entry(became.to_owned()).or_default() += 1;
        }
    }

    fn save(&self, number: u32) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
        std::fs::create_dir_all(&folder).expect("a folder for what failed");
        let name = format!("{}-{}-{number}", self.kind.name, self.seed);
        let path = folder.join(name);
        std::fs::write(&path, self.inputs.input(number)).expect("the input is written");
        path
    }

    /// Says what became of the inputs, and fails where one failed, or too few were accepted.
    pub(crate) fn judge(&self) {
        // Past the test harness, which swallows what `eprintln` writes.
        let _ = writeln!(std::io::stderr(), "{self}");
        assert!(
            self.failures.is_empty(),
            "{} of {} mutated inputs of {} broke a promise:\n{}",
            self.failures.len(),
            self.total,
            self.kind.name,
            self.failures.join("\n")
        );
        let (share, least) = (self.share(), self.kind.accepted);
        assert!(
            share >= least,
            "{} mutations do not reach deep: {share:.3} are accepted, {least} should be",
            self.kind.name
        );
    }

    fn share(&self) -> f64 {
        let accepted = self.became.get(ACCEPTED).copied().unwrap_or_default();
        f64::from(accepted) / f64::from(self.total.max(1))
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (name, total) = (self.kind.name, self.total);
        write!(
            f,
            "mutated {name}: {total} inputs, {:.0} % accepted",
            self.share() * 100.0
        )?;
        let mut refused: Vec<_> = self.became.iter().filter(|(b, _)| *b != ACCEPTED).collect();
        refused.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (i, (became, count)) in refused.into_iter().enumerate() {
            write!(
                f,
                "{} {became} {count}",
                if i == 0 { "; refused:" } else { "," }
            )?;
        }
        write!(f, "; {} failures", self.failures.len())
    }
}
