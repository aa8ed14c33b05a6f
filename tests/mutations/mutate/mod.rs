//! Changes to bytes and to text that files come to, by accident or by malice.

mod bytes;
mod repair;
mod text;

pub(crate) use bytes::bytes;
pub(crate) use repair::{none, png};
pub(crate) use text::text;

use crate::random::Random;

/// How many changes one input gets: mostly one or two, at times dozens.
fn how_many(random: &mut Random) -> usize {
    let mut count = 1;
    while count < 6 && random.once_in(2) {
        count += 1;
    }
    if random.once_in(20) { count * 8 } else { count }
}
