//! Heat maps of what speaks for the predicted class.

use image::RgbImage;

use crate::head::Head;
use crate::report::data::Picture;
use crate::report::{heat_map, jpeg, thumbnail};

use super::super::checked::Checked;
use super::super::explain::Explainer;
use super::left::Left;

/// Makes heat maps, where the backbone has a feature map.
pub(super) struct Heat<'a> {
    checked: &'a Checked,
    explainer: Explainer,
    classes: Vec<String>,
}

impl<'a> Heat<'a> {
    /// Of the run's head on its pipeline's backbone.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub(super) fn of(left: &Left, checked: &'a Checked) -> Result<Self, String> {
        let bytes = left.bytes("head.safetensors").ok_or("there is no head")?;
        let (head, _) = Head::from_bytes(bytes).map_err(|e| e.to_string())?;
        let explainer = Explainer::of(checked, &head).map_err(|e| e.to_string())?;
        Ok(Self {
            checked,
            explainer,
            classes: head.class_names().to_vec(),
        })
    }

    /// The heat map of a picture for a class, fitted into `pixels` by `pixels`; None where it
    /// cannot be made.
    pub(super) fn of_picture(
        &mut self,
        id: &str,
        picture: &RgbImage,
        class: &str,
        pixels: u32,
    ) -> Option<Picture> {
        let class = self.classes.iter().position(|name| name == class)?;
        let maps = self.explainer.image(id, picture, &[class]).ok()?;
        let preprocess = self.checked.backbone.preprocess(picture.dimensions());
        let region = preprocess.region(picture.dimensions());
        let drawn = heat_map(&thumbnail(picture, pixels), maps.first()?, region);
        jpeg(&drawn).ok()
    }
}
