//! The arrays of an HDF5 file, as messages name them.

use std::fmt;

/// The keys of an `hdf5` source that name an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayKey {
    /// `images`
    Images,
    /// `labels`
    Labels,
    /// `classes`
    Classes,
    /// `groups`
    Groups,
}

impl ArrayKey {
    /// The key as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            ArrayKey::Images => "images",
            ArrayKey::Labels => "labels",
            ArrayKey::Classes => "classes",
            ArrayKey::Groups => "groups",
        }
    }

    /// The array that the key needs.
    pub(super) fn needed(self) -> &'static str {
        match self {
            ArrayKey::Images => "[N, H, W, 3] of uint8",
            ArrayKey::Labels => "[N] of integers",
            ArrayKey::Classes => "[K] of strings",
            ArrayKey::Groups => "[N] of integers or strings",
        }
    }
}

/// An array's shape and element type, as a message shows it: `[209, 64, 64, 3] of uint8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayKind {
    /// Its size along each axis.
    pub shape: Vec<usize>,
    /// Its element type in HDF5's words.
    pub element: String,
}

impl fmt::Display for ArrayKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?} of {}", self.shape, self.element)
    }
}
