//! Keyrings: keyctl(2).

#![expect(unsafe_code, reason = "a system call that works on what others share")]

use linux_raw_sys::general::__NR_keyctl;
use rustix::io::Errno;

use super::syscall;

const KEYCTL_JOIN_SESSION_KEYRING: usize = 1;
const KEYCTL_CLEAR: usize = 7;
const KEYCTL_LINK: usize = 8;
const KEYCTL_GET_PERSISTENT: usize = 22;
/// KEY_SPEC_PROCESS_KEYRING.
const OF_THE_PROCESS: isize = -2;
/// KEY_SPEC_SESSION_KEYRING.
const OF_THE_SESSION: isize = -3;
/// KEY_SPEC_USER_KEYRING and KEY_SPEC_USER_SESSION_KEYRING: what all processes of a user share, and what is theirs until
/// they join another session. The kernel keeps both when the user's last process is gone.
const OF_THE_USER: [isize; 2] = [-4, -5];

/// Gives the process an empty session keyring that nobody else has. ENOSYS where the kernel has no keys.
pub fn join_new_session() -> Result<(), Errno> {
    // SAFETY: no name is given, so no memory is read.
    unsafe { syscall(__NR_keyctl, [KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0, 0]) }?;
    Ok(())
}

/// Puts the keyring of the process's real user into its session keyring.
pub fn link_users() -> Result<(), Errno> {
    let [user, _] = OF_THE_USER;
    // SAFETY: numbers only.
    unsafe {
        syscall(__NR_keyctl, [KEYCTL_LINK, user.cast_unsigned(), OF_THE_SESSION.cast_unsigned(), 0, 0, 0])
    }?;
    Ok(())
}

/// Unlinks every key of this process's user. What nothing else refers to is gone then.
pub fn clear_users() -> Result<(), Errno> {
    for &keyring in &OF_THE_USER {
        clear(keyring.cast_unsigned())?;
    }
    let process = OF_THE_PROCESS.cast_unsigned();
    // SAFETY: numbers only. -1 is the caller's own user.
    match unsafe { syscall(__NR_keyctl, [KEYCTL_GET_PERSISTENT, usize::MAX, process, 0, 0, 0]) } {
        Ok(keyring) => clear(keyring),
        Err(Errno::OPNOTSUPP) => Ok(()), // a kernel without keyrings that outlive a user's last session
        Err(errno) => Err(errno),
    }
}

fn clear(keyring: usize) -> Result<(), Errno> {
    // SAFETY: numbers only.
    unsafe { syscall(__NR_keyctl, [KEYCTL_CLEAR, keyring, 0, 0, 0, 0]) }?;
    Ok(())
}
