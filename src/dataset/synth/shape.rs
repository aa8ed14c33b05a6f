//! The shapes and textures that make a class.
//!
//! A shape is a level function on the plane: negative inside, positive outside, in size about the
//! distance to the outline. A shape fills about the unit disc.

use super::draws::Draws;

/// What a picture shows: a class is a shape with a texture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Motif {
    pub(super) shape: Shape,
    pub(super) texture: Texture,
}

/// An outline.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Disc,
    Square,
    Star,
    Cross,
    Triangle,
    Ring,
    Crescent,
    Bars,
    /// A closed curve of its own for every further class, as waves on a circle.
    Blob(Vec<Wave>),
}

/// One wave of a blob's radius: `height * cos(turns * angle + phase)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wave {
    turns: f32,
    height: f32,
    phase: f32,
}

/// How a shape is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texture {
    Plain,
    Stripes,
    Checker,
    Dots,
}

const SHAPES: [(Shape, &str); 8] = [
    (Shape::Disc, "disc"),
    (Shape::Square, "square"),
    (Shape::Star, "star"),
    (Shape::Cross, "cross"),
    (Shape::Triangle, "triangle"),
    (Shape::Ring, "ring"),
    (Shape::Crescent, "crescent"),
    (Shape::Bars, "bars"),
];

const TEXTURES: [(Texture, &str); 4] = [
    (Texture::Plain, ""),
    (Texture::Stripes, "_stripes"),
    (Texture::Checker, "_checker"),
    (Texture::Dots, "_dots"),
];

/// The motif of a class and its name. The first eight classes are plain shapes, then the same
/// shapes come with each texture, and from 32 on every class has a blob of its own.
pub(super) fn motif(class: u32) -> (Motif, String) {
    let class = class as usize;
    let shape = SHAPES.get(class % SHAPES.len());
    let texture = TEXTURES.get(class / SHAPES.len());
    if let (Some((shape, name)), Some((texture, suffix))) = (shape, texture) {
        return (
            Motif {
                shape: shape.clone(),
                texture: *texture,
            },
            format!("{name}{suffix}"),
        );
    }
    let motif = Motif {
        shape: Shape::Blob(waves(class as u64)),
        texture: Texture::Plain,
    };
    (motif, format!("blob_{class:04}"))
}

/// The waves of a class's blob: they depend on the class alone, so its name means the same in
/// every set.
fn waves(class: u64) -> Vec<Wave> {
    let mut draws = Draws::new("blob", &[class]);
    (2..=6)
        .map(|turns| Wave {
            turns: turns as f32,
            height: draws.between(-0.36, 0.36) * 2.0 / turns as f32,
            phase: draws.between(0.0, std::f32::consts::TAU),
        })
        .collect()
}

impl Shape {
    /// The level at a point.
    pub(super) fn level(&self, u: f32, v: f32) -> f32 {
        match self {
            Shape::Disc => length(u, v) - 0.85,
            Shape::Square => block(u, v, 0.75, 0.75),
            Shape::Star => star(u, v, 5.0, 0.42),
            Shape::Cross => block(u, v, 0.88, 0.26).min(block(u, v, 0.26, 0.88)),
            Shape::Triangle => triangle(u, v),
            Shape::Ring => (length(u, v) - 0.7).abs() - 0.2,
            Shape::Crescent => (length(u, v) - 0.9).max(0.72 - length(u - 0.45, v)),
            Shape::Bars => block(u, v.abs() - 0.48, 0.88, 0.22),
            Shape::Blob(waves) => length(u, v) - blob_radius(waves, u, v),
        }
    }
}

impl Texture {
    /// Whether a point has the second colour.
    pub(super) fn second(self, u: f32, v: f32) -> bool {
        let cell = |x: f32| (x * 3.0).floor() as i32;
        match self {
            Texture::Plain => false,
            Texture::Stripes => cell(u) & 1 == 0,
            Texture::Checker => (cell(u) + cell(v)) & 1 == 0,
            Texture::Dots => {
                let within = |x: f32| x * 2.5 - (x * 2.5).floor() - 0.5;
                length(within(u), within(v)) < 0.32
            }
        }
    }
}

fn length(u: f32, v: f32) -> f32 {
    (u * u + v * v).sqrt()
}

/// A rectangle about the origin, by its half sides.
pub(super) fn block(u: f32, v: f32, a: f32, b: f32) -> f32 {
    (u.abs() - a).max(v.abs() - b)
}

/// An equilateral triangle.
fn triangle(u: f32, v: f32) -> f32 {
    const HALF_ROOT_3: f32 = 0.866_025_4;
    (HALF_ROOT_3 * u.abs() + 0.5 * v).max(-v) - 0.48
}

/// A star with as many tips at distance 1; `inner` is the distance of the corners between them.
/// The plane is folded onto half a tip, whose edge is one straight line.
fn star(u: f32, v: f32, tips: f32, inner: f32) -> f32 {
    let half = std::f32::consts::PI / tips;
    let turns = libm::atan2f(v, u) / (2.0 * half);
    let angle = (turns - (turns + 0.5).floor()).abs() * 2.0 * half;
    let radius = length(u, v);
    let (x, y) = (radius * libm::cosf(angle), radius * libm::sinf(angle));
    let (edge_x, edge_y) = (inner * libm::cosf(half) - 1.0, inner * libm::sinf(half));
    (edge_y * (x - 1.0) - edge_x * y) / length(edge_x, edge_y)
}

fn blob_radius(waves: &[Wave], u: f32, v: f32) -> f32 {
    let angle = libm::atan2f(v, u);
    let wave = |w: &Wave| w.height * libm::cosf(w.turns * angle + w.phase);
    (0.65 * (1.0 + waves.iter().map(wave).sum::<f32>())).clamp(0.15, 1.0)
}
