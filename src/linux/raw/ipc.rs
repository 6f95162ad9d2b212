//! Whether there are System V IPC objects; removing them and POSIX message queues. Finding them is `linux::ipc`'s work.

#![expect(unsafe_code, reason = "system calls that remove shared objects")]

use core::ffi::CStr;

use linux_raw_sys::general::{__NR_mq_unlink, __NR_msgctl, __NR_semctl, __NR_shmctl};
use rustix::io::Errno;

use super::syscall;

const IPC_RMID: usize = 0;
/// linux/msg.h, linux/shm.h and linux/sem.h: what the kernel has of a kind, and how many of them are in use.
const MSG_INFO: usize = 12;
const SHM_INFO: usize = 14;
const SEM_INFO: usize = 19;
/// More than struct msginfo, struct shm_info or struct seminfo has; the long ones in it are aligned.
const INFO_LONGS: usize = 8;
/// The place of `used_ids` and `msgpool`, and of `semusz`, which are int.
const USED_AT: usize = 0;
const USED_SEMAPHORES_AT: usize = 7;

/// The three kinds of System V IPC objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SysV {
    /// Shared memory. Gone when the last process has detached it.
    SharedMemory,
    /// Semaphores.
    Semaphores,
    /// A message queue.
    MessageQueue,
}

/// Whether there is an object of that kind. ENOSYS if the kernel has no System V IPC.
pub fn is_used(kind: SysV) -> Result<bool, Errno> {
    let mut info = [0_u64; INFO_LONGS];
    let to = info.as_mut_ptr().expose_provenance();
    let (number, args, at) = match kind {
        SysV::SharedMemory => (__NR_shmctl, [0, SHM_INFO, to, 0, 0, 0], USED_AT),
        SysV::Semaphores => (__NR_semctl, [0, 0, SEM_INFO, to, 0, 0], USED_SEMAPHORES_AT),
        SysV::MessageQueue => (__NR_msgctl, [0, MSG_INFO, to, 0, 0, 0], USED_AT),
    };
    // SAFETY: the kernel writes one of the three structures, all of which `info` has room for.
    unsafe { syscall(number, args) }?;
    let bytes = info.map(u64::to_ne_bytes);
    let used = bytes.as_flattened().chunks_exact(size_of::<u32>()).nth(at);
    Ok(used.is_some_and(|used| used.iter().any(|byte| *byte != 0)))
}

/// Removes object `id`. EINVAL or EIDRM if it is gone already.
pub fn remove(kind: SysV, id: u32) -> Result<(), Errno> {
    let id = id as usize;
    let (number, args) = match kind {
        SysV::SharedMemory => (__NR_shmctl, [id, IPC_RMID, 0, 0, 0, 0]),
        SysV::Semaphores => (__NR_semctl, [id, 0, IPC_RMID, 0, 0, 0]),
        SysV::MessageQueue => (__NR_msgctl, [id, IPC_RMID, 0, 0, 0, 0]),
    };
    // SAFETY: IPC_RMID reads no memory of ours.
    unsafe { syscall(number, args) }?;
    Ok(())
}

/// Removes the POSIX message queue `name` (without its slash).
pub fn unlink_queue(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads a NUL-terminated name.
    unsafe { syscall(__NR_mq_unlink, [name.as_ptr().expose_provenance(), 0, 0, 0, 0, 0]) }?;
    Ok(())
}
