//! No file, however damaged, makes the reader panic, hang or ask for memory without end.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::file::read;
use super::super::pickle::Machine;
use super::{golden, import, weights, writer};

/// Flips bits, writes numbers of all sizes over others, moves pieces, cuts the end off.
fn damaged(mut bytes: Vec<u8>, changes: &[(u8, Index, Index, u32)], cut: Option<Index>) -> Vec<u8> {
    for (kind, place, other, number) in changes {
        let place = place.index(bytes.len());
        match kind % 3 {
            0 => bytes[place] ^= 1 << (number % 8),
            1 => {
                let number = number.to_le_bytes();
                let count = number.len().min(bytes.len() - place);
                bytes[place..place + count].copy_from_slice(&number[..count]);
            }
            _ => {
                let from = other.index(bytes.len());
                let count = (*number as usize % 64).min(bytes.len() - place.max(from));
                bytes.copy_within(from..from + count, place);
            }
        }
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

type Change = (u8, Index, Index, u32);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let number = prop_oneof![
        any::<u32>(),
        0..4_u32,
        Just(u32::MAX),
        Just(i32::MAX as u32)
    ];
    prop::collection::vec((any::<u8>(), any::<Index>(), any::<Index>(), number), 1..6)
}

fn cut() -> impl Strategy<Value = Option<Index>> {
    prop::option::weighted(0.2, any::<Index>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_file_of_pytorch_is_an_error_or_a_state_dict(
        legacy in any::<bool>(), changes in changes(), cut in cut(),
    ) {
        let name = if legacy { "torch_legacy.pth" } else { "torch_zip.pth" };
        let bytes = damaged(std::fs::read(golden(name)).unwrap(), &changes, cut);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pth");
        std::fs::write(&path, bytes).unwrap();
        if let Ok(mut state) = read(&path) {
            for (name, shape) in [("plain", &[3, 4][..]), ("turned", &[4, 3]), ("half", &[3])] {
                if let Ok(values) = state.take(name, shape) {
                    prop_assert_eq!(values.len(), shape.iter().product::<usize>());
                }
            }
        }
    }

    /// Operations in any order, most of them known ones.
    #[test]
    fn no_pickle_makes_the_machine_panic(
        operations in prop::collection::vec(prop_oneof![
            8 => prop::sample::select(vec![
                &b"("[..], b"N", b"\x88", b"K\x03", b"}", b"]", b")", b"\x85", b"\x86", b"\x87",
                b"t", b"a", b"e", b"s", b"u", b"q\x01", b"h\x01", b"Q", b"R", b"b", b"\x8a\x01\xff",
                b"X\x01\0\0\0a", b"X\x07\0\0\0storage", b"ctorch\nFloatStorage\n",
                b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b".",
                b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0aX\x01\0\0\0cK\x06tQ",
            ]).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 1..4),
        ], 0..60),
    ) {
        let bytes = operations.concat();
        let mut machine = Machine::new(&bytes, 64);
        let _ = machine.run();
        for tensor in &machine.heap.tensors {
            let length = machine.heap.storages[tensor.storage].length;
            prop_assert!(tensor.places().all(|place| place < length));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_damaged_network_is_an_error_or_a_network(
        legacy in any::<bool>(), changes in changes(), cut in cut(),
    ) {
        let whole = match legacy {
            true => writer::legacy(&weights()),
            false => writer::archive(&weights()),
        };
        let _ = import(&damaged(whole, &changes, cut));
    }
}
