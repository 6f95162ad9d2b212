//! What programs send to /dev/log (RFC 3164 as syslog(3) writes it, RFC 5424), and the records of /dev/kmsg. Pure; the
//! bytes are anybody's.

use super::split_priority;

/// The longest tag that is taken for one.
const TAG_BYTES_MAX: usize = 64;
/// `Oct 11 22:14:15 `: where RFC 3164's time has what.
const TIME: &[u8; 16] = b"??? ?? ??:??:?? ";

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'m> {
    /// 0 to 7.
    pub priority: u8,
    /// TAG or APP-NAME, or empty.
    pub identifier: &'m [u8],
    /// What it says.
    pub text: &'m [u8],
}

/// Reads a message. What makes no sense is text: nothing is lost.
pub fn parse(bytes: &[u8]) -> Message<'_> {
    let bytes = bytes.trim_ascii_end();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes).trim_ascii_end();
    let (priority, rest) = split_priority(bytes).unwrap_or((6, bytes));
    if let Some((identifier, text)) = rest.strip_prefix(b"1 ").and_then(structured) {
        return Message { priority, identifier, text };
    }
    let has_time = rest.len() > TIME.len()
        && TIME.iter().zip(rest).all(|(wanted, found)| *wanted == b'?' || wanted == found);
    let rest = if has_time { rest.get(TIME.len()..).unwrap_or_default() } else { rest };
    let end = rest.iter().take(TAG_BYTES_MAX).position(|byte| b":[ ".contains(byte));
    let after = end.and_then(|end| {
        let after = rest.get(end..)?;
        let after = match after.strip_prefix(b"[") {
            Some(pid) => pid.get(pid.iter().position(|byte| *byte == b']')? + 1..)?,
            None => after,
        };
        after.strip_prefix(b":")
    });
    match (end.and_then(|end| rest.get(..end)), after) {
        (Some(identifier), Some(text)) => {
            Message { priority, identifier, text: text.strip_prefix(b" ").unwrap_or(text) }
        }
        _ => Message { priority, identifier: &[], text: rest },
    }
}

/// RFC 5424 from TIMESTAMP on: APP-NAME and MSG.
fn structured(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut words = bytes.splitn(6, |byte| *byte == b' ');
    let identifier = words.nth(2)?;
    let data = words.nth(2)?; // past PROCID and MSGID
    let mut end = 0;
    let (mut inside, mut quoted, mut escaped) = (false, false, false);
    for byte in data {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted && inside,
            b'[' if !quoted => inside = true,
            b']' if !quoted => inside = false,
            b' ' if !inside => break,
            _ => {}
        }
        end += 1;
    }
    let text = data.get(end..)?;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    Some((if identifier == b"-" { &[] } else { identifier }, text))
}

/// A record of /dev/kmsg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelRecord<'m> {
    /// 0 to 7.
    pub priority: u8,
    /// 0 is the kernel itself.
    pub facility: u64,
    /// Its number; each is one more than the one before.
    pub number: u64,
    /// Microseconds since boot.
    pub time_us: u64,
    /// What it says.
    pub text: &'m [u8],
}

/// Reads a record, as Documentation/ABI/testing/dev-kmsg has it: `6,339,5140900,-;text`, a newline and fields that nobody
/// asks for.
pub fn kernel_record(bytes: &[u8]) -> Option<KernelRecord<'_>> {
    let at = bytes.iter().position(|byte| *byte == b';')?;
    let (head, text) = (bytes.get(..at)?, bytes.get(at + 1..)?);
    let mut numbers = head.split(|byte| *byte == b',').map(|word| {
        word.iter().try_fold(0_u64, |value, byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 { None } else { value.checked_mul(10)?.checked_add(digit.into()) }
        })
    });
    let mut next = || numbers.next().flatten();
    let (priority, number, time_us) = (next()?, next()?, next()?);
    let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Some(KernelRecord { priority: (priority & 7) as u8, facility: priority >> 3, number, time_us, text })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_read_as_they_are_written() {
        for (bytes, priority, identifier, text) in [
            ("<34>Oct 11 22:14:15 su: 'su root' failed", 2, "su", "'su root' failed"),
            ("<13>Feb  5 17:32:18 cron[99]: tick\n\0", 5, "cron", "tick"),
            ("<30>daemon: no time", 6, "daemon", "no time"),
            ("just words here", 6, "", "just words here"),
            ("<14>a b: c", 6, "", "a b: c"),
            ("<14>open[1: c", 6, "", "open[1: c"),
            (":x", 6, "", "x"),
            ("", 6, "", ""),
            ("<165>1 2003-10-11T22:14:15.003Z host evnt 77 ID47 - msg", 5, "evnt", "msg"),
            ("<165>1 - - - - - [a x=\"]\\\" [\"][b c=\"d\"] \u{feff}msg two", 5, "", "msg two"),
            ("<165>1 - - app - - [a x=\"y", 5, "app", ""),
            ("<165>1 - -", 5, "", "1 - -"),
        ] {
            let meant = Message { priority, identifier: identifier.as_bytes(), text: text.as_bytes() };
            assert_eq!(parse(bytes.as_bytes()), meant, "{bytes}");
        }
    }

    #[test]
    fn the_kernel_counts_its_records() {
        let record = kernel_record(b"12,339,5140900,-;NET: Registered; yes\n SUBSYSTEM=net\n");
        let meant = KernelRecord {
            priority: 4,
            facility: 1,
            number: 339,
            time_us: 5_140_900,
            text: b"NET: Registered; yes",
        };
        assert_eq!(record, Some(meant));
        for bad in ["", ";", "1,2;x", "1,2,x,-;x", "1,2,99999999999999999999,-;x"] {
            assert_eq!(kernel_record(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_upset_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let message = parse(&bytes);
            prop_assert!(message.text.len() <= bytes.len());
            let _ = kernel_record(&bytes);
        }
    }
}
