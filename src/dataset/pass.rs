//! Passes over all images of a source that take long.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why all images of a source are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Each is decoded, so that those that cannot be are left out (`on_error: skip`).
    Trying,
    /// Each is read, to be drawn for a side by its content (`split`).
    Dividing,
    /// Each is decoded, to see what it is like ([`Dataset::survey`](super::Dataset::survey)).
    Looking,
    /// Each that is new or changed is read, to be known by its content.
    Knowing,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Pass::Trying => "looking for unreadable images",
            Pass::Dividing => "dividing",
            Pass::Looking => "looking at the images",
            Pass::Knowing => "looking for new or changed images",
        })
    }
}

/// Is told how many images of a pass are done, and of how many, after each.
pub type PassWatch<'a> = &'a mut dyn FnMut(Pass, usize, usize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{
        Dataset, DatasetConfig, OnError, Share, Sides, SourceConfig, SplitConfig,
    };
    use image::RgbImage;
    use std::fs;

    /// What is told while a dataset is opened: of each pass how often, and the last time.
    fn told(sides: Sides, on_error: OnError, dir: &std::path::Path) -> Vec<(Pass, usize, usize)> {
        let config = DatasetConfig {
            on_error,
            max_skipped: Share::ALL,
            ..sides.into()
        };
        let mut told: Vec<(Pass, usize, usize)> = Vec::new();
        Dataset::open_watched(
            &config,
            dir,
            &mut |pass, done, total| match told.last_mut() {
                Some((last, before, of)) if done > 1 => {
                    assert_eq!((*last, *before + 1, *of), (pass, done, total));
                    *before = done;
                }
                _ => told.push((pass, done, total)),
            },
        )
        .unwrap();
        told
    }

    #[test]
    fn each_pass_is_told_of_and_nothing_where_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            fs::create_dir(dir.path().join(class)).unwrap();
            for i in 0..20 {
                let path = dir.path().join(format!("{class}/{i}.png"));
                let color = image::Rgb([i, class.as_bytes()[0], 0]);
                RgbImage::from_pixel(2, 1, color).save(path).unwrap();
            }
        }
        fs::write(dir.path().join("b/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        let source = SourceConfig::Folder {
            group_by: None,
            folder: String::new().into(),
            exclude: Vec::new(),
        };
        let split = Some(SplitConfig {
            test: 0.5.try_into().unwrap(),
            seed: 1,
            stratified: true,
        });
        let (train, test) = (source.clone(), Some(source.clone()));
        let given = Sides::Given { train, test };
        let divided = Sides::Divided { source, split };
        let dir = dir.path();
        assert_eq!(told(given.clone(), OnError::Stop, dir), []);
        let once = (Pass::Trying, 41, 41);
        assert_eq!(told(given, OnError::Skip, dir), [once, once]);
        let drawn = (Pass::Dividing, 40, 40);
        assert_eq!(told(divided.clone(), OnError::Skip, dir), [once, drawn]);
        fs::remove_file(dir.join("b/broken.png")).unwrap();
        assert_eq!(told(divided, OnError::Stop, dir), [drawn]);
    }
}
