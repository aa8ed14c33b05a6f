//! Changes to bytes.

use super::how_many;
use crate::random::Random;

/// The longest input: copies of copies would grow without end.
const LONGEST: usize = 1 << 18;

/// What lengths, counts and offsets are when they are wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x00FF_FFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    0x0000_00FF_FFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
];

/// Changes `input`; `others` are files whose parts may come into it.
pub(crate) fn bytes(mut input: Vec<u8>, others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    for _ in 0..how_many(random) {
        change(&mut input, others, random);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len());
    match random.below(20) {
        0..=4 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        5..=7 => {
            let value = *random.of(&[0u8, 1, 0x7F, 0x80, 0xFE, 0xFF]);
            put(input, at, &[value]);
        }
        8 => put(input, at, &[random.next() as u8]),
        9..=12 => number(input, at, random),
        13 => input.truncate(at),
        14 => drop(input.drain(random.range(input.len()))),
        15 => {
            let copy = input[random.range(input.len())].to_vec();
            input.splice(at..at, copy);
        }
        16 => {
            let copy = input[random.range(input.len())].to_vec();
            put(input, at, &copy);
        }
        17 => {
            let new: Vec<u8> = (0..=random.below(16))
                .map(|_| random.next() as u8)
                .collect();
            input.splice(at..at, new);
        }
        18 => {
            let other = random.of(others);
            splice(input, at, other, random);
        }
        _ => {
            let other = random.of(others);
            let copy = other[random.range(other.len())].to_vec();
            input.splice(at..at, copy);
        }
    }
}

/// Writes over what is there, up to the end.
fn put(input: &mut [u8], at: usize, new: &[u8]) {
    for (to, from) in input.iter_mut().skip(at).zip(new) {
        *to = *from;
    }
}

/// A wrong number of 1, 2, 4 or 8 bytes in either order; or one a little off.
fn number(input: &mut [u8], at: usize, random: &mut Random) {
    let width = *random.of(&[1, 2, 4, 8]);
    let little = random.once_in(2);
    let mut old = [0; 8];
    put(
        &mut old,
        0,
        input
            .get(at..(at + width).min(input.len()))
            .unwrap_or_default(),
    );
    let value = match random.below(4) {
        0 => u64::from_le_bytes(old).wrapping_add(1),
        1 => u64::from_le_bytes(old).wrapping_sub(1),
        2 => input.len() as u64,
        _ => *random.of(&NUMBERS),
    };
    let bytes = value.to_le_bytes();
    let mut bytes = bytes[..width].to_vec();
    if !little {
        bytes.reverse();
    }
    put(input, at, &bytes);
}

/// The beginning of one file before the end of another.
fn splice(input: &mut Vec<u8>, at: usize, other: &[u8], random: &mut Random) {
    let from = random.below(other.len());
    if random.once_in(2) {
        input.truncate(at);
        input.extend(&other[from..]);
    } else {
        let mut new = other[..from].to_vec();
        new.extend(&input[at..]);
        *input = new;
    }
}
