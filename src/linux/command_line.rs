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

/// What the last of the words `KEY=VALUE` in `line` says, or `""` for the bare word `KEY`; `None` if neither is there.
pub(super) fn last<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let mut found = None;
    for word in line.split_ascii_whitespace() {
        match word.strip_prefix(key) {
            Some("") => found = Some(""),
            Some(rest) => found = rest.strip_prefix('=').or(found),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_key_counts() {
        let line = "quiet root=/dev/a rootwait root=LABEL=x=y rooty=no ro\n";
        assert_eq!(last(line, "root"), Some("LABEL=x=y"));
        assert_eq!((last(line, "rootwait"), last(line, "ro")), (Some(""), Some("")));
        assert_eq!((last(line, "rw"), last(line, "roo")), (None, None));
    }
}
