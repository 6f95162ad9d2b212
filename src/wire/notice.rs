//! What services say of themselves: the messages of sd_notify(3). Pure; the bytes are anybody's.

use core::ffi::CStr;

use crate::{record::NotifyAccess, words};

/// Largest message, as systemd has it. A longer one is passed over as a whole.
pub const NOTICE_BYTES_MAX: usize = 4096;
/// Where PID 1 listens for such messages: `$NOTIFY_SOCKET`.
pub const NOTIFY: &CStr = c"/run/tomte/notify";
/// [`NOTIFY`] for people and for `$NOTIFY_SOCKET`.
pub const NOTIFY_PATH: &str = match NOTIFY.to_str() {
    Ok(path) => path,
    Err(_) => panic!("it is ASCII"),
};

/// The keys, in the order of [`Notice::take`]. One string: patterns of bytes are compared by code, a hundred bytes each.
const KEYS: &str = "READY RELOADING STOPPING STATUS WATCHDOG WATCHDOG_USEC MAINPID ERRNO EXTEND_TIMEOUT_USEC MONOTONIC_USEC \
     FDSTORE FDSTOREREMOVE FDNAME FDPOLL NOTIFYACCESS MAINPIDFD MAINPIDFDID";
/// The words of `NOTIFYACCESS=`.
const ACCESS: &str = "none main exec all";

/// One message: of each key the first assignment. Keys that nobody knows are none of PID 1's business, and those that are
/// for people alone, `BUSERROR=`, `VARLINKERROR=` and `EXIT_STATUS=`, are not kept: `ERRNO=` and `STATUS=` say it shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notice<'a> {
    /// `READY=1`: started, or reloaded.
    pub ready: bool,
    /// `RELOADING=1`.
    pub reloading: bool,
    /// `STOPPING=1`. Beats `ready`, which beats `reloading`.
    pub stopping: bool,
    /// `MONOTONIC_USEC=`: when a reload began, microseconds of CLOCK_MONOTONIC.
    pub monotonic_us: Option<u64>,
    /// `STATUS=`: a line for people; empty takes it back.
    pub status: Option<&'a str>,
    /// `MAINPID=`.
    pub main_pid: Option<u32>,
    /// `MAINPIDFD=1`: it is the process of the pidfd that comes along.
    pub main_pidfd: bool,
    /// `MAINPIDFDID=`: the number that the kernel has given to the pidfds of `main_pid`, which nobody has again.
    pub main_pidfd_id: Option<u64>,
    /// `ERRNO=`: why the service fails.
    pub errno: Option<u16>,
    /// `EXTEND_TIMEOUT_USEC=`: microseconds from now.
    pub extend_us: Option<u64>,
    /// `WATCHDOG=`.
    pub watchdog: Option<Ping>,
    /// `WATCHDOG_USEC=`: another `WatchdogSec=`, in microseconds.
    pub watchdog_us: Option<u64>,
    /// `FDSTORE=1`: the descriptors that come along are to be kept; `FDSTOREREMOVE=1`: those called `fd_name` no more.
    pub store: Option<bool>,
    /// `FDNAME=`; [`STORED`] without, or if it cannot be one.
    pub fd_name: Option<&'a str>,
    /// `FDPOLL=0`: they are kept even when their other end is gone.
    pub unpolled: bool,
    /// `NOTIFYACCESS=`: another `NotifyAccess=`.
    pub access: Option<NotifyAccess>,
}

/// What descriptors in the store are called if the service does not say.
pub const STORED: &str = "stored";
/// Bytes of a descriptor's name in the store.
pub const FD_NAME_BYTES_MAX: usize = 31;

/// `WATCHDOG=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// `1`: all is well.
    Alive,
    /// `trigger`: it is not; act as if the service had been silent for too long.
    Trigger,
}

impl<'a> Notice<'a> {
    /// Reads a message. `None` if it is none: too long, or with a NUL inside (one at the end is fine). Lines that make no
    /// sense are passed over, as systemd does.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if bytes.len() > NOTICE_BYTES_MAX || bytes.contains(&0) {
            return None;
        }
        let mut notice = Self::default();
        // From the last to the first, so that the first stands.
        for line in bytes.rsplit(|byte| *byte == b'\n') {
            let Some(equals) = line.iter().position(|byte| *byte == b'=') else { continue };
            let (key, value) = line.split_at_checked(equals)?;
            notice.take(key, value.get(1..)?);
        }
        Some(notice)
    }

    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        let Some(place) = words::place(KEYS, key) else { return };
        let text = core::str::from_utf8(value).unwrap_or_default();
        let yes = text == "1";
        let number: Option<u64> = text.parse().ok();
        match place {
            0 => self.ready |= yes,
            1 => self.reloading |= yes,
            2 => self.stopping |= yes,
            3 => self.status = Some(text),
            4 if yes => self.watchdog = Some(Ping::Alive),
            4 if text == "trigger" => self.watchdog = Some(Ping::Trigger),
            5 => self.watchdog_us = number,
            6 => self.main_pid = number.and_then(|number| u32::try_from(number).ok()),
            7 => self.errno = number.and_then(|number| u16::try_from(number).ok()),
            8 => self.extend_us = number,
            9 => self.monotonic_us = number,
            10 if yes => self.store = Some(true),
            11 if yes => self.store = Some(false),
            12 => self.fd_name = Some(text).filter(|name| is_fd_name(name)),
            13 => self.unpolled |= text == "0",
            14 => {
                let all = [NotifyAccess::None, NotifyAccess::Main, NotifyAccess::Exec, NotifyAccess::All];
                self.access = words::place(ACCESS, value).and_then(|place| all.get(place).copied());
            }
            15 => self.main_pidfd |= yes,
            16 => self.main_pidfd_id = number,
            _ => {}
        }
    }
}

/// Whether descriptors can be called so: sd_pid_notify_with_fds(3), and shorter.
fn is_fd_name(name: &str) -> bool {
    (1..=FD_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':')
}

#[cfg(test)]
mod tests {
    use std::{format, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Notice<'_> {
        Notice::parse(text.as_bytes()).expect("a message")
    }

    #[test]
    fn a_descriptor_has_a_short_name_or_none() {
        let of = |text| parse(text).fd_name;
        assert_eq!(parse("FDSTORE=1\nFDNAME=state").store, Some(true));
        assert_eq!(parse("FDSTOREREMOVE=1").store, Some(false));
        assert!(parse("FDSTORE=1\nFDPOLL=0").unpolled && !parse("FDSTORE=1\nFDPOLL=1").unpolled);
        assert_eq!((of("FDNAME=state"), of("FDNAME="), of("FDNAME=a:b")), (Some("state"), None, None));
        let (longest, longer) = (format!("FDNAME={}", "x".repeat(31)), format!("FDNAME={}", "x".repeat(32)));
        assert_eq!((of(&longest), of(&longer)), (Some(&longest[7..]), None));
    }

    #[test]
    fn a_service_says_who_is_heard_from_here_on() {
        let all = [NotifyAccess::None, NotifyAccess::Main, NotifyAccess::Exec, NotifyAccess::All];
        for (word, access) in ACCESS.split(' ').zip(all) {
            assert_eq!(parse(&format!("NOTIFYACCESS={word}")).access, Some(access));
        }
        assert_eq!(parse("NOTIFYACCESS=any").access, None);
    }

    #[test]
    fn a_message_is_lines_of_assignments() {
        let notice = parse("READY=1\nSTATUS=Waiting for data…\nMAINPID=42\n");
        let expected = Notice {
            ready: true,
            status: Some("Waiting for data…"),
            main_pid: Some(42),
            ..Notice::default()
        };
        assert_eq!(notice, expected);
        let notice = parse("WATCHDOG=1\nWATCHDOG_USEC=500000\nEXTEND_TIMEOUT_USEC=1\nERRNO=2\0");
        assert_eq!(notice.watchdog, Some(Ping::Alive));
        assert_eq!((notice.watchdog_us, notice.extend_us, notice.errno), (Some(500_000), Some(1), Some(2)));
        let notice = parse("RELOADING=1\nMONOTONIC_USEC=7\nWATCHDOG=trigger\nSTOPPING=1");
        assert!(notice.reloading && notice.stopping && !notice.ready);
        assert_eq!((notice.monotonic_us, notice.watchdog), (Some(7), Some(Ping::Trigger)));
    }

    #[test]
    fn the_first_assignment_of_a_key_stands() {
        let pinned = parse("MAINPID=2\nMAINPIDFDID=77\nMAINPIDFD=1");
        assert_eq!((pinned.main_pid, pinned.main_pidfd_id, pinned.main_pidfd), (Some(2), Some(77), true));
        assert_eq!(parse("MAINPID=2\nMAINPID=3\nSTATUS=a=b\nSTATUS=c").main_pid, Some(2));
        assert_eq!(parse("STATUS=a=b\nSTATUS=c").status, Some("a=b"));
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        for text in ["", "\n\n", "READY", "READY=2", "READY=", "=1", "X_MINE=1", "ready=1", " READY=1"] {
            assert_eq!(parse(text), Notice::default(), "{text:?}");
        }
        for text in ["MAINPID=-1", "MAINPID=99999999999", "ERRNO=x", "WATCHDOG_USEC=1s", "WATCHDOG=2"] {
            assert_eq!(parse(text), Notice::default(), "{text:?}");
        }
        assert_eq!(Notice::parse(b"STATUS=\xff"), Some(Notice { status: Some(""), ..Notice::default() }));
    }

    #[test]
    fn a_nul_inside_or_too_many_bytes_make_it_no_message() {
        assert_eq!(Notice::parse(b"READY=1\0\0"), None);
        assert_eq!(Notice::parse(b"READY=1\0STATUS=x"), None);
        assert_eq!(Notice::parse(&[b'x'; NOTICE_BYTES_MAX + 1]), None);
        assert!(Notice::parse(&[b'x'; NOTICE_BYTES_MAX]).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_exactly_without_a_nul_inside(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let inner = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
            prop_assert_eq!(Notice::parse(&bytes).is_some(), !inner.contains(&0));
        }

        #[test]
        fn what_is_said_is_understood_whatever_stands_around_it(
            ready: bool, pid: Option<u32>, span: Option<u64>, status in "[^\n\0]{0,40}", noise in "[^\n\0=]{0,9}",
        ) {
            let mut lines: Vec<_> = [format!("STATUS={status}"), noise].into();
            lines.extend(ready.then(|| "READY=1".into()));
            lines.extend(pid.map(|pid| format!("MAINPID={pid}")));
            lines.extend(span.map(|span| format!("EXTEND_TIMEOUT_USEC={span}")));
            let expected = Notice {
                ready,
                main_pid: pid,
                extend_us: span,
                status: Some(&status),
                ..Notice::default()
            };
            let text = lines.join("\n");
            prop_assert_eq!(parse(&text), expected);
            lines.reverse();
            let text = lines.join("\n");
            prop_assert_eq!(parse(&text), expected);
        }
    }
}
