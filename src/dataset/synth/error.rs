//! What can stand in the way of a synthetic set.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::SynthSet;

/// A synthetic set that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// A setting is out of range.
    #[error("{setting} must be between {least} and {most}, found {found}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it is.
        found: u32,
        /// The least it may be.
        least: u32,
        /// The most it may be.
        most: u32,
    },
    /// The folder holds something that catpipe did not make.
    #[error("{} is there and was not made by catpipe synth: choose another folder", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a set of other settings.
    #[error(
        "{} holds another synthetic set ({found}; asked for: {wanted}): remove it or choose \
         another folder",
        path.display()
    )]
    Different {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        found: Box<SynthSet>,
        /// What was asked for.
        wanted: Box<SynthSet>,
    },
    /// A folder or file cannot be written.
    #[error("{} cannot be written: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// Checks every setting's range.
pub(super) fn check(set: &SynthSet) -> Result<(), SynthError> {
    let ranges = [
        ("the number of classes", set.classes, 1, 10_000),
        (
            "the number of training images of a class",
            set.train_per_class,
            1,
            1_000_000,
        ),
        (
            "the number of test images of a class",
            set.test_per_class,
            0,
            1_000_000,
        ),
        ("the width", set.size[0], 1, 8192),
        ("the height", set.size[1], 1, 8192),
    ];
    for (setting, found, least, most) in ranges {
        if !(least..=most).contains(&found) {
            return Err(SynthError::Setting {
                setting,
                found,
                least,
                most,
            });
        }
    }
    Ok(())
}

impl fmt::Display for SynthSet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let SynthSet {
            classes,
            train_per_class,
            test_per_class,
            size: [w, h],
            seed,
            format,
        } = self;
        let format = format.ending();
        write!(
            f,
            "{classes} classes of {train_per_class} + {test_per_class} images, {w}x{h} {format}, \
             seed {seed}"
        )
    }
}
