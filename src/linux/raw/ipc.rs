//! Removing System V IPC objects and POSIX message queues. Finding them is `linux::ipc`'s work.

#![expect(unsafe_code, reason = "system calls that remove shared objects")]

use core::ffi::CStr;

use linux_raw_sys::general::{__NR_mq_unlink, __NR_msgctl, __NR_semctl, __NR_shmctl};
use rustix::io::Errno;

use super::syscall;

const IPC_RMID: usize = 0;

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
