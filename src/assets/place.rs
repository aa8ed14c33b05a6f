//! Where assets lie.

use super::error::AssetError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The cache folder: `CATPIPE_CACHE`, else `$XDG_CACHE_HOME/catpipe`, else `~/.cache/catpipe`.
/// It need not exist. As the XDG base directory specification has it, an empty variable counts as
/// unset and a relative `XDG_CACHE_HOME` is ignored.
///
/// # Errors
/// [`AssetError::NoCacheDir`] where none of the variables says a place.
pub fn cache_dir() -> Result<PathBuf, AssetError> {
    choose(|name| std::env::var_os(name)).ok_or(AssetError::NoCacheDir)
}

fn choose(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| {
        env(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let absolute = |name| path(name).filter(|path| path.is_absolute());
    path("CATPIPE_CACHE")
        .or_else(|| absolute("XDG_CACHE_HOME").map(|dir| dir.join("catpipe")))
        .or_else(|| absolute("HOME").map(|dir| dir.join(".cache/catpipe")))
}

/// The folder that holds `path`; the current one for a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(set: &[(&str, &str)]) -> Option<PathBuf> {
        choose(|name| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_first_variable_that_says_a_place_wins() {
        let all = [
            ("CATPIPE_CACHE", "/c"),
            ("XDG_CACHE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        assert_eq!(chosen(&all), Some("/c".into()));
        assert_eq!(chosen(&all[1..]), Some("/x/catpipe".into()));
        assert_eq!(chosen(&all[2..]), Some("/h/.cache/catpipe".into()));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn an_empty_variable_is_unset_and_a_relative_xdg_is_ignored() {
        let set = [
            ("CATPIPE_CACHE", ""),
            ("XDG_CACHE_HOME", "rel"),
            ("HOME", "/h"),
        ];
        assert_eq!(chosen(&set), Some("/h/.cache/catpipe".into()));
        assert_eq!(chosen(&[("CATPIPE_CACHE", "here")]), Some("here".into()));
        assert_eq!(chosen(&[("HOME", "")]), None);
    }
}
