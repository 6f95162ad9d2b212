//! When PID 1 itself fails: the message, the delay, the board's choice. Never "Attempted to kill init".

use core::{
    fmt,
    panic::PanicInfo,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
};

use crate::{
    linux::{
        self,
        power::{MachineEnd, end_machine},
        raw::process::{Forked, exit, fork},
    },
    table::{Micros, PanicAction},
};

use super::log;

/// Before the table is open, a board that cannot boot starts over: another slot, or the next power cycle, may do better.
static ACTION: AtomicU8 = AtomicU8::new(PanicAction::Reboot as u8);
static DELAY_US: AtomicU64 = AtomicU64::new(10_000_000);
static CONTAINER: AtomicBool = AtomicBool::new(false);
static CRASHING: AtomicBool = AtomicBool::new(false);

/// What a container's PID 1 exits with after a failure of its own: Rust's code for a panic.
const PANIC_EXIT: u8 = 101;

/// Takes over panics' and fatal signals' ends. In a container there is no machine to end: PID 1 exits.
pub(super) fn prepare(container: bool) {
    CONTAINER.store(container, Ordering::Relaxed);
    if let Err(errno) = linux::signals::take_charge(faulted) {
        log::warn_of(errno, format_args!("cannot catch faults"));
    }
}

extern "C" fn faulted(signal: i32) -> ! {
    give_up(format_args!("caught {}", linux::signals::Name(u8::try_from(signal).unwrap_or(0))))
}

/// The board's choice and how long the message stays readable before it.
pub(super) fn set_action(action: PanicAction, delay: Micros) {
    ACTION.store(action as u8, Ordering::Relaxed);
    DELAY_US.store(delay.0, Ordering::Relaxed);
}

/// The panic handler. Processes other than PID 1 just exit.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    let message = info.message();
    let (file, line) = info.location().map_or(("?", 0), |place| (place.file(), u64::from(place.line())));
    if linux::process::id() == 1 {
        give_up(format_args!("panic at {file}:{line}: {message}"));
    }
    log::error(format_args!("panic at {file}:{line}: {message}"));
    exit(PANIC_EXIT)
}

/// Says why, and has a new program go on with the processes as they are. If that cannot be, waits, and ends the machine as
/// the board wants it.
pub(super) fn give_up(why: fmt::Arguments<'_>) -> ! {
    if CRASHING.swap(true, Ordering::Relaxed) {
        end(); // a second failure while reporting the first: no more words
    }
    let machine = !CONTAINER.load(Ordering::Relaxed);
    log::emergency(format_args!("cannot go on: {why}"), machine);
    linux::rescue::run(); // comes back if there is nothing to be saved, or not so soon again
    if machine {
        let delay_us = DELAY_US.load(Ordering::Relaxed);
        log::emergency(format_args!("{} in {} s", action().1, delay_us / 1_000_000), machine);
        // In a child: a disk that never answers must not keep the machine from starting over.
        if matches!(fork(), Ok(Forked::Child)) {
            linux::power::sync();
            exit(0);
        }
        linux::clock::sleep_us(delay_us);
    }
    end()
}

fn action() -> (MachineEnd, &'static str) {
    match ACTION.load(Ordering::Relaxed) {
        action if action == PanicAction::PowerOff as u8 => (MachineEnd::PowerOff, "powering off"),
        action if action == PanicAction::Halt as u8 => (MachineEnd::Halt, "halting"),
        _ => (MachineEnd::Restart, "rebooting"),
    }
}

fn end() -> ! {
    if CONTAINER.load(Ordering::Relaxed) {
        exit(PANIC_EXIT);
    }
    // Whoever may not reboot is in some container after all; there, exiting is the end.
    let _ = end_machine(action().0, "");
    exit(PANIC_EXIT)
}
