//! The networks that state dicts are known of.
//!
//! EfficientNet-Lite (R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020) is
//! EfficientNet (M. Tan and Q. Le 2019) without squeeze and excitation, with ReLU6 for swish, and
//! with a stem and a head that are the same in every size.

/// A network of the EfficientNet-Lite family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    name: &'static str,
    width: f64,
    depth: f64,
    size: usize,
}

/// The family, smallest first.
const FAMILY: [Architecture; 5] = [
    Architecture::lite("efficientnet-lite0", 1.0, 1.0, 224),
    Architecture::lite("efficientnet-lite1", 1.0, 1.1, 240),
    Architecture::lite("efficientnet-lite2", 1.1, 1.2, 260),
    Architecture::lite("efficientnet-lite3", 1.2, 1.4, 280),
    Architecture::lite("efficientnet-lite4", 1.4, 1.8, 300),
];

/// Blocks of one kind: how many, kernel, stride of the first, expansion, channels in and out.
const STAGES: [(usize, usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
];
/// The stem's channels.
const STEM: usize = 32;
/// The head's channels, which are the features.
const HEAD: usize = 1280;
/// Channels come in multiples of this.
const DIVISOR: usize = 8;

impl Architecture {
    const fn lite(name: &'static str, width: f64, depth: f64, size: usize) -> Self {
        Self {
            name,
            width,
            depth,
            size,
        }
    }

    /// Every architecture that there is.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &FAMILY
    }

    /// The architecture of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FAMILY.into_iter().find(|known| known.name == name)
    }

    /// Its name, such as `efficientnet-lite0`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Height and width in pixels of the images that it is trained on.
    #[must_use]
    pub fn size(self) -> usize {
        self.size
    }

    /// The network in full.
    pub(super) fn blueprint(self) -> Blueprint {
        let mut blocks = Vec::new();
        let last = STAGES.len() - 1;
        for (stage, &(repeats, kernel, stride, expansion, inputs, outputs)) in
            STAGES.iter().enumerate()
        {
            let inputs = if stage == 0 {
                STEM
            } else {
                self.channels(inputs)
            };
            let outputs = self.channels(outputs);
            let repeats = match stage {
                0 => repeats,
                _ if stage == last => repeats,
                _ => (self.depth * repeats as f64).ceil() as usize,
            };
            for repeat in 0..repeats {
                let first = repeat == 0;
                blocks.push(Block {
                    kernel,
                    stride: if first { stride } else { 1 },
                    expansion,
                    inputs: if first { inputs } else { outputs },
                    outputs,
                });
            }
        }
        Blueprint {
            name: self.name,
            size: self.size,
            stem: STEM,
            blocks,
            head: HEAD,
        }
    }

    /// Channels scaled by the width: the nearest multiple of eight that is not more than a tenth
    /// below.
    fn channels(self, channels: usize) -> usize {
        let wanted = channels as f64 * self.width;
        let half = DIVISOR as f64 / 2.0;
        let near = ((wanted + half) as usize / DIVISOR * DIVISOR).max(DIVISOR);
        if (near as f64) < 0.9 * wanted {
            near + DIVISOR
        } else {
            near
        }
    }
}

/// A network's shape, in full.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blueprint {
    pub(super) name: &'static str,
    /// Height and width of the input.
    pub(super) size: usize,
    /// Channels after the first convolution.
    pub(super) stem: usize,
    pub(super) blocks: Vec<Block>,
    /// Channels after the last convolution.
    pub(super) head: usize,
}

/// A mobile inverted bottleneck (M. Sandler et al. 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// How many times as many channels there are inside; 1 leaves the first convolution out.
    pub(super) expansion: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Block {
    /// Whether the input is added to the output.
    pub(super) fn skips(self) -> bool {
        self.stride == 1 && self.inputs == self.outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_the_family_are_those_of_the_package() {
        // Blocks, and the outputs of the stages, of efficientnet_lite_pytorch 0.1.0.
        let known = [
            (16, [16, 24, 40, 80, 112, 192, 320]),
            (21, [16, 24, 40, 80, 112, 192, 320]),
            (21, [16, 24, 48, 88, 120, 208, 352]),
            (24, [24, 32, 48, 96, 136, 232, 384]),
            (30, [24, 32, 56, 112, 160, 272, 448]),
        ];
        for (architecture, (blocks, outputs)) in FAMILY.into_iter().zip(known) {
            let blueprint = architecture.blueprint();
            let mut found: Vec<usize> = blueprint.blocks.iter().map(|b| b.outputs).collect();
            found.dedup();
            assert_eq!(found, outputs, "{}", architecture.name);
            assert_eq!(blueprint.blocks.len(), blocks, "{}", architecture.name);
            assert_eq!(Architecture::named(architecture.name), Some(architecture));
        }
        assert_eq!(Architecture::named("efficientnet-b0"), None);
    }
}
