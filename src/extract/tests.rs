use std::collections::VecDeque;

use proptest::prelude::*;

use super::{Ahead, ExtractError, Failure, Infer, Prepare, Row, Shape, extract};

/// Input = (example, view); example 13 cannot be read.
struct Pairs {
    bad: Option<usize>,
}

impl Prepare for Pairs {
    fn prepare(&mut self, _: usize, row: Row, input: &mut [f32]) -> Result<(), Failure> {
        if Some(row.example) == self.bad {
            return Err(format!("example {} is broken", row.example).into());
        }
        input.copy_from_slice(&[row.example as f32, row.view as f32]);
        Ok(())
    }
}

/// Feature = example * 100 + view.
struct Join;

impl Infer for Join {
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure> {
        assert_eq!((input.len(), features.len()), (rows * 2, rows));
        for (pair, feature) in input.chunks(2).zip(features) {
            *feature = pair[0] * 100.0 + pair[1];
        }
        Ok(())
    }
}

/// The same, a few batches late.
struct Late {
    depth: usize,
    under_way: VecDeque<Vec<f32>>,
    /// The number of the batch that fails when it is waited for.
    bad: Option<usize>,
    finished: usize,
}

impl Infer for Late {
    fn infer(&mut self, _: &[f32], _: usize, _: &mut [f32]) -> Result<(), Failure> {
        Err("there is another way".into())
    }

    fn ahead(&mut self) -> Option<&mut dyn Ahead> {
        Some(self)
    }
}

impl Ahead for Late {
    fn depth(&self) -> usize {
        self.depth
    }

    fn start(&mut self, input: &[f32], rows: usize) -> Result<(), Failure> {
        assert!(self.under_way.len() < self.depth);
        let mut features = vec![0.0; rows];
        Join.infer(input, rows, &mut features)?;
        self.under_way.push_back(features);
        Ok(())
    }

    fn finish(&mut self, features: &mut [f32]) -> Result<(), Failure> {
        if self.bad == Some(self.finished) {
            return Err("the device is gone".into());
        }
        self.finished += 1;
        let done = self.under_way.pop_front().ok_or("nothing was started")?;
        features[..done.len()].copy_from_slice(&done);
        Ok(())
    }
}

fn rows(count: usize) -> Vec<Row> {
    (0..count)
        .map(|i| Row {
            example: i / 3,
            view: (i % 3) as u32,
        })
        .collect()
}

fn run(
    rows: &[Row],
    batch: usize,
    workers: usize,
    bad: Option<usize>,
) -> (Vec<f32>, Result<super::Times, ExtractError>) {
    let shape = Shape {
        input: 2,
        width: 1,
        batch,
    };
    let workers = (0..workers).map(|_| Pairs { bad }).collect();
    let mut out = Vec::new();
    let result = extract(rows, shape, workers, &mut Join, &mut |first, features| {
        assert_eq!(first, out.len());
        out.extend_from_slice(features);
        Ok(())
    });
    (out, result)
}

proptest! {
    #[test]
    fn rows_come_in_order_whatever_the_batch_and_the_workers(
        count in 0usize..200, batch in 1usize..20, workers in 1usize..5,
    ) {
        let rows = rows(count);
        let (out, result) = run(&rows, batch, workers, None);
        prop_assert!(result.is_ok());
        let expected: Vec<f32> =
            rows.iter().map(|r| r.example as f32 * 100.0 + r.view as f32).collect();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn batches_that_come_late_come_in_order(
        count in 0usize..100, batch in 1usize..9, depth in 1usize..5, bad in 0usize..60,
    ) {
        let rows = rows(count);
        let shape = Shape { input: 2, width: 1, batch };
        let bad = (bad < 40).then_some(bad);
        let mut late = Late { depth, under_way: VecDeque::new(), bad, finished: 0 };
        let workers = vec![Pairs { bad: None }, Pairs { bad: None }];
        let mut out = Vec::new();
        let result = extract(&rows, shape, workers, &mut late, &mut |first, features| {
            assert_eq!(first, out.len());
            out.extend_from_slice(features);
            Ok(())
        });
        let mut expected: Vec<f32> =
            rows.iter().map(|r| r.example as f32 * 100.0 + r.view as f32).collect();
        match bad.filter(|bad| *bad < count.div_ceil(batch)) {
            None => prop_assert!(result.is_ok()),
            Some(bad) => {
                prop_assert!(matches!(result, Err(ExtractError::Infer(_))));
                expected.truncate(bad * batch);
            }
        }
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn batches_that_are_under_way_at_a_bad_row_are_handed_on(
        batch in 1usize..20, depth in 1usize..5,
    ) {
        let shape = Shape { input: 2, width: 1, batch };
        let mut late = Late { depth, under_way: VecDeque::new(), bad: None, finished: 0 };
        let mut out = Vec::new();
        let workers = vec![Pairs { bad: Some(13) }];
        let result = extract(&rows(120), shape, workers, &mut late, &mut |_, features| {
            out.extend_from_slice(features);
            Ok(())
        });
        let is_row = matches!(result, Err(ExtractError::Prepare { .. }));
        prop_assert!(is_row);
        prop_assert_eq!(out.len(), 39 / batch * batch);
    }

    #[test]
    fn a_bad_row_stops_after_the_whole_batches_before_it(
        batch in 1usize..20, workers in 1usize..5,
    ) {
        let (out, result) = run(&rows(120), batch, workers, Some(13));
        let Err(ExtractError::Prepare { row, source }) = result else {
            return Err(TestCaseError::fail("an error was expected"));
        };
        prop_assert_eq!(row, Row { example: 13, view: 0 });
        prop_assert_eq!(source.to_string(), "example 13 is broken");
        prop_assert_eq!(out.len(), 39 / batch * batch);
    }
}

#[test]
fn a_failing_sink_and_a_failing_network_end_the_work() {
    struct Broken;
    impl Infer for Broken {
        fn infer(&mut self, _: &[f32], _: usize, _: &mut [f32]) -> Result<(), Failure> {
            Err("no network".into())
        }
    }
    let shape = Shape {
        input: 2,
        width: 1,
        batch: 4,
    };
    let workers = || vec![Pairs { bad: None }, Pairs { bad: None }];
    let result = extract(&rows(90), shape, workers(), &mut Broken, &mut |_, _| Ok(()));
    assert!(matches!(result, Err(ExtractError::Infer(_))));
    let mut full = |first: usize, _: &[f32]| match first {
        0..8 => Ok(()),
        _ => Err(Failure::from("disk full")),
    };
    let result = extract(&rows(90), shape, workers(), &mut Join, &mut full);
    assert!(matches!(result, Err(ExtractError::Write(e)) if e.to_string() == "disk full"));
}

#[test]
fn a_worker_that_panics_is_an_error_and_no_hang() {
    struct Panics;
    impl Prepare for Panics {
        fn prepare(&mut self, _: usize, row: Row, _: &mut [f32]) -> Result<(), Failure> {
            assert!(row.example < 5, "on purpose");
            Ok(())
        }
    }
    let shape = Shape {
        input: 2,
        width: 1,
        batch: 4,
    };
    let workers = vec![Panics, Panics];
    let result = extract(&rows(90), shape, workers, &mut Join, &mut |_, _| Ok(()));
    assert!(matches!(result, Err(ExtractError::Worker)), "{result:?}");
}
