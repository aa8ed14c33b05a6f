//! Principal components.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// How often the directions are turned towards the principal ones, at most.
const MOST_TURNS: usize = 300;
/// A direction that moves less than this is there.
const STILL: f64 = 1e-9;

/// A projection of feature rows onto their first two principal components (Pearson 1901): the
/// orthogonal directions along which they vary most.
#[derive(Debug, Clone)]
pub struct Projection {
    mean: Array1<f64>,
    /// `[2, width]`, orthonormal.
    components: Array2<f64>,
    /// The share of the rows' variance along each; 0 where there is no variance.
    pub explained: [f64; 2],
}

impl Projection {
    /// Of `rows` `[n, width]`, by orthogonal iteration (Golub & Van Loan, section 8.2.4) on
    /// Xᵀ X, from fixed directions: the same rows have the same projection. A component's sign is
    /// the one that makes its largest weight positive. None for less than two rows or features.
    #[must_use]
    pub fn fit(rows: ArrayView2<'_, f32>) -> Option<Self> {
        let (n, width) = rows.dim();
        if n < 2 || width < 2 {
            return None;
        }
        let x = rows.mapv(f64::from);
        let mean = x.mean_axis(Axis(0))?;
        let x = x - &mean;
        let mut components = first_directions(width);
        for _ in 0..MOST_TURNS {
            let mut next = components.dot(&x.t()).dot(&x);
            orthonormalise(&mut next, &components);
            let moved = (&next - &components)
                .iter()
                .fold(0.0_f64, |m, d| m.max(d.abs()));
            components = next;
            if moved < STILL {
                break;
            }
        }
        for mut row in components.outer_iter_mut() {
            let sign = sign(row.view());
            row.mapv_inplace(|weight| weight * sign);
        }
        let total: f64 = x.iter().map(|v| v * v).sum();
        let along = |at: usize| {
            x.dot(&components.row(at))
                .iter()
                .map(|v| v * v)
                .sum::<f64>()
        };
        let share = |at| if total > 0.0 { along(at) / total } else { 0.0 };
        let explained = [share(0), share(1)];
        Some(Self {
            mean,
            components,
            explained,
        })
    }

    /// The places of `rows` `[n, width]`, each (along the first, along the second component).
    /// None for rows of another width.
    #[must_use]
    pub fn places(&self, rows: ArrayView2<'_, f32>) -> Option<Vec<[f64; 2]>> {
        if rows.ncols() != self.mean.len() {
            return None;
        }
        let place = |row: ArrayView1<'_, f32>| {
            let x = row.mapv(f64::from) - &self.mean;
            [0, 1].map(|at| x.dot(&self.components.row(at)))
        };
        Some(rows.outer_iter().map(place).collect())
    }
}

/// Two directions with something of every feature in them.
#[allow(clippy::cast_precision_loss)] // features are few
fn first_directions(width: usize) -> Array2<f64> {
    let wave = |(at, i): (usize, usize)| ((i + 1) as f64 * (1.0 + at as f64 * 1.618)).sin() + 0.1;
    let mut directions = Array2::from_shape_fn((2, width), wave);
    let unit = Array2::from_shape_fn((2, width), |(at, i)| f64::from(u8::from(at == i)));
    orthonormalise(&mut directions, &unit);
    directions
}

/// Gram-Schmidt; a direction that vanishes is taken from `instead`.
fn orthonormalise(directions: &mut Array2<f64>, instead: &Array2<f64>) {
    for at in 0..2 {
        for attempt in 0..3 {
            let mut row = match attempt {
                0 => directions.row(at).to_owned(),
                1 => instead.row(at).to_owned(),
                // What is orthogonal to the first direction, whatever that is.
                _ => unlike(directions.row(0)),
            };
            let scale = row.dot(&row).sqrt();
            for before in 0..at {
                // Twice, so that rounding leaves nothing.
                for _ in 0..2 {
                    let before = directions.row(before).to_owned();
                    row = &row - &(&before * row.dot(&before));
                }
            }
            let length = row.dot(&row).sqrt();
            if length > scale * 1e-9 && length > 0.0 {
                directions.row_mut(at).assign(&(row / length));
                break;
            }
        }
    }
}

/// The unit vector along the smallest weight.
fn unlike(direction: ArrayView1<'_, f64>) -> Array1<f64> {
    let smallest = (direction.iter().enumerate()).min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let place = smallest.map_or(0, |(place, _)| place);
    Array1::from_shape_fn(direction.len(), |i| f64::from(u8::from(i == place)))
}

/// The sign of the largest weight.
fn sign(direction: ArrayView1<'_, f64>) -> f64 {
    let largest = direction.iter().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    if largest.is_some_and(|x| *x < 0.0) {
        -1.0
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Golden values: numpy 2's `linalg.svd` of the centred rows:
    /// `x = [[sin(i * 3.7 + j * 0.9) * (j + 1) for j in range(5)] for i in range(8)]` as float32.
    #[test]
    fn places_are_those_of_numpy() {
        let x = Array2::from_shape_fn((8, 5), |(i, j)| {
            ((i as f64 * 3.7 + j as f64 * 0.9).sin() * (j + 1) as f64) as f32
        });
        let found = Projection::fit(x.view()).unwrap();
        let explained = [0.664998868, 0.335001132];
        for (a, b) in found.explained.iter().zip(explained) {
            assert!((a - b).abs() < 1e-6, "{:?}", found.explained);
        }
        let first = [
            [-2.0178827, 3.3357547],
            [5.3806527, -1.8503772],
            [-5.4809180, -1.0731843],
            [5.5439435, 2.7946730],
            [-2.2948567, -4.5431797],
            [-0.0235449, 4.0354290],
            [3.9626563, -3.1777551],
            [-5.0700503, 0.4786396],
        ];
        for (place, expected) in found.places(x.view()).unwrap().iter().zip(first) {
            assert!(
                (place[0] - expected[0]).abs() < 1e-5,
                "{place:?} {expected:?}"
            );
            assert!(
                (place[1] - expected[1]).abs() < 1e-5,
                "{place:?} {expected:?}"
            );
        }
    }

    #[test]
    fn rows_without_variance_lie_on_one_place() {
        let same = Array2::from_elem((4, 3), 2.0);
        let found = Projection::fit(same.view()).unwrap();
        assert_eq!(found.explained, [0.0, 0.0]);
        let places = found.places(same.view()).unwrap();
        assert!(
            places.iter().all(|place| *place == [0.0, 0.0]),
            "{places:?}"
        );
        // All on one line: the second component has nothing.
        let line = array![[0.0, 0.0, 1.0], [1.0, 2.0, 1.0], [2.0, 4.0, 1.0]];
        let found = Projection::fit(line.view()).unwrap();
        assert!(
            (found.explained[0] - 1.0).abs() < 1e-9,
            "{:?}",
            found.explained
        );
        assert!(found.explained[1] < 1e-9);
        assert!(found.places(array![[1.0]].view()).is_none());
        assert!(Projection::fit(Array2::zeros((1, 9)).view()).is_none());
    }
}
