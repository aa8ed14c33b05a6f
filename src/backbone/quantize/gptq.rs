//! Rounding weights so that what they give changes least.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use super::cholesky::cholesky;

/// The largest weight in steps of its scale.
pub(super) const TOP: f64 = 127.0;
/// Columns whose errors are passed on one by one; beyond them it is one matrix product.
const BLOCK: usize = 64;
/// What is added to the diagonal, as a share of its mean.
const DAMPING: f64 = 0.01;
/// How often it is made ten times larger where it was not enough.
const ATTEMPTS: u32 = 5;

/// Each weight (a row is an output channel) in steps of its row's scale, to the nearest.
pub(super) fn nearest(weights: ArrayView2<f32>, scales: &[f32]) -> Array2<i8> {
    let mut rounded = Array2::zeros(weights.raw_dim());
    for ((row, mut out), scale) in (weights.rows().into_iter().zip(rounded.rows_mut())).zip(scales)
    {
        for (weight, out) in row.iter().zip(&mut out) {
            *out = step(f64::from(*weight), f64::from(*scale)) as i8;
        }
    }
    rounded
}

fn step(weight: f64, scale: f64) -> f64 {
    (weight / scale).round_ties_even().clamp(-TOP, TOP)
}

/// Rounds `weights` (`[outputs, inputs]`) to steps of `scales` so that the squared error of the
/// layer's outputs is small: `gram` holds the sums of products of its inputs, in the triangle on
/// and above the diagonal. `None` where that says nothing: no input but zeros, or no damping that
/// makes it definite.
///
/// This is GPTQ (Frantar et al. 2022) in the form of Chee et al. 2023 ("QuIP", theorem 6), which
/// gives the same weights without the inverse: of `H = R Rᵀ` with `R` an upper triangle, each
/// weight is rounded after adding the errors of those before it, times their column of `R` over its
/// diagonal. The inputs with the largest squares go first, while there is much left to make up for
/// them.
pub(super) fn gptq(
    weights: ArrayView2<f32>,
    scales: &[f32],
    gram: &Array2<f32>,
) -> Option<Array2<i8>> {
    // From last to first: a lower triangle in this order is an upper one in the other.
    let mut order: Vec<usize> = (0..gram.nrows()).collect();
    order.sort_by(|a, b| gram[[*a, *a]].total_cmp(&gram[[*b, *b]]));
    let factor = feedback(gram, &order)?;
    let weights = weights.select(Axis(1), &order).mapv(f64::from);
    let mut errors = Array2::<f64>::zeros(weights.raw_dim());
    let mut rounded = Array2::<i8>::zeros(weights.raw_dim());
    let size = order.len();
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut wanted = errors
            .slice(s![.., end..])
            .dot(&factor.slice(s![end.., start..end]));
        wanted += &weights.slice(s![.., start..end]);
        let block = Block {
            weights: weights.slice(s![.., start..end]),
            factor: factor.slice(s![start..end, start..end]),
            scales,
        };
        let columns = rounded.slice_mut(s![.., start..end]);
        block.round(wanted, columns, errors.slice_mut(s![.., start..end]));
        end = start;
    }
    let mut back = Array2::zeros(rounded.raw_dim());
    for (column, &place) in order.iter().enumerate() {
        back.column_mut(place).assign(&rounded.column(column));
    }
    Some(back)
}

/// A block of columns, from the last to the first.
struct Block<'a> {
    weights: ArrayView2<'a, f64>,
    factor: ArrayView2<'a, f64>,
    scales: &'a [f32],
}

impl Block<'_> {
    /// Rounds `wanted`, the weights with the errors of all later blocks added.
    fn round(
        &self,
        mut wanted: Array2<f64>,
        mut rounded: ArrayViewMut2<i8>,
        mut errors: ArrayViewMut2<f64>,
    ) {
        for (row, mut wanted) in wanted.rows_mut().into_iter().enumerate() {
            let scale = self.scales.get(row).map_or(1.0, |scale| f64::from(*scale));
            for column in (0..wanted.len()).rev() {
                let steps = step(wanted[column], scale);
                let error = self.weights[[row, column]] - steps * scale;
                rounded[[row, column]] = steps as i8;
                errors[[row, column]] = error;
                let factors = self.factor.slice(s![column, ..column]);
                for (wanted, factor) in wanted.iter_mut().zip(factors) {
                    *wanted += error * factor;
                }
            }
        }
    }
}

/// The lower triangle of `gram`'s decomposition in this order, each column over its diagonal.
fn feedback(gram: &Array2<f32>, order: &[usize]) -> Option<Array2<f64>> {
    let size = order.len();
    let mean = gram.diag().iter().map(|x| f64::from(*x)).sum::<f64>() / size.max(1) as f64;
    if !(mean.is_normal() && mean > 0.0) {
        return None;
    }
    let ordered = |row: usize, column: usize| {
        let (a, b) = (order[row], order[column]);
        f64::from(gram[[a.min(b), a.max(b)]])
    };
    for attempt in 0..ATTEMPTS {
        let damping = mean * DAMPING * 10.0_f64.powi(attempt as i32);
        let mut lower = Array2::<f64>::zeros((size, size));
        for row in 0..size {
            for column in 0..=row {
                lower[[row, column]] = ordered(row, column);
            }
            lower[[row, row]] += damping;
        }
        if cholesky(&mut lower) {
            let diagonal = lower.diag().to_owned();
            for mut row in lower.rows_mut() {
                row /= &diagonal;
            }
            return Some(lower);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::testing::values;

    /// Inputs that go together, as neighbouring pixels do.
    fn correlated(seed: u64, rows: usize, columns: usize) -> Array2<f32> {
        let loose = Array2::from_shape_vec((rows, columns), values(seed, rows * columns)).unwrap();
        let mix = Array2::from_shape_vec((columns, columns), values(seed + 1, columns * columns));
        let common = loose.dot(&mix.unwrap());
        let each = loose.column(0).insert_axis(Axis(1)).to_owned();
        common * 0.3 + each
    }

    fn weights(seed: u64, outputs: usize, inputs: usize) -> (Array2<f32>, Vec<f32>) {
        let weights = Array2::from_shape_vec((outputs, inputs), values(seed, outputs * inputs));
        let weights = weights.unwrap();
        let scale = |row: ndarray::ArrayView1<f32>| {
            row.iter().fold(0.0_f32, |most, w| most.max(w.abs())) / 7.0
        };
        let scales = weights.rows().into_iter().map(scale).collect();
        (weights, scales)
    }

    /// The sum of squared errors of the outputs.
    fn loss(
        inputs: &Array2<f32>,
        weights: &Array2<f32>,
        scales: &[f32],
        rounded: &Array2<i8>,
    ) -> f32 {
        let mut off = weights.clone();
        for ((mut row, rounded), scale) in
            (off.rows_mut().into_iter().zip(rounded.rows())).zip(scales)
        {
            for (off, rounded) in row.iter_mut().zip(rounded) {
                *off -= f32::from(*rounded) * scale;
            }
        }
        inputs.dot(&off.t()).iter().map(|x| x * x).sum()
    }

    #[test]
    fn outputs_are_nearer_than_with_the_nearest_weights() {
        for seed in 0..20 {
            let inputs = correlated(seed * 10, 300, 150);
            let gram = inputs.t().dot(&inputs);
            let (weights, scales) = weights(seed * 10 + 5, 9, 150);
            let ours = gptq(weights.view(), &scales, &gram).unwrap();
            let plain = nearest(weights.view(), &scales);
            let (ours, plain) = (
                loss(&inputs, &weights, &scales, &ours),
                loss(&inputs, &weights, &scales, &plain),
            );
            assert!(ours < 0.7 * plain, "{seed}: {ours} {plain}");
        }
    }

    #[test]
    fn independent_inputs_leave_the_nearest() {
        let (weights, scales) = weights(3, 5, 130);
        let squares = values(4, 130);
        let gram = Array2::from_diag(&ndarray::Array1::from_iter(squares.iter().map(|x| x * x)));
        let rounded = gptq(weights.view(), &scales, &gram).unwrap();
        assert_eq!(rounded, nearest(weights.view(), &scales));
    }

    #[test]
    fn no_input_says_nothing() {
        let (weights, scales) = weights(3, 5, 13);
        for value in [0.0, f32::NAN, f32::INFINITY] {
            let gram = Array2::from_elem((13, 13), value);
            assert_eq!(gptq(weights.view(), &scales, &gram), None);
        }
    }

    /// The update as Frantar et al. write it, by the inverse: the same weights.
    #[test]
    fn the_inverse_gives_the_same_weights() {
        let size = 12;
        let inputs = correlated(77, 40, size);
        let gram = inputs.t().dot(&inputs);
        let (weights, scales) = weights(78, 6, size);
        let damping = f64::from(gram.diag().sum()) / size as f64 * DAMPING;
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|a, b| gram[[*b, *b]].total_cmp(&gram[[*a, *a]]));
        let mut left = order.clone();
        let mut wanted = weights.mapv(f64::from);
        let mut rounded = Array2::<i8>::zeros(weights.raw_dim());
        while let Some(&first) = left.first() {
            let inverse = inverse(&Array2::from_shape_fn(
                (left.len(), left.len()),
                |(i, j)| {
                    let damping = if i == j { damping } else { 0.0 };
                    f64::from(gram[[left[i], left[j]]]) + damping
                },
            ));
            for row in 0..weights.nrows() {
                let scale = f64::from(scales[row]);
                let steps = step(wanted[[row, first]], scale);
                rounded[[row, first]] = steps as i8;
                let error = (wanted[[row, first]] - steps * scale) / inverse[[0, 0]];
                for (place, &column) in left.iter().enumerate() {
                    wanted[[row, column]] -= error * inverse[[0, place]];
                }
            }
            left.remove(0);
        }
        assert_eq!(gptq(weights.view(), &scales, &gram).unwrap(), rounded);
    }

    /// Gauss and Jordan.
    fn inverse(matrix: &Array2<f64>) -> Array2<f64> {
        let size = matrix.nrows();
        let (mut left, mut right) = (matrix.clone(), Array2::<f64>::eye(size));
        for k in 0..size {
            let pivot = left[[k, k]];
            left.row_mut(k).mapv_inplace(|x| x / pivot);
            right.row_mut(k).mapv_inplace(|x| x / pivot);
            for row in (0..size).filter(|row| *row != k) {
                let factor = left[[row, k]];
                let (from, to) = (left.row(k).to_owned(), right.row(k).to_owned());
                left.row_mut(row).scaled_add(-factor, &from);
                right.row_mut(row).scaled_add(-factor, &to);
            }
        }
        right
    }
}
