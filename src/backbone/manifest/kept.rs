//! What the check of a graph has read, for the session that is made of it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::ManifestConfig;
use super::graph::Graph;
use crate::backbone::onnx::DataFile;
use crate::digests::Stamp;

/// A graph that has passed its check, until it is taken or nobody holds its manifest any more: to
/// read and hash it again takes as long as to infer a few images. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Option<Found>>>);

struct Found {
    /// What it was checked against.
    config: ManifestConfig,
    stamp: Stamp,
    graph: Graph,
    data: Vec<DataFile>,
}

impl Kept {
    /// Keeps what was read from a file of this stamp and checked against `config`.
    pub(super) fn put(
        &self,
        config: &ManifestConfig,
        stamp: Stamp,
        graph: Graph,
        data: Vec<DataFile>,
    ) {
        let found = Found {
            config: config.clone(),
            stamp,
            graph,
            data,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// The graph at `path` and its files of weights, if they were kept, were checked against
    /// `config`, and the file is what it was then. Nothing is kept any more.
    pub(super) fn take(
        &self,
        config: &ManifestConfig,
        path: &Path,
    ) -> Option<(Graph, Vec<DataFile>)> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let same = |found: &Found| found.graph.path == path && found.config == *config;
        let found = found.filter(same)?;
        (Stamp::of(path) == Some(found.stamp)).then_some((found.graph, found.data))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Kept")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::backbone::manifest::{Manifest, load_graph};
    use crate::backbone::testing::{TINY_MANIFEST, manifest, tiny};
    use crate::digests::Shelf;

    #[test]
    fn what_was_checked_is_loaded_unless_the_file_has_changed() {
        let dir = tiny(|_| {});
        let manifest = manifest(TINY_MANIFEST).unwrap();
        let path = manifest.graph_path(dir.path());
        let shelf = Shelf::default();
        let check = || {
            let known = manifest.check_changed_graph(dir.path(), &shelf);
            known.unwrap().digest
        };
        let take = |manifest: &Manifest, path: &Path| manifest.kept.take(&manifest.config, path);
        let digest = check();
        let (graph, _) = take(&manifest.clone(), &path).unwrap();
        assert_eq!(graph.digest, digest);
        assert!(take(&manifest, &path).is_none(), "it was taken");

        check();
        assert_eq!(load_graph(&manifest, dir.path()).unwrap().digest, digest);
        assert!(take(&manifest, &path).is_none(), "it was loaded");

        check();
        assert!(take(&manifest, &path.join("other")).is_none());

        // It was cut to the output that was asked for then.
        check();
        let mut other = manifest.clone();
        "stem_relu".clone_into(&mut other.config.output.name);
        assert!(take(&other, &path).is_none());

        check();
        fs::write(&path, "something else").unwrap();
        let error = load_graph(&manifest, dir.path()).map(|graph| graph.digest);
        let text = error.expect_err("not ONNX").to_string();
        assert!(text.contains("tiny.onnx"), "{text}");
    }
}
