//! What a child says on its way to execve: messages of twelve bytes over a close-on-exec pipe, the last one with a text
//! behind it.
//!
//! Writes of up to PIPE_BUF bytes are never split, so a reader sees whole messages; the end of the pipe without a
//! failure before it means that execve has succeeded (or that the child was killed, and its end follows).

use heapless::Vec;
use rustix::io::{self, Errno};

use super::{AsFd, feature::Feature, step::Step};

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The numbers the process will run under. Not sent if the plan names no user and no group.
    Identity {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// A dynamic number cannot be used; the child ends with 217, which is not the service's doing.
    Unfit {
        /// The group's number, not the user's.
        group: bool,
        /// The number that owns the unit's directories.
        suggestion: Option<u32>,
    },
    /// The child goes on without something that the kernel lacks.
    Lacking {
        /// What.
        feature: Feature,
        /// How the kernel said so.
        errno: Errno,
    },
    /// A step failed; the child ends with the step's exit code. What it worked on follows: [`read_about`].
    Failed {
        /// Which.
        step: Step,
        /// The kernel's reason.
        errno: Errno,
    },
}

/// What a look into the pipe gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A message.
    Report(Report),
    /// Nothing yet.
    Empty,
    /// Nothing any more: the program runs, or the child is dead.
    Closed,
}

const MESSAGE_BYTES: usize = 12;
/// Longest text behind a message. What is longer is cut.
pub const ABOUT_BYTES_MAX: usize = 200;
const IDENTITY: u8 = 1;
const UNFIT: u8 = 2;
const UNFIT_WITH_SUGGESTION: u8 = 3;
const FAILED: u8 = 4;
const LACKING: u8 = 5;

/// The next message. EPROTO if the bytes are none, which no child of ours writes.
pub fn read(pipe: impl AsFd) -> Result<Reading, Errno> {
    let mut message = [0; MESSAGE_BYTES];
    match io::read(pipe.as_fd(), &mut message) {
        Ok(0) => Ok(Reading::Closed),
        Ok(MESSAGE_BYTES) => decode(message).map(Reading::Report).ok_or(Errno::PROTO),
        Ok(_) => Err(Errno::PROTO),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Reading::Empty),
        Err(errno) => Err(errno),
    }
}

/// What the step that failed worked on, such as a path: what follows [`Report::Failed`]. Empty if it was nothing in
/// particular, or is no text.
pub fn read_about(pipe: impl AsFd, buffer: &mut [u8; ABOUT_BYTES_MAX]) -> &str {
    let count = io::read(pipe.as_fd(), &mut buffer[..]).unwrap_or(0);
    let bytes = buffer.get(..count).unwrap_or_default();
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) => {
            core::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
    }
}

/// Sends the last message: `step` failed with `errno` when it worked on what `about` says.
pub(super) fn write_failure(pipe: impl AsFd, step: Step, errno: Errno, about: &[u8]) -> Result<(), Errno> {
    let mut message = Vec::<u8, { MESSAGE_BYTES + ABOUT_BYTES_MAX }>::new();
    let about = about.get(..ABOUT_BYTES_MAX).unwrap_or(about);
    for part in [&encode(Report::Failed { step, errno })[..], about] {
        let _ = message.extend_from_slice(part); // there is room for both
    }
    io::write(pipe.as_fd(), &message).map(drop)
}

/// Sends one message.
pub(super) fn write(pipe: impl AsFd, report: Report) -> Result<(), Errno> {
    match io::write(pipe.as_fd(), &encode(report))? {
        MESSAGE_BYTES => Ok(()),
        _ => Err(Errno::PROTO),
    }
}

fn encode(report: Report) -> [u8; MESSAGE_BYTES] {
    let (kind, place, first, second) = match report {
        Report::Identity { uid, gid } => (IDENTITY, 0, uid, gid),
        Report::Unfit { group, suggestion: None } => (UNFIT, u8::from(group), 0, 0),
        Report::Unfit { group, suggestion: Some(number) } => {
            (UNFIT_WITH_SUGGESTION, u8::from(group), number, 0)
        }
        Report::Lacking { feature, errno } => {
            (LACKING, feature as u8, errno.raw_os_error().unsigned_abs(), 0)
        }
        Report::Failed { step, errno } => (FAILED, step.index(), errno.raw_os_error().unsigned_abs(), 0),
    };
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    [kind, place, 0, 0, a, b, c, d, e, f, g, h]
}

fn decode(message: [u8; MESSAGE_BYTES]) -> Option<Report> {
    let [kind, place, _, _, a, b, c, d, e, f, g, h] = message;
    let (first, second) = (u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h]));
    match kind {
        IDENTITY => Some(Report::Identity { uid: first, gid: second }),
        UNFIT => Some(Report::Unfit { group: place != 0, suggestion: None }),
        UNFIT_WITH_SUGGESTION => Some(Report::Unfit { group: place != 0, suggestion: Some(first) }),
        FAILED | LACKING => {
            let errno = i32::try_from(first).ok().filter(|errno| (1..=4095).contains(errno))?;
            let errno = Errno::from_raw_os_error(errno);
            Some(match kind {
                FAILED => Report::Failed { step: Step::from_index(place)?, errno },
                _ => Report::Lacking { feature: Feature::from_index(place)?, errno },
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_arrives_as_it_was_sent() {
        let failures = Step::ALL.map(|step| Report::Failed { step, errno: Errno::ACCESS });
        let others = [
            Report::Identity { uid: 61184, gid: 4_294_967_294 },
            Report::Unfit { group: false, suggestion: None },
            Report::Unfit { group: true, suggestion: Some(65519) },
        ];
        let lacks = Feature::ALL.map(|feature| Report::Lacking { feature, errno: Errno::NOSYS });
        let others = others.into_iter().chain(lacks);
        for report in failures.into_iter().chain(others) {
            assert_eq!(decode(encode(report)), Some(report));
        }
    }

    #[test]
    fn any_twelve_bytes_are_read_without_panic() {
        for byte in 0..=u8::MAX {
            for place in 0..MESSAGE_BYTES {
                let mut message = [FAILED, 3, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0];
                message[place] = byte;
                if let Some(report) = decode(message) {
                    assert_eq!(decode(encode(report)), Some(report));
                }
            }
        }
    }

    #[test]
    fn what_a_step_worked_on_comes_behind_its_failure_however_long_it_is() {
        let long = "é".repeat(ABOUT_BYTES_MAX);
        for (about, told) in [("/x", "/x"), ("", ""), (&long[..], &long[..ABOUT_BYTES_MAX])] {
            let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).expect("pipe");
            write_failure(writer.as_fd(), Step::Namespace, Errno::NOENT, about.as_bytes()).expect("write");
            drop(writer);
            let report = Report::Failed { step: Step::Namespace, errno: Errno::NOENT };
            assert_eq!(read(&reader), Ok(Reading::Report(report)));
            assert_eq!(read_about(&reader, &mut [0; ABOUT_BYTES_MAX]), told);
            assert_eq!(read(&reader), Ok(Reading::Closed));
        }
        let cut = [&b"x"[..], "é".repeat(ABOUT_BYTES_MAX).as_bytes()].concat();
        let (reader, writer) = rustix::pipe::pipe().expect("pipe");
        write_failure(writer.as_fd(), Step::Namespace, Errno::NOENT, &cut).expect("write");
        read(&reader).expect("the message");
        assert_eq!(read_about(&reader, &mut [0; ABOUT_BYTES_MAX]).len(), ABOUT_BYTES_MAX - 1);
    }

    #[test]
    fn an_empty_pipe_is_not_a_closed_one() {
        let flags = rustix::pipe::PipeFlags::NONBLOCK;
        let (reader, writer) = rustix::pipe::pipe_with(flags).expect("pipe");
        assert_eq!(read(&reader), Ok(Reading::Empty));
        let report = Report::Identity { uid: 1, gid: 2 };
        write(writer.as_fd(), report).expect("write");
        drop(writer);
        assert_eq!(read(&reader), Ok(Reading::Report(report)));
        assert_eq!(read(&reader), Ok(Reading::Closed));
    }
}
