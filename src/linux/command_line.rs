//! The kernel's command line: kernel-command-line(7), bootparam(7).

use rustix::io::Errno;

use super::boot::read_file;

/// COMMAND_LINE_SIZE of every supported architecture is no larger.
pub const COMMAND_LINE_BYTES_MAX: usize = 4096;

/// The machine's command line.
///
/// # Errors
/// Of reading /proc/cmdline.
pub fn bytes(buffer: &mut [u8; COMMAND_LINE_BYTES_MAX]) -> Result<&[u8], Errno> {
    read_file(c"/proc/cmdline", buffer)
}

/// The same as text.
///
/// # Errors
/// EILSEQ, too, for what is none.
pub(super) fn read(buffer: &mut [u8; COMMAND_LINE_BYTES_MAX]) -> Result<&str, Errno> {
    core::str::from_utf8(bytes(buffer)?).map_err(|_| Errno::ILSEQ)
}
