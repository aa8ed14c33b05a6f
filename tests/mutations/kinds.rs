//! The kinds of files: their seeds, how they are changed, what loads them, what that may take.

use std::path::Path;

use crate::loaders::{self, Outcome};
use crate::mutate;
use crate::random::Random;
use crate::seeds;

/// How files are changed: `mutate::bytes` or `mutate::text`.
type Change = fn(Vec<u8>, &[Vec<u8>], &mut Random) -> Vec<u8>;

/// A kind of files.
pub(crate) struct Kind {
    /// Its name, which is its test's.
    pub(crate) name: &'static str,
    /// Its part of all inputs.
    pub(crate) share: u32,
    /// The least part of its inputs that are accepted: with none, the mutations reach nothing.
    pub(crate) accepted: f64,
    /// The most bytes that loading one input may hold beside the input.
    pub(crate) memory: usize,
    /// Whether memory that is asked for and never touched is no matter. HDF5 asks for what a
    /// damaged file declares, and gives it back as soon as the file does not have as much.
    pub(crate) untouched: bool,
    /// Whole files.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// How they are changed.
    change: Change,
    /// Makes checksums right again, in half of the inputs.
    repair: fn(&mut [u8]),
    /// What loads them.
    pub(crate) load: fn(&[u8], &Path) -> Outcome,
}

const MB: usize = 1 << 20;

/// A picture of a megapixel as four 32-bit components, and as much again for decoding it.
const PICTURE: usize = 40 * MB;

const IMAGE: Kind = Kind {
    name: "",
    share: 12,
    accepted: 0.03,
    memory: PICTURE,
    untouched: false,
    seeds: Vec::new,
    change: mutate::bytes,
    repair: mutate::none,
    load: loaders::image,
};

const TEXT: Kind = Kind {
    share: 5,
    memory: 16 * MB,
    change: mutate::text,
    ..IMAGE
};

/// All kinds, in the order of their tests.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "jpeg",
        seeds: seeds::jpeg,
        ..IMAGE
    },
    Kind {
        name: "png",
        seeds: seeds::png,
        repair: mutate::png,
        ..IMAGE
    },
    Kind {
        name: "webp",
        seeds: seeds::webp,
        ..IMAGE
    },
    Kind {
        name: "gif",
        seeds: seeds::gif,
        ..IMAGE
    },
    Kind {
        name: "bmp",
        seeds: seeds::bmp,
        share: 4,
        ..IMAGE
    },
    Kind {
        name: "tiff",
        seeds: seeds::tiff,
        share: 8,
        ..IMAGE
    },
    Kind {
        name: "folder",
        seeds: seeds::pictures,
        share: 4,
        load: loaders::folder,
        memory: 2 * PICTURE,
        ..IMAGE
    },
    Kind {
        name: "csv",
        seeds: seeds::csv,
        share: 3,
        load: loaders::csv,
        memory: PICTURE,
        ..TEXT
    },
    Kind {
        name: "jsonl",
        seeds: seeds::jsonl,
        share: 3,
        load: loaders::jsonl,
        memory: PICTURE,
        ..TEXT
    },
    Kind {
        name: "hdf5",
        seeds: seeds::hdf5,
        share: 10,
        load: loaders::hdf5,
        memory: 96 * MB,
        untouched: true,
        ..IMAGE
    },
    Kind {
        name: "shard",
        seeds: seeds::shard,
        share: 5,
        load: loaders::shard,
        untouched: true,
        ..IMAGE
    },
    Kind {
        name: "pipeline",
        seeds: seeds::pipeline,
        share: 8,
        load: loaders::pipeline,
        ..TEXT
    },
    Kind {
        name: "manifest",
        seeds: seeds::manifest,
        load: loaders::manifest,
        ..TEXT
    },
    Kind {
        name: "huggingface",
        seeds: seeds::huggingface,
        share: 3,
        load: loaders::huggingface,
        ..TEXT
    },
    Kind {
        name: "timm",
        seeds: seeds::timm,
        share: 3,
        load: loaders::timm,
        ..TEXT
    },
    Kind {
        name: "tfjs",
        seeds: seeds::tfjs,
        load: loaders::tfjs,
        ..TEXT
    },
    Kind {
        name: "onnx",
        seeds: seeds::onnx,
        share: 10,
        memory: 16 * MB,
        load: loaders::onnx,
        ..IMAGE
    },
    Kind {
        name: "head",
        seeds: seeds::head,
        share: 4,
        memory: 16 * MB,
        load: loaders::head,
        ..IMAGE
    },
    Kind {
        name: "outputs",
        seeds: seeds::outputs,
        share: 2,
        load: loaders::outputs,
        accepted: 0.002,
        ..TEXT
    },
];

/// The kind of a name.
pub(crate) fn named(name: &str) -> &'static Kind {
    let found = KINDS.iter().find(|kind| kind.name == name);
    found.unwrap_or_else(|| panic!("no kind of files is called {name}"))
}

/// The inputs of a kind, by number: first its whole seeds, then mutated ones.
pub(crate) struct Inputs<'a> {
    kind: &'a Kind,
    seed: u64,
    seeds: Vec<Vec<u8>>,
    others: Vec<Vec<u8>>,
}

impl Kind {
    /// The inputs that a seed gives.
    pub(crate) fn inputs(&self, seed: u64) -> Inputs<'_> {
        let seeds = (self.seeds)();
        let others = [seeds.clone(), seeds::strangers()].concat();
        Inputs {
            kind: self,
            seed,
            seeds,
            others,
        }
    }
}

impl Inputs<'_> {
    /// How many are whole seeds.
    pub(crate) fn whole(&self) -> u32 {
        self.seeds.len() as u32
    }

    /// The bytes of one.
    pub(crate) fn input(&self, number: u32) -> Vec<u8> {
        if let Some(whole) = self.seeds.get(number as usize) {
            return whole.clone();
        }
        let mut random = Random::new(self.seed, self.kind.name, number);
        let start = random.of(&self.seeds).clone();
        let mut input = (self.kind.change)(start, &self.others, &mut random);
        if random.once_in(2) {
            (self.kind.repair)(&mut input);
        }
        input
    }
}
