//! From the providers that were asked for to the one that runs, and the library that has it.

use std::fmt;

use ort::ep::{CPU, CUDA, ExecutionProvider, OpenVINO, TensorRT};

use super::super::provider::{OpenvinoDevice, Precision, Provider, ProviderKind, Providers};
use super::nvidia::{self, Found, Places};
use super::{Candidate, Runtime, RuntimeError, Search, driver};

/// What was asked for, found and loaded.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The provider that runs.
    pub provider: Provider,
    /// The library that has it.
    pub runtime: Runtime,
    /// The providers that stood before it in the list, and why each cannot run here.
    pub passed_over: Vec<PassedOver>,
}

/// A provider that cannot run on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The provider.
    pub kind: ProviderKind,
    /// Why, in words, and what to install.
    pub reason: String,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

impl Search {
    /// The first of the providers that can run here, with its library loaded. No session is made:
    /// what only the device can tell, such as too little memory, shows when one is opened.
    ///
    /// # Errors
    /// A single provider that cannot run, with the reason; a list of which none can, with all
    /// reasons; a library that is damaged or that is not what was named; `auto`, which a
    /// pipeline decides.
    pub fn choose(&self, asked: &Providers) -> Result<Choice, RuntimeError> {
        if asked.auto().is_some() {
            return Err(RuntimeError::Undecided);
        }
        let mut passed_over = Vec::new();
        let alone = asked.all().len() == 1;
        for provider in asked.all() {
            match self.load_for(provider, alone) {
                Ok(runtime) => {
                    return Ok(Choice {
                        provider: provider.clone(),
                        runtime,
                        passed_over,
                    });
                }
                Err(error) if !alone && error.lets_try_the_next() => {
                    passed_over.push(PassedOver {
                        kind: provider.kind(),
                        reason: error.to_string(),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Err(RuntimeError::NoneUsable {
            reasons: passed_over,
        })
    }

    fn load_for(&self, provider: &Provider, alone: bool) -> Result<Runtime, RuntimeError> {
        let kind = provider.kind();
        let at = self.candidate_for(kind)?;
        refuse_lacking_processor(provider)?;
        let places = Places::of_this_process(self.packages.as_deref());
        let found = Found::of(kind, &places, &nvidia::loads);
        let mut complaints = found.complaints(self.packages.as_deref());
        // A driver takes its time to answer, and a session says the same: only where another
        // provider may take the place is it asked beforehand.
        if !alone && complaints.is_empty() && !nvidia::needs(kind).is_empty() {
            let gpus = driver::ask(nvidia::DRIVER).and_then(|driver| driver.gpus());
            complaints.extend(gpus.err());
        }
        // A library that was named is asked what it has before anybody is told to install more.
        let named = at.by.is_named();
        if !complaints.is_empty() && !named {
            return Err(RuntimeError::NotUsable {
                provider: kind,
                complaints,
            });
        }
        let runtime = Runtime::open(&at)?;
        refuse_absent(kind, &at, &runtime)?;
        if !complaints.is_empty() {
            return Err(RuntimeError::NotUsable {
                provider: kind,
                complaints,
            });
        }
        Ok(runtime.loading_first(found.load))
    }
}

fn refuse_absent(
    kind: ProviderKind,
    at: &Candidate,
    runtime: &Runtime,
) -> Result<(), RuntimeError> {
    let has = runtime.providers();
    if has.contains(&kind) {
        return Ok(());
    }
    Err(RuntimeError::ProviderAbsent {
        provider: kind,
        at: at.clone(),
        version: runtime.version().to_owned(),
        has,
    })
}

impl Runtime {
    /// The providers that the library was built with. Whether they can run is another matter.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderKind> {
        let has = |kind: &ProviderKind| {
            let answer = match kind {
                ProviderKind::Cpu => CPU::is_available(),
                ProviderKind::Cuda => CUDA::is_available(),
                ProviderKind::Tensorrt => TensorRT::is_available(),
                ProviderKind::Openvino => OpenVINO::is_available(),
            };
            answer.unwrap_or(false)
        };
        ProviderKind::ALL.into_iter().filter(has).collect()
    }
}

/// OpenVINO takes bf16 as a hint, and computes in fp32 where the processor cannot.
fn refuse_lacking_processor(provider: &Provider) -> Result<(), RuntimeError> {
    let Provider::Openvino(options) = provider else {
        return Ok(());
    };
    let on_cpu = options.device == OpenvinoDevice::default();
    if !on_cpu || options.precision.get() != Precision::Bf16 || has_bf16() {
        return Ok(());
    }
    Err(RuntimeError::NotUsable {
        provider: provider.kind(),
        complaints: vec![
            "precision bf16 needs a processor with AVX-512, and this one has none: say \
             precision: fp32"
                .to_owned(),
        ],
    })
}

/// Whether OpenVINO's CPU kernels compute in bf16 here: natively, or emulated on AVX-512.
#[must_use]
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}
