//! The rows that look most like another.

use ndarray::{Array2, ArrayView2};

use crate::head::error::HeadError;
use crate::head::linalg::times_transposed;
use crate::head::rows::{Rows, blocks};

/// A row that is near another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its place among the rows.
    pub row: usize,
    /// The cosine of the two rows, -1 to 1; 0 with a row of zeros.
    pub similarity: f32,
}

/// The `k` of `rows` nearest to each of `queries` `[n, width]` by their cosine, x·y / (|x| |y|),
/// the nearest first and the first of equals before the others. `is_out(query, row)` leaves rows
/// out, such as the query itself.
///
/// # Errors
/// Rows that cannot be read, or of another width than the queries.
pub fn nearest(
    rows: &dyn Rows,
    queries: ArrayView2<'_, f32>,
    k: usize,
    is_out: &dyn Fn(usize, usize) -> bool,
) -> Result<Vec<Vec<Neighbour>>, HeadError> {
    if rows.width() != queries.ncols() {
        return Err(HeadError::Width {
            expected: rows.width(),
            found: queries.ncols(),
        });
    }
    let queries = of_length_one(queries);
    let mut found: Vec<Vec<Neighbour>> = vec![Vec::new(); queries.nrows()];
    blocks(rows, |first, block| {
        let cosines = times_transposed(queries.view(), of_length_one(block).view());
        for (query, (found, cosines)) in found.iter_mut().zip(cosines.outer_iter()).enumerate() {
            let near = (first..)
                .zip(cosines)
                .filter(|(row, _)| !is_out(query, *row));
            found.extend(near.map(|(row, cosine)| Neighbour {
                row,
                similarity: cosine.clamp(-1.0, 1.0),
            }));
            // Stable: of equals the earlier stays first.
            found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
            found.truncate(k);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Each row divided by its length; one of zeros stays as it is.
fn of_length_one(rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut rows = rows.to_owned();
    for mut row in rows.outer_iter_mut() {
        let square: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if square > 0.0 {
            #[allow(clippy::cast_possible_truncation)] // a factor for numbers of f32
            let factor = (1.0 / square.sqrt()) as f32;
            row.mapv_inplace(|x| x * factor);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_by_hand() {
        let rows = array![[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [0.0, 0.0], [0.5, 0.0]];
        let found = nearest(&rows, array![[2.0, 0.0]].view(), 3, &|_, _| false).unwrap();
        let places: Vec<usize> = found[0].iter().map(|one| one.row).collect();
        assert_eq!(places, [0, 4, 2]);
        assert_eq!(found[0][0].similarity, 1.0);
        assert!((found[0][2].similarity - 0.5_f32.sqrt()).abs() < 1e-6);
        let without = nearest(&rows, array![[2.0, 0.0]].view(), 9, &|_, row| row == 0).unwrap();
        assert_eq!(without[0].len(), 4);
        assert_eq!(without[0][0].row, 4);
        assert_eq!(without[0][3].similarity, 0.0, "of zeros nothing is near");
        let narrow = nearest(&rows, array![[1.0]].view(), 1, &|_, _| false);
        assert!(narrow.is_err());
    }

    proptest! {
        #[test]
        fn scale_does_not_matter_and_the_nearest_come_first(
            values in prop::collection::vec(-1.0f32..1.0, 12 * 5), scale in 0.01f32..100.0,
        ) {
            let rows = Array2::from_shape_vec((12, 5), values).unwrap();
            let query = rows.slice(ndarray::s![2..3, ..]).mapv(|x| x * scale);
            let found = &nearest(&rows, query.view(), 12, &|_, _| false).unwrap()[0];
            prop_assert_eq!(found.len(), 12);
            prop_assert!(found.windows(2).all(|two| two[0].similarity >= two[1].similarity));
            prop_assert!(found[0].similarity > 0.9999 || rows.row(2).iter().all(|x| *x == 0.0));
        }
    }
}
