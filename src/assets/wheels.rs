//! The pinned wheels of ONNX Runtime: which builds there are, and for which machines.

use super::error::AssetError;
use super::pins::Pins;
use std::path::{Path, PathBuf};

/// A build of ONNX Runtime, by the hardware that it was made for. Each has a folder of its own in
/// the cache, so that all can lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeBuild {
    /// The plain build: the CPU alone.
    Cpu,
    /// Intel's build with OpenVINO inside, for its CPUs, GPUs and NPUs (and any x86-64 CPU).
    Openvino,
    /// The build for NVIDIA GPUs: CUDA and TensorRT.
    Cuda,
}

impl RuntimeBuild {
    /// Every build, in the order in which they are listed to people.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Openvino, Self::Cuda];

    /// The name on the command line and in the cache.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Openvino => "openvino",
            Self::Cuda => "cuda",
        }
    }

    /// The version of ONNX Runtime that is pinned.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Openvino => "1.24.1",
            Self::Cpu | Self::Cuda => "1.31.0",
        }
    }

    /// The file name of its shared library.
    #[must_use]
    pub const fn library(self) -> &'static str {
        match self {
            Self::Openvino => "libonnxruntime.so.1.24.1",
            Self::Cpu | Self::Cuda => "libonnxruntime.so.1.31.0",
        }
    }

    /// The Python package that it comes in.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Self::Cpu => "onnxruntime",
            Self::Openvino => "onnxruntime-openvino",
            Self::Cuda => "onnxruntime-gpu",
        }
    }

    /// Its folder: `<cache>/runtime/onnxruntime-<version>-<name>`.
    #[must_use]
    pub fn dir(self, cache: &Path) -> PathBuf {
        let folder = format!("onnxruntime-{}-{}", self.version(), self.name());
        cache.join("runtime").join(folder)
    }
}

/// A wheel for one kind of machine.
#[derive(Debug)]
pub(super) struct Wheel {
    /// What it holds.
    pub(super) build: RuntimeBuild,
    /// The tag of the platform that pip is asked for.
    pub(super) platform: &'static str,
    /// The wheel's file name.
    pub(super) file: &'static str,
    /// Its size in bytes, for people who wait.
    pub(super) bytes: u64,
    /// The wheel's SHA-256 in hex.
    pub(super) sha256: &'static str,
    /// What is unpacked from it.
    pub(super) pins: Pins,
}

impl Wheel {
    /// Its folder in the cache.
    pub(super) fn dir(&self, cache: &Path) -> PathBuf {
        self.build.dir(cache)
    }
}

/// The wheel of a build for a machine.
pub(super) fn wheel_for(
    build: RuntimeBuild,
    os: &str,
    arch: &str,
) -> Result<&'static Wheel, AssetError> {
    let (os_arch, name) = ((os, arch), build.name());
    match (build, os_arch) {
        (RuntimeBuild::Cpu, ("linux", "x86_64")) => Ok(&CPU_X86_64),
        (RuntimeBuild::Cpu, ("linux", "aarch64")) => Ok(&CPU_AARCH64),
        (RuntimeBuild::Openvino, ("linux", "x86_64")) => Ok(&OPENVINO_X86_64),
        (RuntimeBuild::Cuda, ("linux", "x86_64")) => Ok(&CUDA_X86_64),
        (RuntimeBuild::Cpu, _) => Err(AssetError::UnsupportedPlatform {
            os: os.to_owned(),
            arch: arch.to_owned(),
        }),
        _ => Err(AssetError::UnsupportedBuild {
            build: name,
            os: os.to_owned(),
            arch: arch.to_owned(),
        }),
    }
}

const CPU_X86_64: Wheel = Wheel {
    build: RuntimeBuild::Cpu,
    platform: "manylinux_2_28_x86_64",
    file: "onnxruntime-1.31.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    bytes: 23_760_984,
    sha256: "5e129d6c56abd53e659cb70f00a108d6824086470ff99c2e47a82e5786563db3",
    pins: Pins(
        "\
21901b1b02233484b80888c16f4f5473742f796bf5528d5d0c4073dbe9802001  libonnxruntime.so.1.31.0
086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d  libonnxruntime_providers_shared.so
2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c  LICENSE
143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3  ThirdPartyNotices.txt",
    ),
};

const CPU_AARCH64: Wheel = Wheel {
    build: RuntimeBuild::Cpu,
    platform: "manylinux_2_28_aarch64",
    file: "onnxruntime-1.31.0-cp312-cp312-manylinux_2_28_aarch64.whl",
    bytes: 21_420_804,
    sha256: "35758d7606d578ec5b9d65f6e8a1f488013194c3f6097038a3223cb26d35ef9a",
    pins: Pins(
        "\
b79d2fcf36b8870f4b2da95784a6ad846c47f05511ffa7be409c79a44f9dc9a4  libonnxruntime.so.1.31.0
3b6be288fbfb7dff8770d08a23defdde18e8f7e0f5a2b344a0e5e238c999ea88  libonnxruntime_providers_shared.so
2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c  LICENSE
143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3  ThirdPartyNotices.txt",
    ),
};

const OPENVINO_X86_64: Wheel = Wheel {
    build: RuntimeBuild::Openvino,
    platform: "manylinux_2_28_x86_64",
    file: "onnxruntime_openvino-1.24.1-cp312-cp312-manylinux_2_28_x86_64.whl",
    bytes: 84_433_207,
    sha256: "d617fac2f59a6ab5ea59a788c3e1592240a129642519aaeaa774761dfe35150e",
    pins: Pins(
        "\
c7b0590c7825f7029ba17e20a5dea27f7f570d8241d60584caacd363648aa8e2  libonnxruntime.so.1.24.1
5e02c1ff90e7d71365264dbb6767c00f04a8b57a96cddbc0085c61fa1393250d  libonnxruntime_providers_shared.so
b19cae6eb713f35427a8427f141ffc8fc2471ae0532f57e52d84fa9a66799c30  libonnxruntime_providers_openvino.so
ac9634b715a242a61644c77bc38f17508fe73f517e418027e2410f4bee004943  libopenvino.so.2541
f426710881d8c1a01d5ed6d7eaa076d923b19983d3ab3a18bb19d25dba7d8923  libopenvino_onnx_frontend.so.2541
034df890550ae9199fe5f8608c0df8fd0fe355f303bad56bea10bae14c14c3cb  libopenvino_intel_cpu_plugin.so
5575d03f4a168b257461b83089bc2d0ae7a41ebc1b5ab6b591d26f09c4a3635e  libopenvino_intel_gpu_plugin.so
5fad291a5cce9b0b5a7d73317ffcb811f6f93f029ce23eb679e9b6b3da88a1ae  libopenvino_intel_npu_plugin.so
6781dc6aa8b2ca237d0164258e70266a44667756c02a9a039782ec1d1a67b653  libtbb.so.12
d7166b1e54c17d8f25be63e22fc2366bbe7b1b8cc3a7ea629dea59caeba9c020  libtbbmalloc.so
2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c  LICENSE
0e07b95f3a8d6230037707c5c4a2b554d12c4cb67369669ac255635528ffcee2  ThirdPartyNotices.txt",
    ),
};

const CUDA_X86_64: Wheel = Wheel {
    build: RuntimeBuild::Cuda,
    platform: "manylinux_2_28_x86_64",
    file: "onnxruntime_gpu-1.31.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    bytes: 255_569_162,
    sha256: "b52998a075de27ff30e46a125001822541fa5b03f5d31398ab0e50789d80c51c",
    pins: Pins(
        "\
e4523eb2bbe9caf1a12e0aa9205909529193c05bf019e291d0edf75429116d39  libonnxruntime.so.1.31.0
086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d  libonnxruntime_providers_shared.so
4d52a8f54e74f5cc276cf03dcdeb7b4d5f6e517ea17de38e136283027b5b1c9a  libonnxruntime_providers_cuda.so
136b083e557637a72ca526594884b900c241771561e3a374380041e62f50f163  libonnxruntime_providers_tensorrt.so
2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c  LICENSE
143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3  ThirdPartyNotices.txt",
    ),
};
