//! Batch normalization with the statistics of training, and its folding into what comes before.

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, each a value a channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Norm {
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    pub(super) epsilon: f64,
}

impl Norm {
    /// The first channel whose variance plus epsilon is not above zero, and that sum.
    pub(super) fn impossible_variance(&self) -> Option<(usize, f64)> {
        let sums = self
            .variance
            .iter()
            .map(|&variance| f64::from(variance) + self.epsilon);
        sums.enumerate().find(|(_, sum)| *sum <= 0.0)
    }

    /// Kernel and bias of the convolution that does what one with this kernel (filters first) and
    /// bias and then this norm do, for each filter o:
    ///
    /// scale = gamma / sqrt(variance + epsilon), W' = scale W, b' = beta + scale (b - mean)
    ///
    /// in double precision, rounded once. `None` where a weight would leave float32's range.
    pub(super) fn fold(
        &self,
        kernel: &[f32],
        bias: Option<&[f32]>,
    ) -> Option<(Vec<f32>, Vec<f32>)> {
        let filters = self.variance.len();
        let scales: Vec<f64> = (0..filters)
            .map(|o| f64::from(self.gamma[o]) / (f64::from(self.variance[o]) + self.epsilon).sqrt())
            .collect();
        let per_filter = (kernel.len() / filters.max(1)).max(1);
        let kernel: Vec<f32> = (kernel.chunks_exact(per_filter).zip(&scales))
            .flat_map(|(filter, &scale)| {
                (filter.iter()).map(move |&weight| (f64::from(weight) * scale) as f32)
            })
            .collect();
        let bias: Vec<f32> = (0..filters)
            .map(|o| {
                let bias = bias.map_or(0.0, |bias| f64::from(bias[o]));
                (f64::from(self.beta[o]) + scales[o] * (bias - f64::from(self.mean[o]))) as f32
            })
            .collect();
        let finite = kernel.iter().chain(&bias).all(|value| value.is_finite());
        finite.then_some((kernel, bias))
    }
}
