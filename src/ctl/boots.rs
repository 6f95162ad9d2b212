//! `logs --list-boots`: this boot, and the one before if anything has outlived it; as journalctl lists them.

use crate::{
    linux::{self, AsFd, Errno, output::Output, passwd::search, pipe},
    wire::{ActiveState, log::Date},
};

use super::{
    grid::{self, Cell},
    logs::{Met, Place, Ring, last_file},
    words::Words,
};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Digits of one with dashes between.
const ID_BYTES: usize = 36;
/// A moment as [`Date::write_full`] writes it.
const MOMENT_BYTES: usize = 20;

/// The first moment of a boot and the last one, by the wall clock; 0 if nothing is known.
type Life = (u64, u64);

/// Lists them.
///
/// # Errors
/// Those of opening the ring.
pub(super) fn list(out: &mut Output, json: bool) -> Result<(), Errno> {
    let (mut ring, mut own): (Ring, Life) = (Ring::open()?, (0, 0));
    let began_us = linux::clock::wall_us().saturating_sub(linux::clock::boot_us());
    ring.walk(&mut Place::default(), false, &mut |met| {
        if let Met::Entry(entry) = met {
            see(&mut own, entry.time_us + began_us);
        }
    });
    let mut id = [0; ID_BYTES];
    let _unknown = pipe::open_file(BOOT_ID, false).and_then(|file| pipe::read(file.as_fd(), &mut id));
    let id = core::str::from_utf8(&id).unwrap_or_default();
    let heads = "idx boot_id first_entry last_entry";
    let _broken = grid::show(out, &Words::rows(json), heads, "boots", &mut |grid| {
        let mut last = (0, 0);
        let (path, file) = last_file();
        let mut look = |line: &[u8]| {
            look_at(line, &mut last);
            Ok(false)
        };
        // Of a file that is too large to be read to its end the last moment is not known. What became too large in this
        // boot is of this boot, unless the kernel has kept it.
        if file.and_then(|file| search(&file, &mut look)).is_err() {
            last.1 = 0;
        } else if last.1 > began_us && !path.starts_with("/sys") {
            last.0 = 0;
        }
        for &(index, id, (first, last)) in &[("-1", "-", last), ("0", id, own)] {
            if first > 0 {
                let cells = [Cell::Text(index), Cell::Text(id), Cell::Moment(first), Cell::Moment(last)];
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
    }
}

fn see(life: &mut Life, moment_us: u64) {
    *life = (if life.1 == 0 { moment_us } else { life.0 }, moment_us);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_when_a_boot_began_and_ended() {
        let at = |text| Date::parse(text).expect("a moment");
        let mut life = (0, 0);
        for line in ["ut off", "2026-11-22T13:00:00Z a: b", "2026-11-22T13:00:05Z c: d", "2026-11-22T13:0"] {
            look_at(line.as_bytes(), &mut life);
        }
        assert_eq!(life, (at("2026-11-22 13:00"), at("2026-11-22 13:00:05")));
        let mut nothing = (0, 0);
        for line in [&b""[..], b"2026-13-22T13:00:00Z x", b"2026-11-22T13:00:0\xff x"] {
            look_at(line, &mut nothing);
        }
        assert_eq!(nothing, (0, 0));
    }
}
