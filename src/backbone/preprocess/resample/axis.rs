//! Which pixels of a side become which, and with what weights.

use crate::backbone::manifest::Filter;

use super::BITS;

/// How a pixel is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kernel {
    pub(super) filter: Filter,
    pub(super) antialias: bool,
}

impl Kernel {
    /// How far it reaches, in pixels of the larger of the two pictures.
    fn reach(self) -> f64 {
        match self.filter {
            Filter::Nearest => 0.5,
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self.filter {
            Filter::Nearest => 1.0,
            Filter::Bilinear => (1.0 - x).max(0.0),
            // Catmull and Rom's cubic: a = -0.5.
            Filter::Bicubic if x < 1.0 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            Filter::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { libm::sin(x) / x }
}

/// For each pixel of a side: which pixels it is made of, and their weights.
#[derive(Debug, Default)]
pub(super) struct Axis {
    /// What it was made for.
    made_for: Option<(Kernel, [u32; 4])>,
    /// First pixel and where its weights begin and end.
    taps: Vec<(usize, usize, usize)>,
    weights: Vec<i32>,
    /// The first pixel that any looks at, and the one after the last.
    pub(super) span: (usize, usize),
}

impl Axis {
    /// A side of `from` pixels, scaled to `to`, of which `count` from `offset` on are wanted.
    pub(super) fn set(&mut self, kernel: Kernel, from: u32, to: u32, offset: u32, count: u32) {
        let wanted = Some((kernel, [from, to, offset, count]));
        if self.made_for == wanted {
            return;
        }
        self.made_for = wanted;
        self.taps.clear();
        self.weights.clear();
        for place in offset..offset + count {
            let first = if kernel.filter == Filter::Nearest {
                self.weights.push(1 << BITS);
                let under = (2 * u64::from(place) + 1) * u64::from(from) / (2 * u64::from(to));
                under as usize
            } else {
                self.push(kernel, from, to, place)
            };
            let start = self.taps.last().map_or(0, |tap| tap.2);
            self.taps.push((first, start, self.weights.len()));
        }
        self.even_out(from as usize);
        let ends = self.taps.iter().map(|(first, a, b)| first + b - a);
        let start = self.taps.iter().map(|(first, ..)| *first).min();
        self.span = (start.unwrap_or(0), ends.max().unwrap_or(0));
    }

    /// The weights of one pixel, and the first pixel that they are for.
    fn push(&mut self, kernel: Kernel, from: u32, to: u32, place: u32) -> usize {
        let scale = f64::from(from) / f64::from(to);
        let wider = if kernel.antialias {
            scale.max(1.0)
        } else {
            1.0
        };
        let reach = kernel.reach() * wider;
        let centre = (f64::from(place) + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let last = ((centre + reach + 0.5) as usize).min(from as usize);
        let weight = |x: usize| kernel.weight((x as f64 - centre + 0.5) * (1.0 / wider));
        let sum: f64 = (first..last).map(weight).sum();
        let unit = f64::from(1_u32 << BITS);
        let rounded = |x| (weight(x) / sum * unit).round() as i32;
        self.weights.extend((first..last).map(rounded));
        first
    }

    /// Gives every pixel as many weights as the one that has most: a loop that always runs equally
    /// often is foreseen by the processor. Those that are added are zero.
    fn even_out(&mut self, from: usize) {
        let most = self.taps.iter().map(|(_, a, b)| b - a).max().unwrap_or(0);
        let mut even = vec![0; most * self.taps.len()];
        let places = self.taps.iter_mut().zip(even.chunks_exact_mut(most.max(1)));
        for (i, (tap, even)) in places.enumerate() {
            let (first, a, b) = *tap;
            let start = first.min(from - most);
            even[first - start..][..b - a].copy_from_slice(&self.weights[a..b]);
            *tap = (start, i * most, (i + 1) * most);
        }
        self.weights = even;
    }

    /// How many pixels there are.
    pub(super) fn len(&self) -> usize {
        self.taps.len()
    }

    pub(super) fn taps(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = |(first, a, b): &(usize, usize, usize)| (*first, &self.weights[*a..*b]);
        self.taps.iter().map(weights)
    }
}
