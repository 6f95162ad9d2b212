//! Base64 (RFC 4648, section 4), with blanks anywhere, as systemd's `unbase64mem` takes it.

use crate::{
    diag::{Code, Diagnostic},
    read::{Text, is_blank},
};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes that `value` stands for. Four digits make three bytes; `=` at the end stands for what is missing, and may
/// be left out.
pub fn decode(value: &Text) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    let mut ended = false;
    for (at, c) in value.as_str().char_indices().filter(|(_, c)| !is_blank(*c)) {
        let digit = DIGITS.iter().position(|digit| char::from(*digit) == c).filter(|_| !ended);
        let Some(digit) = digit else {
            ended = true;
            if c == '=' {
                continue;
            }
            let problem = Diagnostic::error(Code::Word, format!("{c:?} is no character of base64 here"));
            return Err(problem.on(value, at..at + c.len_utf8()));
        };
        bits = bits << 6 | digit as u32;
        count += 1;
        if count % 4 != 1 {
            bytes.push((bits >> (2 * (3 - (count + 3) % 4))) as u8);
        }
    }
    if count % 4 == 1 {
        let message = format!("{count} digits of base64 are no whole number of bytes");
        return Err(Diagnostic::error(Code::Word, message).on(value, 0..value.len()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn digits_become_bytes() {
        for (value, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9 v Yg", b"foob"),
            ("Zm9vYmFy", b"foobar"),
            ("AP/+", b"\0\xff\xfe"),
        ] {
            assert_eq!(decode(&text(value)).as_deref(), Ok(bytes), "{value}");
        }
        for bad in ["Z", "Zm9vY", "Zg=g", "Zm9*", "é"] {
            assert!(decode(&text(bad)).is_err(), "{bad}");
        }
    }
}
