//! Which nodes of a graph landed on which provider.
//!
//! ONNX Runtime tells it in its log alone, at the most talkative level, when a session is made: a
//! line `Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2` for each provider, then a
//! line ` Softmax (name)` for each of its nodes. The nodes are those of the optimised graph, in
//! which a provider such as OpenVINO has made one node of many.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ort::logging::{LogLevel, LoggerFunction};

/// How many kinds a message names.
const NAMED: usize = 8;

/// The nodes that landed elsewhere than on the provider that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// How many nodes of which kind, by the provider that has them.
    pub nodes: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Elsewhere {
    /// How many nodes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.values().flat_map(BTreeMap::values).sum()
    }
}

impl fmt::Display for Elsewhere {
    /// `3 nodes on CPUExecutionProvider (2 Softmax, 1 Gather)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |(provider, kinds): (&String, &BTreeMap<String, usize>)| {
            let count: usize = kinds.values().sum();
            let mut by_count: Vec<_> = kinds.iter().collect();
            by_count.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let mut names: Vec<_> = by_count
                .iter()
                .take(NAMED)
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect();
            if by_count.len() > NAMED {
                names.push("...".to_owned());
            }
            let nodes = if count == 1 { "node" } else { "nodes" };
            format!("{count} {nodes} on {provider} ({})", names.join(", "))
        };
        let parts: Vec<_> = self.nodes.iter().map(part).collect();
        f.write_str(&parts.join(", "))
    }
}

/// Listens to a session being made.
#[derive(Debug, Clone, Default)]
pub(super) struct Listener(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    /// The provider whose nodes the next lines name.
    current: Option<String>,
    nodes: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Listener {
    /// What the session is to be given as its log.
    pub(super) fn logger(&self) -> LoggerFunction {
        let heard = Arc::clone(&self.0);
        Arc::new(
            move |_: LogLevel, _: &str, _: &str, _: &str, message: &str| {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .line(message);
            },
        )
    }

    /// What landed elsewhere than on `provider` (ONNX Runtime's name).
    pub(super) fn elsewhere(&self, provider: &str) -> Elsewhere {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut nodes = heard.nodes.clone();
        nodes.remove(provider);
        Elsewhere { nodes }
    }
}

impl Heard {
    fn line(&mut self, message: &str) {
        let message = message.trim();
        if let Some(provider) = placed_on(message) {
            // "All nodes placed on" is not followed by their names.
            self.current = (!message.starts_with("All")).then(|| provider.to_owned());
            return;
        }
        let Some(provider) = &self.current else {
            return;
        };
        match node(message) {
            Some(kind) => {
                let kinds = self.nodes.entry(provider.clone()).or_default();
                *kinds.entry(kind.to_owned()).or_default() += 1;
            }
            None => self.current = None,
        }
    }
}

/// `CPUExecutionProvider` of `Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2`.
fn placed_on(message: &str) -> Option<&str> {
    let rest = message.split_once("placed on [")?.1;
    Some(rest.split_once("]. Number of nodes:")?.0)
}

/// `Softmax` of `Softmax (the node's name)`.
fn node(message: &str) -> Option<&str> {
    let (kind, name) = message.split_once(' ')?;
    let is_kind = !kind.is_empty()
        && kind
            .chars()
            .all(|c| c.is_alphanumeric() || "_.-:".contains(c));
    (is_kind && name.starts_with('(') && name.ends_with(')')).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &[&str], provider: &str) -> Elsewhere {
        let listener = Listener::default();
        let logger = listener.logger();
        for line in lines {
            logger(LogLevel::Verbose, "onnxruntime", "", "", line);
        }
        listener.elsewhere(provider)
    }

    #[test]
    fn nodes_elsewhere_are_counted_by_kind() {
        let lines = [
            "Node placements",
            " Node(s) placed on [CUDAExecutionProvider]. Number of nodes: 2",
            "  Conv (stem)",
            "  MemcpyFromHost (Memcpy)",
            " Node(s) placed on [CPUExecutionProvider]. Number of nodes: 3",
            "  Softmax (a)",
            "  Gather ()",
            "  Softmax (b)",
            "SaveMLValueNameIndexMapping",
            "Conv (not a placement)",
        ];
        let elsewhere = heard(&lines, "CUDAExecutionProvider");
        assert_eq!(elsewhere.count(), 3);
        assert_eq!(
            elsewhere.to_string(),
            "3 nodes on CPUExecutionProvider (2 Softmax, 1 Gather)"
        );
    }

    #[test]
    fn all_nodes_on_one_provider_are_nowhere_else() {
        let lines = [
            " All nodes placed on [OpenVINOExecutionProvider]. Number of nodes: 1",
            "Relu (later)",
        ];
        assert_eq!(heard(&lines, "OpenVINOExecutionProvider").count(), 0);
    }

    #[test]
    fn one_node_is_one_node() {
        let lines = [
            "Node(s) placed on [CPUExecutionProvider]. Number of nodes: 1",
            " Relu (r)",
        ];
        assert_eq!(
            heard(&lines, "X").to_string(),
            "1 node on CPUExecutionProvider (1 Relu)"
        );
    }
}
