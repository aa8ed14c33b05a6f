//! The bytes of an HDF5 file.

use hdf5_sys::h5f::H5Fget_file_image;
use std::ptr;

/// The bytes that `file` has or would have on a disk, as of its last flush.
///
/// The safe binding has no call for this, so this is the one place of the room that calls HDF5
/// itself.
#[allow(unsafe_code)]
pub(super) fn bytes(file: &hdf5::File) -> Result<Vec<u8>, hdf5::Error> {
    // `sync` holds the lock under which the binding makes every call of HDF5, so that nothing
    // changes the file between the two calls.
    hdf5::sync::sync(|| {
        // SAFETY: `file` holds an open file's id; without a buffer the call only says the size.
        let size = unsafe { H5Fget_file_image(file.id(), ptr::null_mut(), 0) };
        let size = usize::try_from(size).map_err(|_| failed())?;
        let mut bytes = vec![0u8; size];
        // SAFETY: the buffer is writable and has the length that is given.
        let got = unsafe { H5Fget_file_image(file.id(), bytes.as_mut_ptr().cast(), size) };
        if usize::try_from(got) != Ok(size) {
            return Err(failed());
        }
        Ok(bytes)
    })
}

/// What HDF5 said last, on this thread.
fn failed() -> hdf5::Error {
    hdf5::Error::query().unwrap_or_else(|error| error)
}
