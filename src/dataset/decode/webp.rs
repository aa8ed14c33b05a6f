//! The sizes that a WebP file declares beside the one of its canvas.

/// Width and height of the largest frame in a WebP file.
///
/// An extended file (RFC 9649, 2.7) declares the size of its canvas, which the decoder looks at,
/// and that of each frame's own data, by which the decoder allocates.
pub(super) fn largest(bytes: &[u8]) -> Option<(u32, u32)> {
    let chunks = bytes.get(12..)?;
    let (mut frames, inner) = frames(chunks);
    // Frames do not nest.
    frames.extend(inner.into_iter().flat_map(|chunks| self::frames(chunks).0));
    let area = |(width, height): &(u32, u32)| u64::from(*width) * u64::from(*height);
    frames.into_iter().max_by_key(area)
}

/// The sizes of the frames in a row of chunks, and the rows of chunks in animation frames.
fn frames(mut chunks: &[u8]) -> (Vec<(u32, u32)>, Vec<&[u8]>) {
    let (mut found, mut inner) = (Vec::new(), Vec::new());
    while let Some((&[a, b, c, d, l0, l1, l2, l3], rest)) = chunks.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let content = rest.get(..length).unwrap_or(rest);
        match &[a, b, c, d] {
            b"VP8 " => found.extend(lossy(content)),
            b"VP8L" => found.extend(lossless(content)),
            b"ANMF" => inner.extend(content.get(16..)),
            _ => {}
        }
        // Chunks are padded to even lengths.
        let next = length.checked_next_multiple_of(2);
        chunks = next.and_then(|next| rest.get(next..)).unwrap_or_default();
    }
    (found, inner)
}

/// RFC 6386, 9.1: a tag of three bytes, a start code of three, 14 bits of width and of height.
fn lossy(data: &[u8]) -> Option<(u32, u32)> {
    let &[w0, w1, h0, h1] = data.get(6..10)? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

/// RFC 9649, 3.4: a signature of one byte, 14 bits of width less one, 14 of height less one.
fn lossless(data: &[u8]) -> Option<(u32, u32)> {
    let &[a, b, c, d] = data.get(1..5)? else {
        return None;
    };
    let bits = u32::from_le_bytes([a, b, c, d]);
    Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Chunks of a WebP file.
    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
        bytes.extend(chunks_of(chunks));
        bytes
    }

    fn chunks_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in chunks {
            bytes.extend(*name);
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(*content);
            bytes.extend(vec![0; content.len() % 2]);
        }
        bytes
    }

    #[test]
    fn the_largest_frame_counts_wherever_it_stands() {
        let lossy = [0, 0, 0, 0x9D, 1, 0x2A, 0x00, 0x30, 0x05, 0x40];
        assert_eq!(largest(&file(&[(b"VP8 ", &lossy)])), Some((12_288, 5)));
        let lossless = [0x2F, 9, 0xC0, 0x04, 0];
        assert_eq!(largest(&file(&[(b"VP8L", &lossless)])), Some((10, 20)));
        let both = file(&[(b"ODD ", &[1]), (b"VP8L", &lossless), (b"VP8 ", &lossy)]);
        assert_eq!(largest(&both), Some((12_288, 5)));
        let frame = [vec![0; 16], chunks_of(&[(b"VP8 ", &lossy)])].concat();
        assert_eq!(largest(&file(&[(b"ANMF", &frame)])), Some((12_288, 5)));
        assert_eq!(largest(&file(&[])), None);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            largest(&bytes);
        }
    }
}
