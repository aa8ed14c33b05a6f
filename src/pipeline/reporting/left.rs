//! What a run left: the files of its folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::report::figures::Figures;

use super::super::checked::Checked;

/// What is wrong with a run folder that a report is to be made of.
#[derive(Debug, thiserror::Error)]
pub enum LeftError {
    /// It is none.
    #[error(
        "{}: there is no finished run here (no {file}): name the folder of one, such as runs/NAME",
        path.display()
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What it lacks.
        file: &'static str,
    },
    /// A file cannot be read.
    #[error("{}: cannot read this file of the run: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what a run writes.
    #[error("{}: this is not what a run writes: {reason}; run it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The files that a report reads; the others may be large.
const READ: [&str; 7] = [
    "metrics.json",
    "predictions.csv",
    "validation.csv",
    "curve.csv",
    "skipped.csv",
    "pipeline.yaml",
    "head.safetensors",
];

/// The files of a run.
#[derive(Debug)]
pub(super) struct Left {
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    /// Digest of everything that they depend on.
    pub(super) fingerprint: String,
}

#[derive(Deserialize)]
struct Outputs {
    fingerprint: String,
}

impl Left {
    /// Those of a finished run.
    pub(super) fn open(folder: &Path) -> Result<Self, LeftError> {
        let mut left = Self {
            folder: folder.to_owned(),
            files: BTreeMap::new(),
            fingerprint: String::new(),
        };
        let outputs = left.load("outputs.json")?;
        for file in ["outputs.json", "metrics.json"] {
            let path = folder.to_owned();
            if left.load(file)?.is_none() {
                return Err(LeftError::NoRun { path, file });
            }
        }
        for file in READ {
            if let Some(bytes) = left.load(file)? {
                left.files.insert(file.to_owned(), bytes);
            }
        }
        let outputs = serde_json::from_slice(&outputs.unwrap_or_default());
        let Outputs { fingerprint } =
            outputs.map_err(|e| left.malformed("outputs.json", e.to_string()))?;
        left.fingerprint = fingerprint;
        Ok(left)
    }

    /// Those that a run is about to publish.
    pub(super) fn unpublished(folder: &Path, fingerprint: &str, files: &[(&str, Vec<u8>)]) -> Self {
        let read = files.iter().filter(|(name, _)| READ.contains(name));
        Self {
            folder: folder.to_owned(),
            files: read
                .map(|(name, bytes)| ((*name).to_owned(), bytes.clone()))
                .collect(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    /// The same with other contents of a file.
    pub(super) fn with(mut self, file: &str, bytes: Vec<u8>) -> Self {
        self.files.insert(file.to_owned(), bytes);
        self
    }

    /// A file's place.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The folder as it was named.
    pub(super) fn shown(&self) -> String {
        let text = self.folder.display().to_string();
        text.trim_end_matches('/').to_owned()
    }

    /// `metrics.json`.
    pub(super) fn figures(&self) -> Result<Figures, LeftError> {
        let bytes = self.bytes("metrics.json").unwrap_or_default();
        serde_json::from_slice(bytes).map_err(|e| self.malformed("metrics.json", e.to_string()))
    }

    /// A file, where the run left it.
    pub(super) fn bytes(&self, file: &str) -> Option<&[u8]> {
        self.files.get(file).map(Vec::as_slice)
    }

    /// A file as text; empty where the run did not leave it.
    pub(super) fn text(&self, file: &str) -> String {
        String::from_utf8_lossy(self.bytes(file).unwrap_or_default()).into_owned()
    }

    /// A table read by `read`; empty where the run did not leave it.
    pub(super) fn table<T>(
        &self,
        file: &str,
        read: impl FnOnce(&mut csv::Reader<&[u8]>) -> Result<Vec<T>, csv::Error>,
    ) -> Result<Vec<T>, LeftError> {
        let Some(bytes) = self.bytes(file) else {
            return Ok(Vec::new());
        };
        let mut table = csv::Reader::from_reader(bytes);
        read(&mut table).map_err(|e| self.malformed(file, e.to_string()))
    }

    /// The files that were left out: path and reason.
    pub(super) fn skipped(&self) -> Result<Vec<(String, String)>, LeftError> {
        let rows: Vec<(String, String, String)> =
            self.table("skipped.csv", |table| table.deserialize().collect())?;
        let named = |(split, path, reason)| (format!("{split}: {path}"), reason);
        Ok(rows.into_iter().map(named).collect())
    }

    /// What says exactly what ran and what came of it.
    pub(super) fn digests(&self, checked: Option<&Checked>) -> Vec<(String, String)> {
        let mut digests = vec![("run".to_owned(), self.fingerprint.clone())];
        if let Some(checked) = checked {
            let space = &checked.space;
            digests.push(("backbone's graph".to_owned(), space.graph.clone()));
            digests.push(("preprocessing".to_owned(), space.preprocessing.clone()));
        }
        for (name, bytes) in &self.files {
            digests.push((
                name.clone(),
                format!("sha256 {}", hex(&Sha256::digest(bytes))),
            ));
        }
        digests
    }

    pub(super) fn malformed(&self, file: &str, reason: String) -> LeftError {
        LeftError::Malformed {
            path: self.path(file),
            reason,
        }
    }

    fn load(&self, file: &str) -> Result<Option<Vec<u8>>, LeftError> {
        let path = self.path(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LeftError::Unreadable { path, source }),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
