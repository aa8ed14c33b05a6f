//! The numbers of a row as bytes of a shard, and back.

use super::key::RowType;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// The values nearest to `values` in half precision.
pub(super) fn halves(values: &[f32]) -> Vec<f16> {
    let mut halves = vec![f16::ZERO; values.len()];
    halves.convert_from_f32_slice(values);
    halves
}

/// Takes rows out of a shard's bytes, one at a time and in the same memory.
#[derive(Debug)]
pub(super) struct Decoder {
    rows: RowType,
    halves: Vec<f16>,
    row: Vec<f32>,
}

impl Decoder {
    pub(super) fn new(rows: RowType) -> Self {
        Self {
            rows,
            halves: Vec::new(),
            row: Vec::new(),
        }
    }

    /// The numbers whose bytes, lowest first, are `bytes`.
    pub(super) fn row<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [f32] {
        if let (RowType::Float32, Some(row)) = (self.rows, in_place(bytes)) {
            return row;
        }
        self.row.clear();
        match self.rows {
            RowType::Float32 => {
                let (numbers, _) = bytes.as_chunks::<4>();
                self.row
                    .extend(numbers.iter().map(|n| f32::from_le_bytes(*n)));
            }
            RowType::Float16 => {
                let (numbers, _) = bytes.as_chunks::<2>();
                self.halves.clear();
                self.halves
                    .extend(numbers.iter().map(|n| f16::from_le_bytes(*n)));
                self.row.resize(self.halves.len(), 0.0);
                self.halves.convert_to_f32_slice(&mut self.row);
            }
        }
        &self.row
    }
}

/// The numbers that `bytes` are where they lie: a row that is not copied is read at the pace of
/// memory. `None` where they do not lie as this machine's numbers do.
#[allow(unsafe_code)]
fn in_place(bytes: &[u8]) -> Option<&[f32]> {
    if cfg!(target_endian = "big") {
        return None;
    }
    // SAFETY: any four bytes are an f32, and `align_to` gives only those that lie as one must.
    let (before, numbers, after) = unsafe { bytes.align_to::<f32>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back_as_itself() {
        let finite = (0..=u16::MAX)
            .map(f16::from_bits)
            .filter(|half| half.is_finite());
        let wide: Vec<f32> = finite.clone().map(f16::to_f32).collect();
        assert_eq!(wide.len(), 63488);
        assert!(halves(&wide).into_iter().eq(finite.clone()));
        let bytes: Vec<u8> = finite.flat_map(f16::to_le_bytes).collect();
        let mut decoder = Decoder::new(RowType::Float16);
        let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(decoder.row(&bytes)), bits(&wide));
        for value in wide {
            assert_eq!(RowType::Float16.kept(value).to_bits(), value.to_bits());
        }
    }

    #[test]
    fn a_single_comes_back_as_itself() {
        let values = [0.1f32, -0.0, f32::MIN_POSITIVE, f32::MAX];
        // At each of four places in a row: one of them is where a number may lie.
        for before in 0..4 {
            let mut bytes = vec![0; before];
            bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
            let mut decoder = Decoder::new(RowType::Float32);
            assert_eq!(decoder.row(&bytes[before..]), values);
        }
    }

    #[test]
    fn a_kept_half_is_off_by_at_most_one_part_in_2048() {
        for step in 0..100_000u32 {
            let value = 1e-4 + step as f32 * 3.7e-4;
            let off = (RowType::Float16.kept(value) - value).abs() / value;
            assert!(off <= 2f32.powi(-11), "{value}: {off}");
        }
    }
}
