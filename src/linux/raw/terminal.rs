//! Terminals: ioctl(2) as ioctl_tty(2) has it.

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use core::ffi::c_void;

use linux_raw_sys::general::__NR_ioctl;
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

const TCGETS: usize = 0x5401;
const TCSETS: usize = 0x5402;
const TCFLSH: usize = 0x540b;
const TIOCSCTTY: usize = 0x540e;
const TIOCGWINSZ: usize = 0x5413;
const TIOCSWINSZ: usize = 0x5414;
const TIOCVHANGUP: usize = 0x5437;
/// TCIOFLUSH: what was typed and not read, and what was written and not sent.
const BOTH_WAYS: usize = 2;

/// struct termios of asm-generic/termbits.h.
#[repr(C)]
#[derive(Default)]
struct Settings {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line: u8,
    characters: [u8; 19],
}

/// What is taken out of c_iflag: IGNBRK, BRKINT, ISTRIP, INLCR, IGNCR, IUCLC; and put in: ICRNL, IMAXBEL, IUTF8.
const INPUT_OFF: u32 = 0o1 | 0o2 | 0o40 | 0o100 | 0o200 | 0o1000;
const INPUT_ON: u32 = 0o400 | 0o20000 | 0o40000;
/// OPOST and ONLCR of c_oflag.
const OUTPUT_ON: u32 = 0o1 | 0o4;
/// CREAD of c_cflag.
const CONTROL_ON: u32 = 0o200;
/// c_lflag: ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHOCTL, ECHOKE, IEXTEN.
const LOCAL: u32 = 0o1 | 0o2 | 0o10 | 0o20 | 0o40 | 0o1000 | 0o4000 | 0o100_000;
/// c_cc: VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE,
/// VLNEXT, VEOL2.
const CHARACTERS: [u8; 19] = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];

fn call(tty: BorrowedFd<'_>, request: usize, argument: usize) -> Result<(), Errno> {
    // SAFETY: the callers below give a number where the request takes one, and else the address of a struct of theirs
    // that is what the request reads or writes.
    unsafe { syscall(__NR_ioctl, [tty.as_raw_fd() as usize, request, argument, 0, 0, 0]) }.map(drop)
}

fn address<T>(of: &mut T) -> usize {
    (&raw mut *of).cast::<c_void>().expose_provenance()
}

/// Makes `tty` the terminal of this session; `steal` takes it from another one.
///
/// # Errors
/// EPERM if it is another session's; EIO if it was hung up; ENOTTY for what is no terminal.
pub fn acquire(tty: BorrowedFd<'_>, steal: bool) -> Result<(), Errno> {
    call(tty, TIOCSCTTY, steal.into())
}

/// Takes `tty` away from everybody who has it open, this process too.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN; ENOTTY for what is no terminal.
pub fn hang_up(tty: BorrowedFd<'_>) -> Result<(), Errno> {
    call(tty, TIOCVHANGUP, 0)
}

/// How many rows and columns the screen has; a serial line says 0.
///
/// # Errors
/// ENOTTY for what is no terminal.
pub fn size(tty: BorrowedFd<'_>) -> Result<[u16; 4], Errno> {
    let mut size = [0_u16; 4]; // struct winsize: rows, columns, and the same in pixels
    call(tty, TIOCGWINSZ, address(&mut size)).map(|()| size)
}

/// Says how large the screen is; 0 leaves it as it is.
///
/// # Errors
/// ENOTTY for what is no terminal.
pub fn resize(tty: BorrowedFd<'_>, rows: u16, columns: u16) -> Result<(), Errno> {
    let mut size = size(tty)?;
    for (to, wanted) in size.iter_mut().zip([rows, columns]) {
        if wanted != 0 {
            *to = wanted;
        }
    }
    call(tty, TIOCSWINSZ, address(&mut size))
}

/// Settings as a person expects them, whatever the last program has done to them; nothing that was typed for it is left
/// (terminal-util.c, `reset_terminal_fd`).
///
/// # Errors
/// ENOTTY for what is no terminal.
pub fn reset(tty: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut settings = Settings::default();
    call(tty, TCGETS, address(&mut settings))?;
    settings.input = settings.input & !INPUT_OFF | INPUT_ON;
    settings.output |= OUTPUT_ON;
    settings.control |= CONTROL_ON;
    settings.local = LOCAL;
    settings.characters = CHARACTERS;
    call(tty, TCSETS, address(&mut settings))?;
    call(tty, TCFLSH, BOTH_WAYS)
}
