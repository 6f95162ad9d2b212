//! `logs --list-boots`: this boot, and the one before if anything has outlived it; as journalctl lists them.

use crate::{
    linux::{self, Errno, output::Output, passwd::search},
    wire::{
        ActiveState,
        log::{BOOT_MARK, Date},
    },
};

use super::{
    grid::{self, Cell},
    logs::{Met, Place, Ring, last_files},
    words::Words,
};

/// A moment as [`Date::write_full`] writes it.
pub(super) const MOMENT_BYTES: usize = 20;

/// The first moment of a boot and the last one, by the wall clock; 0 if nothing is known. Its number, if that is known.
type Life = (u64, u64, [u8; ID_BYTES]);

const ID_BYTES: usize = 32;
/// A number that is not known.
const NO_ID: &[u8] = b"-";

/// Lists them.
///
/// # Errors
/// Those of opening the ring.
pub(super) fn list(out: &mut Output, json: bool) -> Result<(), Errno> {
    let (mut ring, mut own) = (Ring::open()?, (0, 0, linux::boot::id()));
    let began_us = linux::clock::wall_us().saturating_sub(linux::clock::boot_us());
    ring.walk(&mut Place::default(), false, &mut |met| {
        if let Met::Entry(entry) = met {
            see(&mut own, entry.time_us + began_us);
        }
    });
    let heads = "index boot_id first_entry last_entry";
    let _broken = grid::show(out, &Words::rows(json), heads, "boots", &mut |grid| {
        let mut before = (0, 0, [0; ID_BYTES]);
        let (_, read) = last_files(&mut |file| {
            search(&file, &mut |line| {
                look_at(line, &mut before);
                Ok(false)
            })
            .map(drop)
        });
        // Of a file that is too large to be read to its end the last moment is not known.
        if read.is_err() {
            before.1 = 0;
        }
        for (index, (first, last, id)) in [("-1", &before), ("0", &own)] {
            if *first > 0 {
                let id = if id[0] == 0 { NO_ID } else { id };
                let id = core::str::from_utf8(id).unwrap_or_default();
                let cells = [Cell::Number(index), Cell::Text(id), Cell::Moment(*first), Cell::Moment(*last)];
                grid.row(ActiveState::Inactive, &cells)?;
            }
        }
        Ok(())
    });
    Ok(())
}

/// Adds to `life` when `line` was said; the first one of a file may have lost its beginning.
#[inline(never)] // for a small frame
fn look_at(line: &[u8], life: &mut Life) {
    let moment = line.get(..MOMENT_BYTES).and_then(|moment| core::str::from_utf8(moment).ok());
    if let Some(moment_us) = moment.and_then(Date::parse) {
        see(life, moment_us);
        let id = line.get(MOMENT_BYTES..).and_then(|said| said.strip_prefix(BOOT_MARK.as_bytes()));
        life.2 = id.and_then(<[u8]>::first_chunk).copied().unwrap_or(life.2);
    }
}

fn see(life: &mut Life, moment_us: u64) {
    (life.0, life.1) = (if life.1 == 0 { moment_us } else { life.0 }, moment_us);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_when_a_boot_began_and_ended() {
        let at = |text| Date::parse(text).expect("a moment");
        let mut life = (0, 0, [0; ID_BYTES]);
        for line in [
            "ut off",
            "2026-11-22T13:00:00Z tomte-logd: Boot 0123456789abcdef0123456789abcdef",
            "2026-11-22T13:00:05Z c: d",
            "2026-11-22T13:0",
        ] {
            look_at(line.as_bytes(), &mut life);
        }
        assert_eq!((life.0, life.1), (at("2026-11-22 13:00"), at("2026-11-22 13:00:05")));
        assert_eq!(&life.2, b"0123456789abcdef0123456789abcdef");
        let mut nothing = (0, 0, [0; ID_BYTES]);
        for line in [&b""[..], b"2026-13-22T13:00:00Z x", b"2026-11-22T13:00:0\xff x"] {
            look_at(line, &mut nothing);
        }
        assert_eq!(nothing, (0, 0, [0; ID_BYTES]));
    }
}
