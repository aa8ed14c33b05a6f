//! What is no state dict of the network is refused, by name and place.

use zip::CompressionMethod::{Deflated, Stored};

use super::writer::{Entry, Pickle, archive, legacy, legacy_with, zip_with};
use super::{import, import_as, refusal, small, weights};
use crate::backbone::onnx::torch::{Architecture, TorchError};

/// What is said of the small network's weights after a change.
fn changed(change: impl FnOnce(&mut Vec<Entry>)) -> String {
    let mut entries = weights();
    change(&mut entries);
    refusal(&legacy(&entries))
}

fn place(entries: &[Entry], name: &str) -> usize {
    entries.iter().position(|entry| entry.name == name).unwrap()
}

#[test]
fn tensors_that_are_not_those_of_the_architecture() {
    let start = "is no state dict of small: the tensor";
    assert_eq!(
        changed(|all| drop(all.remove(place(all, "_blocks.1._bn2.running_var")))),
        format!("{start} `_blocks.1._bn2.running_var` is missing")
    );
    assert_eq!(
        changed(|all| all.push(Entry::new("_se.weight", &[1], vec![0.0]))),
        format!("{start} `_se.weight` is unexpected: the architecture has none of this name")
    );
    assert_eq!(
        changed(|all| all[0] = Entry::new("_conv_stem.weight", &[4, 3, 1, 1], vec![0.0; 12])),
        format!("{start} `_conv_stem.weight` has shape [4, 3, 1, 1], expected [4, 3, 3, 3]")
    );
    assert_eq!(
        changed(|all| all[0].values[5] = f32::NAN)
            .split(" at ")
            .next(),
        Some(format!("{start} `_conv_stem.weight` holds NaN").as_str())
    );
    let variance = changed(|all| all[4].values[2] = -1.0);
    assert!(variance.contains("`_bn0.running_var` holds a variance of -1 in channel 2"));
    let fold = changed(|all| {
        all[0].values[0] = f32::MAX;
        all[4].values.fill(-0.000_999);
    });
    assert!(
        fold.contains("`_conv_stem.weight` can't take the batch norm after it"),
        "{fold}"
    );
    // The counters of training are known, wherever they are.
    let mut entries = weights();
    entries.push(Entry::new("_bn0.num_batches_tracked", &[], vec![7.0]));
    assert!(import(&legacy(&entries)).is_ok());
    assert!(Architecture::named(small().name).is_none());
}

#[test]
fn files_that_torch_save_did_not_write() {
    let neither = "is not a file of torch.save";
    for bytes in [&b""[..], b"PK", b"\x80\x02}.", b"<!DOCTYPE html>"] {
        assert!(refusal(bytes).starts_with(neither), "{bytes:?}");
    }
    let missing = import_as("no/net.pth".as_ref(), &small()).unwrap_err();
    assert!(matches!(missing, TorchError::NotThere { .. }), "{missing}");
    let entries = weights();
    let whole = legacy(&entries);
    let short = refusal(&whole[..whole.len() - 3]);
    assert!(short.contains("is cut off: 12 bytes from byte"), "{short}");
    let headless = refusal(&whole[..40]);
    assert!(
        headless.contains("the file ends in the middle of its pickle"),
        "{headless}"
    );
    let zip = archive(&entries);
    assert!(refusal(&zip[..zip.len() - 30]).contains("is a damaged zip archive"));
    let big = legacy_with(&Pickle::new().raw(b"}").end(), false, &[]);
    assert!(refusal(&big).contains("big-endian"));
    let empty = legacy_with(&Pickle::new().raw(b"}").end(), true, &[]);
    assert!(refusal(&empty).contains("`_conv_stem.weight` is missing"));
}

#[test]
fn zip_archives_with_another_content() {
    let object = Pickle::new().raw(b"}").text("w");
    let tensor = Entry::new("w", &[2], vec![1.0, 2.0]);
    let object = object.tensor(&tensor, "0", false).raw(b"s").end();
    let data = [0, 0, 128, 63, 0, 0, 0, 64];
    let said = |members: &[(&str, &[u8])], method| refusal(&zip_with(members, method));
    let whole: [(&str, &[u8]); 2] = [("a/data.pkl", &object), ("a/data/0", &data)];
    assert!(said(&whole, Stored).contains("the tensor `_conv_stem.weight` is missing"));
    assert!(said(&whole, Deflated).contains("`a/data.pkl` is compressed or encrypted"));
    assert!(said(&whole[..1], Stored).contains("its member `a/data/0` is missing"));
    assert!(said(&whole[1..], Stored).contains("`*/data.pkl` is missing"));
    let short = said(&[whole[0], ("a/data/0", &data[..4])], Stored);
    assert!(
        short.contains("the storage `0` is cut off: 8 bytes"),
        "{short}"
    );
    let order = said(&[whole[0], whole[1], ("a/byteorder", b"big")], Stored);
    assert!(order.contains("big-endian"), "{order}");
    let mut flipped = zip_with(&whole, Stored);
    let place = flipped.windows(8).position(|w| w == data).unwrap();
    flipped[place] ^= 1;
    assert!(refusal(&flipped).contains("`a/data/0` is damaged"));
}

/// What is said of this object in a file of the older format.
fn object(pickle: Pickle) -> String {
    refusal(&legacy_with(&pickle.end(), true, &[]))
}

#[test]
fn pickles_that_would_do_something() {
    let system = object(
        Pickle::new()
            .raw(b"cposix\nsystem\n")
            .text("true")
            .raw(b"\x85R"),
    );
    assert!(system.contains("wants to call `posix.system`"), "{system}");
    assert!(system.starts_with("at byte 47: "), "{system}");
    for (bytes, said) in [
        (&b"i"[..], "the pickle operation 0x69"),
        (b"\x93", "the pickle operation 0x93"),
        (b"\x80\x05", "pickle protocol 5"),
        (b"(", "does not find on the stack"),
        (b"0", "the pickle operation 0x30"),
        (b"}h\x07", "nothing was remembered as 7"),
        (b"X\xff\xff\xff\xff", "a text is longer than 1024 bytes"),
        (b"X\x02\0\0\0\xc3\x28", "or not UTF-8"),
        (b"ctorch", "a class's name"),
        (b"\x8a\x09123456789", "an integer of more than eight bytes"),
        (
            b"ccollections\nOrderedDict\nK\x01\x85R",
            "a call of a class or function",
        ),
        (b"K\x01)R", "a call of an integer"),
        (b"]}b", "attributes for a list"),
        (b")Q", "a reference to a storage"),
        (b"]", "the object is a list"),
        (b"}K\x01K\x02s", "a dictionary with an integer as a key"),
        (b"ctorch\nDoubleStorage\n", "`torch.DoubleStorage`"),
    ] {
        let found = object(Pickle::new().raw(bytes));
        assert!(found.contains(said), "{said}: {found}");
    }
    let nested = object(Pickle::new().raw(b"}").text("epoch").raw(b"K\x05s"));
    assert!(
        nested.contains("a dictionary with an integer as `epoch`"),
        "{nested}"
    );
    let long = object(Pickle::new().raw(vec![b'N'; 1 << 18]));
    assert!(
        long.contains("more than 262144 pickle operations"),
        "{long}"
    );
    // A tuple in a tuple in a tuple ...: nothing walks into it.
    let deep = object(Pickle::new().raw(b")").raw(vec![0x85; 250_000]));
    assert!(deep.contains("the object is a tuple"), "{deep}");
}

#[test]
fn tensors_and_storages_with_forged_sizes() {
    let tensor = |shape: &[usize], strides: &[usize], claimed: usize| {
        let entry = Entry {
            name: "w".to_owned(),
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            values: vec![0.0; claimed],
        };
        object(
            Pickle::new()
                .raw(b"}")
                .text("w")
                .tensor(&entry, "0", true)
                .raw(b"s"),
        )
    };
    assert!(tensor(&[3], &[1], 2).contains("of shape [3] and strides [1] does not fit"));
    assert!(tensor(&[2], &[9], 2).contains("does not fit into its storage of 2 elements"));
    assert!(tensor(&[i32::MAX as usize; 4], &[0; 4], 2).contains("does not fit"));
    assert!(tensor(&[1; 9], &[1; 9], 2).contains("more than 8 axes"));
    assert!(tensor(&[1, 1], &[1], 2).contains("is not described by"));
    assert!(
        tensor(&[2], &[1], 2).contains("the storage `0` is used by a tensor but not in the file")
    );
    let huge = Pickle::new().storage("torch\nFloatStorage\n", "0", i32::MAX as usize, true);
    let huge = object(huge);
    assert!(
        huge.contains("the storage `0` has 2147483647 elements"),
        "{huge}"
    );
    let twice = Pickle::new().storage("torch\nFloatStorage\n", "0", 1, true);
    let twice = object(twice.storage("torch\nFloatStorage\n", "0", 2, true));
    assert!(twice.contains("two types or lengths"), "{twice}");
    let unused = legacy_with(
        &Pickle::new().raw(b"}").end(),
        true,
        &[("9".into(), vec![0; 4])],
    );
    assert!(refusal(&unused).contains("the storage `9` is in the file but used by no tensor"));
    let entry = Entry::new("w", &[1], vec![0.0]);
    let one = Pickle::new()
        .raw(b"}")
        .text("w")
        .tensor(&entry, "0", true)
        .raw(b"s");
    let longer = legacy_with(&one.end(), true, &[("0".into(), vec![0; 8])]);
    assert!(refusal(&longer).contains("has 2 elements at byte"));
    let same = Pickle::new()
        .raw(b"}")
        .text("w")
        .tensor(&entry, "0", true)
        .raw(b"s");
    let same = same.text("w").tensor(&entry, "0", true).raw(b"s").end();
    let same = legacy_with(&same, true, &[("0".into(), vec![0; 4])]);
    assert!(refusal(&same).contains("the tensor `w` stands there twice"));
}
