//! Features of the processor: which ones code was compiled to use, and which
//! ones this machine has.
//!
//! Only the crate that exports a plugin can tell what it was compiled with
//! (`-C target-cpu=native` and the like), so a macro asks there.

/// Calls a macro with the features that are looked at: all that rustc can
/// enable and the standard library can detect.
#[doc(hidden)]
#[macro_export]
macro_rules! __target_features {
    ($($with:tt)*) => {
        $($with)* ! {
            x86_64 ["sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "f16c" "bmi1" "bmi2" "lzcnt"
                "movbe" "aes" "pclmulqdq" "sha" "adx" "rdrand" "rdseed" "gfni" "vaes" "vpclmulqdq" "avx512f"
                "avx512cd" "avx512bw" "avx512dq" "avx512vl" "avx512ifma" "avx512vbmi" "avx512vbmi2"
                "avx512vnni" "avx512bitalg" "avx512vpopcntdq" "avx512bf16" "avx512fp16" "avxvnni"]
            aarch64 ["lse" "dotprod" "fp16" "sve" "sve2" "aes" "sha2" "sha3" "crc" "rcpc" "bf16" "i8mm" "fhm"]
        }
    };
}

/// The features a crate is compiled with, each with whether it is enabled.
#[doc(hidden)]
#[macro_export]
macro_rules! __compiled_features {
    (x86_64 [$($x86:tt)*] aarch64 [$($arm:tt)*]) => {
        &[
            $(($x86, ::core::cfg!(all(target_arch = "x86_64", target_feature = $x86))),)*
            $(($arm, ::core::cfg!(all(target_arch = "aarch64", target_feature = $arm))),)*
        ]
    };
}

/// How many of these are enabled.
#[doc(hidden)]
pub const fn count(features: &[(&str, bool)]) -> usize {
    let (mut sum, mut index) = (0, 0);
    while index < features.len() {
        sum += features[index].1 as usize;
        index += 1;
    }
    sum
}

/// The names of those that are enabled.
#[doc(hidden)]
pub const fn enabled<const N: usize>(features: &[(&'static str, bool)]) -> [&'static str; N] {
    let mut names = [""; N];
    let (mut at, mut index) = (0, 0);
    while index < features.len() {
        if features[index].1 {
            names[at] = features[index].0;
            at += 1;
        }
        index += 1;
    }
    names
}

/// Whether this machine's processor has a feature; `false` for one that this
/// version does not know.
pub fn detected(feature: &str) -> bool {
    macro_rules! ask {
        (x86_64 [$($x86:tt)*] aarch64 [$($arm:tt)*]) => {{
            #[cfg(target_arch = "x86_64")]
            let has = match feature {
                $($x86 => std::arch::is_x86_feature_detected!($x86),)*
                _ => false,
            };
            #[cfg(target_arch = "aarch64")]
            let has = match feature {
                $($arm => std::arch::is_aarch64_feature_detected!($arm),)*
                _ => false,
            };
            has
        }};
    }
    crate::__target_features!(ask)
}
