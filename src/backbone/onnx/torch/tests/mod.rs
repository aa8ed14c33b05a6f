//! State dicts that the tests write themselves, and two that PyTorch wrote.

mod damage;
mod network;
mod reading;
mod reference;
mod refusals;
mod writer;

use std::path::PathBuf;

use super::architecture::{Block, Blueprint};
use super::{Imported, TorchError, import_as};
use crate::backbone::testing::values;
use writer::Entry;

/// A network of every kind of block, small enough for a reference that takes its time; the sides
/// of its maps are odd and even.
fn small() -> Blueprint {
    let block = |kernel, stride, expansion, inputs, outputs| Block {
        kernel,
        stride,
        expansion,
        inputs,
        outputs,
    };
    Blueprint {
        name: "small",
        size: 22,
        stem: 4,
        blocks: vec![
            block(3, 1, 1, 4, 3),
            block(5, 2, 2, 3, 4),
            block(3, 1, 2, 4, 4),
            block(3, 2, 3, 4, 5),
        ],
        head: 6,
    }
}

/// The small network's weights. Every other kernel lies in memory as out of TensorFlow.
fn weights() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut add = |name: String, shape: &[usize], low: f32, high: f32| {
        let seed = entries.len() as u64;
        let count = shape.iter().product();
        let middle = (low + high) / 2.0;
        let values = values(seed, count)
            .into_iter()
            .map(|x| middle + x * (high - low) / 2.0);
        let entry = Entry::new(&name, shape, values.collect());
        let turned = seed.is_multiple_of(2);
        entries.push(if turned { entry.turned() } else { entry });
    };
    let mut conv = |conv: String, norm: String, shape: [usize; 4]| {
        add(format!("{conv}.weight"), &shape, -0.9, 0.9);
        add(format!("{norm}.weight"), &shape[..1], 0.5, 1.5);
        add(format!("{norm}.bias"), &shape[..1], -0.2, 1.0);
        add(format!("{norm}.running_mean"), &shape[..1], -0.3, 0.3);
        add(format!("{norm}.running_var"), &shape[..1], 0.2, 2.0);
    };
    let net = small();
    conv("_conv_stem".into(), "_bn0".into(), [net.stem, 3, 3, 3]);
    for (place, block) in net.blocks.iter().enumerate() {
        let name = |part: &str| format!("_blocks.{place}.{part}");
        let inside = block.inputs * block.expansion;
        if block.expansion != 1 {
            conv(
                name("_expand_conv"),
                name("_bn0"),
                [inside, block.inputs, 1, 1],
            );
        }
        let side = block.kernel;
        conv(
            name("_depthwise_conv"),
            name("_bn1"),
            [inside, 1, side, side],
        );
        conv(
            name("_project_conv"),
            name("_bn2"),
            [block.outputs, inside, 1, 1],
        );
    }
    conv("_conv_head".into(), "_bn1".into(), [net.head, 5, 1, 1]);
    add("_fc.weight".into(), &[3, net.head], -1.0, 1.0);
    add("_fc.bias".into(), &[3], -1.0, 1.0);
    entries
}

/// Imports a file of these bytes as the small network.
fn import(bytes: &[u8]) -> Result<Imported, TorchError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    std::fs::write(&path, bytes).unwrap();
    import_as(&path, &small())
}

/// What the import of these bytes says, without the folder.
fn refusal(bytes: &[u8]) -> String {
    let text = import(bytes).unwrap_err().to_string();
    let (_, said) = text.split_once("net.pth: ").unwrap();
    said.to_owned()
}

/// A file that PyTorch wrote.
fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}
