//! How files that belong together are told.

use serde::{Deserialize, Serialize};

/// How the group of a file is told: what must not stand on both sides, such as a person or a place.
///
/// ```yaml
/// source: {folder: pictures, group_by: folder}               # pictures/<class>/<group>/*.jpg
/// source: {folder: pictures, group_by: {name_before: "_"}}   # pictures/<class>/<group>_*.jpg
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// By the folder that it lies in, below its class folder; a file right in the class folder is
    /// of no group.
    Folder,
    /// By the beginning of its name, up to the first of these characters in a row; a file without
    /// them is of no group.
    NameBefore(Mark),
}

/// What ends the part of a name that tells the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark(String);

impl From<Mark> for String {
    fn from(mark: Mark) -> String {
        mark.0
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(mark: String) -> Result<Self, String> {
        if mark.is_empty() || mark.contains('/') {
            return Err(format!(
                "must be part of a file's name, such as `_`, found \"{mark}\""
            ));
        }
        Ok(Mark(mark))
    }
}

impl GroupBy {
    /// The group of the file at `path`, whose folders are parted by `/`; `above` of them, from the
    /// first on, tell its class.
    pub(in crate::dataset) fn group(&self, path: &str, above: usize) -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let (name, folders) = parts.split_last()?;
        match self {
            GroupBy::Folder => {
                let folders = folders.get(above..).unwrap_or_default();
                (!folders.is_empty()).then(|| folders.join("/"))
            }
            GroupBy::NameBefore(Mark(mark)) => {
                let (before, _) = name.split_once(mark.as_str())?;
                (!before.is_empty()).then(|| before.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_told_by_folder_or_name() {
        let of = |rule: &str, path: &str, above| {
            let rule: GroupBy = serde_saphyr::from_str(rule).unwrap();
            rule.group(path, above)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("folder", "cat/p1/a.jpg", 1), some("p1"));
        assert_eq!(of("folder", "cat/p1/x/a.jpg", 1), some("p1/x"));
        assert_eq!(of("folder", "cat/a.jpg", 1), None);
        assert_eq!(of("folder", "p1/a.jpg", 0), some("p1"));
        let name = "{name_before: \"_\"}";
        assert_eq!(of(name, "cat/p1_2_a.jpg", 1), some("p1"));
        assert_eq!(of(name, "dog_2/p1_b.jpg", 1), some("p1"));
        assert_eq!(of(name, "cat_/p1.jpg", 1), None);
        assert_eq!(of(name, "cat/_a.jpg", 1), None);
        for wrong in ["name", "{name_before: \"\"}", "{name_before: a/b}"] {
            assert!(serde_saphyr::from_str::<GroupBy>(wrong).is_err(), "{wrong}");
        }
    }
}
