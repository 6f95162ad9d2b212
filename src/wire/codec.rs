//! Packets to values and back.

use serde::Serialize;

use super::VERSION;
use crate::record::{Read, Reader};

/// Why a packet says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is of another version of the protocol.
    Version(u8),
    /// It is not what it should be, or longer.
    Malformed,
}

/// Writes `value` into `buffer` as one packet; `None` if it does not fit.
pub fn encode<'b, T: Serialize>(value: &T, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let (version, body) = buffer.split_first_mut()?;
    *version = VERSION;
    let body_bytes = postcard::to_slice(value, body).ok()?.len();
    buffer.get(..=body_bytes)
}

/// Reads a packet; strings are borrowed from it.
///
/// # Errors
/// [`DecodeError`]. Never panics, whatever the bytes.
pub fn decode<'p, T: Read<'p>>(packet: &'p [u8]) -> Result<T, DecodeError> {
    let (version, body) = packet.split_first().ok_or(DecodeError::Malformed)?;
    if *version != VERSION {
        return Err(DecodeError::Version(*version));
    }
    let mut reader = Reader::new(body);
    let value = T::read(&mut reader);
    match reader.rest() {
        Some([]) => Ok(value),
        Some(_) | None => Err(DecodeError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::{
        ActiveState, ExitStatus, Failure, JobMode, JobResult, ManagerStatus, Power, Reply, Request,
        ServiceResult, Setting, SubState, UnitStatus, UnitType, Verb, Whom,
    };

    #[test]
    fn a_request_comes_back_as_it_went() {
        let mut buffer = [0; 64];
        let name = "a@b.service";
        for request in [
            Request::Manager,
            Request::Units { from: 300 },
            Request::Unit { name },
            Request::Start { name },
            Request::Stop { name },
            Request::Restart { name },
            Request::ResetFailed { name },
            Request::Shutdown(Power::Reboot),
            Request::Reload { name },
            Request::Isolate { name },
            Request::Job { verb: Verb::Stop, mode: JobMode::Triggering, name },
            Request::Reexec,
            Request::Run { name },
            Request::Wait { name },
            Request::Posture { id: 300 },
            Request::Switch { timeout: 90 },
            Request::Kill { name, whom: Whom::Control, signal: 64 },
        ] {
            let packet = encode(&request, &mut buffer).expect("fits");
            assert_eq!(decode::<Request<'_>>(packet), Ok(request));
        }
    }

    #[test]
    fn a_reply_comes_back_as_it_went() {
        let unit = UnitStatus {
            id: 300,
            name: "a.service",
            description: "A",
            unit_type: UnitType::Target,
            active: ActiveState::Failed,
            sub: SubState::Active,
            result: ServiceResult::OomKill,
            main_pid: u32::MAX,
            main_exit: Some(ExitStatus::Dumped(11)),
            failure: Some(Failure { step: 3, errno: 13 }),
            uid: Some(61184),
            gid: None,
            restarts: 128,
            started_us: u64::MAX,
            ready_us: 0,
            ended_us: 300,
            status: "Serving",
            errno: 5,
            fingerprint: u32::MAX,
            next_us: u64::MAX,
            last_us: 0,
        };
        let manager = ManagerStatus {
            board: "b",
            arch: "arm",
            state: "running",
            boot_us: 7,
            boot_cpu_us: 3,
            units: 1,
            failed: 2,
            jobs: 3,
            now_us: 8,
            inputs: [9; 16],
        };
        let mut buffer = [0; 128];
        for reply in [
            Reply::Manager(manager),
            Reply::Unit(unit),
            Reply::End { next: Some(128) },
            Reply::Job(JobResult::Skipped),
            Reply::Accepted,
            Reply::NoSuchUnit,
            Reply::Denied,
            Reply::Busy,
            Reply::Malformed,
            Reply::Version(9),
            Reply::Setting(Setting { unit: "a.service", setting: "User=", state: "applied", why: "" }),
            Reply::Refused,
        ] {
            let packet = encode(&reply, &mut buffer).expect("fits");
            assert_eq!(decode::<Reply<'_>>(packet), Ok(reply));
        }
        for exit in [ExitStatus::Exited(1), ExitStatus::Killed(9)] {
            let reply = Reply::Unit(UnitStatus { main_exit: Some(exit), ..unit });
            let packet = encode(&reply, &mut buffer).expect("fits");
            assert_eq!(decode::<Reply<'_>>(packet), Ok(reply));
        }
    }

    #[test]
    fn the_documented_bytes_are_those_of_the_protocol() {
        let mut buffer = [0; 64];
        let start = encode(&Request::Start { name: "a.service" }, &mut buffer);
        assert_eq!(start, Some(&b"\x07\x03\x09a.service"[..]));
        assert_eq!(encode(&Reply::Job(JobResult::Done), &mut buffer), Some(&[7, 3, 0][..]));
        assert_eq!(encode(&Reply::Busy, &mut buffer), Some(&super::super::BUSY[..]));
        assert_eq!(encode(&Reply::End { next: Some(300) }, &mut buffer), Some(&[7, 2, 1, 0xac, 2][..]));
    }

    #[test]
    fn a_packet_of_another_version_is_told_apart_from_rubbish() {
        assert_eq!(decode::<Request<'_>>(&[VERSION + 1, 0]), Err(DecodeError::Version(VERSION + 1)));
        assert_eq!(decode::<Request<'_>>(&[]), Err(DecodeError::Malformed));
        assert_eq!(decode::<Request<'_>>(&[VERSION, 99]), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_packet_with_bytes_left_over_is_malformed() {
        assert_eq!(decode::<Request<'_>>(&[VERSION, 0, 0]), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_value_too_large_for_the_buffer_is_not_cut() {
        let status = ManagerStatus {
            board: "a board with a long name",
            arch: "x86_64",
            state: "running",
            boot_us: 1,
            boot_cpu_us: 3,
            units: 1,
            failed: 0,
            jobs: 0,
            now_us: 8,
            inputs: [9; 16],
        };
        assert_eq!(encode(&Reply::Manager(status), &mut [0; 16]), None);
        assert_eq!(encode(&Request::Manager, &mut []), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            let _ = decode::<Request<'_>>(&bytes);
            let _ = decode::<Reply<'_>>(&bytes);
        }
    }
}
