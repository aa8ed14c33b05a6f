//! Settings that are right by themselves and wrong together.

/// Keys of `train:` that are right by themselves and wrong together.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TrainConfigError {
    /// More than one optimizer.
    #[error("has both `{0}` and `{1}`: keep one of them")]
    TwoOptimizers(&'static str, &'static str),
    /// A penalty in the loss beside AdamW's own decay.
    #[error(
        "`adamw` shrinks weights by its own `weight_decay`, not by a penalty in the loss: \
         leave `l2` out, or use `adam`"
    )]
    L2WithAdamW,
    /// A path of L2 for a head whose loss has many minima.
    #[error(
        "`l2: auto` is for the logistic head: for a `{head}` one give a number, or list some to \
         choose from by cross-validation, e.g. `search: {{grid: {{l2: [1.0e-4, 1.0e-3, 1.0e-2]}}}}` \
         with `validation: {{folds: 5}}`"
    )]
    AutoL2OfLayers {
        /// The head that was asked for.
        head: &'static str,
    },
    /// A path of L2 for an optimizer that does not find the minimum.
    #[error(
        "`l2: auto` needs the exact solver: give a number, or leave out what asks for mini-batches \
         (an optimizer, `batch`, `epochs`, `early_stopping`, `schedule`, `label_smoothing`, \
         `mixup`, `clip_norm`, `sampling`)"
    )]
    AutoL2WithoutLbfgs,
    /// A path of L2 that leads nowhere.
    #[error("`l2: {{auto: ...}}` needs `from` below `to`, found {from} and {to}")]
    AutoL2Range {
        /// The smallest value.
        from: f64,
        /// The largest value.
        to: f64,
    },
    /// A schedule that does nothing.
    #[error("`schedule` needs `warmup`, `cosine` or `step`")]
    EmptySchedule,
    /// Two ways down for the learning rate.
    #[error("`schedule` has both `cosine` and `step`: keep one of them")]
    TwoSchedules,
    /// A rate that would grow.
    #[error("`schedule.step.by` is {by}: a rate that grows ends nowhere, so it is at most 1")]
    GrowingSchedule {
        /// What a reduction multiplies by.
        by: f64,
    },
    /// A warm-up that never ends.
    #[error("`schedule` warms up for {warmup} epochs, and there are only {epochs}")]
    WarmupOnly {
        /// Epochs of the warm-up.
        warmup: usize,
        /// Epochs of the training.
        epochs: usize,
    },
    /// Rare classes made up for twice.
    #[error(
        "`class_weights` and `sampling: balanced` both make up for rare classes: keep one of them"
    )]
    TwoBalances,
    /// Early stopping without anything to watch.
    #[error("`early_stopping` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    EarlyStoppingWithoutValidation,
    /// A search without anything to compare.
    #[error("`search` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    SearchWithoutValidation,
    /// Calibration without anything to fit it to.
    #[error("`calibration: temperature` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    CalibrationWithoutValidation,
    /// Weights of the best epoch, of a head that knows no epochs.
    #[error(
        "`validation: {{share: ...}}` keeps the weights of the best epoch, and the exact solver knows \
         no epochs: write `validation: {{folds: 5}}`, or name an optimizer, e.g. `adam: {{}}`"
    )]
    ShareOfLbfgs,
    /// BatchNorm over one example.
    #[error("`batch_norm: true` needs a `batch` of at least 2: one example has no variance")]
    BatchNormOfOne,
}
