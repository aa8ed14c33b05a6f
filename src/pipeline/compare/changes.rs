//! What was changed between two pipelines.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::yaml::Document;

/// A key of the resolved pipelines that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its path, e.g. `train.l2`.
    pub key: String,
    /// Its value in the first run; `None` where it is not there.
    pub first: Option<Value>,
    /// Its value in the second.
    pub second: Option<Value>,
}

/// The differences of the `pipeline.yaml` of two run folders, but for the names. A file that cannot
/// be read says nothing: the comparison does not need it.
pub(super) fn between(first: &Path, second: &Path) -> Vec<Change> {
    let read = |folder: &Path| {
        let document = Document::read(&folder.join("pipeline.yaml")).ok()?;
        document.typed::<Value>().ok()
    };
    match (read(first), read(second)) {
        (Some(first), Some(second)) => differences(&first, &second),
        _ => Vec::new(),
    }
}

fn differences(first: &Value, second: &Value) -> Vec<Change> {
    let [mut a, mut b] = [BTreeMap::new(), BTreeMap::new()];
    flatten("", first, &mut a);
    flatten("", second, &mut b);
    let mut changes: Vec<Change> = a
        .iter()
        .filter(|(key, value)| b.get(*key) != Some(*value))
        .map(|(key, value)| Change {
            key: key.clone(),
            first: Some(value.clone()),
            second: b.get(key).cloned(),
        })
        .collect();
    let added = b.into_iter().filter(|(key, _)| !a.contains_key(key));
    changes.extend(added.map(|(key, value)| Change {
        key,
        first: None,
        second: Some(value),
    }));
    changes.retain(|change| change.key != "name");
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes
}

/// Every value that is no container, by its path; empty containers too.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(&below(key), value, into);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (place, value) in items.iter().enumerate() {
                flatten(&below(&place.to_string()), value, into);
            }
        }
        _ => {
            into.insert(path.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_named_by_its_path() {
        let first = json!({
            "name": "a", "seed": 1, "train": {"l2": 0.1, "head": {"logistic": {}}},
            "augment": {"ops": [{"hflip": {"p": 0.5}}]}, "hidden": [1, 2]
        });
        let second = json!({
            "name": "b", "seed": 1, "train": {"l2": 0.2, "head": {"dense": {"dropout": 0.5}}},
            "augment": {"ops": [{"hflip": {"p": 0.1}}]}, "hidden": [1, 2]
        });
        let found = differences(&first, &second);
        let keys: Vec<&str> = found.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "augment.ops.0.hflip.p",
                "train.head.dense.dropout",
                "train.head.logistic",
                "train.l2"
            ]
        );
        assert_eq!(found[1].first, None);
        assert_eq!(found[2].second, None);
        assert_eq!(
            (&found[3].first, &found[3].second),
            (&Some(json!(0.1)), &Some(json!(0.2)))
        );
        assert!(differences(&first, &first).is_empty());
    }
}
