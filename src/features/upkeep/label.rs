//! The space that a shard says it belongs to.

use super::super::key::Space;
use memchr::memmem;

/// How the attribute `space` begins: the order of its fields is part of the format.
const BEGINNING: &[u8] = b"{\"format\":";

/// The space that stands in the bytes of a shard; `None` where none does, or more than one.
///
/// The attribute is looked for in the bytes. The library's reading of text of variable length can
/// be made endless by a forged file, and a shard that comes from elsewhere may be one. Nothing that
/// the text could hold looks like its beginning, as JSON escapes the quotes within.
pub(super) fn space(bytes: &[u8]) -> Option<Space> {
    let mut found = memmem::find_iter(bytes, BEGINNING).filter_map(|start| {
        let rest = bytes.get(start..)?;
        serde_json::Deserializer::from_slice(rest)
            .into_iter::<Space>()
            .next()?
            .ok()
    });
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::super::key::RowType;
    use super::*;

    fn named(graph: &str) -> Space {
        Space {
            format: Space::FORMAT,
            preprocessing: "{\"format\":1,".into(),
            graph: graph.into(),
            output: "features".into(),
            width: 3,
            numeric: "exact".into(),
            rows: RowType::Float32,
        }
    }

    fn bytes(spaces: &[Space]) -> Vec<u8> {
        let mut bytes = b"\x00{\"format\":7}\xff{\"format\":".to_vec();
        for space in spaces {
            bytes.extend(serde_json::to_vec(space).unwrap());
            bytes.extend(b"\0\0\0");
        }
        bytes
    }

    #[test]
    fn the_one_space_in_a_file_is_found() {
        let (a, b) = (named("a"), named("b"));
        assert_eq!(space(&bytes(std::slice::from_ref(&a))), Some(a.clone()));
        assert_eq!(space(&bytes(&[a.clone(), a.clone()])), Some(a.clone()));
        assert_eq!(space(&bytes(&[a, b])), None);
        assert_eq!(space(&bytes(&[])), None);
    }
}
