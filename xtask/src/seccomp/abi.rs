//! The system call interfaces of a CPU: their numbers in linux/audit.h, the names that systemd has for them, and their
//! calls. The kernel's tables come from the crate `syscalls`; what it lacks stands here.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::LazyLock,
};

use tomte::table::Arch;

/// One interface between programs and the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abi {
    X86_64,
    /// x86_64 with 32-bit pointers: the same numbers with one more bit, and some of its own.
    X32,
    X86,
    Arm64,
    Arm,
    Riscv64,
    Riscv32,
}

/// The bit of the number that makes an x86_64 call an x32 one.
pub const X32_BIT: u32 = 0x4000_0000;

/// x32's own numbers (arch/x86/entry/syscalls/syscall_64.tbl), from 512. Kernels take them without the bit, too.
const X32_CALLS: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];
const X32_FIRST: u32 = 512;

/// arm's own numbers (arch/arm/include/uapi/asm/unistd.h, `__ARM_NR_BASE`).
const ARM_CALLS: [(u32, &str); 6] = [
    (0xf_0001, "breakpoint"),
    (0xf_0002, "cacheflush"),
    (0xf_0003, "usr26"),
    (0xf_0004, "usr32"),
    (0xf_0005, "set_tls"),
    (0xf_0006, "get_tls"),
];

/// Numbers of calls with 64-bit times, which only 32-bit interfaces have.
const TIME64: RangeInclusive<u32> = 403..=423;

/// Calls by number.
pub type Calls = BTreeMap<u32, &'static str>;

macro_rules! of_the_crate {
    ($arch:ident) => {
        syscalls::$arch::Sysno::iter()
            .map(|call| (call.id().unsigned_abs(), named(call.name())))
            .collect::<Calls>()
    };
}

/// The crate's name for a call, or the one that everybody else has.
fn named(name: &'static str) -> &'static str {
    match name {
        "arm_sync_file_range" => "sync_file_range2",
        "fstatat" => "newfstatat",
        "r#break" => "break",
        _ => name,
    }
}

static X86_64: LazyLock<Calls> = LazyLock::new(|| {
    let mut calls = of_the_crate!(x86_64);
    calls.extend((X32_FIRST..).zip(X32_CALLS));
    calls
});
static X86: LazyLock<Calls> = LazyLock::new(|| of_the_crate!(x86));
static ARM64: LazyLock<Calls> = LazyLock::new(|| {
    let mut calls = of_the_crate!(aarch64);
    calls.retain(|number, name| !TIME64.contains(number) || !name.ends_with("64"));
    calls
});
static ARM: LazyLock<Calls> = LazyLock::new(|| {
    let mut calls = of_the_crate!(arm);
    calls.extend(ARM_CALLS);
    calls
});
static RISCV64: LazyLock<Calls> = LazyLock::new(|| of_the_crate!(riscv64));
static RISCV32: LazyLock<Calls> = LazyLock::new(|| of_the_crate!(riscv32));

impl Abi {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::X86_64, Self::X32, Self::X86, Self::Arm64, Self::Arm, Self::Riscv64, Self::Riscv32];

    /// Those that a kernel for `arch` may offer to programs, the kernel's own first.
    pub const fn of(arch: Arch) -> &'static [Self] {
        match arch {
            Arch::X86_64 => &[Self::X86_64, Self::X32, Self::X86],
            Arch::Aarch64 => &[Self::Arm64, Self::Arm],
            Arch::Arm => &[Self::Arm],
            Arch::Riscv64 => &[Self::Riscv64, Self::Riscv32],
        }
    }

    /// The word for it in `SystemCallArchitectures=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64",
            Self::X32 => "x32",
            Self::X86 => "x86",
            Self::Arm64 => "arm64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
            Self::Riscv32 => "riscv32",
        }
    }

    /// What the kernel calls it in a filter: `AUDIT_ARCH_*`.
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xC000_003E,
            Self::X86 => 0x4000_0003,
            Self::Arm64 => 0xC000_00B7,
            Self::Arm => 0x4000_0028,
            Self::Riscv64 => 0xC000_00F3,
            Self::Riscv32 => 0x4000_00F3,
        }
    }

    /// Its calls by number; x32's without its bit. A name may stand at several numbers.
    pub fn calls(self) -> &'static Calls {
        match self {
            Self::X86_64 | Self::X32 => &X86_64,
            Self::X86 => &X86,
            Self::Arm64 => &ARM64,
            Self::Arm => &ARM,
            Self::Riscv64 => &RISCV64,
            Self::Riscv32 => &RISCV32,
        }
    }
}

/// `name` as it stands in the tables, if any interface has a call of that name.
pub fn name(name: &str) -> Option<&'static str> {
    static NAMES: LazyLock<BTreeSet<&str>> =
        LazyLock::new(|| Abi::ALL.into_iter().flat_map(|abi| abi.calls().values().copied()).collect());
    NAMES.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        let number = |abi: Abi, name: &str| {
            let of_name = abi.calls().iter().filter(|(_, call)| **call == name);
            of_name.map(|(number, _)| *number).collect::<Vec<_>>()
        };
        assert_eq!(number(Abi::X86_64, "openat2"), [437]);
        assert_eq!(number(Abi::X86_64, "execve"), [59, 520]);
        assert_eq!(number(Abi::X86_64, "pwritev2"), [328, 547]);
        assert_eq!(number(Abi::X86, "socketcall"), [102]);
        assert_eq!(number(Abi::Arm64, "newfstatat"), [79]);
        assert_eq!(number(Abi::Arm64, "clock_gettime64"), [0; 0]);
        assert_eq!(number(Abi::Arm, "clock_gettime64"), [403]);
        assert_eq!(number(Abi::Arm, "set_tls"), [0xf_0005]);
        assert_eq!(number(Abi::Riscv64, "riscv_hwprobe"), [258]);
        assert_eq!(number(Abi::Riscv32, "openat"), [56]);
    }

    #[test]
    fn every_interface_has_the_calls_that_no_program_does_without() {
        for abi in Abi::ALL {
            for name in ["read", "write", "execve", "exit_group", "openat", "socket", "mprotect", "clone3"] {
                assert!(abi.calls().values().any(|call| *call == name), "{abi:?} {name}");
            }
        }
    }
}
