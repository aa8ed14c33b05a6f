//! Draws: SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
//! generators"), the same on every machine.

// Each test uses its own part.
#![allow(dead_code, unreachable_pub)]

/// A source of draws.
pub struct Random(u64);

impl Random {
    /// The source of a seed, a name and a number.
    pub fn new(seed: u64, name: &str, number: u32) -> Self {
        let mut random = Self(seed);
        for word in name.bytes().map(u64::from).chain([u64::from(number)]) {
            random.0 = random.next() ^ word;
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `end`, without `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// True once in `n` draws.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of some things.
    pub fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// A range of places within `len`, usually short.
    pub fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len);
        let longest = if self.once_in(4) { len } else { 16 };
        let length = 1 + self.below(longest.min(len - start.min(len)));
        start..(start + length).min(len)
    }
}
