//! Signal masks, dispositions and signalfd. A set of signals is a `u64`: bit `n - 1` is signal `n`, on every
//! architecture that tomte knows.

#![expect(unsafe_code, reason = "system calls that take pointers")]

use core::{cell::UnsafeCell, ptr};

use linux_raw_sys::general::{__NR_rt_sigaction, __NR_rt_sigprocmask, __NR_sigaltstack, __NR_signalfd4};
use rustix::{
    fd::{FromRawFd, OwnedFd},
    io::{self, Errno},
};

use super::{AsFd, syscall};

/// The highest signal number.
pub const SIGNAL_MAX: u8 = 64;
/// SIGPIPE.
pub const SIGPIPE: u8 = 13;

const SIG_SETMASK: usize = 2;
const SFD_CLOEXEC_NONBLOCK: usize = 0o2_000_000 | 0o4_000;
const SET_BYTES: usize = size_of::<u64>();
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
const SA_RESTORER: usize = 0x0400_0000;
const SA_RESETHAND: usize = 0x8000_0000;
const SA_NODEFER: usize = 0x4000_0000;
const SA_ONSTACK: usize = 0x0800_0000;

/// Enough to save what PID 1 works on and start it anew. No page of it is there before it is needed.
const FAULT_STACK_BYTES: usize = 128 << 10;

#[repr(C, align(64))]
struct FaultStack(UnsafeCell<[u8; FAULT_STACK_BYTES]>);

// SAFETY: nobody in here ever reads or writes it; the kernel gives it to one handler, which never returns.
unsafe impl Sync for FaultStack {}

static FAULT_STACK: FaultStack = FaultStack(UnsafeCell::new([0; FAULT_STACK_BYTES]));

/// sigaltstack(2): `stack_t`.
#[repr(C)]
struct Stack {
    address: usize,
    flags: i32,
    bytes: usize,
}

/// The kernel's own struct sigaction (not libc's).
#[repr(C)]
struct Disposition {
    handler: usize,
    flags: usize,
    #[cfg(not(target_arch = "riscv64"))]
    restorer: usize,
    mask: [u32; 2],
}

/// Bit `signal - 1`; 0 for what is no signal.
pub const fn bit(signal: u8) -> u64 {
    if signal == 0 || signal > SIGNAL_MAX { 0 } else { 1 << (signal - 1) }
}

/// Makes `blocked` this thread's mask and returns the one before.
pub fn set_mask(blocked: u64) -> Result<u64, Errno> {
    let mut before = 0_u64;
    let (new, old) = ((&raw const blocked).expose_provenance(), (&raw mut before).expose_provenance());
    // SAFETY: the kernel reads and writes eight bytes each, as the last argument says.
    unsafe { syscall(__NR_rt_sigprocmask, [SIG_SETMASK, new, old, SET_BYTES, 0, 0]) }?;
    Ok(before)
}

/// Gives `signal` its default action. EINVAL for KILL and STOP, which always have it.
pub fn set_default(signal: u8) -> Result<(), Errno> {
    set_action(signal, SIG_DFL, 0)
}

/// Lets `signal` pass unnoticed. EINVAL for KILL and STOP.
pub fn ignore(signal: u8) -> Result<(), Errno> {
    set_action(signal, SIG_IGN, 0)
}

/// Runs `handler` when `signal` arrives, once: a second one, inside the handler too, has the default action. Meant for
/// faults, after which nothing can go on; so the handler does not return.
pub fn on_fault(signal: u8, handler: extern "C" fn(i32) -> !) -> Result<(), Errno> {
    set_action(signal, handler as usize, SA_RESETHAND | SA_NODEFER | SA_ONSTACK)
}

/// Gives such handlers a stack of their own: the fault may be that the other one is used up.
pub fn set_fault_stack() -> Result<(), Errno> {
    let stack =
        Stack { address: FAULT_STACK.0.get().expose_provenance(), flags: 0, bytes: FAULT_STACK_BYTES };
    // SAFETY: the kernel reads one `stack_t`. What it names lives as long as the program, and nobody else uses it.
    unsafe { syscall(__NR_sigaltstack, [(&raw const stack).expose_provenance(), 0, 0, 0, 0, 0]) }?;
    Ok(())
}

fn set_action(signal: u8, handler: usize, flags: usize) -> Result<(), Errno> {
    let disposition = Disposition {
        handler,
        // x86_64 asks for a restorer whenever there is a handler; ours never returns, so it is never run.
        flags: if cfg!(target_arch = "x86_64") && handler > SIG_IGN { flags | SA_RESTORER } else { flags },
        #[cfg(not(target_arch = "riscv64"))]
        restorer: handler,
        mask: [0; 2],
    };
    let new = (&raw const disposition).expose_provenance();
    // SAFETY: the kernel reads one sigaction of its own layout. A handler can only be an `extern "C" fn(i32) -> !`
    // (`on_fault`), which is what the kernel calls.
    unsafe { syscall(__NR_rt_sigaction, [usize::from(signal), new, 0, SET_BYTES, 0, 0]) }?;
    Ok(())
}

/// A descriptor that reads as the signals of `set`, close-on-exec and non-blocking. They have to be blocked as well.
pub fn signalfd(set: u64) -> Result<OwnedFd, Errno> {
    let set = (&raw const set).expose_provenance();
    // SAFETY: the kernel reads eight bytes; -1 asks for a new descriptor.
    let fd = unsafe { syscall(__NR_signalfd4, [usize::MAX, set, SET_BYTES, SFD_CLOEXEC_NONBLOCK, 0, 0]) }?;
    let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just made it, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// One signal read from a signalfd: signalfd(2), struct signalfd_siginfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub signal: u8,
    /// Who sent it; 0 if the kernel did.
    pub pid: u32,
    /// As whom.
    pub uid: u32,
    /// What came along with sigqueue(3).
    pub value: i32,
}

/// The next signal of a signalfd; `None` if there is none.
pub fn receive(signalfd: impl AsFd) -> Result<Option<Received>, Errno> {
    let mut info = [0_u32; 32];
    let mut bytes = [0_u8; 128];
    let count = match io::read(signalfd.as_fd(), &mut bytes) {
        Err(Errno::AGAIN) => return Ok(None),
        answer => answer?,
    };
    if count != bytes.len() {
        return Err(Errno::PROTO);
    }
    for (word, bytes) in info.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_ne_bytes(bytes.try_into().unwrap_or_default());
    }
    let [signal, _errno, _code, pid, uid, _fd, _tid, _band, _overrun, _trap, _status, value, ..] = info;
    Ok(Some(Received { signal: signal as u8, pid, uid, value: value.cast_signed() }))
}

/// Whether `signal` is ignored by this process.
pub fn is_ignored(signal: u8) -> Result<bool, Errno> {
    let mut disposition = Disposition {
        handler: 0,
        flags: 0,
        #[cfg(not(target_arch = "riscv64"))]
        restorer: 0,
        mask: [0; 2],
    };
    let old = (&raw mut disposition).expose_provenance();
    // SAFETY: the kernel writes one sigaction of its own layout; null changes nothing.
    unsafe {
        syscall(
            __NR_rt_sigaction,
            [usize::from(signal), ptr::null::<Disposition>().addr(), old, SET_BYTES, 0, 0],
        )
    }?;
    Ok(disposition.handler == SIG_IGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGUSR1: u8 = 10;
    const SIGWINCH: u8 = 28;

    #[test]
    fn a_blocked_signal_is_read_from_its_descriptor() {
        let before = set_mask(bit(SIGUSR1)).expect("block");
        let fd = signalfd(bit(SIGUSR1)).expect("signalfd");
        assert_eq!(receive(&fd), Ok(None));
        let me = rustix::thread::gettid();
        // SAFETY: tkill takes two numbers; the signal is blocked in this thread.
        unsafe {
            let number = linux_raw_sys::general::__NR_tkill;
            syscall(number, [me.as_raw_nonzero().get() as usize, usize::from(SIGUSR1), 0, 0, 0, 0])
        }
        .expect("tkill");
        let received = receive(&fd).expect("read").expect("one signal");
        assert_eq!(received.signal, SIGUSR1);
        assert_eq!(received.uid, rustix::process::getuid().as_raw());
        assert_eq!(set_mask(before), Ok(bit(SIGUSR1)));
    }

    #[test]
    fn an_ignored_signal_can_be_given_its_default_back() {
        ignore(SIGWINCH).expect("ignore");
        assert_eq!(is_ignored(SIGWINCH), Ok(true));
        set_default(SIGWINCH).expect("default");
        assert_eq!(is_ignored(SIGWINCH), Ok(false));
    }

    #[test]
    fn kill_and_stop_cannot_be_changed() {
        assert_eq!(set_default(9), Err(Errno::INVAL));
        assert_eq!(ignore(19), Err(Errno::INVAL));
    }

    #[test]
    fn only_1_to_64_are_signals() {
        assert_eq!((bit(0), bit(1), bit(64), bit(65)), (0, 1, 1 << 63, 0));
    }
}
