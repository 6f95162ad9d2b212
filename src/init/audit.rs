//! What PID 1 does, as records of the log: what became of units, who asked for what, and what was answered.

use core::fmt::Write;

use crate::{
    linux::{self, console},
    supervisor::{Answer, ClientId, Supervisor},
    table::UnitId,
    wire::{
        Request, Verb,
        log::{ENTRY_BYTES_MAX, Entry, Origin},
    },
    words,
};

use super::control::CLIENTS_MAX;

/// Words of requests that change something; of others nobody is told.
const VERBS: &str = "start stop restart reset-failed shutdown reload isolate reexec run switch-table kill";

/// Who has asked for what, until it is answered.
#[derive(Clone, Copy, Default)]
struct Asked {
    /// The place in [`VERBS`], plus one; 0 for nothing.
    verb: u8,
    uid: u32,
    unit: Option<UnitId>,
}

/// All of them.
pub(super) struct Audit([Asked; CLIENTS_MAX]);

impl Audit {
    pub(super) const fn new() -> Self {
        Self([Asked { verb: 0, uid: 0, unit: None }; CLIENTS_MAX])
    }

    /// Takes note of what `client` asks. `find` knows units by their names.
    pub(super) fn asked(
        &mut self,
        client: ClientId,
        uid: u32,
        request: &Request<'_>,
        find: &dyn Fn(&str) -> Option<UnitId>,
    ) {
        let verb = match request {
            Request::Start { .. } => 1,
            Request::Job { verb: Verb::Start, .. } => 1,
            Request::Stop { .. } | Request::Job { .. } => 2,
            Request::Restart { .. } => 3,
            Request::ResetFailed { .. } => 4,
            Request::Shutdown(_) => 5,
            Request::Reload { .. } => 6,
            Request::Isolate { .. } => 7,
            Request::Reexec => 8,
            Request::Run { .. } => 9,
            Request::Switch { .. } => 10,
            Request::Kill { .. } => 11,
            Request::Manager
            | Request::Units { .. }
            | Request::Unit { .. }
            | Request::Wait { .. }
            | Request::Posture { .. } => return,
        };
        if let Some(place) = self.0.get_mut(usize::from(client.0)) {
            *place = Asked { verb, uid, unit: request.name().and_then(find) };
        }
    }

    /// Tells what `client` is answered, if that is of interest. `name` knows the units' names.
    #[inline(never)]
    pub(super) fn answered(
        &mut self,
        client: ClientId,
        answer: Answer,
        name: &dyn Fn(UnitId) -> &'static str,
    ) {
        let Some(place) = self.0.get_mut(usize::from(client.0)) else { return };
        let asked = core::mem::take(place);
        let verb = words::nth(VERBS, usize::from(asked.verb).wrapping_sub(1));
        if verb.is_empty() {
            return;
        }
        let said = match answer {
            Answer::Job(result) => result.as_str(),
            Answer::Accepted => "accepted",
            Answer::NoSuchUnit => "no-such-unit",
            Answer::Denied => "denied",
            Answer::Refused => "refused",
            Answer::Busy => "busy",
            Answer::Manager | Answer::Units { .. } | Answer::Unit(_) | Answer::Posture(_) => "answered",
        };
        tell(
            asked.unit.map_or("", name),
            format_args!("VERB={verb} UID={} ANSWER={said}", u64::from(asked.uid)),
        );
    }
}

/// Tells what has become of `unit`.
pub(super) fn changed(supervisor: &Supervisor<'_>, unit: UnitId) {
    let Some(status) = supervisor.status(unit).filter(|_| console::has_logd()) else { return };
    let (active, sub, result) = (status.active.as_str(), status.sub.as_str(), status.result.as_str());
    tell(status.name, format_args!("ACTIVE_STATE={active} SUB_STATE={sub} RESULT={result}"));
}

#[inline(never)] // for a small frame
fn tell(unit: &str, words: core::fmt::Arguments<'_>) {
    let mut text = heapless::String::<128>::new();
    let _fits = text.as_mut_view().write_fmt(words);
    let entry = Entry {
        origin: Origin::Event,
        priority: 6,
        pid: 1,
        time_us: linux::clock::boot_us(),
        unit: unit.as_bytes(),
        identifier: b"tomte",
        text: text.as_bytes(),
    };
    let mut packet = [0; ENTRY_BYTES_MAX];
    let length = entry.write(&mut packet);
    let _no_room = console::tell_logd(packet.get(..length).unwrap_or_default());
}
