//! Pictures, and lists of them.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;

use catpipe::dataset::{Background, Dataset, DatasetConfig, Limits, Source, decode_image};
use catpipe::yaml::Document;

use super::{Outcome, put, put_once, refused};

/// A megapixel: damaged sizes soon are larger, and those that are not take no time.
fn limits() -> Limits {
    Limits {
        max_pixels: NonZeroU64::new(1 << 20).expect("not 0"),
        max_side: NonZeroU32::new(1 << 14).expect("not 0"),
        max_bytes: NonZeroU64::new(1 << 22).expect("not 0"),
    }
}

/// A picture's bytes.
pub(crate) fn image(bytes: &[u8], _: &Path) -> Outcome {
    let decoded = decode_image(bytes, &limits(), Background([9, 9, 9]));
    let pixels = decoded.map_err(|error| refused(&error))?;
    assert!(limits().allow(pixels.width(), pixels.height()));
    Ok(())
}

/// A picture as a file in a class folder, where bad ones are skipped.
pub(crate) fn folder(bytes: &[u8], room: &Path) -> Outcome {
    for class in ["cats", "dogs"] {
        let inside = format!("pictures/{class}");
        std::fs::create_dir_all(room.join(&inside)).expect("a folder");
        put_once(room, &format!("{inside}/good.png"), good);
    }
    put(room, "pictures/cats/mutated", bytes);
    let dataset = open(room, "{folder: pictures}")?;
    let Some(skipped) = dataset.skipped().first() else {
        return Ok(());
    };
    // The message without what it says of this one file.
    let words = skipped.reason.split_whitespace().take(3);
    Err(words
        .filter(|word| word.chars().all(char::is_alphabetic))
        .collect::<Vec<_>>()
        .join(" "))
}

/// A list of pictures as a table.
pub(crate) fn csv(bytes: &[u8], room: &Path) -> Outcome {
    list(bytes, room, "list.csv", "{csv: list.csv}")
}

/// A list of pictures as JSON objects.
pub(crate) fn jsonl(bytes: &[u8], room: &Path) -> Outcome {
    list(bytes, room, "list.jsonl", "{jsonl: list.jsonl}")
}

fn list(bytes: &[u8], room: &Path, name: &str, source: &str) -> Outcome {
    for picture in ["a.png", "b.png", "c.png"] {
        put_once(room, picture, good);
    }
    put(room, name, bytes);
    open(room, source).map(drop)
}

/// Opens a source and reads its pictures.
fn open(room: &Path, source: &str) -> Result<Dataset, String> {
    let config = format!(
        "{{train: {source}, on_error: skip, max_skipped: 1, limits: {{max_pixels: 1048576, max_side: 16384, max_bytes: 4194304}}}}"
    );
    let document = Document::parse(Path::new("p.yaml"), &config).expect("YAML");
    let config: DatasetConfig = document.typed().expect("a dataset");
    let dataset = Dataset::open(&config, room);
    let dataset = dataset.map_err(|error| super::arrays::source_refused(&error))?;
    read(&dataset.train);
    Ok(dataset)
}

fn read(source: &Source) {
    for i in 0..source.examples().len().min(4) {
        source.read(i).expect("what was not skipped can be read");
        source.content_key(i).expect("what can be read has a key");
    }
}

fn good() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]));
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("a PNG");
    bytes.into_inner()
}
