//! How long the instructions take that the kernels are made of, on the machine
//! that this runs on: the figures with which BENCHMARKING.md reckons its limit.
//!
//! `cargo run --release -p callseal-srtp-crypto --example instructions`
#![allow(unsafe_code, reason = "instructions are timed by themselves")]

#[cfg(target_arch = "x86_64")]
fn main() {
    let present = std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("vaes")
        && std::arch::is_x86_feature_detected!("vpclmulqdq")
        && std::arch::is_x86_feature_detected!("sha");
    match present {
        true => measured::print(),
        false => println!("this machine lacks AVX-512, VAES, VPCLMULQDQ or SHA"),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("this is for x86-64");
}

#[cfg(target_arch = "x86_64")]
mod measured {
    use std::arch::asm;
    use std::time::Instant;

    /// Nanoseconds that each of the eight instructions of `run` takes, the least
    /// of many tries: whatever else the machine does only adds to it.
    fn least(run: impl Fn()) -> f64 {
        const REPEATS: u32 = 2_000;
        let mut least = f64::INFINITY;
        for _ in 0..400 {
            let begin = Instant::now();
            (0..REPEATS).for_each(|_| run());
            let each = begin.elapsed().as_secs_f64() * 1e9 / f64::from(8 * REPEATS);
            least = least.min(each);
        }
        least
    }

    /// An instruction eight times, on vector registers that nothing is kept in;
    /// `\\reg` in it stands for 1 to 8.
    macro_rules! eight {
        ($instruction:expr) => {
            least(|| {
                // SAFETY: it touches no memory, the registers that it writes
                // are declared, and `main` found the machine to have it.
                unsafe {
                    asm!(
                        ".irp reg,1,2,3,4,5,6,7,8", $instruction, ".endr",
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                        out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _,
                        options(nomem, nostack)
                    )
                }
            })
        };
    }

    pub(crate) fn print() {
        let cycle = least(|| {
            // SAFETY: a chain of additions in a register that is declared.
            unsafe { asm!(".rept 8", "add rax, 1", ".endr", out("rax") _, options(nomem, nostack)) }
        });
        println!("a cycle is {cycle:.3} ns, {:.2} GHz", 1.0 / cycle);
        println!("{:<24} latency  one every", "cycles");
        let line = |name, latency: f64, every: f64| {
            println!("{name:<24} {:7.1}  {:9.2}", latency / cycle, every / cycle);
        };
        line(
            "sha1rnds4",
            eight!("sha1rnds4 xmm1, xmm0, 1"),
            eight!("sha1rnds4 xmm\\reg, xmm0, 1"),
        );
        line(
            "vaesenc zmm",
            eight!("vaesenc zmm1, zmm1, zmm0"),
            eight!("vaesenc zmm\\reg, zmm0, zmm0"),
        );
        line(
            "vpclmulqdq zmm",
            eight!("vpclmulqdq zmm1, zmm1, zmm0, 1"),
            eight!("vpclmulqdq zmm\\reg, zmm0, zmm0, 1"),
        );
        line(
            "vprold zmm",
            eight!("vprold zmm1, zmm1, 5"),
            eight!("vprold zmm\\reg, zmm0, 5"),
        );
        line(
            "vpshufb zmm",
            eight!("vpshufb zmm1, zmm1, zmm0"),
            eight!("vpshufb zmm\\reg, zmm0, zmm0"),
        );
        line(
            "vpaddd zmm",
            eight!("vpaddd zmm1, zmm1, zmm0"),
            eight!("vpaddd zmm\\reg, zmm0, zmm0"),
        );
        line(
            "vpternlogd zmm",
            eight!("vpternlogd zmm1, zmm0, zmm0, 0x96"),
            eight!("vpternlogd zmm\\reg, zmm0, zmm0, 0x96"),
        );
    }
}
