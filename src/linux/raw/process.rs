//! Making, replacing, ending and reaping processes.

#![expect(unsafe_code, reason = "system calls that take pointers or end the program")]

use core::{
    ffi::{CStr, c_char},
    mem,
};

use linux_raw_sys::general::{
    __NR_clone3, __NR_close_range, __NR_execve, __NR_exit_group, __NR_kcmp, __NR_reboot, __NR_waitid,
    CLONE_INTO_CGROUP, CLONE_NEWPID, CLONE_PIDFD, P_ALL, WEXITED, WNOHANG, WNOWAIT, clone_args,
};
use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    io::Errno,
};

use super::{CStrings, syscall};
use crate::linux::apart;

const SIGCHLD: u64 = 17;
/// close_range(2): mark close-on-exec instead of closing (Linux 5.11).
const CLOSE_RANGE_CLOEXEC: usize = 4;
/// `si_code` of a child that exited by itself, was killed, was killed with a core dump: sigaction(2).
const CLD_EXITED: i32 = 1;
const CLD_KILLED: i32 = 2;
const CLD_DUMPED: i32 = 3;

/// Ends the program at once: no destructor runs.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: exit_group takes a number and does not return.
        let _never = unsafe { syscall(__NR_exit_group, [usize::from(code), 0, 0, 0, 0, 0]) };
    }
}

/// Whether two descriptors are one open file: kcmp(2). False where the kernel cannot say.
pub fn is_same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    const KCMP_FILE: usize = 0;
    let own = rustix::process::getpid().as_raw_nonzero().get() as usize;
    let (one, other) = (one.as_raw_fd() as usize, other.as_raw_fd() as usize);
    // SAFETY: kcmp takes numbers only.
    let order = unsafe { syscall(__NR_kcmp, [own, own, KCMP_FILE, one, other, 0]) };
    order == Ok(0)
}

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Forked {
    /// The new process.
    Child,
    /// The old one.
    Parent {
        /// The child.
        pid: u32,
        /// A descriptor of the child, close-on-exec, readable once it has ended.
        pidfd: OwnedFd,
    },
}

/// Makes a child that is a copy of this process with all its memory, for work of this process's own.
///
/// The parent goes on at once: kernel-costs.md says why this is no vfork. The child of a program with several threads
/// has one: it may not wait for locks that another thread held, so it uses no heap and no libc; nothing here does.
pub fn fork() -> Result<Forked, Errno> {
    apart::with_copy(|| fork_with(None, 0))
}

/// Makes a child for somebody else's work, born in `cgroup` if one is given (Linux 5.7); with `new_processes` it is the
/// first of a pid namespace of its own. It has nothing of what lies in an [`apart::Place`], and dies if it looks there.
pub fn fork_into(cgroup: Option<BorrowedFd<'_>>, new_processes: bool) -> Result<Forked, Errno> {
    fork_with(cgroup, if new_processes { CLONE_NEWPID } else { 0 })
}

fn fork_with(cgroup: Option<BorrowedFd<'_>>, flags: u32) -> Result<Forked, Errno> {
    let mut pidfd: RawFd = -1;
    // SAFETY: clone_args is plain numbers, and all zeroes is the documented "nothing special".
    let mut args: clone_args = unsafe { mem::zeroed() };
    args.flags = u64::from(CLONE_PIDFD | flags);
    args.pidfd = (&raw mut pidfd).expose_provenance() as u64;
    args.exit_signal = SIGCHLD;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: without CLONE_VM the child has a stack and memory of its own, a copy of ours; the kernel writes `pidfd`
    // only, which `args` exposes and which outlives the call.
    let pid = unsafe {
        syscall(__NR_clone3, [(&raw mut args).expose_provenance(), size_of::<clone_args>(), 0, 0, 0, 0])
    }?;
    if pid == 0 {
        return Ok(Forked::Child);
    }
    // SAFETY: clone3 succeeded with CLONE_PIDFD, so `pidfd` is a new descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    u32::try_from(pid).map(|pid| Forked::Parent { pid, pidfd }).map_err(|_| Errno::RANGE)
}

/// Becomes the program at `path`. Returns only if that failed.
pub fn execve<const A: usize, const E: usize>(
    path: &CStr,
    argv: &CStrings<'_, A>,
    envp: &CStrings<'_, E>,
) -> Errno {
    // SAFETY: `CStrings` ends in a null pointer (`the_last_slot_stays_null`).
    unsafe { execve_with(path, argv.as_ptr(), envp.as_ptr()) }
}

/// The same with bare lists.
///
/// # Safety
/// `argv` and `envp` are C strings, ended by a null pointer.
pub(in crate::linux) unsafe fn execve_with(
    path: &CStr,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> Errno {
    let lists = [argv.expose_provenance(), envp.expose_provenance()];
    // SAFETY: `CStr` ends in NUL; the rest is the caller's promise.
    match unsafe { syscall(__NR_execve, [path.as_ptr().expose_provenance(), lists[0], lists[1], 0, 0, 0]) } {
        Err(errno) => errno,
        Ok(_) => Errno::NOSYS, // execve does not return when it succeeds
    }
}

/// How a process ended: waitid(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(u8),
    /// By this signal, with a core dump.
    Dumped(u8),
}

/// Reaps any child that has ended: `None` if none has. ECHILD if there is no child at all.
pub fn reap_any() -> Result<Option<(u32, Ending)>, Errno> {
    wait_any(WEXITED | WNOHANG)
}

/// Waits until a child ends, and reaps it. Blocks: not for PID 1's loop. ECHILD if there is no child at all.
pub fn wait_for_any() -> Result<Option<(u32, Ending)>, Errno> {
    wait_any(WEXITED)
}

fn wait_any(options: u32) -> Result<Option<(u32, Ending)>, Errno> {
    /// Where `si_pid` is in the kernel's siginfo, counted in ints; `si_uid` and `si_status` follow.
    const PID: usize = if cfg!(target_pointer_width = "64") { 4 } else { 3 };
    let mut info = [0_i32; 32];
    // SAFETY: the kernel writes one siginfo, which is 128 bytes on every architecture; P_ALL takes no id.
    unsafe {
        let info = (&raw mut info).expose_provenance();
        syscall(__NR_waitid, [P_ALL as usize, 0, info, options as usize, 0, 0])
    }?;
    let Ok(pid @ 1..) = u32::try_from(info[PID]) else { return Ok(None) };
    let status = info[PID + 2] as u8;
    match info[2] {
        CLD_EXITED => Ok(Some((pid, Ending::Exited(status)))),
        CLD_KILLED => Ok(Some((pid, Ending::Killed(status)))),
        CLD_DUMPED => Ok(Some((pid, Ending::Dumped(status)))),
        _ => Err(Errno::PROTO), // WEXITED asks for these three only
    }
}

/// Whether the process that `kind` and `id` tell waitid(2) of is a child of this one, ended or not: nobody is reaped.
pub fn is_child(kind: u32, id: usize) -> bool {
    // SAFETY: without a place for it, the kernel writes nothing.
    unsafe { syscall(__NR_waitid, [kind as usize, id, 0, (WEXITED | WNOHANG | WNOWAIT) as usize, 0, 0]) }
        .is_ok()
}

/// Marks every descriptor from `first` up close-on-exec. ENOSYS or EINVAL before Linux 5.11.
pub fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: the flag closes nothing, so no owner loses its descriptor; execve will.
    unsafe { syscall(__NR_close_range, [first as usize, u32::MAX as usize, CLOSE_RANGE_CLOEXEC, 0, 0, 0]) }?;
    Ok(())
}

/// Has the firmware start the machine over with `word`: LINUX_REBOOT_CMD_RESTART2. Comes back only if the kernel refuses.
///
/// # Errors
/// reboot(2)'s.
pub fn restart_with(word: &CStr) -> Result<(), Errno> {
    const MAGIC: usize = 0xfee1_dead;
    const MAGIC_TOO: usize = 0x2812_1969;
    const RESTART2: usize = 0xa1b2_c3d4;
    let args = [MAGIC, MAGIC_TOO, RESTART2, word.as_ptr().expose_provenance(), 0, 0];
    // SAFETY: the kernel reads a string at the pointer, which is one and outlives the call.
    unsafe { syscall(__NR_reboot, args) }.map(drop)
}

#[cfg(test)]
mod tests {
    use rustix::fd::AsFd;
    use rustix::process::{WaitId, WaitIdOptions, waitid};

    use super::*;

    #[test]
    fn a_forked_child_ends_with_its_code() {
        match fork().expect("fork") {
            Forked::Child => exit(42),
            Forked::Parent { pid, pidfd } => {
                assert!(pid > 1);
                let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
                assert_eq!(status.and_then(|status| status.exit_status()), Some(42));
            }
        }
    }

    #[test]
    fn a_program_that_is_not_there_gives_enoent() {
        let (mut argv, envp) = (CStrings::<2>::new(), CStrings::<1>::new());
        argv.push(c"x").expect("one slot");
        assert_eq!(execve(c"/no/such/program", &argv, &envp), Errno::NOENT);
    }
}
