//! What ends the machine: `FailureAction=` and its kind, and the signals that ask PID 1 for it.

use super::{Supervisor, unit::Note};
use crate::{
    table::{UnitAction, UnitId},
    wire::Power,
};

/// SIGINT, SIGUSR1, SIGUSR2, SIGTERM, SIGPWR, and the first of the real-time signals as libc counts them.
const INT: u8 = 2;
const USR1: u8 = 10;
const USR2: u8 = 12;
const TERM: u8 = 15;
const PWR: u8 = 30;
const RTMIN: u8 = 34;

kept! {
/// How much time the end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Haste {
    /// Units are stopped, processes ended, file systems written out and unmounted.
    Orderly,
    /// No unit is stopped first.
    Forced,
    /// Nothing is done first.
    Immediate,
}
}

/// Which end an action asks for, in which haste, and whether it is an exit with a status of its own.
const fn end_of(action: UnitAction) -> Option<(Power, Haste, bool)> {
    Some(match action {
        UnitAction::None => return None,
        UnitAction::Reboot => (Power::Reboot, Haste::Orderly, false),
        UnitAction::RebootForce => (Power::Reboot, Haste::Forced, false),
        UnitAction::RebootImmediate => (Power::Reboot, Haste::Immediate, false),
        UnitAction::PowerOff => (Power::PowerOff, Haste::Orderly, false),
        UnitAction::PowerOffForce => (Power::PowerOff, Haste::Forced, false),
        UnitAction::PowerOffImmediate => (Power::PowerOff, Haste::Immediate, false),
        UnitAction::Halt => (Power::Halt, Haste::Orderly, false),
        UnitAction::HaltForce => (Power::Halt, Haste::Forced, false),
        UnitAction::HaltImmediate => (Power::Halt, Haste::Immediate, false),
        UnitAction::SoftReboot => (Power::SoftReboot, Haste::Orderly, false),
        UnitAction::SoftRebootForce => (Power::SoftReboot, Haste::Forced, false),
        UnitAction::Exit => (Power::PowerOff, Haste::Orderly, true),
        UnitAction::ExitForce => (Power::PowerOff, Haste::Forced, true),
    })
}

/// Which end a signal to PID 1 asks for: systemd(1) SIGNALS, BusyBox's and sysvinit's tools. A container's manager
/// sends what it would send anybody to end it.
const fn end_by(signal: u8, container: bool) -> Option<Power> {
    const HALT: u8 = RTMIN + 3;
    const POWER_OFF: u8 = RTMIN + 4;
    const REBOOT: u8 = RTMIN + 5;
    const KEXEC: u8 = RTMIN + 6;
    const SOFT_REBOOT: u8 = RTMIN + 7;
    match signal {
        INT | TERM if container => Some(Power::PowerOff),
        INT | TERM => Some(Power::Reboot), // Ctrl-Alt-Del; BusyBox reboot
        USR1 => Some(Power::Halt),
        USR2 | PWR => Some(Power::PowerOff),
        HALT => Some(Power::Halt),
        POWER_OFF => Some(Power::PowerOff),
        REBOOT => Some(Power::Reboot),
        KEXEC => Some(Power::Kexec),
        SOFT_REBOOT => Some(Power::SoftReboot),
        _ => None,
    }
}

impl Supervisor<'_> {
    /// PID 1 got a signal.
    pub(super) fn signalled(&mut self, signal: u8, container: bool) {
        if let Some(power) = end_by(signal, container) {
            self.shutdown_asked(power);
        }
    }

    /// Does what `id` asks for at this point of its life. A container ends with `status` if that is what is asked for.
    /// What it says of its `job` has an argument of its own.
    pub(super) fn act(&mut self, id: UnitId, action: UnitAction, status: u8, job: bool) {
        let Some((power, haste, exits)) = end_of(action) else { return };
        if self.run.is_shutting_down() {
            return;
        }
        self.at(id).notes.add(Note::Acting);
        self.run.hurry(haste, exits.then_some(status), (id, job));
        self.shutdown_asked(power);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_end_the_machine_as_other_inits_have_it() {
        for (signal, power) in [
            (INT, Some(Power::Reboot)),
            (TERM, Some(Power::Reboot)),
            (USR1, Some(Power::Halt)),
            (USR2, Some(Power::PowerOff)),
            (PWR, Some(Power::PowerOff)),
            (RTMIN + 3, Some(Power::Halt)),
            (RTMIN + 4, Some(Power::PowerOff)),
            (RTMIN + 5, Some(Power::Reboot)),
            (RTMIN + 6, Some(Power::Kexec)),
            (RTMIN + 7, Some(Power::SoftReboot)),
            (1, None),
            (RTMIN, None),
        ] {
            assert_eq!(end_by(signal, false), power, "{signal}");
        }
        assert_eq!(end_by(TERM, true), Some(Power::PowerOff));
        assert_eq!(end_by(INT, true), Some(Power::PowerOff));
    }
}
