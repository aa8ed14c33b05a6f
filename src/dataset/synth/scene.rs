//! One picture: a motif somewhere on a background, among things that tell nothing.
//!
//! Place, size, turn, colours, light, clutter and noise are drawn anew for each picture and are
//! the same for every class, so that a single pixel says next to nothing about the class while
//! the outline does. Arithmetic is exactly rounded f32: the same picture on every machine.

use image::RgbImage;

use super::draws::{Colour, Draws};
use super::shape::{Motif, Shape, Texture, block, motif};

/// Makes picture `index` of a class, `w` by `h` pixels (none if either is 0).
pub fn image(seed: u64, class: u32, index: u64, w: u32, h: u32) -> RgbImage {
    let mut draws = Draws::new("picture", &[seed, u64::from(class), index]);
    let scene = Scene::draw(&motif(class).0, w, h, &mut draws);
    let mut image = RgbImage::new(w, h);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let colour = scene.colour(x as f32 + 0.5, y as f32 + 0.5);
        let noise = draws.bits();
        let noisy = |c: usize| {
            // Eight bits a channel around 0.
            let n = ((noise >> (8 * c)) & 255) as f32 / 127.5 - 1.0;
            ((colour[c] + scene.noise * n).clamp(0.0, 1.0) * 255.0 + 0.5) as u8
        };
        pixel.0 = [noisy(0), noisy(1), noisy(2)];
    }
    image
}

/// Everything in a picture, from the back to the front.
struct Scene {
    sky: Sky,
    layers: Vec<Layer>,
    noise: f32,
}

impl Scene {
    fn draw(motif: &Motif, w: u32, h: u32, draws: &mut Draws) -> Scene {
        let (w, h) = (w as f32, h as f32);
        let sky = Sky::draw(w, h, draws);
        let mut layers = Vec::new();
        for _ in 0..2 + draws.below(3) {
            let size = draws.between(0.06, 0.13);
            layers.push(Layer::clutter(size, None, w, h, draws));
        }
        let main = Layer::main(motif, &sky, w, h, draws);
        let at = main.centre;
        let reach = main.radius;
        layers.push(main);
        for _ in 0..draws.below(3) {
            let [x, y] = draws.direction();
            let off = reach * draws.between(0.5, 1.1);
            let size = draws.between(0.04, 0.07);
            let place = Some([at[0] + off * x, at[1] + off * y]);
            layers.push(Layer::clutter(size, place, w, h, draws));
        }
        Scene {
            sky,
            layers,
            noise: draws.between(0.01, 0.08),
        }
    }

    fn colour(&self, x: f32, y: f32) -> Colour {
        let mut colour = self.sky.colour(x, y);
        for layer in &self.layers {
            layer.paint(x, y, &mut colour);
        }
        colour
    }
}

/// The background: a slope from one colour to another, with soft clouds.
struct Sky {
    from: Colour,
    to: Colour,
    slope: [f32; 3],
    clouds: Clouds,
}

impl Sky {
    fn draw(w: f32, h: f32, draws: &mut Draws) -> Sky {
        let from = draws.colour();
        let other = draws.colour();
        let to = mix(from, other, 0.6);
        let [cos, sin] = draws.direction();
        // 0 at one corner and 1 at the opposite one, along the direction drawn.
        let span = (w * cos.abs() + h * sin.abs()).max(1.0);
        let (a, b) = (cos / span, sin / span);
        let slope = [a, b, 0.5 - a * w / 2.0 - b * h / 2.0];
        Sky {
            from,
            to,
            slope,
            clouds: Clouds::draw(w, h, draws),
        }
    }

    fn colour(&self, x: f32, y: f32) -> Colour {
        let [a, b, c] = self.slope;
        let cloud = self.clouds.at(x, y);
        mix(self.from, self.to, a * x + b * y + c).map(|v| v + cloud)
    }

    fn middle(&self) -> Colour {
        mix(self.from, self.to, 0.5)
    }
}

/// Value noise: random heights on a coarse grid, smoothly joined.
struct Clouds {
    heights: [[f32; Clouds::GRID + 2]; Clouds::GRID + 2],
    per_x: f32,
    per_y: f32,
}

impl Clouds {
    const GRID: usize = 6;

    fn draw(w: f32, h: f32, draws: &mut Draws) -> Clouds {
        let strength = draws.between(0.0, 0.18);
        let heights =
            std::array::from_fn(|_| std::array::from_fn(|_| strength * draws.between(-1.0, 1.0)));
        let grid = Clouds::GRID as f32;
        Clouds {
            heights,
            per_x: grid / w.max(1.0),
            per_y: grid / h.max(1.0),
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let cell = |at: f32| {
            let low = at.floor().clamp(0.0, Clouds::GRID as f32);
            let f = at - low;
            (low as usize, f * f * (3.0 - 2.0 * f))
        };
        let (i, fx) = cell(x * self.per_x);
        let (j, fy) = cell(y * self.per_y);
        let row = |j: usize| self.heights[j][i] * (1.0 - fx) + self.heights[j][i + 1] * fx;
        row(j) * (1.0 - fy) + row(j + 1) * fy
    }
}

/// A thing in a picture.
struct Layer {
    shape: Shape,
    texture: Texture,
    centre: [f32; 2],
    radius: f32,
    turn: [f32; 2],
    /// How much it is pressed together along its first axis, 1 for not at all.
    squeeze: f32,
    colours: [Colour; 2],
    /// The change of light from one side to the other.
    light: [f32; 2],
    opacity: f32,
}

impl Layer {
    /// The thing that the class is about.
    fn main(motif: &Motif, sky: &Sky, w: f32, h: f32, draws: &mut Draws) -> Layer {
        let side = w.min(h);
        let radius = side * draws.between(0.24, 0.42);
        let mut inside = |length: f32| {
            // It may reach over the border by a fifth of its radius.
            let margin = (radius * 0.8).min(length / 2.0);
            draws.between(margin, length - margin)
        };
        let centre = [inside(w), inside(h)];
        let first = draws.colour_apart(&[sky.middle(), sky.from, sky.to]);
        let second = draws.colour_apart(&[sky.middle(), first]);
        Layer {
            shape: motif.shape.clone(),
            texture: motif.texture,
            centre,
            radius,
            turn: draws.direction(),
            squeeze: draws.between(0.8, 1.0),
            colours: [first, second],
            light: [draws.between(-0.12, 0.12), draws.between(-0.12, 0.12)],
            opacity: 1.0,
        }
    }

    /// A small thing that tells nothing, at a place or anywhere.
    fn clutter(size: f32, place: Option<[f32; 2]>, w: f32, h: f32, draws: &mut Draws) -> Layer {
        let anywhere = [draws.between(0.0, w), draws.between(0.0, h)];
        let shape = if draws.below(2) == 0 {
            Shape::Disc
        } else {
            Shape::Square
        };
        let colour = draws.colour();
        Layer {
            shape,
            texture: Texture::Plain,
            centre: place.unwrap_or(anywhere),
            radius: w.min(h) * size,
            turn: draws.direction(),
            squeeze: draws.between(0.4, 1.0),
            colours: [colour; 2],
            light: [0.0; 2],
            opacity: draws.between(0.5, 1.0),
        }
    }

    /// Lays the thing over a pixel's colour; its edge is one pixel soft.
    fn paint(&self, x: f32, y: f32, colour: &mut Colour) {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        // No shape reaches farther than 1.15 of its radius: spare the rest the work.
        if block(dx, dy, 1.15 * self.radius, 1.15 * self.radius) > 1.0 {
            return;
        }
        let [cos, sin] = self.turn;
        let radius = self.radius.max(0.5);
        let u = (cos * dx + sin * dy) / (radius * self.squeeze);
        let v = (cos * dy - sin * dx) / radius;
        let cover = (0.5 - self.shape.level(u, v) * radius).clamp(0.0, 1.0) * self.opacity;
        if cover > 0.0 {
            let fill = self.colours[usize::from(self.texture.second(u, v))];
            let shade = (self.light[0] * dx + self.light[1] * dy) / radius;
            *colour = mix(*colour, fill.map(|c| c + shade), cover);
        }
    }
}

fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}
