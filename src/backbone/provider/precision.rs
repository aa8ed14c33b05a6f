//! The arithmetic that a provider is asked for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The arithmetic of a network's large operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats throughout.
    Fp32,
    /// 32-bit floats whose products NVIDIA's tensor cores round to 10 bits of mantissa.
    Tf32,
    /// 16-bit floats: 10 bits of mantissa, 5 of exponent.
    Fp16,
    /// 16-bit floats: 7 bits of mantissa, 8 of exponent.
    Bf16,
    /// 8-bit integers, where the graph says so (quantize and dequantize nodes).
    Int8,
}

impl Precision {
    /// The name in pipelines and row keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `cuda has no bf16; it has: fp32, tf32`.
pub(super) fn lacks(provider: &str, asked: Precision, has: &[Precision]) -> String {
    let names: Vec<_> = has.iter().map(|one| one.name()).collect();
    format!("{provider} has no {asked}; it has: {}", names.join(", "))
}

/// A precision that one provider has: any other is refused where it stands.
macro_rules! precision_of {
    ($(#[$doc:meta])* $name:ident, $provider:literal, $default:ident, [$($has:ident),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "Precision", into = "Precision")]
        pub struct $name(Precision);

        impl $name {
            /// Every precision that the provider has, the default first.
            pub const ALL: &[Self] = &[$(Self(Precision::$has)),+];

            /// The precision.
            #[must_use]
            pub fn get(self) -> Precision {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self(Precision::$default)
            }
        }

        impl TryFrom<Precision> for $name {
            type Error = String;

            fn try_from(asked: Precision) -> Result<Self, String> {
                let has = [$(Precision::$has),+];
                if has.contains(&asked) {
                    return Ok(Self(asked));
                }
                Err(lacks($provider, asked, &has))
            }
        }

        impl From<$name> for Precision {
            fn from(precision: $name) -> Self {
                precision.0
            }
        }
    };
}

precision_of! {
    /// A precision of CUDA. Other precisions are a matter of the graph there, not of an option.
    CudaPrecision, "cuda", Fp32, [Fp32, Tf32]
}
precision_of! {
    /// A precision of TensorRT. Its fp32 lets tensor cores round to TF32, so it is called that.
    TensorrtPrecision, "tensorrt", Tf32, [Tf32, Fp16, Bf16, Int8]
}
precision_of! {
    /// A precision of OpenVINO, on one of its devices.
    OpenvinoPrecision, "openvino", Fp32, [Fp32, Bf16, Fp16]
}
