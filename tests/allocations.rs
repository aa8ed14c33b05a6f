//! What the steady state of an extraction asks of the allocator: a program of its own, because the
//! allocator that counts is the whole program's.
#![allow(unsafe_code)] // an allocator cannot be written without
#![allow(clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use catpipe::assets;
use catpipe::backbone::onnx::{self, tiny};
use catpipe::backbone::{Manifest, Runtime, Search, Session, SessionOptions};
use catpipe::dataset::synth::{self, SynthConfig, SynthFormat, SynthSet};
use catpipe::dataset::{Dataset, DatasetConfig, ReadTimes, Reader};
use catpipe::extract::{Failure, Infer, Prepare, Row, Shape, extract};

/// The system's allocator, which counts.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: what another allocates would be counted, too.
static ALONE: Mutex<()> = Mutex::new(());

/// Calls of the allocator and bytes asked for while `work` runs.
fn counted(work: impl FnOnce()) -> (u64, u64) {
    let before = (CALLS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    work();
    let after = (CALLS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    (after.0 - before.0, after.1 - before.1)
}

struct Fill;

impl Prepare for Fill {
    fn prepare(&mut self, index: usize, _: Row, input: &mut [f32]) -> Result<(), Failure> {
        input.fill(index as f32);
        Ok(())
    }
}

struct First;

impl Infer for First {
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure> {
        let each = input.len() / rows;
        for (feature, input) in features.iter_mut().zip(input.chunks(each)) {
            *feature = input[0];
        }
        Ok(())
    }
}

/// What the engine allocates for so many batches.
fn engine(batches: usize) -> (u64, u64) {
    let shape = Shape {
        input: 1000,
        width: 1,
        batch: 8,
    };
    let rows: Vec<Row> = (0..8 * batches)
        .map(|example| Row { example, view: 0 })
        .collect();
    let mut seen = 0;
    let counted = counted(|| {
        let mut sink = |first: usize, features: &[f32]| {
            seen += usize::from(features[0] == first as f32);
            Ok(())
        };
        extract(&rows, shape, vec![Fill, Fill], &mut First, &mut sink).expect("rows");
    });
    assert_eq!(seen, batches);
    counted
}

#[test]
fn the_engine_allocates_nothing_for_a_batch() {
    let _alone = ALONE.lock();
    engine(100); // what threads set up once
    let (few, few_bytes) = engine(100);
    let (many, many_bytes) = engine(5_000);
    // Lists of waiting threads inside the channels grow a few times, at no time of their own.
    assert!(many < few + 100, "{few} allocations, and {many}");
    assert!(
        many_bytes < few_bytes + 20_000,
        "{few_bytes} bytes, and {many_bytes}"
    );
}

/// What a session with a GPU's buffers allocates for so many batches of 4 rows and one of 3.
fn bound(session: &mut Session, batches: usize) -> (u64, u64) {
    let (each, width) = (session.input_len(), session.width());
    let input = vec![0.5; 4 * each];
    let mut out = vec![0.0; 4 * width];
    counted(|| {
        session.start(&input, 4).expect("a batch");
        for _ in 1..batches {
            session.start(&input, 4).expect("a batch");
            assert_eq!(session.finish(&mut out).expect("features"), 4);
        }
        session.start(&input[..3 * each], 3).expect("a batch");
        assert_eq!(session.finish(&mut out).expect("features"), 4);
        assert_eq!(session.finish(&mut out).expect("features"), 3);
    })
}

#[test]
fn batches_that_go_to_a_device_are_copied_into_the_same_memory() {
    let _alone = ALONE.lock();
    let dir = tempfile::tempdir().expect("a folder");
    let model = tiny::residual(&tiny::TinyConfig::default());
    onnx::write(&dir.path().join("none.onnx"), &model).expect("a graph");
    let small = MANIFEST.replace("224, 224", "32, 32");
    std::fs::write(dir.path().join("b.yaml"), small).expect("a manifest");
    let manifest = Manifest::read(&dir.path().join("b.yaml")).expect("a manifest");
    let cache = assets::cache_dir().expect("a cache");
    let search = Search::from_env(None, assets::runtime_dir(&cache));
    let runtime = Runtime::locate(&search).expect("run `make setup` first");
    let options = SessionOptions::default();
    let session = Session::open_bound(&manifest, dir.path(), &runtime, &options);
    let mut session = session.expect("a session");
    bound(&mut session, 20);
    let (few, few_bytes) = bound(&mut session, 20);
    let (many, many_bytes) = bound(&mut session, 2_000);
    assert!(many < few + 20, "{few} allocations, and {many}");
    assert!(
        many_bytes < few_bytes + 5_000,
        "{few_bytes} bytes, and {many_bytes}"
    );
}

#[test]
fn pictures_are_read_decoded_and_resized_in_the_same_memory() {
    let _alone = ALONE.lock();
    let dir = tempfile::tempdir().expect("a folder");
    let (width, height) = (500_u32, 375_u32);
    let set = SynthSet {
        classes: 2,
        train_per_class: 4,
        test_per_class: 0,
        size: [width, height],
        format: SynthFormat::Jpeg,
        ..SynthSet::default()
    };
    let out = dir.path().join("pictures");
    synth::write(&SynthConfig { out, set }, &|_, _| ()).expect("pictures");
    std::fs::write(dir.path().join("b.yaml"), MANIFEST).expect("a manifest");
    let manifest = Manifest::read(&dir.path().join("b.yaml")).expect("a manifest");
    let config: DatasetConfig = serde_json::from_value(serde_json::json!({
        "train": {"folder": "pictures/train"}
    }))
    .expect("a dataset");
    let dataset = Dataset::open(&config, dir.path()).expect("a dataset");

    let mut reader = Reader::new(&dataset.train);
    let mut preprocessor = manifest.preprocess().worker();
    let mut input = vec![0.0; manifest.preprocess().input_len()];
    let mut times = ReadTimes::default();
    let mut pass = || {
        for i in 0..8 {
            let image = reader.read(i, &mut times).expect("a picture");
            preprocessor
                .apply("x", image, &mut input)
                .expect("an input");
        }
    };
    pass();
    let (_, bytes) = counted(pass);
    let picture = u64::from(3 * width * height);
    // Paths are made, pictures are not.
    assert!(
        bytes < 8 * 4096,
        "{bytes} bytes for 8 pictures of {picture}"
    );
    assert!(!times.read.is_zero() && !times.decode.is_zero());
}

const MANIFEST: &str = "name: none
file: none.onnx
input: {name: input, layout: nchw, dtype: float32, size: [224, 224]}
preprocess: {preset: torch-imagenet}
output: {name: features, width: 8}
";
