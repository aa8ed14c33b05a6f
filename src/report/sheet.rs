//! Contact sheets: rows of labelled pictures.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::font;

/// Side of the square that a picture is fitted into, in pixels.
const CELL: u32 = 160;
const GAP: u32 = 8;
const MARGIN: u32 = 16;
/// Pixels of the sheet for each pixel of a letter.
const ZOOM: u32 = 2;
const LETTER: u32 = (font::WIDTH + 1) * ZOOM;
const LINE: u32 = (font::HEIGHT + 3) * ZOOM;
/// A sheet of few columns is this wide, so that its labels have room.
const LEAST_WIDTH: u32 = 640;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const CELL_PAPER: Rgb<u8> = Rgb([236, 236, 240]);
const INK: Rgb<u8> = Rgb([20, 20, 30]);
const PALE_INK: Rgb<u8> = Rgb([110, 110, 125]);

/// A contact sheet: a title, a heading for each column, and rows of pictures with a label each.
#[derive(Clone, Debug)]
pub struct Sheet {
    title: [String; 2],
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    label: [String; 2],
    thumbnails: Vec<RgbImage>,
}

impl Sheet {
    /// A sheet without rows: a title, what is said below it, and the headings of its columns.
    #[must_use]
    pub fn new(title: &str, below: &str, columns: Vec<String>) -> Self {
        Sheet {
            title: [title.to_owned(), below.to_owned()],
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row: a name, what is said beside it, and its pictures, as many as there are columns.
    /// They are kept as thumbnails of at most 160x160 pixels, their aspect ratio kept.
    pub fn row(&mut self, name: &str, beside: &str, pictures: &[RgbImage]) {
        self.rows.push(Row {
            label: [name.to_owned(), beside.to_owned()],
            thumbnails: pictures
                .iter()
                .take(self.columns.len())
                .map(thumbnail)
                .collect(),
        });
    }

    /// Draws the sheet.
    #[must_use]
    pub fn draw(&self) -> RgbImage {
        let columns = self.columns.len() as u32;
        let row_height = LINE + CELL + 2 * GAP;
        let top = MARGIN + 3 * LINE + GAP;
        let width = (2 * MARGIN + columns * (CELL + GAP)).saturating_sub(GAP);
        let height = top + self.rows.len() as u32 * row_height + MARGIN;
        let mut page = RgbImage::from_pixel(width.max(LEAST_WIDTH), height, PAPER);
        let [title, below] = &self.title;
        write(&mut page, title, MARGIN, MARGIN, INK);
        write(&mut page, below, MARGIN, MARGIN + LINE, PALE_INK);
        for (heading, x) in self.columns.iter().zip(lefts()) {
            let heading = shortened(heading, CELL);
            write(&mut page, &heading, x, MARGIN + 2 * LINE, INK);
        }
        for (row, y) in self.rows.iter().zip((top..).step_by(row_height as usize)) {
            row.draw(&mut page, y);
        }
        page
    }
}

impl Row {
    fn draw(&self, page: &mut RgbImage, y: u32) {
        let [name, beside] = &self.label;
        let after = write(page, name, MARGIN, y, INK);
        write(page, beside, after + 2 * LETTER, y, PALE_INK);
        for (thumbnail, x) in self.thumbnails.iter().zip(lefts()) {
            let cell = RgbImage::from_pixel(CELL, CELL, CELL_PAPER);
            imageops::replace(page, &cell, x.into(), (y + LINE).into());
            let (w, h) = thumbnail.dimensions();
            let (x, y) = (x + (CELL - w) / 2, y + LINE + (CELL - h) / 2);
            imageops::replace(page, thumbnail, x.into(), y.into());
        }
    }
}

/// The left edges of the columns.
fn lefts() -> impl Iterator<Item = u32> {
    (MARGIN..).step_by((CELL + GAP) as usize)
}

/// The picture fitted into a cell.
fn thumbnail(picture: &RgbImage) -> RgbImage {
    if picture.is_empty() {
        return RgbImage::new(0, 0);
    }
    let longer = u64::from(picture.width().max(picture.height()));
    let fitted = |side: u32| {
        let scaled = (u64::from(side) * u64::from(CELL) + longer / 2) / longer;
        scaled.clamp(1, CELL.into()) as u32
    };
    let (w, h) = (fitted(picture.width()), fitted(picture.height()));
    imageops::resize(picture, w, h, FilterType::Triangle)
}

/// Writes one line of text, shortened to the page, and returns where it ends.
fn write(page: &mut RgbImage, text: &str, left: u32, top: u32, ink: Rgb<u8>) -> u32 {
    let room = page.width().saturating_sub(left + MARGIN);
    let mut x = left;
    for letter in shortened(text, room).chars() {
        for (dx, dy) in
            (0..font::WIDTH * ZOOM).flat_map(|x| (0..font::HEIGHT * ZOOM).map(move |y| (x, y)))
        {
            if font::is_set(letter, dx / ZOOM, dy / ZOOM)
                && let Some(pixel) = page.get_pixel_mut_checked(x + dx, top + dy)
            {
                *pixel = ink;
            }
        }
        x += LETTER;
    }
    x
}

/// The text, with `...` for what does not fit into `room` pixels.
fn shortened(text: &str, room: u32) -> String {
    let most = (room / LETTER) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    kept + &"...".chars().take(most).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let columns = vec!["plain".to_owned(), "view 1".to_owned()];
        let mut sheet = Sheet::new("a title", "below", columns);
        let red = RgbImage::from_pixel(40, 20, Rgb([200, 0, 0]));
        let blue = RgbImage::from_pixel(3000, 6000, Rgb([0, 0, 200]));
        sheet.row("cat", "train.h5#x/1", &[red.clone(), blue]);
        sheet.row("dog", "train.h5#x/2", &[red]);
        sheet
    }

    #[test]
    fn pictures_stand_in_their_cells_with_their_aspect_ratio() {
        let page = sheet().draw();
        let rows = 2 * (LINE + CELL + 2 * GAP);
        assert_eq!(
            page.dimensions(),
            (LEAST_WIDTH, 2 * MARGIN + 3 * LINE + GAP + rows)
        );
        let count = |colour| page.pixels().filter(|p| p.0 == colour).count();
        assert_eq!(count([200, 0, 0]), 2 * 160 * 80);
        assert_eq!(count([0, 0, 200]), 80 * 160);
        let first = MARGIN + 4 * LINE + GAP;
        assert_eq!(page.get_pixel(MARGIN, first), &CELL_PAPER);
        assert_eq!(page.get_pixel(MARGIN, first + 40).0, [200, 0, 0]);
        let inked = |p: &&Rgb<u8>| **p == INK;
        assert!(page.pixels().filter(inked).count() > 500, "there is text");
    }

    #[test]
    fn text_is_shortened_to_its_room() {
        assert_eq!(shortened("view 12", 7 * LETTER), "view 12");
        assert_eq!(shortened("view 12", 6 * LETTER + 5), "vie...");
        assert_eq!(shortened("view", 2 * LETTER), "..");
        assert_eq!(shortened("view", 0), "");
        let mut page = RgbImage::new(50, 10);
        write(&mut page, "longer than the page", 0, 5, INK);
    }

    #[test]
    fn any_picture_has_a_thumbnail() {
        for (w, h, expected) in [
            (1, 1, (160, 160)),
            (1, 9000, (1, 160)),
            (64, 48, (160, 120)),
            (0, 5, (0, 0)),
        ] {
            assert_eq!(thumbnail(&RgbImage::new(w, h)).dimensions(), expected);
        }
    }
}
