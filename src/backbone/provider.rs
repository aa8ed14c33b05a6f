//! Execution providers: which hardware path of ONNX Runtime runs the network.

use std::fmt;
use std::str::FromStr;

use ort::ep::{CPU, ExecutionProviderDispatch};
use serde::{Deserialize, Serialize};

use super::runtime::Runtime;

/// Below this similarity (Jaro-Winkler) a known name is no help to the person.
const NEAR: f64 = 0.75;

/// An execution provider. What is asked for is what runs: no provider stands in for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The CPU, by ONNX Runtime's own kernels, in fp32.
    #[default]
    Cpu,
}

impl Provider {
    /// Every provider, in the order in which they are listed to people.
    pub const ALL: [Self; 1] = [Self::Cpu];

    /// The name in pipelines and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
        }
    }

    /// The precision that the network is computed in.
    #[must_use]
    pub fn precision(self) -> &'static str {
        match self {
            Self::Cpu => "fp32",
        }
    }

    /// Everything about the computation that can change a feature's bits, in one printable line:
    /// provider, precision, runtime version and processor family. Rows of one class may stand
    /// side by side; rows of different classes may not.
    ///
    /// Batch size and thread count are not in it: [`Session`](super::session::Session) gives the
    /// same bits whatever they are.
    #[must_use]
    pub fn numeric_class(self, runtime: &Runtime) -> String {
        let (provider, precision) = (self.name(), self.precision());
        let arch = std::env::consts::ARCH;
        format!(
            "{provider} {precision} onnxruntime-{} {arch}",
            runtime.version()
        )
    }

    /// The form in which a session registers it: a provider that can't be had fails the session.
    pub(super) fn dispatch(self) -> ExecutionProviderDispatch {
        match self {
            Self::Cpu => CPU::default()
                .with_arena_allocator(true)
                .build()
                .error_on_failure(),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A provider's name that catpipe doesn't know.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown provider `{found}`{}; known: {}",
    did_you_mean(found),
    known()
)]
pub struct UnknownProvider {
    /// The name as it was given.
    pub found: String,
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let provider = Self::ALL
            .into_iter()
            .find(|provider| provider.name() == name);
        provider.ok_or_else(|| UnknownProvider {
            found: name.to_owned(),
        })
    }
}

fn did_you_mean(found: &str) -> String {
    let score = |provider: &Provider| strsim::jaro_winkler(found, provider.name());
    Provider::ALL
        .into_iter()
        .filter(|provider| score(provider) > NEAR)
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .map_or_else(String::new, |nearest| {
            format!("; did you mean `{nearest}`?")
        })
}

fn known() -> String {
    Provider::ALL
        .map(|provider| format!("`{provider}`"))
        .join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::backbone::testing;
    use crate::yaml::Document;

    #[test]
    fn names_are_read_and_written_alike() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse::<Provider>().unwrap(), provider);
            let text = crate::yaml::to_string(&provider).unwrap();
            let document = Document::parse(Path::new("p.yaml"), &text).unwrap();
            assert_eq!(document.typed::<Provider>().unwrap(), provider);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let message = |name: &str| name.parse::<Provider>().unwrap_err().to_string();
        assert_eq!(
            message("cpuu"),
            "unknown provider `cpuu`; did you mean `cpu`?; known: `cpu`"
        );
        assert_eq!(message("cuda"), "unknown provider `cuda`; known: `cpu`");
    }

    #[test]
    fn the_numeric_class_names_all_that_changes_bits() {
        let runtime = testing::runtime();
        let class = Provider::Cpu.numeric_class(&runtime);
        let version = runtime.version();
        let arch = std::env::consts::ARCH;
        assert_eq!(class, format!("cpu fp32 onnxruntime-{version} {arch}"));
    }
}
