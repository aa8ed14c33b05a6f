//! What there is to choose from, and the choice.

use serde::{Deserialize, Serialize};

use super::super::measure::Parity;
use super::super::provider::{
    CudaOptions, OpenvinoOptions, Precision, Provider, ProviderKind, TensorrtOptions,
};
use super::super::runtime::survey::Survey;
use super::bar::Bar;

/// A provider in a precision, on its first device and with every other option at its default: the
/// whole network runs on it, or it is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The provider.
    pub provider: ProviderKind,
    /// The precision.
    pub precision: Precision,
}

impl Candidate {
    /// What every other is compared with.
    pub const REFERENCE: Self = Self {
        provider: ProviderKind::Cpu,
        precision: Precision::Fp32,
    };

    /// The provider with its options; `None` where it does not have the precision.
    #[must_use]
    pub fn with_options(self) -> Option<Provider> {
        let precision = self.precision;
        match self.provider {
            ProviderKind::Cpu if precision == Precision::Fp32 => Some(self.provider.into()),
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
        write!(f, "{} {}", self.provider, self.precision)
    }
}

/// What can be measured here, the reference first. int8 is a matter of the graph and not of a
/// choice between providers: a quantized graph runs as what it is.
#[must_use]
pub fn candidates(survey: &Survey) -> Vec<Candidate> {
    let usable = survey.providers.iter().filter(|one| one.usable);
    let mut all: Vec<Candidate> = usable
        .flat_map(|one| {
            one.precisions.iter().map(|precision| Candidate {
                provider: one.name,
                precision: *precision,
            })
        })
        .filter(|one| one.precision != Precision::Int8 && *one != Candidate::REFERENCE)
        .collect();
    all.insert(0, Candidate::REFERENCE);
    all
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
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
}

impl Trial {
    /// Why it is not to be chosen; `None` where it passes.
    #[must_use]
    pub fn refusal(&self, bar: Bar) -> Option<String> {
        if self.problem.is_some() {
            return Some("does not run".to_owned());
        }
        if self.speed().is_none() {
            return Some("its speed is not known".to_owned());
        }
        if self.candidate == Candidate::REFERENCE {
            return None;
        }
        bar.refusal(self.candidate.precision, self.parity.as_ref())
    }

    fn speed(&self) -> Option<f64> {
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
