//! How this processor multiplies 8-bit integers.
//!
//! On x86 an unsigned byte times a signed one, two such products at a time, is summed in 16 bits
//! and saturates there; with VNNI (or AMX) four of them are summed in 32 bits and are exact. The
//! features of an int8 graph differ between the two, and rows of both must not stand under one
//! key. On aarch64 sums are exact either way; the kernels are others.

/// The class of this processor's integer kernels, for row keys.
#[must_use]
pub fn integer_class() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        of_x86(
            std::arch::is_x86_feature_detected!("avx512vnni"),
            std::arch::is_x86_feature_detected!("avxvnni"),
        )
    }
    #[cfg(target_arch = "aarch64")]
    {
        of_arm(std::arch::is_aarch64_feature_detected!("dotprod"))
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        "generic"
    }
}

/// AVX512-VNNI and AVX-VNNI add the same integers to the same sums.
#[cfg(any(target_arch = "x86_64", test))]
fn of_x86(avx512vnni: bool, avxvnni: bool) -> &'static str {
    if avx512vnni || avxvnni {
        "vnni"
    } else {
        "saturating"
    }
}

#[cfg(any(target_arch = "aarch64", test))]
fn of_arm(dot: bool) -> &'static str {
    if dot { "dot" } else { "neon" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_processor_has_its_class() {
        assert_eq!(of_x86(true, false), "vnni");
        assert_eq!(of_x86(false, true), "vnni");
        assert_eq!(of_x86(false, false), "saturating");
        assert_eq!((of_arm(true), of_arm(false)), ("dot", "neon"));
    }

    /// The kernel tells the same as the processor.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    #[test]
    fn the_class_is_that_of_the_machine() {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let flags = info.lines().find(|line| line.starts_with("flags")).unwrap();
        let has = |flag: &str| flags.split_whitespace().any(|one| one == flag);
        let vnni = has("avx512_vnni") || has("avx_vnni");
        assert_eq!(integer_class() == "vnni", vnni);
    }
}
