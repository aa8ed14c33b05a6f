//! The heat maps of a prediction, as files.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::Array2;

use super::PredictError;
use crate::report::heat_map;

/// A folder for heat maps, one PNG an image.
#[derive(Debug)]
pub struct HeatMaps {
    folder: PathBuf,
    taken: HashSet<String>,
}

impl HeatMaps {
    /// Makes the folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn into(folder: &Path) -> Result<Self, PredictError> {
        fs::create_dir_all(folder).map_err(|source| PredictError::Drawing {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            taken: HashSet::new(),
        })
    }

    /// Draws the map over the picture and writes it under the image's name, with a number where
    /// another image had that name; gives its path.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn draw(
        &mut self,
        image: &Path,
        picture: &RgbImage,
        map: &Array2<f32>,
        region: [f32; 4],
    ) -> Result<PathBuf, PredictError> {
        let name = self.name(image);
        let path = self.folder.join(name);
        let drawn = heat_map(picture, map, region);
        let failed = |source: std::io::Error| PredictError::Drawing {
            path: path.clone(),
            source,
        };
        let mut png = std::io::Cursor::new(Vec::new());
        drawn
            .write_to(&mut png, image::ImageFormat::Png)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        fs::write(&path, png.into_inner()).map_err(failed)?;
        Ok(path)
    }

    fn name(&mut self, image: &Path) -> String {
        let stem = image
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut name = format!("{stem}.png");
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{stem}-{number}.png");
            number += 1;
        }
        name
    }
}
