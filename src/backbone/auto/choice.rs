//! What there is to choose from, and the choice.

use serde::{Deserialize, Serialize};

use super::super::measure::Parity;
use super::super::onnx::Arithmetic;
use super::super::provider::{
    CudaOptions, OpenvinoOptions, Precision, Provider, ProviderKind, TensorrtOptions,
};
use super::super::runtime::survey::Survey;
use super::bar::Bar;

/// A provider in a precision, on its first device and with every other option at its default: the
/// whole network runs on it, or it is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The provider.
    pub provider: ProviderKind,
    /// The precision that the graph is computed in.
    pub precision: Precision,
    /// The manifest of the quantized graph that stands for the one that was asked for; none where
    /// that one runs itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backbone: Option<String>,
}

impl Candidate {
    /// What every other is compared with, for a graph of floats.
    pub const REFERENCE: Self = Self {
        provider: ProviderKind::Cpu,
        precision: Precision::Fp32,
        backbone: None,
    };

    /// What every other is compared with: the graph that was asked for, on the CPU.
    #[must_use]
    pub fn reference(graph: Arithmetic) -> Self {
        Self {
            precision: Provider::default().precision_of(graph),
            ..Self::REFERENCE
        }
    }

    /// Whether it is what every other is compared with: the CPU has one precision for a graph.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        self.provider == ProviderKind::Cpu && self.backbone.is_none()
    }

    /// The provider with its options; `None` where it does not have the precision.
    #[must_use]
    pub fn with_options(&self) -> Option<Provider> {
        let precision = self.precision;
        match self.provider {
            // Integers are a matter of the graph there, not of an option.
            ProviderKind::Cpu if [Precision::Fp32, Precision::Int8].contains(&precision) => {
                Some(self.provider.into())
            }
            ProviderKind::Openvino if precision == Precision::Int8 => Some(self.provider.into()),
            ProviderKind::Cpu => None,
            ProviderKind::Cuda => Some(Provider::Cuda(CudaOptions {
                precision: precision.try_into().ok()?,
                ..CudaOptions::default()
            })),
            ProviderKind::Tensorrt => Some(Provider::Tensorrt(TensorrtOptions {
                precision: precision.try_into().ok()?,
                ..TensorrtOptions::default()
            })),
            ProviderKind::Openvino => Some(Provider::Openvino(OpenvinoOptions {
                precision: precision.try_into().ok()?,
                ..OpenvinoOptions::default()
            })),
        }
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.provider, self.precision)?;
        match &self.backbone {
            Some(manifest) => write!(f, " ({manifest})"),
            None => Ok(()),
        }
    }
}

/// What can be measured here, the reference first: `graph` in every precision of every provider,
/// then the quantized graphs of the manifests `siblings` where they run in integers.
#[must_use]
pub fn candidates(survey: &Survey, graph: Arithmetic, siblings: &[String]) -> Vec<Candidate> {
    let mut all = vec![Candidate::reference(graph)];
    let mut add = |candidate: Candidate| {
        if !all.contains(&candidate) {
            all.push(candidate);
        }
    };
    let usable = || survey.providers.iter().filter(|one| one.usable);
    for one in usable() {
        for precision in &one.precisions {
            let is_option = *precision == Precision::Int8;
            // TensorRT's int8 is for graphs that say so, and takes nothing else of them.
            if is_option != (graph == Arithmetic::Int8) && one.name == ProviderKind::Tensorrt {
                continue;
            }
            let candidate = Candidate {
                provider: one.name,
                precision: *precision,
                backbone: None,
            };
            let runs = candidate.with_options();
            let precision = runs.map_or(*precision, |runs| runs.precision_of(graph));
            add(Candidate {
                precision,
                ..candidate
            });
        }
    }
    for sibling in siblings {
        // CUDA computes such graphs in floats, at no gain.
        for one in usable().filter(|one| one.name != ProviderKind::Cuda) {
            add(Candidate {
                provider: one.name,
                precision: Precision::Int8,
                backbone: Some(sibling.clone()),
            });
        }
    }
    all
}

/// What a logistic head gets right on a candidate's features, each example judged by a head that
/// has not seen it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeadScore {
    /// Examples that were right.
    pub correct: usize,
    /// Examples in all.
    pub total: usize,
    /// The 95 % interval of the share that is right on the reference's features: a candidate's
    /// share must lie in it.
    pub interval: [f64; 2],
}

impl HeadScore {
    /// Whether the share lies in the reference's interval.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let share = self.correct as f64 / self.total as f64;
        (self.interval[0]..=self.interval[1]).contains(&share)
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was tried.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Rows a second: inference alone, on inputs that lie ready.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows_per_second: Option<f64>,
    /// How near its features are to the reference's; none for the reference itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parity: Option<Parity>,
    /// The numeric class of its rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub numeric_class: Option<String>,
    /// What a head makes of its features, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<HeadScore>,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
}

impl Trial {
    /// Why it is not to be chosen; `None` where it passes.
    #[must_use]
    pub fn refusal(&self, bar: Bar) -> Option<String> {
        if let Some(why) = self.refusal_by_features(bar) {
            return Some(why);
        }
        if bar != Bar::Fast || self.candidate.is_reference() {
            return None;
        }
        match &self.head {
            Some(head) if head.is_unchanged() => None,
            Some(_) => Some("its head is not as good".to_owned()),
            None => Some("slower than the choice".to_owned()),
        }
    }

    /// The same without what `fast` asks of heads.
    #[must_use]
    pub fn refusal_by_features(&self, bar: Bar) -> Option<String> {
        if self.problem.is_some() {
            return Some("does not run".to_owned());
        }
        if self.speed().is_none() {
            return Some("its speed is not known".to_owned());
        }
        if self.candidate.is_reference() {
            return None;
        }
        bar.refusal(self.candidate.precision, self.parity.as_ref())
    }

    /// Its speed, where that is one.
    #[must_use]
    pub fn speed(&self) -> Option<f64> {
        self.rows_per_second
            .filter(|speed| speed.is_finite() && *speed > 0.0)
    }
}

/// The fastest of those that pass the bar; of equally fast ones the first.
#[must_use]
pub fn fastest(bar: Bar, trials: &[Trial]) -> Option<&Trial> {
    let passing = trials.iter().filter(|one| one.refusal(bar).is_none());
    passing.reduce(|best, next| {
        if next.speed() > best.speed() {
            next
        } else {
            best
        }
    })
}
