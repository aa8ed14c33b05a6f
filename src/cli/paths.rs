//! Paths from standard input.

use std::io::Read;

use super::failure::Failure;

/// The most bytes that are taken.
const MOST: u64 = 1 << 30;

/// The paths on stdin: one a line, or each ended by a NUL character, which `find -print0` writes
/// and no path holds; `null` says so where it cannot be seen, in a list of one.
pub(super) fn from_stdin(null: bool) -> Result<Vec<String>, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::failed(format!("cannot read the paths on stdin: {e}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::wrong(format!(
            "there are more than {MOST} bytes of paths on stdin: give them in parts"
        )));
    }
    parse(&bytes, null).map_err(|e| Failure::wrong(format!("the paths on stdin: {e}")))
}

fn parse(bytes: &[u8], null: bool) -> Result<Vec<String>, String> {
    let null = null || bytes.contains(&0);
    let (end, what) = if null { (0, "path") } else { (b'\n', "line") };
    // The last may be ended or not.
    let bytes = bytes.strip_suffix(&[end]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Err("there are none".to_owned());
    }
    (1..)
        .zip(bytes.split(|byte| *byte == end))
        .map(|(number, path): (usize, &[u8])| {
            let path = if null {
                path
            } else {
                path.strip_suffix(b"\r").unwrap_or(path)
            };
            match std::str::from_utf8(path) {
                Ok("") => Err(format!("{what} {number} is empty")),
                Ok(path) => Ok(path.to_owned()),
                Err(_) => Err(format!(
                    "{what} {number} ({}) is not UTF-8 text: rename the file",
                    String::from_utf8_lossy(path)
                )),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_nul_characters_part_paths() {
        for (bytes, paths) in [
            ("a.jpg\nb c.jpg\n", vec!["a.jpg", "b c.jpg"]),
            ("a.jpg\r\nb.jpg", vec!["a.jpg", "b.jpg"]),
            ("a\nb.jpg\0c.jpg\0", vec!["a\nb.jpg", "c.jpg"]),
            (" x ", vec![" x "]),
        ] {
            assert_eq!(parse(bytes.as_bytes(), false).unwrap(), paths, "{bytes:?}");
        }
        assert_eq!(parse(b"a\nb.jpg", true).unwrap(), ["a\nb.jpg"]);
    }

    #[test]
    fn what_is_no_path_is_named_by_its_number() {
        for (bytes, told) in [
            (&b""[..], "there are none"),
            (b"\n", "there are none"),
            (b"a\n\nb", "line 2 is empty"),
            (b"a\0\0", "path 2 is empty"),
            (
                b"a\n\xff.jpg",
                "line 2 (\u{fffd}.jpg) is not UTF-8 text: rename the file",
            ),
        ] {
            assert_eq!(parse(bytes, false).unwrap_err(), told);
        }
    }
}
