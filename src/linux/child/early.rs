//! What a machine needs early in its boot, each as one call in the place of a program: modules, settings of the kernel's,
//! the clock, random numbers, an id. What is to be done with what was settled when the table was baked.

use core::{ffi::CStr, fmt::Write};

use rustix::{
    fs::{Mode, OFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW, fsync, futimens, open, seek, stat},
    io::{Errno, pwrite, read, write},
    mount::{UnmountFlags, mount_bind, unmount},
    param::page_size,
    rand::{GetRandomFlags, getrandom},
    time::{ClockId, Timespec as Time, clock_settime},
};

use super::{super::plan::Command, calls::number};
use crate::linux::{
    AsFd,
    boot::UNINITIALIZED,
    clock,
    devices::own,
    listen::make_parents,
    modules::{self, Modules},
    output::Output,
    plan::Call,
    raw::entropy::{self, SEED_BYTES},
};

/// Mode of directories that are made on the way to a file.
const DIRECTORY_MODE: u16 = 0o755;
/// A clock that is so much later than the floor was never set: systemd's CLOCK_VALID_RANGE_USEC_MAX.
const VALID_SECONDS: u64 = 15 * 365 * 86_400;
/// Hexadecimal digits of a machine's id: machine-id(5).
const ID_DIGITS: usize = 32;
/// FNV-1a's: an id is no secret, and has to tell machines apart.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
/// Where the machine's id is that holds for this boot alone.
const THIS_BOOT: &CStr = c"/run/machine-id";
/// All of a serial number that counts.
const SERIAL_BYTES_MAX: usize = 256;

/// Makes the call of `command`, whose path is `path`.
#[inline(never)]
pub(super) fn carry_out(command: &Command<'_>, path: &CStr) -> Result<(), Errno> {
    let mut words = command.argv.iter();
    let mut next = || words.next().unwrap_or_default();
    match command.call {
        Call::LoadModule if path.to_bytes().starts_with(b"/") => modules::insert(path, next()),
        Call::LoadModule if modules::is_loaded(path.to_bytes()) => Ok(()),
        Call::LoadModule => Modules::find()?.load(path.to_bytes(), next()),
        Call::LoadForDevices => Modules::find()?.load_for_devices(),
        Call::Write => {
            let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?;
            write(&file, next().to_bytes()).map(drop)
        }
        Call::Own => own(command.path, &[next(), next(), next()]),
        Call::ClockFloor => set_clock(path, u64::from(number(next())?)),
        Call::Touch => {
            let file = create(command.path, path, 0o644)?;
            let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
            futimens(&file, &Timestamps { last_access: now, last_modification: now })
        }
        Call::LoadSeed => load_seed(command.path, path, next() == c"credit"),
        Call::SaveSeed => save_seed(command.path, path, &[]),
        Call::MachineId => set_machine_id(command, path),
        Call::MakeSwap => make_swap(path),
        Call::Execute
        | Call::Helper
        | Call::Mount
        | Call::Unmount
        | Call::SwapOn
        | Call::SwapOff
        | Call::Count
        | Call::Check
        | Call::Root
        | Call::Network => Err(Errno::NOSYS), // `calls` has these
    }
}

fn create(name: &str, path: &CStr, mode: u16) -> Result<rustix::fd::OwnedFd, Errno> {
    let _made = make_parents(name, DIRECTORY_MODE); // or the file cannot be made
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    open(path, flags, Mode::from_raw_mode(mode.into()))
}

/// A clock without a battery begins in 1970, and one with an empty battery anywhere.
fn set_clock(saved: &CStr, built: u64) -> Result<(), Errno> {
    let saved = stat(saved).map_or(0, |found| u64::try_from(found.st_mtime).unwrap_or(0));
    let (now, floor) = (clock::wall_us() / 1_000_000, saved.max(built));
    if (floor..floor.saturating_add(VALID_SECONDS)).contains(&now) {
        return Ok(());
    }
    clock_settime(ClockId::Realtime, Time { tv_sec: i64::try_from(floor).unwrap_or(0), tv_nsec: 0 })?;
    let _ = writeln!(Output::stderr(), "the clock was never set: it said {now}, it says {floor} now");
    Ok(())
}

/// systemd's way: what was in the file is stirred in; it counts as random only after the file has something else in it,
/// for good, so that no two boots begin alike.
fn load_seed(name: &str, path: &CStr, credit: bool) -> Result<(), Errno> {
    let device = open(c"/dev/urandom", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let mut seed = [0; SEED_BYTES];
    let found = match open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(file) => read(&file, &mut seed)?,
        Err(Errno::NOENT) => 0,
        Err(errno) => return Err(errno),
    };
    if found > 0 {
        entropy::add(device.as_fd(), &seed, 0)?;
    }
    save_seed(name, path, &seed)?;
    if credit && found == SEED_BYTES {
        entropy::add(device.as_fd(), &seed, 256)?;
    }
    Ok(())
}

/// The next seed is as secret as the one `before`, even where the kernel has no good random numbers yet.
fn save_seed(name: &str, path: &CStr, before: &[u8]) -> Result<(), Errno> {
    let mut seed = [0; SEED_BYTES];
    let filled = getrandom(&mut seed, GetRandomFlags::INSECURE)
        .or_else(|_| getrandom(&mut seed, GetRandomFlags::NONBLOCK))?;
    if filled != SEED_BYTES {
        return Err(Errno::IO);
    }
    for (to, from) in seed.iter_mut().zip(before) {
        *to ^= from;
    }
    let file = create(name, path, 0o600)?;
    write(&file, &seed)?;
    fsync(&file)
}

/// The id that the file has, the one that a serial number comes to, or a random one. Where the file cannot be written, it
/// holds for this boot.
#[inline(never)]
fn set_machine_id(command: &Command<'_>, path: &CStr) -> Result<(), Errno> {
    let mut buffer = [0; SERIAL_BYTES_MAX];
    let is_id = |text: &[u8]| text.len() == ID_DIGITS && text.iter().all(u8::is_ascii_hexdigit);
    if command.argv.iter().next() == Some(c"commit") {
        let id = crate::linux::boot::read_file(THIS_BOOT, &mut buffer)?;
        unmount(path, UnmountFlags::DETACH)?;
        let kept = create(command.path, path, 0o444).and_then(|file| {
            write(&file, id)?;
            fsync(&file)
        });
        if kept.is_err() {
            mount_bind(THIS_BOOT, path)?; // the machine has its id for this boot at least
        }
        return kept;
    }
    let there = first_line(path, &mut buffer);
    if is_id(there) {
        return Ok(());
    }
    // Until the first boot has come to its end, nothing is kept: systemd-machine-id-commit.service.
    let first_boot = there == UNINITIALIZED;
    let mut id = [0_u64; 2];
    for source in command.argv.iter().filter(|word| !word.is_empty()) {
        let serial = first_line(source, &mut buffer);
        // What has no two different characters is no number of one machine.
        if serial.len() >= 4 && serial.iter().any(|byte| Some(byte) != serial.first()) {
            id = [OFFSET, !OFFSET]
                .map(|sum| serial.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(PRIME)));
            break;
        }
    }
    if id == [0; 2] {
        let mut bytes = [0; 8];
        for half in &mut id {
            getrandom(&mut bytes, GetRandomFlags::NONBLOCK)?;
            *half = u64::from_le_bytes(bytes);
        }
    }
    let mut text = [b'\n'; ID_DIGITS + 1];
    for (place, at) in text.iter_mut().zip(0..ID_DIGITS) {
        let half = if at < ID_DIGITS / 2 { id[0] } else { id[1] };
        let digit = (half >> (at % 16 * 4) & 0xf) as u8;
        *place = if digit < 10 { b'0' + digit } else { b'a' - 10 + digit };
    }
    match if first_boot { Err(Errno::ROFS) } else { create(command.path, path, 0o444) } {
        Ok(file) => {
            write(&file, &text)?;
            fsync(&file)
        }
        Err(Errno::ROFS) => {
            let file = create("/run/machine-id", THIS_BOOT, 0o444)?;
            write(&file, &text)?;
            mount_bind(THIS_BOOT, path)
        }
        Err(errno) => Err(errno),
    }
}

/// The first line of the file at `path`, as far as it fits; empty if there is none. Device trees end strings with NUL.
fn first_line<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    let text = crate::linux::boot::read_file(path, buffer).unwrap_or_default();
    text.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default()
}

/// A header of swap.h: version 1, the last page, no bad ones.
#[inline(never)]
fn make_swap(path: &CStr) -> Result<(), Errno> {
    let device = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let (size, page) = (seek(&device, SeekFrom::End(0))?, page_size() as u64);
    let last = size.checked_div(page).and_then(|pages| pages.checked_sub(1)).ok_or(Errno::INVAL)?;
    let last = u32::try_from(last).map_err(|_| Errno::FBIG)?;
    let mut header = [0; 12];
    for (place, word) in header.chunks_exact_mut(4).zip([1_u32, last]) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    pwrite(&device, &header, 1024)?;
    pwrite(&device, b"SWAPSPACE2", page.saturating_sub(10))?;
    fsync(&device)
}
