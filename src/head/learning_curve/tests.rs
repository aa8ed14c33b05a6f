use super::*;
use crate::head::random::uniform;
use ndarray::Array2;

/// Two overlapping clouds, of which more examples show where they are.
fn clouds(n: usize) -> (Array2<f32>, Vec<usize>) {
    let mut random = stream("clouds", 5, &[]);
    let labels: Vec<usize> = (0..n).map(|i| usize::from(i % 3 == 0)).collect();
    let features = Array2::from_shape_fn((n, 20), |(i, j)| {
        let centre = if j == 0 { 0.9 * labels[i] as f32 } else { 0.0 };
        centre + uniform(&mut random) - 0.5
    });
    (features, labels)
}

fn config(yaml: &str) -> TrainConfig {
    serde_saphyr::from_str(&format!("{{head: {{logistic: {{}}}}, {yaml}}}")).unwrap()
}

fn of<'a>(features: &'a Array2<f32>, labels: &'a [usize]) -> Examples<'a> {
    Examples {
        features,
        views: 1,
        labels,
        classes: 2,
        groups: None,
    }
}

#[test]
fn more_examples_make_a_better_head() {
    let (features, labels) = clouds(200);
    let examples = of(&features, &labels);
    let config = config("epochs: 30, adam: {lr: 0.05}, validation: {folds: 4}");
    let found = fit(&config, &examples, 1, &mut |_| {}).unwrap();
    let mut heard = Vec::new();
    let how = LearningCurveConfig::default();
    let curve = learning_curve(&found, &examples, how, 1, &mut |done, all| {
        heard.push((done, all));
    });
    let curve = curve.unwrap();
    let sizes: Vec<usize> = curve.iter().map(|point| point.examples).collect();
    assert_eq!(sizes, [9, 18, 37, 75, 150]);
    assert!(curve[4].accuracy > curve[0].accuracy + 0.05, "{curve:?}");
    assert!(curve[4].log_loss < curve[0].log_loss, "{curve:?}");
    // All that a fold's model can have is what cross-validation had.
    let validated = found.validation.unwrap().metrics;
    assert!((curve[4].accuracy - validated.accuracy).abs() < 0.03);
    let ends = curve[4].accuracy_ci95;
    assert!((ends[0] - wilson_of_share(curve[4].accuracy, 200.0)[0]).abs() < 1e-12);
    assert_eq!(heard, (0..20).map(|done| (done, 20)).collect::<Vec<_>>());
}

#[test]
fn each_beginning_is_stratified_and_holds_the_one_before() {
    let (features, labels) = clouds(90);
    let examples = of(&features, &labels);
    let members: Vec<usize> = (10..90).collect();
    let order = growing(&examples, &members, 3, &[0, 1]);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, members);
    for size in 2..80 {
        let ones = order[..size].iter().filter(|&&e| labels[e] == 1).count();
        let expected = size as f64 / 3.0;
        assert!((ones as f64 - expected).abs() <= 1.0, "{ones} of {size}");
    }
    assert_ne!(order, growing(&examples, &members, 4, &[0, 1]));
}

#[test]
fn groups_come_whole() {
    let (features, labels) = clouds(60);
    let groups: Vec<usize> = (0..60).map(|e| e / 5).collect();
    let examples = Examples {
        groups: Some(&groups),
        ..of(&features, &labels)
    };
    let members: Vec<usize> = (0..60).collect();
    let order = growing(&examples, &members, 3, &[]);
    let came: Vec<usize> = order.iter().map(|&example| groups[example]).collect();
    let mut runs = came.clone();
    runs.dedup();
    assert_eq!((came.len(), runs.len()), (60, 12));
}

#[test]
fn rows_that_lie_elsewhere_give_the_same_curve() {
    #[derive(Debug)]
    struct Elsewhere(Array2<f32>);
    impl Rows for Elsewhere {
        fn count(&self) -> usize {
            self.0.nrows()
        }
        fn width(&self) -> usize {
            self.0.ncols()
        }
        fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
            self.0.read(places, into)
        }
        fn in_memory(&self) -> Option<ndarray::ArrayView2<'_, f32>> {
            None
        }
    }
    let (features, labels) = clouds(60);
    let config = config("epochs: 3");
    let curve = |rows: &dyn Rows| {
        let examples = Examples {
            features: rows,
            ..of(&features, &labels)
        };
        let found = fit(&config, &examples, 1, &mut |_| {}).unwrap();
        let how = LearningCurveConfig::default();
        learning_curve(&found, &examples, how, 1, &mut |_, _| {}).unwrap()
    };
    assert_eq!(curve(&features), curve(&Elsewhere(features.clone())));
}

#[test]
fn too_few_for_the_folds_is_an_error() {
    let (features, labels) = clouds(9);
    let examples = of(&features, &labels);
    let config = config("epochs: 1");
    let found = fit(&config, &examples, 1, &mut |_| {}).unwrap();
    let how = LearningCurveConfig::default();
    let error = learning_curve(&found, &examples, how, 1, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("class 1 has 3"), "{error}");
}
