//! What a row depends on, as one printable struct, and the digests made of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Everything that a feature row depends on except its image and its view.
///
/// Rows of different spaces never meet: each field goes into every row's [`RowId`]. What a row
/// must not depend on (a file's name and place, other examples, batch size, threads) has no field
/// here. The order of the fields is part of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Version of this key, [`Space::FORMAT`].
    pub format: u32,
    /// How pixels become the graph's input, in canonical words.
    pub preprocessing: String,
    /// SHA-256 of the ONNX file in hex, or `pixels` where no graph runs.
    pub graph: String,
    /// Name of the graph's output that is kept.
    pub output: String,
    /// Numbers in a row.
    pub width: usize,
    /// What may change the bits of the arithmetic: provider, precision, runtime version.
    pub numeric: String,
    /// The numbers that are kept of a row. Float32 stands nowhere, neither in the key nor in
    /// `space.json`: rows were nothing else before there was a choice, and those stay valid.
    #[serde(default, skip_serializing_if = "RowType::is_float32")]
    pub rows: RowType,
}

/// How the numbers of a row are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowType {
    /// As the backbone gives them: four bytes a number.
    #[default]
    Float32,
    /// Rounded to IEEE half precision: two bytes a number. See the
    /// [module](crate::features#half-precision) for what is lost.
    Float16,
}

impl RowType {
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_float32(&self) -> bool {
        *self == Self::Float32
    }

    /// What is read back of a `value` that was kept like this.
    #[must_use]
    pub fn kept(self, value: f32) -> f32 {
        match self {
            Self::Float32 => value,
            Self::Float16 => half::f16::from_f32(value).to_f32(),
        }
    }

    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
        }
    }
}

impl fmt::Display for RowType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
        })
    }
}

impl Space {
    /// The version of the key that this program makes.
    pub const FORMAT: u32 = 1;

    /// SHA-256 over the fields, each with its name and both with their lengths, so that no two
    /// spaces share an encoding.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        field(&mut hash, "domain", b"catpipe feature space");
        field(&mut hash, "format", self.format.to_string().as_bytes());
        field(&mut hash, "preprocessing", self.preprocessing.as_bytes());
        field(&mut hash, "graph", self.graph.as_bytes());
        field(&mut hash, "output", self.output.as_bytes());
        field(&mut hash, "width", self.width.to_string().as_bytes());
        field(&mut hash, "numeric", self.numeric.as_bytes());
        if !self.rows.is_float32() {
            field(&mut hash, "rows", self.rows.to_string().as_bytes());
        }
        hash.finalize().into()
    }

    /// The id of one row: SHA-256 over this space's digest, `image` (the content key of the
    /// example's pixels) and `view_key` (ops, seed and number of the view, or `plain`).
    pub fn row(&self, image: &[u8; 32], view_key: &str) -> RowId {
        self.namer().row(image, view_key)
    }

    /// [`Space::row`] of many rows: what they share is hashed once.
    pub fn namer(&self) -> RowNamer {
        let mut hash = Sha256::new();
        field(&mut hash, "domain", b"catpipe feature row");
        field(&mut hash, "space", &self.digest());
        RowNamer(hash)
    }

    /// The name of this space's folder in a store: the first 16 hex digits of its digest. Two
    /// spaces that met in one folder would still not mix, as every row's id covers its space.
    #[must_use]
    pub fn folder(&self) -> String {
        hex(self.digest().get(..8).unwrap_or_default())
    }
}

impl fmt::Display for Space {
    /// One `field: value` a line, in the order of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format: {}", self.format)?;
        writeln!(f, "preprocessing: {}", self.preprocessing)?;
        writeln!(f, "graph: {}", self.graph)?;
        writeln!(f, "output: {}", self.output)?;
        writeln!(f, "width: {}", self.width)?;
        write!(f, "numeric: {}", self.numeric)?;
        if !self.rows.is_float32() {
            write!(f, "\nrows: {}", self.rows)?;
        }
        Ok(())
    }
}

/// Gives the rows of one [`Space`] their ids.
#[derive(Clone, Debug)]
pub struct RowNamer(Sha256);

impl RowNamer {
    /// What [`Space::row`] gives.
    #[must_use]
    pub fn row(&self, image: &[u8; 32], view_key: &str) -> RowId {
        let mut hash = self.0.clone();
        field(&mut hash, "image", image);
        field(&mut hash, "view", view_key.as_bytes());
        RowId(hash.finalize().into())
    }
}

/// The name of one feature row: a digest of its [`Space`], its image and its view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub [u8; 32]);

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowId({self})")
    }
}

/// Lower-case hex digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Feeds one field: name and value, each after its length as u64, little endian.
fn field(hash: &mut Sha256, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), value] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn space() -> Space {
        Space {
            format: 1,
            preprocessing: "bgr".into(),
            graph: "ab".into(),
            output: "features".into(),
            width: 4,
            numeric: "cpu fp32 1.31.0".into(),
            rows: RowType::Float32,
        }
    }

    fn row(change: impl Fn(&mut Space)) -> RowId {
        let mut space = space();
        change(&mut space);
        space.row(&[1; 32], "plain")
    }

    fn base() -> RowId {
        row(|_| ())
    }

    #[test]
    fn the_format_changes_a_row() {
        assert_ne!(row(|s| s.format = 2), base());
    }

    #[test]
    fn preprocessing_changes_a_row() {
        assert_ne!(row(|s| s.preprocessing = "rgb".into()), base());
    }

    #[test]
    fn the_graph_changes_a_row() {
        assert_ne!(row(|s| s.graph = "ac".into()), base());
    }

    #[test]
    fn the_output_changes_a_row() {
        assert_ne!(row(|s| s.output = "probabilities".into()), base());
    }

    #[test]
    fn the_width_changes_a_row() {
        assert_ne!(row(|s| s.width = 5), base());
    }

    #[test]
    fn the_numeric_class_changes_a_row() {
        assert_ne!(row(|s| s.numeric = "cpu fp32 1.30.0".into()), base());
    }

    #[test]
    fn half_precision_changes_a_row() {
        assert_ne!(row(|s| s.rows = RowType::Float16), base());
    }

    #[test]
    fn the_image_changes_a_row() {
        let mut image = [1; 32];
        image[31] ^= 1;
        assert_ne!(space().row(&image, "plain"), base());
    }

    #[test]
    fn the_view_changes_a_row() {
        assert_ne!(space().row(&[1; 32], "hflip p=0.5; seed=1; view=1"), base());
    }

    #[test]
    fn a_space_written_and_read_back_gives_the_same_rows() {
        let text = serde_json::to_string(&space()).unwrap();
        let read: Space = serde_json::from_str(&text).unwrap();
        assert_eq!(read, space());
        assert_eq!(read.row(&[1; 32], "plain"), base());
    }

    #[test]
    fn float32_is_what_a_space_without_a_word_of_it_has() {
        let text = serde_json::to_string(&space()).unwrap();
        assert!(!text.contains("rows"), "{text}");
        let half = Space {
            rows: RowType::Float16,
            ..space()
        };
        let text = serde_json::to_string(&half).unwrap();
        assert!(text.contains(r#""rows":"float16""#), "{text}");
        let read: Space = serde_json::from_str(&text).unwrap();
        assert_eq!(read, half);
        assert!(half.to_string().ends_with("\nrows: float16"));
    }

    #[test]
    fn letters_that_move_between_fields_change_the_digest() {
        let mut moved = space();
        moved.graph = "abf".into();
        moved.output = "eatures".into();
        assert_ne!(moved.digest(), space().digest());
    }

    // Golden values by an independent program: Python's hashlib over struct.pack("<Q", len) fields.
    // If these change, every store in the world is cold: raise FORMAT and say why.
    #[test]
    fn the_digests_are_those_of_format_1() {
        assert_eq!(
            hex(&space().digest()),
            "ea36c5697c274a11ba9fa2a607b782828420d93343db309dd721b0100e06b398"
        );
        assert_eq!(
            base().to_string(),
            "23e047cc007703ab0c8a417cd9a1b00f4f3697e9b0745045ca8b336884aa644b"
        );
        assert_eq!(space().folder(), hex(&space().digest())[..16]);
    }

    #[test]
    fn a_space_prints_each_field_on_a_line() {
        let expected = "format: 1\npreprocessing: bgr\ngraph: ab\noutput: features\nwidth: 4\n\
                        numeric: cpu fp32 1.31.0";
        assert_eq!(space().to_string(), expected);
    }

    proptest! {
        #[test]
        fn two_pairs_of_strings_share_a_digest_only_when_equal(
            a in ".{0,6}", b in ".{0,6}", c in ".{0,6}", d in ".{0,6}",
        ) {
            let of = |x: &str, y: &str| {
                Space { graph: x.into(), output: y.into(), ..space() }.digest()
            };
            prop_assert_eq!(of(&a, &b) == of(&c, &d), (a, b) == (c, d));
        }
    }
}
