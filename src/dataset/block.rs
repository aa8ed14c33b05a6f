//! A part of a batch of images, for several jobs that share the work.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::error::SourceError;

/// One of `of` blocks of neighbours that a batch of images falls into, counted from 1: `3/64`.
///
/// The blocks are as equal as can be, and joined in order they are the batch in its order. What
/// falls where depends on the order and the number of the images alone, those that cannot be used
/// included: jobs that see the same images agree without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    number: usize,
    of: usize,
}

impl Block {
    /// The positions that fall into this block, of `total`.
    ///
    /// # Errors
    /// [`SourceError::TooFewToShare`] where some block would be empty.
    pub(super) fn range(self, total: usize) -> Result<Range<usize>, SourceError> {
        if self.of > total {
            return Err(SourceError::TooFewToShare {
                total,
                blocks: self.of,
            });
        }
        // Less than `total`, and so a position.
        let start = |number: usize| {
            let wide = total as u128 * number as u128 / self.of as u128;
            usize::try_from(wide).unwrap_or(total)
        };
        Ok(start(self.number - 1)..start(self.number))
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(number, of)| {
            let number = number.trim().parse::<usize>().ok()?;
            Some((number, of.trim().parse::<usize>().ok()?))
        });
        let Some((number, of)) = numbers else {
            return Err(format!(
                "must be two numbers such as 3/64, the third of 64 parts, found {text:?}"
            ));
        };
        if of == 0 {
            return Err("there must be a part at least, found 0".to_owned());
        }
        if !(1..=of).contains(&number) {
            return Err(format!(
                "parts count from 1/{of} to {of}/{of}, found {text}"
            ));
        }
        Ok(Block { number, of })
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_count_from_one() {
        for text in ["1/1", "3/64", "64/64", "01/9"] {
            let block: Block = text.parse().unwrap();
            assert_eq!(block.to_string(), text.trim_start_matches('0'));
        }
        for (text, told) in [
            ("0/64", "parts count from 1/64 to 64/64, found 0/64"),
            ("65/64", "parts count from 1/64 to 64/64, found 65/64"),
            ("1/0", "there must be a part at least, found 0"),
        ] {
            assert_eq!(text.parse::<Block>(), Err(told.to_owned()));
        }
        for text in ["", "3", "3/", "/64", "-1/3", "a/b", "1/2/3", "1,2", "1.0/2"] {
            let error = text.parse::<Block>().unwrap_err();
            assert!(
                error.starts_with("must be two numbers such as 3/64"),
                "{error}"
            );
        }
    }

    #[test]
    fn too_few_to_share_are_told() {
        let block: Block = "1/5".parse().unwrap();
        let error = block.range(4).unwrap_err().to_string();
        let told = "4 images cannot be shared among 5 parts: ask for 4 parts at most";
        assert_eq!(error, told);
    }

    proptest! {
        #[test]
        fn blocks_joined_are_the_whole_and_differ_by_one(of in 1usize..200, more in 0usize..5000) {
            let total = of + more;
            let mut next = 0;
            for number in 1..=of {
                let range = Block { number, of }.range(total).unwrap();
                prop_assert_eq!(range.start, next);
                prop_assert!(range.len() == total / of || range.len() == total / of + 1);
                next = range.end;
            }
            prop_assert_eq!(next, total);
        }
    }
}
