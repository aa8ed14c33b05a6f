//! The head of an NPY file (format 1.0, as `numpy.save` writes it).

/// What stands before `rows` x `width` values of float32.
pub(super) fn head(rows: usize, width: usize) -> Vec<u8> {
    head_of("<f4", &[rows, width])
}

/// What stands before values of the type that NumPy calls `descr`.
pub(super) fn head_of(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let sizes = match sizes.as_slice() {
        [one] => format!("{one},"),
        sizes => sizes.join(", "),
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Magic, version and length take 10 bytes; values begin at a multiple of 64.
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [
        b"\x93NUMPY\x01\x00",
        &length.to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}
