//! Every truncation and every changed byte of a real table: an error where the checksum tells, and never a panic where
//! it does not.

use std::vec::Vec;

use super::super::*;
use super::fixture::{ARCH, blob, reseal};

#[test]
fn every_truncation_is_an_error() {
    let bytes = blob();
    for length in 0..bytes.len() {
        assert!(Table::open(&bytes[..length], Some(ARCH)).is_err(), "{length} bytes of {}", bytes.len());
    }
}

#[test]
fn every_truncation_that_claims_to_be_whole_is_an_error() {
    let bytes = blob();
    for length in HEADER_BYTES..bytes.len() {
        let short = bytes[..length].to_vec();
        assert!(Table::open(&reseal(short), Some(ARCH)).is_err(), "{length} bytes of {}", bytes.len());
    }
}

#[test]
fn every_single_changed_byte_is_an_error() {
    let mut bytes = blob();
    for at in 0..bytes.len() {
        let right = bytes[at];
        for change in 1..=255 {
            bytes[at] = right ^ change;
            assert!(Table::open(&bytes, Some(ARCH)).is_err(), "byte {at}: {:#x}", bytes[at]);
        }
        bytes[at] = right;
    }
}

#[test]
fn a_changed_byte_under_a_right_checksum_never_panics() {
    let bytes = blob();
    let mut opened = 0;
    for at in 0..bytes.len() {
        let flipped = (0..8).map(|bit| bytes[at] ^ (1 << bit));
        for value in flipped.chain([0, 1, 2, 0x7f, 0x80, 0xff]) {
            let mut changed = bytes.clone();
            changed[at] = value;
            opened += usize::from(walk(&reseal(changed)));
        }
    }
    assert!(opened > 0, "changed letters of a description leave a table");
}

#[test]
fn a_lost_or_doubled_piece_under_a_right_checksum_never_panics() {
    let bytes = blob();
    for at in HEADER_BYTES..bytes.len() {
        for size in [1, 2, 3, 8] {
            let end = (at + size).min(bytes.len());
            let lost: Vec<u8> = [&bytes[..at], &bytes[end..]].concat();
            let doubled: Vec<u8> = [&bytes[..end], &bytes[at..]].concat();
            for changed in [lost, doubled] {
                walk(&reseal(changed));
            }
        }
    }
}

#[test]
fn many_changed_bytes_under_a_right_checksum_never_panic() {
    let bytes = blob();
    for seed in 0..5_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut changed = bytes.clone();
        for _ in 0..random.usize(2..12) {
            // Small numbers and all ones are what lengths and options are made of.
            let at = random.usize(MAGIC.len() + 2..changed.len());
            let any = random.u8(..);
            changed[at] = random.choice([0, 1, 2, 0x7f, 0x80, 0xff, any]).unwrap_or(any);
        }
        changed[10] = ARCH as u8;
        walk(&reseal(changed));
    }
}

/// Opens `bytes`; if that works, everything can be asked, and everything asked is what `open` promises.
fn walk(bytes: &[u8]) -> bool {
    let Ok(table) = Table::open(bytes, Some(ARCH)) else { return false };
    let board = table.board();
    assert!(table.unit(board.default_target).is_some());
    assert_eq!(board.identities.iter().count(), board.identity_count());
    assert_eq!(Some(board.identity_count()), board.identities.count());
    assert_eq!(Some(board.filter_count()), board.filters.count());
    assert!(board.filters.iter().all(|filter| filter.program.len().is_multiple_of(8)));
    assert!(board.environment.iter().all(|one| !one.contains('\0')));
    for id in table.ids().take(table.baked_count()) {
        let unit = table.unit(id).expect("open has decoded every unit");
        assert!(table.find(unit.name.as_str()).is_some());
        for list in [unit.wants, unit.requires, unit.required_by, unit.after, unit.before] {
            assert!(list.iter().all(|other| table.unit(other).is_some()));
        }
        match unit.kind {
            Kind::Target | Kind::Service | Kind::Socket(_) | Kind::Path(_) | Kind::Device(_) => {}
            Kind::Timer(timer) => {
                for calendar in timer.calendars.iter() {
                    let _ = calendar.next(0);
                }
            }
        }
        if let Some(service) = unit.service() {
            walk_service(&board, service);
        }
    }
    true
}

fn walk_service(board: &Board<'_>, service: &Service<'_>) {
    assert!(service.exec.filter.is_none_or(|id| board.filter(id).is_some()));
    for kind in CommandKind::ALL {
        let list = service.commands.of(kind);
        assert_eq!(Some(list.iter().count()), list.count());
        for command in list.iter() {
            assert!(command.argv.iter().next().is_some(), "argv[0] is there");
            assert_eq!(command.argv.as_bytes().last(), Some(&0));
            assert!(!command.path.contains('\0'));
        }
    }
    let exec = &service.exec;
    for id in [exec.user_identity, exec.group_identity].into_iter().flatten() {
        let identity = board.identity(id).expect("open has checked the reference");
        assert!(board.uids.contains(identity.baked) && board.uids.contains(identity.hashed));
    }
    for directories in exec.directories.iter() {
        assert!(directories.names.iter().all(|name| !name.starts_with('/') && !name.contains('\0')));
    }
    assert_eq!(Some(exec.rlimits.iter().count()), exec.rlimits.count());
    let network: Vec<_> = service.exec.cgroup.network.iter().collect();
    assert!(network.iter().all(|hook| board.filter(hook.program).is_some()));
    assert!(network.is_sorted_by(|one, next| (one.traffic as u8) < next.traffic as u8), "once for each");
}
