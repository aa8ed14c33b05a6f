//! A file on its way, for the writers of other crates.

use std::io::{self, Seek, SeekFrom, Write};

use super::ExportError;
use super::part::{Part, WRITING};

/// Why a file could not be written.
pub(super) enum Failed<E> {
    /// Its rows could not be had.
    Spool(ExportError),
    /// What the writer of its form says.
    Form(E),
}

impl<E> From<E> for Failed<E> {
    fn from(error: E) -> Self {
        Failed::Form(error)
    }
}

/// Has a form's writer write to `part`.
pub(super) fn to<E: ToString>(
    part: &mut Part,
    write: impl FnOnce(&mut Out<'_>) -> Result<(), Failed<E>>,
) -> Result<(), ExportError> {
    let mut out = Out::new(part);
    write(&mut out).map_err(|failed| match failed {
        Failed::Spool(error) => error,
        Failed::Form(error) => out.error(error),
    })
}

/// Writes to a [`Part`]. What the system first refuses is kept, so that it can be told in the words
/// of this room, and everything after that seems to succeed: a writer that tidies up when it is
/// dropped has no more to say.
pub(super) struct Out<'a> {
    part: &'a mut Part,
    refused: Option<io::Error>,
    at: u64,
    length: u64,
}

impl<'a> Out<'a> {
    fn new(part: &'a mut Part) -> Self {
        Out {
            part,
            refused: None,
            at: 0,
            length: 0,
        }
    }

    /// What the system said where it refused; else the file cannot be made for another reason,
    /// which is `detail`.
    fn error(&mut self, detail: impl ToString) -> ExportError {
        let path = self.part.place();
        match self.refused.take() {
            Some(error) => ExportError::io(path, WRITING)(error),
            None => ExportError::Form {
                path: path.to_owned(),
                detail: detail.to_string(),
            },
        }
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.refused.is_none()
            && let Err(error) = self.part.try_write_at(self.at, bytes)
        {
            let copy = io::Error::from(error.kind());
            self.refused = Some(error);
            return Err(copy);
        }
        self.at += bytes.len() as u64;
        self.length = self.length.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Out<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
