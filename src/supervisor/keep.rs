//! What goes on when PID 1 is replaced: everything that the supervisor remembers, by the names of the units.

use super::{
    Event, Instant, Pid, Slot, State, Supervisor,
    control::Clients,
    job::{Job, Phase},
    notice::Text,
    state::Process,
    unit::Record,
};
use crate::{
    record::{IDS_MAX, Keep, Keeper},
    table::{UnitId, limits::UNITS_MAX},
    wire::{ExitStatus, Failure},
};

/// EIO: what nobody can say any more.
const UNKNOWN: Failure = Failure { step: 0, errno: 5 };
/// How a process ended whose end was lost.
const LOST: ExitStatus = ExitStatus::Exited(u8::MAX);

/// What there is of a unit's processes, whatever the supervisor remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The process in the main slot, if it is not reaped, and whether it is past its execve.
    pub main: Option<(Pid, bool)>,
    /// The one in the control slot.
    pub control: Option<(Pid, bool)>,
    /// A janitor is at work, or whoever opens what the unit waits for.
    pub helper: bool,
    /// An examiner is at work. Both may be, where a start was called off while its conditions were looked at.
    pub examiner: bool,
    /// Somebody tells when nobody is left of it.
    pub known: bool,
}

const _: () = assert!(UNITS_MAX <= IDS_MAX, "every unit can be told apart");

impl Supervisor<'_> {
    /// Saves everything, or loads what another supervisor has saved into one that is fresh from [`Self::new`].
    ///
    /// Not between an action that has an answer and that answer. Units are found again by name, so the table may be
    /// another one; what is remembered of a unit that is not in it is forgotten, and a number that it held stays taken.
    pub fn keep(&mut self, with: &mut Keeper<'_>) {
        let units = self.keep_names(with);
        self.now.keep(with);
        self.wall_offset.keep(with);
        self.kernel_age.keep(with);
        self.machine.keep(with);
        self.unneeded_due.keep(with);
        self.impossible_count.keep(with);
        self.run.keep(with);
        self.health.keep(with);
        self.boot_cpu.keep(with);
        self.clients.keep(with);
        self.switch.keep(with);
        self.pool.keep(with, &self.table.board());
        for unit in 0..units {
            let id = if with.loads() { usize::from(with.now(unit)) } else { unit };
            match self.rooms.units.get_mut(id).zip(self.rooms.texts.get_mut(id)) {
                Some((record, text)) => {
                    record.keep(with);
                    text.keep(with);
                }
                None => {
                    self.nowhere.keep(with);
                    Text::blank().keep(with);
                }
            }
        }
        if with.loads() {
            self.nowhere = Record::new();
            self.switch.renumber(with, units);
            self.look_at_all();
        }
    }

    /// The program before failed, perhaps between an event and what follows from it: what is remembered is made to agree
    /// with the `facts`. Nobody is connected any more.
    #[inline(never)]
    pub fn recover(&mut self, now: Instant, facts: &dyn Fn(UnitId) -> Facts) {
        self.clients = Clients::NONE;
        for unit in self.ids() {
            let Facts { main, control, helper, examiner, known } = facts(unit);
            for &(slot, lives) in &[(Slot::Main, main), (Slot::Control, control)] {
                let record = self.peek(unit);
                let process = if slot == Slot::Main { record.main } else { record.control };
                match (process, lives) {
                    (Process::Asked, Some((pid, _))) => self.handle(now, Event::Spawned { unit, slot, pid }),
                    (Process::Asked, None) => {
                        self.handle(now, Event::SpawnFailed { unit, slot, failure: UNKNOWN });
                    }
                    (Process::Alive(pid) | Process::Unfit { pid, .. }, _)
                        if lives.is_none_or(|(other, _)| other != pid) =>
                    {
                        self.handle(now, Event::Exited { unit, pid, status: LOST });
                    }
                    (Process::None | Process::Wanted | Process::Alive(_) | Process::Unfit { .. }, _) => {}
                }
                if let Some((pid, true)) = lives {
                    self.handle(now, Event::Executed { unit, pid });
                }
            }
            self.ask_again(unit, helper, examiner);
            if !known && main.is_none() && control.is_none() && self.peek(unit).populated {
                self.handle(now, Event::Empty { unit });
            }
        }
        self.reported();
    }

    /// Sends whoever was to clean, to open or to look once more, if he is not there.
    fn ask_again(&mut self, id: UnitId, helper: bool, examiner: bool) {
        let record = self.at(id);
        if let State::Clean { asked, .. } | State::Opening { asked, .. } = &mut record.state {
            *asked &= helper;
        }
        if examiner {
            return;
        }
        record.examined = false;
        if let Some(Job { phase: phase @ Phase::Examined, .. }) = &mut record.job {
            *phase = Phase::Conditions;
        }
    }

    /// Which unit is which. Answers how many the saved ones are.
    fn keep_names(&mut self, with: &mut Keeper<'_>) -> usize {
        let units = with.place(self.rooms.units.len(), UNITS_MAX.saturating_add(1));
        let mut next = UnitId(0);
        for unit in 0..units {
            let name_of = |id: UnitId| self.table.name(id);
            let own = u16::try_from(unit).ok().map(UnitId).filter(|_| !with.loads()).and_then(name_of);
            let name = with.text(own.unwrap_or_default());
            if with.loads() {
                // Most tables differ by few units: the next one is it.
                let same = Some(next).filter(|next| name_of(*next) == Some(name));
                let id = same.or_else(|| self.table.find(name)).unwrap_or(UnitId(u16::MAX));
                with.takes_place(id.0);
                next = UnitId(id.0.wrapping_add(1));
            }
        }
        units
    }
}
