//! The lines of /proc/self/mountinfo: proc_pid_mountinfo(5).

use core::ffi::CStr;

/// Where a line's file system is mounted, unescaped into `buffer` (space, tab, newline and backslash are octal), and the
/// options of that mount. `None` if the line is none, or longer than `buffer`.
#[inline(never)]
pub fn parse<'l>(line: &'l [u8], buffer: &'l mut [u8]) -> Option<(&'l CStr, &'l [u8])> {
    let mut fields = line.split(|&byte| byte == b' ').skip(4);
    let (escaped, options) = (fields.next()?, fields.next()?);
    Some((unescape(escaped, buffer)?, options))
}

/// `escaped` with its octal escapes undone in `buffer`. `None` if it does not fit, or is not escaped so.
pub fn unescape<'b>(escaped: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let mut bytes = escaped.iter().copied();
    let mut places = buffer.iter_mut();
    while let Some(mut byte) = bytes.next() {
        if byte == b'\\' {
            byte = 0;
            for _ in 0..3 {
                let digit = bytes.next()?.checked_sub(b'0').filter(|digit| *digit < 8)?;
                byte = byte << 3 | digit;
            }
        }
        *places.next()? = byte;
    }
    *places.next()? = 0;
    CStr::from_bytes_until_nul(buffer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_place_and_options() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402\134x ro,noexec,relatime master:1 - ext3 /dev/root rw,errors=continue";
        let mut buffer = [0xff; 16];
        assert_eq!(parse(line, &mut buffer), Some((c"/mnt 2\\x", &b"ro,noexec,relatime"[..])));
        assert_eq!(parse(b"36 35 98:0 /mnt1", &mut buffer), None);
        assert_eq!(parse(b"", &mut buffer), None);
        assert_eq!(parse(br"36 35 98:0 / /a\0 rw", &mut buffer), None);
    }

    #[test]
    fn a_place_that_does_not_fit_is_none() {
        assert_eq!(parse(b"1 2 3 / /abc rw", &mut [0; 4]), None);
        assert!(parse(b"1 2 3 / /abc rw", &mut [0; 5]).is_some());
    }
}
