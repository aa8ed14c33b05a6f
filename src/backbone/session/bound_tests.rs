//! A GPU's way to the network, in the processor's memory: the same features, padded, in order.

use std::ffi::c_void;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::bound::{Bound, DEPTH, Failed};
use super::cudart::{Cudart, tests::fake};
use super::memory::{Memory, Transfer, Way};
use super::open::{machine, plan};
use super::tests::{INPUT, WIDTH, bits, open, rows};
use super::watch::Herald;
use super::*;
use crate::backbone::manifest::Manifest;
use crate::backbone::onnx::ModelProto;
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{
    AttributeProto, NodeProto, TensorProto, attribute_proto, type_proto,
};
use crate::backbone::testing::{TINY_MANIFEST, manifest, runtime, tiny, values};

/// A device that is the processor.
#[derive(Debug)]
struct HostCopy;

impl Transfer for HostCopy {
    #[allow(unsafe_code)]
    unsafe fn copy(
        &self,
        _: Way,
        to: *mut c_void,
        from: *const c_void,
        bytes: usize,
    ) -> Result<(), String> {
        // SAFETY: by the contract of the trait, and both memories are the processor's.
        unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast::<u8>(), bytes) };
        Ok(())
    }
}

fn opened(dir: &TempDir, text: &str) -> (Manifest, Session) {
    let manifest = manifest(text).unwrap();
    let options = SessionOptions::default();
    let session = Session::open_bound(&manifest, dir.path(), &runtime(), &options).unwrap();
    (manifest, session)
}

fn bound(dir: &TempDir) -> Session {
    opened(dir, TINY_MANIFEST).1
}

/// Buffers that stay where they are, and copies by `copier`.
fn replaying(dir: &TempDir, copier: Arc<dyn Transfer>) -> Session {
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let mut session = open(dir, TINY_MANIFEST, 1).unwrap();
    let Lane::Lent(Lent { inner, .. }) = session.lane else {
        panic!("the processor is lent its input");
    };
    let plan = plan(
        &manifest,
        &session.input,
        Memory::Host,
        Some(copier),
        &inner,
    )
    .unwrap();
    session.lane = Lane::Bound(Bound::new(inner, plan, true).unwrap());
    session
}

#[test]
fn rows_are_those_of_the_plain_path_whatever_the_batch() {
    let dir = tiny(|_| {});
    let input = values(1, 19 * INPUT);
    let expected = bits(&rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 1));
    for batch in [1, 2, 5, 8, 19] {
        // The last batch is short: 19 is no multiple of most of these.
        let found = rows(&mut bound(&dir), &input, batch);
        assert_eq!(bits(&found), expected, "batch {batch}");
        let found = rows(&mut replaying(&dir, Arc::new(HostCopy)), &input, batch);
        assert_eq!(bits(&found), expected, "replayed, batch {batch}");
    }
    // One session, larger and smaller batches in turn.
    let mut session = bound(&dir);
    for batch in [3, 8, 2, 19, 1] {
        assert_eq!(
            bits(&rows(&mut session, &input, batch)),
            expected,
            "{batch}"
        );
    }
}

#[test]
fn two_batches_are_under_way_at_once_and_come_back_in_order() {
    let dir = tiny(|_| {});
    let input = values(2, 23 * INPUT);
    let expected = rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 23);
    let mut session = bound(&dir);
    assert_eq!((session.depth(), DEPTH), (2, 2));
    let (mut found, mut out) = (Vec::new(), vec![0.0; 4 * WIDTH]);
    let mut under_way = 0;
    for batch in input.chunks(4 * INPUT) {
        if under_way == session.depth() {
            let rows = session.finish(&mut out).unwrap();
            found.extend_from_slice(&out[..rows * WIDTH]);
            under_way -= 1;
        }
        session.start(batch, batch.len() / INPUT).unwrap();
        under_way += 1;
    }
    for _ in 0..under_way {
        let rows = session.finish(&mut out).unwrap();
        found.extend_from_slice(&out[..rows * WIDTH]);
    }
    assert_eq!(bits(&found), bits(&expected));
}

#[test]
fn a_larger_batch_may_follow_one_that_is_under_way() {
    let dir = tiny(|_| {});
    let input = values(3, 9 * INPUT);
    let expected = rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 9);
    let mut session = bound(&dir);
    session.start(&input[..2 * INPUT], 2).unwrap();
    session.start(&input[2 * INPUT..], 7).unwrap();
    let mut out = vec![0.0; 9 * WIDTH];
    assert_eq!(session.finish(&mut out).unwrap(), 2);
    assert_eq!(session.finish(&mut out[2 * WIDTH..]).unwrap(), 7);
    assert_eq!(bits(&out), bits(&expected));
}

#[test]
fn a_batch_is_padded_to_the_profile_and_not_let_out_of_it() {
    let dir = tiny(|_| {});
    let input = values(7, 7 * INPUT);
    let mut plain = open(&dir, TINY_MANIFEST, 1).unwrap();
    let expected = rows(&mut plain, &input[..3 * INPUT], 3);
    // As an engine that is built for 4 rows and more.
    let four = tiny(four_rows);
    let mut plain = open(&four, TINY_MANIFEST, 1).unwrap();
    let fewer = plain.run(&input[..3 * INPUT], 3, &mut [0.0; 3 * WIDTH]);
    assert!(fewer.is_err());
    let mut session = bound(&four);
    session.provider = tensorrt("{tensorrt: {batch: {min: 4, max: 6}}}");
    for batch in [1, 2, 3] {
        let found = rows(&mut session, &input[..3 * INPUT], batch);
        assert_eq!(bits(&found), bits(&expected), "batch {batch}");
    }
    let error = session.run(&input, 7, &mut [0.0; 7 * WIDTH]);
    let text = error.expect_err("too large").to_string();
    let told = "a batch of 7 rows, and `tensorrt` is built for at most 6: give it smaller batches, \
                or raise `provider.tensorrt.batch.max`";
    assert!(text.ends_with(told), "{text}");
}

fn tensorrt(text: &str) -> Provider {
    let document = crate::yaml::Document::parse(std::path::Path::new("p.yaml"), text).unwrap();
    document.typed().unwrap()
}

/// A graph that takes 4 rows alone: it adds as many zeros.
fn four_rows(model: &mut ModelProto) {
    let graph = model.graph.as_mut().unwrap();
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if name == "input" {
            *name = "sum".to_owned();
        }
    }
    graph.initializer.push(TensorProto {
        dims: vec![4, 3, 32, 32],
        data_type: Some(DataType::Float as i32),
        name: Some("zeros".to_owned()),
        raw_data: Some(vec![0; 4 * INPUT * 4].into()),
        ..TensorProto::default()
    });
    let add = NodeProto {
        input: vec!["input".to_owned(), "zeros".to_owned()],
        output: vec!["sum".to_owned()],
        name: Some("sum".to_owned()),
        op_type: Some("Add".to_owned()),
        ..NodeProto::default()
    };
    graph.node.insert(0, add);
}

#[test]
fn the_machine_is_what_its_libraries_say() {
    let dir = TempDir::new().unwrap();
    let library = |name: &str, text: &str| {
        let (source, library) = (dir.path().join("x.c"), dir.path().join(name));
        std::fs::write(&source, text).unwrap();
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(done.expect("these tests need a C compiler, cc").success());
        library.display().to_string()
    };
    let trt = library(
        "nvinfer.so",
        "int getInferLibVersion(void) { return 101303; }",
    );
    let driver = library(
        "cuda.so",
        "#include <stddef.h>\n#include <string.h>\n\
         int cuInit(unsigned f) { return 0; }\n\
         int cuDriverGetVersion(int *v) { *v = 13000; return 0; }\n\
         int cuDeviceGetCount(int *n) { *n = 1; return 0; }\n\
         int cuDeviceGet(int *d, int i) { *d = i; return 0; }\n\
         int cuDeviceGetName(char *s, int n, int d) { strncpy(s, \"One\", n); return 0; }\n\
         int cuDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? 9 : 0; return 0; }\n\
         int cuDeviceTotalMem_v2(size_t *m, int d) { *m = 1; return 0; }\n",
    );
    let found = machine(&trt, &driver, 0).unwrap();
    assert_eq!(
        [found.tensorrt, found.gpu, found.capability],
        ["10.13.3", "One", "9.0"]
    );
    let error = machine(&trt, &driver, 1).expect_err("one GPU");
    assert_eq!(error, "the driver sees no GPU 1, but 1 in all");
    assert!(machine("/nowhere/nvinfer.so", &driver, 0).is_err());
    assert!(machine(&trt, "/nowhere/libcuda.so.1", 0).is_err());
}

#[test]
fn starting_and_finishing_out_of_order_is_refused() {
    let dir = tiny(|_| {});
    let input = values(1, INPUT);
    let mut out = [0.0; WIDTH];
    let mut session = bound(&dir);
    let told = |result: Result<usize, BackboneError>| result.expect_err("refused").to_string();
    assert_eq!(told(session.finish(&mut out)), "no batch was started");
    for _ in 0..DEPTH {
        session.start(&input, 1).unwrap();
    }
    let third = session.start(&input, 1).map(|()| 0);
    assert_eq!(told(third), "another batch has to be finished first");
    let small = told(session.finish(&mut []));
    assert_eq!(
        small,
        "the batch's features must hold 8 values, and holds 0"
    );
    // What was started and never finished is dropped by a plain run.
    session.run(&input, 1, &mut out).unwrap();
    assert_eq!(told(session.finish(&mut out)), "no batch was started");
    let mut plain = open(&dir, TINY_MANIFEST, 1).unwrap();
    assert_eq!(plain.depth(), 0);
    assert!(told(plain.finish(&mut out)).contains("one batch at a time"));
    assert!(told(plain.start(&input, 1).map(|()| 0)).contains("one batch at a time"));
    assert!(told(session.start(&input, 2).map(|()| 0)).contains("must hold 6144 values"));
}

#[test]
fn a_feature_that_is_no_number_names_its_row_and_the_next_batch_runs() {
    let dir = tiny(|_| {});
    let mut session = bound(&dir);
    let mut input = values(1, 3 * INPUT);
    input[2 * INPUT + 7] = f32::NAN;
    let mut out = [0.0; 3 * WIDTH];
    let error = session.run(&input, 3, &mut out).expect_err("refused");
    assert!(
        matches!(error, BackboneError::NonFinite { row: 2, .. }),
        "{error}"
    );
    // The row that was no number is not left in the padding.
    session
        .run(&input[..2 * INPUT], 2, &mut out[..2 * WIDTH])
        .unwrap();
}

#[test]
fn a_run_that_fails_is_told_and_the_session_goes_on() {
    /// Fails at its second copy.
    #[derive(Debug)]
    struct Second(AtomicUsize);
    impl Transfer for Second {
        #[allow(unsafe_code)]
        unsafe fn copy(
            &self,
            way: Way,
            to: *mut c_void,
            from: *const c_void,
            bytes: usize,
        ) -> Result<(), String> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 1 {
                return Err("the device fell off the bus".to_owned());
            }
            // SAFETY: handed on as it came.
            unsafe { HostCopy.copy(way, to, from, bytes) }
        }
    }
    let dir = tiny(|_| {});
    let input = values(4, 2 * INPUT);
    let expected = rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 2);
    let mut session = replaying(&dir, Arc::new(Second(AtomicUsize::new(0))));
    let error = session
        .run(&input, 2, &mut [0.0; 2 * WIDTH])
        .expect_err("refused");
    let told = "tiny.onnx: a batch of 2 failed in ONNX Runtime: the device fell off the bus";
    assert!(error.to_string().ends_with(told), "{error}");
    assert_eq!(rows(&mut session, &input, 2), expected);
}

#[test]
fn cudas_own_copies_carry_a_batch() {
    let (_library, name) = fake(0);
    let dir = tiny(|_| {});
    let input = values(5, 3 * INPUT);
    let expected = rows(&mut open(&dir, TINY_MANIFEST, 1).unwrap(), &input, 3);
    let mut session = replaying(&dir, Arc::new(Cudart::load(&name, 3).unwrap()));
    assert_eq!(rows(&mut session, &input, 2), expected);
}

#[test]
fn a_graph_of_bytes_is_given_bytes() {
    let dir = tiny(take_bytes);
    let text = TINY_MANIFEST
        .replace("dtype: float32", "dtype: uint8")
        .replace("127.5, 127.5, 127.5", "0, 0, 0")
        .replace("std: [0, 0, 0]", "std: [1, 1, 1]");
    let values = values(6, 5 * INPUT);
    let levels: Vec<f32> = values.iter().map(|x| (x * 127.0 + 128.0).floor()).collect();
    let expected = rows(&mut open(&dir, &text, 1).unwrap(), &levels, 5);
    let found = rows(&mut opened(&dir, &text).1, &levels, 2);
    assert_eq!(bits(&found), bits(&expected));
    assert!(found.iter().any(|feature| *feature > 0.0));
}

/// The graph takes bytes and makes numbers of them itself.
fn take_bytes(model: &mut ModelProto) {
    let graph = model.graph.as_mut().unwrap();
    let kind = graph.input[0].r#type.as_mut().unwrap();
    if let Some(type_proto::Value::TensorType(tensor)) = &mut kind.value {
        tensor.elem_type = Some(DataType::Uint8 as i32);
    }
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if name == "input" {
            *name = "numbers".to_owned();
        }
    }
    let to = AttributeProto {
        name: Some("to".to_owned()),
        i: Some(DataType::Float as i64),
        r#type: Some(attribute_proto::AttributeType::Int as i32),
        ..AttributeProto::default()
    };
    let cast = NodeProto {
        input: vec!["input".to_owned()],
        output: vec!["numbers".to_owned()],
        name: Some("numbers".to_owned()),
        op_type: Some("Cast".to_owned()),
        attribute: vec![to],
        ..NodeProto::default()
    };
    graph.node.insert(0, cast);
}

#[test]
fn pinned_memory_that_is_not_to_be_had_is_an_error() {
    let dir = tiny(|_| {});
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let options = SessionOptions::default();
    let memory = Some(Memory::Cuda { device: 0 });
    let opened = Session::open_in(
        memory,
        &manifest,
        dir.path(),
        &runtime(),
        &options,
        &Herald::silent(),
    );
    let mut session = opened.unwrap();
    let input = values(1, 2 * INPUT);
    let error = session
        .run(&input, 2, &mut [0.0; 2 * WIDTH])
        .expect_err("no GPU");
    let text = error.to_string();
    assert!(
        matches!(error, BackboneError::Memory { rows: 2, .. }),
        "{text}"
    );
    assert!(
        text.contains("no memory for a batch of 2 rows that the device can fetch"),
        "{text}"
    );
    assert!(text.contains("extract.batch"), "{text}");
}

#[test]
fn a_thread_that_is_gone_is_an_error() {
    let told = Failed::Lost.told(std::path::Path::new("x")).to_string();
    assert_eq!(told, "the thread that computes ended unexpectedly");
}
