//! Sessions of a tiny network: what they compute, that a row's bits are its own, and refusals.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::backbone::onnx;
use crate::backbone::onnx::proto::{ValueInfoProto, type_proto};
use crate::backbone::onnx::tiny::{TinyConfig, residual};
use crate::backbone::provider::{Convolutions, CpuOptions};
use crate::backbone::testing::{TINY_MANIFEST, manifest, runtime, tiny, values};
use crate::backbone::winograd;

pub(super) const INPUT: usize = 3 * 32 * 32;
pub(super) const WIDTH: usize = 8;

pub(super) fn open(dir: &TempDir, text: &str, threads: usize) -> Result<Session, BackboneError> {
    let options = SessionOptions {
        threads: Some(threads),
        ..SessionOptions::default()
    };
    Session::open(&manifest(text).unwrap(), dir.path(), &runtime(), &options)
}

pub(super) fn rows(session: &mut Session, input: &[f32], batch: usize) -> Vec<f32> {
    let mut out = vec![0.0; input.len() / INPUT * WIDTH];
    for (input, out) in input
        .chunks(batch * INPUT)
        .zip(out.chunks_mut(batch * WIDTH))
    {
        session.run(input, input.len() / INPUT, out).unwrap();
    }
    out
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_rows_bits_depend_on_its_input_alone() {
    let dir = tiny(|_| {});
    let input = values(1, 19 * INPUT);
    let mut one = open(&dir, TINY_MANIFEST, 1).unwrap();
    let expected = rows(&mut one, &input, 1);
    assert_ne!(
        expected[..WIDTH],
        expected[WIDTH..2 * WIDTH],
        "rows of their own"
    );
    for threads in [1, 2, 3] {
        let mut session = open(&dir, TINY_MANIFEST, threads).unwrap();
        for batch in [1, 2, 3, 7, 8, 16, 19] {
            let found = rows(&mut session, &input, batch);
            assert_eq!(
                bits(&found),
                bits(&expected),
                "{threads} threads, batch {batch}"
            );
        }
    }
}

/// Sessions that share three threads.
fn several(dir: &TempDir, sessions: usize) -> Session {
    let options = SessionOptions {
        threads: Some(3),
        sessions,
        ..SessionOptions::default()
    };
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let session = Session::open(&manifest, dir.path(), &runtime(), &options).unwrap();
    let several = matches!(session.lane, Lane::Several(_));
    assert_eq!(several, sessions > 1);
    session
}

#[test]
fn several_sessions_give_the_bits_of_one() {
    let dir = tiny(|_| {});
    let input = values(1, 19 * INPUT);
    let expected = rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 1);
    for sessions in [0, 1, 2, 3, 8] {
        let mut session = several(&dir, sessions);
        for batch in [16, 1, 2, 3, 7, 19] {
            let found = rows(&mut session, &input, batch);
            let what = format!("{sessions} sessions, batch {batch}");
            assert_eq!(bits(&found), bits(&expected), "{what}");
        }
    }
}

/// The features of a network whose 3x3 convolutions fill vectors.
fn wide(convolutions: Convolutions, threads: usize, sessions: usize, batch: usize) -> Vec<f32> {
    let dir = TempDir::new().unwrap();
    let wide = TinyConfig {
        width: 64,
        ..TinyConfig::default()
    };
    onnx::write(&dir.path().join("tiny.onnx"), &residual(&wide)).unwrap();
    let options = SessionOptions {
        provider: Provider::Cpu(CpuOptions {
            convolutions,
            ..CpuOptions::default()
        }),
        threads: Some(threads),
        sessions,
        ..SessionOptions::default()
    };
    let manifest = manifest(&TINY_MANIFEST.replace("width: 8", "width: 64")).unwrap();
    let mut session = Session::open(&manifest, dir.path(), &runtime(), &options).unwrap();
    let input = values(1, 19 * INPUT);
    let mut out = vec![0.0; 19 * 64];
    for (input, out) in (input.chunks(batch * INPUT)).zip(out.chunks_mut(batch * 64)) {
        session.run(input, input.len() / INPUT, out).unwrap();
    }
    out
}

#[test]
fn filtered_convolutions_are_those_of_the_runtime_but_for_rounding() {
    let direct = wide(Convolutions::Direct, 1, 1, 19);
    let filtered = wide(Convolutions::Winograd, 1, 1, 19);
    let largest = direct.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let worst =
        (direct.iter().zip(&filtered)).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(worst <= 1e-5 * largest, "{worst} of {largest}");
    let differs = bits(&direct) != bits(&filtered);
    assert_eq!(differs, winograd::is_available(), "which way was taken");
    for (threads, sessions, batch) in [(1, 1, 1), (2, 1, 7), (3, 1, 19), (2, 2, 16), (3, 3, 2)] {
        let found = wide(Convolutions::Winograd, threads, sessions, batch);
        let what = format!("{threads} threads, {sessions} sessions, batch {batch}");
        assert_eq!(bits(&found), bits(&filtered), "{what}");
    }
}

#[test]
fn several_sessions_have_two_batches_under_way_in_their_order() {
    let dir = tiny(|_| {});
    let input = values(1, 40 * INPUT);
    let expected = rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 1);
    let mut session = several(&dir, 2);
    assert_eq!(session.depth(), 2);
    // Batches of all sizes, one row among them, which is one session's alone.
    let (mut from, mut out, mut found) = (0, vec![0.0; 9 * WIDTH], Vec::new());
    let mut sizes = [9, 1, 1, 8, 2, 1, 5, 9, 3, 1].into_iter();
    let mut start = |session: &mut Session, rows: usize| {
        let part = &input[from * INPUT..(from + rows) * INPUT];
        from += rows;
        session.start(part, rows).unwrap();
    };
    start(&mut session, sizes.next().unwrap());
    for size in sizes {
        start(&mut session, size);
        let rows = session.finish(&mut out).unwrap();
        found.extend_from_slice(&out[..rows * WIDTH]);
    }
    let rows = session.finish(&mut out).unwrap();
    found.extend_from_slice(&out[..rows * WIDTH]);
    assert_eq!(bits(&found), bits(&expected));
    let error = session.finish(&mut out).expect_err("nothing is under way");
    assert!(matches!(error, BackboneError::Order(_)), "{error}");
}

#[test]
fn several_sessions_name_the_row_that_is_no_number_and_go_on() {
    let dir = tiny(|_| {});
    let mut input = values(1, 8 * INPUT);
    let mut session = several(&dir, 2);
    let expected = rows(&mut session, &input, 8);
    let good = input[6 * INPUT];
    // In the second session's half.
    input[6 * INPUT] = f32::NAN;
    let mut out = vec![0.0; 8 * WIDTH];
    let error = session.run(&input, 8, &mut out).expect_err("no number");
    assert!(
        matches!(error, BackboneError::NonFinite { row: 6, .. }),
        "{error}"
    );
    input[6 * INPUT] = good;
    session.start(&input, 8).unwrap();
    let error = session.finish(&mut out[..WIDTH]).expect_err("too short");
    assert_eq!(
        error.to_string(),
        "the batch's features must hold 64 values, and holds 8"
    );
    // What nobody has asked for any more does not come out as something else.
    session.start(&values(2, 4 * INPUT), 4).unwrap();
    session.run(&input, 8, &mut out).unwrap();
    assert_eq!(bits(&out), bits(&expected));
}

#[test]
fn other_outputs_of_the_file_are_not_in_the_session() {
    let dir = tiny(|_| {});
    let session = open(&dir, TINY_MANIFEST, 1).unwrap();
    let Lane::Lent(lent) = &session.lane else {
        panic!("the processor is lent its input");
    };
    let outputs = lent.inner.outputs();
    let names: Vec<_> = outputs.iter().map(|output| output.name()).collect();
    assert_eq!(names, ["features"]);
    assert_eq!((session.input_len(), session.width()), (INPUT, WIDTH));
}

#[test]
fn no_rows_are_no_work() {
    let dir = tiny(|_| {});
    let mut session = open(&dir, TINY_MANIFEST, 1).unwrap();
    session.run(&[], 0, &mut []).unwrap();
}

#[test]
fn buffers_of_another_length_are_refused() {
    let dir = tiny(|_| {});
    let mut session = open(&dir, TINY_MANIFEST, 1).unwrap();
    let input = values(1, 2 * INPUT);
    let mut refusal = |input: &[f32], batch, out: &mut [f32]| {
        session
            .run(input, batch, out)
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        refusal(&input, 3, &mut [0.0; 24]),
        "the batch's input must hold 9216 values, and holds 6144"
    );
    assert_eq!(
        refusal(&input, 2, &mut [0.0; 15]),
        "the batch's features must hold 16 values, and holds 15"
    );
    assert!(refusal(&input, usize::MAX, &mut [0.0; 16]).contains("the batch's input must hold"));
}

#[test]
fn a_feature_that_is_no_number_names_its_row() {
    let dir = tiny(|_| {});
    let mut session = open(&dir, TINY_MANIFEST, 1).unwrap();
    let mut input = values(1, 3 * INPUT);
    input[2 * INPUT + 7] = f32::NAN;
    let error = session.run(&input, 3, &mut [0.0; 24]).expect_err("refused");
    assert!(
        matches!(error, BackboneError::NonFinite { row: 2, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("of row 2 of the batch is NaN"), "{text}");

    input[2 * INPUT + 7] = f32::MAX;
    input[2 * INPUT + 8] = f32::MAX;
    let error = session.run(&input, 3, &mut [0.0; 24]).expect_err("refused");
    assert!(
        matches!(error, BackboneError::NonFinite { row: 2, .. }),
        "{error}"
    );
}

/// The graph says nothing of its output's shape, so that only the run can tell.
#[test]
fn an_output_of_another_shape_than_declared() {
    let dir = tiny(|model| tensor_type(&mut model.graph.as_mut().unwrap().output[0]).shape = None);
    let wide = TINY_MANIFEST.replace("width: 8", "width: 9");
    let mut session = open(&dir, &wide, 1).unwrap();
    let error = session
        .run(&values(1, INPUT), 1, &mut [0.0; 9])
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!(
            "{}: output `features` has another shape than declared\n  \
             declared: [1, 9]\n  found:    [1, 8]",
            dir.path().join("tiny.onnx").display()
        )
    );
}

#[test]
fn a_graph_that_onnx_runtime_refuses() {
    let dir = tiny(|model| {
        let node = &mut model.graph.as_mut().unwrap().node[0];
        node.op_type = Some("Convolute".to_owned());
    });
    let error = open(&dir, TINY_MANIFEST, 1).expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, BackboneError::Load { .. }), "{text}");
    assert!(
        text.contains("tiny.onnx: ONNX Runtime cannot load this graph:"),
        "{text}"
    );
    assert!(text.contains("Convolute"), "{text}");
}

/// Nothing is said of the input's shape, so that the sum of unequal shapes is only seen in a run.
#[test]
fn a_run_that_fails_inside_onnx_runtime() {
    let dir = tiny(|model| {
        let graph = model.graph.as_mut().unwrap();
        let add = graph
            .node
            .iter_mut()
            .find(|node| node.op_type() == "Add")
            .unwrap();
        add.input[1] = "input".to_owned();
        tensor_type(&mut graph.input[0]).shape = None;
    });
    let mut session = open(&dir, TINY_MANIFEST, 1).unwrap();
    let error = session
        .run(&values(1, 2 * INPUT), 2, &mut [0.0; 16])
        .expect_err("refused");
    let text = error.to_string();
    assert!(
        matches!(error, BackboneError::Run { batch: 2, .. }),
        "{text}"
    );
    assert!(
        text.contains("tiny.onnx: a batch of 2 failed in ONNX Runtime: "),
        "{text}"
    );
}

#[test]
fn a_file_that_is_not_onnx() {
    let dir = TempDir::new().unwrap();
    fs::write(
        dir.path().join("tiny.onnx"),
        "<!DOCTYPE html><title>404</title>",
    )
    .unwrap();
    let text = open(&dir, TINY_MANIFEST, 1)
        .expect_err("refused")
        .to_string();
    assert!(text.contains("tiny.onnx: is not an ONNX file"), "{text}");
}

#[test]
fn threads_default_to_the_machine_and_are_at_least_one() {
    let threads = |threads| {
        SessionOptions {
            threads,
            ..SessionOptions::default()
        }
        .threads()
    };
    assert_eq!(threads(Some(0)), 1);
    assert_eq!(threads(Some(3)), 3);
    assert!(threads(None) >= 1);
}

fn tensor_type(port: &mut ValueInfoProto) -> &mut type_proto::Tensor {
    match port.r#type.as_mut().and_then(|kind| kind.value.as_mut()) {
        Some(type_proto::Value::TensorType(tensor)) => tensor,
        other => panic!("a tensor was expected: {other:?}"),
    }
}

#[test]
fn a_message_is_told_without_its_place_in_the_sources() {
    use super::place::without_source;
    let long = "/src/bridge.cc:20 Provider& Get() [ONNXRuntimeError] : 1 : FAIL : no library : x";
    assert_eq!(without_source(long), "no library : x");
    assert_eq!(without_source("plain : words"), "plain : words");
}
