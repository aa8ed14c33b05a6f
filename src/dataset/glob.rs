//! Patterns of paths.

use serde::{Deserialize, Serialize};

/// A pattern of paths with `/` between their parts: `*` stands for anything within a part, `?` for
/// one character of it, and a part `**` for any number of parts, none included. Everything else
/// stands for itself, upper and lower case apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

impl Glob {
    /// Whether a path is one of those that the pattern stands for.
    pub fn matches(&self, path: &str) -> bool {
        let pattern: Vec<&str> = self.0.split('/').collect();
        let path: Vec<&str> = path.split('/').collect();
        parts_match(&pattern, &path)
    }

    /// Whether some path below a folder may be one that the pattern stands for: whether the folder
    /// need be looked into.
    pub(super) fn may_lie_below(&self, folder: &str) -> bool {
        let mut pattern = self.0.split('/');
        for name in folder.split('/') {
            match pattern.next() {
                Some("**") => return true,
                Some(part) if part_matches(part, name) => {}
                _ => return false,
            }
        }
        pattern.next().is_some()
    }

    /// Whether a part of a path is a pattern rather than a name.
    pub(super) fn is_pattern(part: &str) -> bool {
        part.contains(['*', '?'])
    }

    /// The pattern as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> String {
        glob.0
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        if pattern.split('/').any(str::is_empty) {
            return Err(format!(
                "must be a path relative to the source's folder, such as `ant/*.gif`, found \
                 \"{pattern}\""
            ));
        }
        Ok(Glob(pattern))
    }
}

/// `**` takes as few parts as it can and more when the rest does not fit: as in
/// [`part_matches`], only the last `**` met needs to be gone back to.
fn parts_match(pattern: &[&str], path: &[&str]) -> bool {
    wild(
        pattern,
        path,
        |part| *part == "**",
        |part, name| part_matches(part, name),
    )
}

fn part_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    wild(&pattern, &name, |c| *c == '*', |p, c| *p == '?' || p == c)
}

/// Matches a row of items against a pattern in which a star stands for any number of them. Takes
/// at most `pattern.len() * items.len()` steps, whatever the pattern.
fn wild<P, T>(
    pattern: &[P],
    items: &[T],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), items.get(i)) {
            (None, None) => return true,
            (Some(star), _) if is_star(star) => {
                back = Some((p, i));
                p += 1;
            }
            (Some(one), Some(item)) if fits(one, item) => {
                p += 1;
                i += 1;
            }
            // Give the last star one item more.
            _ => match back {
                Some((star, from)) if from < items.len() => {
                    back = Some((star, from + 1));
                    p = star + 1;
                    i = from + 1;
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::try_from(pattern.to_owned()).unwrap().matches(path)
    }

    #[test]
    fn stars_stay_within_a_part_and_double_stars_do_not() {
        for (pattern, path) in [
            ("ant/a.gif", "ant/a.gif"),
            ("ant/*.gif", "ant/.gif"),
            ("*/*.g?f", "ant/a.b.gif"),
            ("**/a.gif", "a.gif"),
            ("**/a.gif", "x/y/a.gif"),
            ("ant/**", "ant/x/y"),
            ("ant/**/b/*", "ant/b/b/c"),
            ("*a*a*", "banana"),
            ("bœuf/?.png", "bœuf/é.png"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.gif", "ant/a.gif"),
            ("ant/*.gif", "ant/x/a.gif"),
            ("ant/*.gif", "ant/a.GIF"),
            ("ant/?.gif", "ant/.gif"),
            ("**/b", "a/bb"),
            ("ant", "ant/a.gif"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn folders_that_hold_nothing_wanted_are_known() {
        let below = |pattern: &str, folder: &str| {
            let glob = Glob::try_from(pattern.to_owned()).unwrap();
            glob.may_lie_below(folder)
        };
        for (pattern, folder) in [
            ("*/x.png", "a"),
            ("a/**", "a"),
            ("a/**/x.png", "a/b/c"),
            ("**/x.png", "a/b"),
            ("a/?/c/*", "a/b/c"),
        ] {
            assert!(below(pattern, folder), "{pattern} {folder}");
        }
        for (pattern, folder) in [
            ("*.png", "a.png"),
            ("a/*", "b"),
            ("a/*", "a/b"),
            ("a/?/c/*", "a/bb"),
        ] {
            assert!(!below(pattern, folder), "{pattern} {folder}");
        }
    }

    #[test]
    fn absolute_and_empty_patterns_are_refused() {
        for pattern in ["", "/data/*", "ant//a", "ant/"] {
            assert!(Glob::try_from(pattern.to_owned()).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_path_matches_itself_and_everything(path in "[a-c.]{1,4}(/[a-c.]{1,4}){0,3}") {
            prop_assert!(matches(&path, &path));
            prop_assert!(matches("**", &path));
            let deep = format!("**/{path}");
            prop_assert!(matches(&deep, &path));
            if let Some((folder, _)) = path.rsplit_once('/') {
                let glob = Glob::try_from(deep).unwrap();
                prop_assert!(glob.may_lie_below(folder));
            }
        }

        #[test]
        fn no_pattern_is_slow(stars in 1usize..40) {
            matches(&format!("{}b", "*a".repeat(stars)), &"a".repeat(2000));
        }
    }
}
