//! What clients ask, and who waits for an answer.

use heapless::Vec;

use super::{Answer, ClientId, Peer, Supervisor, limit::Window, state::State};
use crate::{
    record::{Keep, Keeper},
    table::{JobMode, UnitId},
    wire::{JobResult, Request, ServiceResult, Verb},
};

/// Requests that can be waiting for an answer at once. Beyond that the answer is [`Answer::Busy`].
pub const WAITING_MAX: usize = 32;

kept! {
/// Requests without an answer yet, oldest first.
#[derive(Debug)]
pub(super) struct Clients {
    waiting: Vec<Waiting, WAITING_MAX>,
    /// The one that came when all places were taken. One is enough for a shell that carries out what is due after
    /// each event.
    busy: Option<ClientId>,
}
}

kept! {
#[derive(Clone, Copy, Debug)]
struct Waiting {
    client: ClientId,
    for_what: For,
}
}

#[derive(Clone, Copy, Debug)]
enum For {
    /// The end of the unit's job.
    Job(UnitId),
    /// Its turn.
    Turn(Answer),
    /// A new program for PID 1; whether it has been asked for.
    Reexec(bool),
    /// The unit's being down.
    Down(UnitId),
    /// The shell's word on a record for the unit.
    Made(UnitId),
    /// The way to another table.
    Switch,
}

impl Keep for For {
    fn blank() -> Self {
        Self::Turn(Answer::Busy)
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        let (mut unit, mut what) = match self {
            Self::Job(unit) => (Some(*unit), 0_u8),
            Self::Down(unit) => (Some(*unit), 1),
            Self::Reexec(_) => (None, 1),
            Self::Switch => (None, 2),
            // Who has it when the program is replaced asks again.
            Self::Turn(_) | Self::Made(_) => (None, 0),
        };
        unit.keep(with);
        what.keep(with);
        if with.loads() {
            *self = match (unit, what) {
                (Some(UnitId(u16::MAX)), _) => Self::Turn(Answer::NoSuchUnit),
                (Some(unit), 0) => Self::Job(unit),
                (Some(unit), _) => Self::Down(unit),
                (None, 0) => Self::Turn(Answer::Busy),
                (None, 1) => Self::Turn(Answer::Accepted),
                (None, _) => Self::Switch,
            };
        }
    }
}

impl Clients {
    /// Nobody waits.
    pub(super) const NONE: Self = Self { waiting: Vec::new(), busy: None };

    /// The next answer that can be given.
    pub(super) fn next_reply(&mut self) -> Option<(ClientId, Answer)> {
        let ready = self.waiting.iter().enumerate().find_map(|(at, waiting)| match waiting.for_what {
            For::Turn(answer) => Some((at, waiting.client, answer)),
            For::Job(_) | For::Reexec(_) | For::Down(_) | For::Made(_) | For::Switch => None,
        });
        if let Some((at, client, answer)) = ready {
            self.waiting.remove(at);
            return Some((client, answer));
        }
        self.busy.take().map(|client| (client, Answer::Busy))
    }

    /// Those who wait for the job of `id` have their answer.
    pub(super) fn job_ended(&mut self, id: UnitId, result: JobResult) {
        for waiting in &mut self.waiting {
            if matches!(waiting.for_what, For::Job(unit) if unit == id) {
                waiting.for_what = For::Turn(Answer::Job(result));
            }
        }
    }

    /// Time is up for every job: whoever waits hears it.
    pub(super) fn time_is_up(&mut self) {
        for waiting in &mut self.waiting {
            if let For::Job(_) = waiting.for_what {
                waiting.for_what = For::Turn(Answer::Job(JobResult::Timeout));
            }
        }
    }

    /// Nobody is there any more to hear an answer.
    pub(super) fn gone(&mut self, client: ClientId) {
        self.waiting.retain(|waiting| waiting.client != client);
        self.busy.take_if(|busy| *busy == client);
    }

    /// Those who wait for a unit that is `down` have their answer.
    pub(super) fn settle(&mut self, down: &dyn Fn(UnitId) -> bool) {
        for waiting in &mut self.waiting {
            if let For::Down(unit) = waiting.for_what
                && down(unit)
            {
                waiting.for_what = For::Turn(Answer::Unit(unit));
            }
        }
    }

    /// Whether `client` waits for something.
    fn keeps(&self, client: ClientId) -> bool {
        self.waiting.iter().any(|waiting| waiting.client == client)
    }

    /// `client` has its answer.
    pub(super) fn answer(&mut self, client: ClientId, answer: Answer) {
        self.add(client, For::Turn(answer));
    }

    /// The next record that the shell is to look at.
    pub(super) fn next_to_make(&mut self) -> Option<(ClientId, UnitId)> {
        let made = |waiting: &Waiting| matches!(waiting.for_what, For::Made(_));
        let at = self.waiting.iter().position(made)?;
        let Waiting { client, for_what } = self.waiting.remove(at);
        if let For::Made(unit) = for_what { Some((client, unit)) } else { None }
    }

    /// Whether a new program is to be asked for: all who wait for one wait for the same.
    pub(super) fn wants_reexec(&mut self) -> bool {
        let mut wants = false;
        for waiting in &mut self.waiting {
            if let For::Reexec(asked) = &mut waiting.for_what {
                wants |= !core::mem::replace(asked, true);
            }
        }
        wants
    }

    /// There is no new program: those who wait for it have their `answer`.
    pub(super) fn replaced(&mut self, answer: Answer) {
        for waiting in &mut self.waiting {
            if let For::Reexec(true) = waiting.for_what {
                waiting.for_what = For::Turn(answer);
            }
        }
    }

    /// `client` waits for the way to another table; whether there was room for that.
    pub(super) fn awaits_switch(&mut self, client: ClientId) -> bool {
        self.waiting.push(Waiting { client, for_what: For::Switch }).is_ok()
    }

    /// That way has ended: who waits for it has the `answer`.
    pub(super) fn switched(&mut self, answer: Answer) {
        for waiting in &mut self.waiting {
            if let For::Switch = waiting.for_what {
                waiting.for_what = For::Turn(answer);
            }
        }
    }

    fn add(&mut self, client: ClientId, for_what: For) {
        if self.waiting.push(Waiting { client, for_what }).is_err() {
            self.busy = Some(client);
        }
    }
}

impl Supervisor<'_> {
    /// A client asks.
    #[inline(never)]
    pub(super) fn request(&mut self, client: ClientId, peer: &Peer<'_>, request: Request<'_>) {
        if !self.may(peer, &request) {
            return self.clients.add(client, For::Turn(Answer::Denied));
        }
        if !peer.is_root() && self.clients.keeps(client) {
            // One place for each of the few that can be connected: root always finds one.
            return self.clients.add(client, For::Turn(Answer::Busy));
        }
        let answer = match request {
            Request::Manager => Answer::Manager,
            Request::Units { from } => Answer::Units { from },
            Request::Unit { name } => self.find(name).map_or(Answer::NoSuchUnit, Answer::Unit),
            Request::Posture { id } => match self.head(UnitId(id)) {
                Some(_) => Answer::Posture(UnitId(id)),
                None => Answer::NoSuchUnit,
            },
            _ if self.refuses(&request) => Answer::Refused,
            Request::Isolate { name } => return self.ask_start(client, name, JobMode::Isolate),
            Request::Start { name } => return self.ask_start(client, name, JobMode::Replace),
            Request::Job { verb: Verb::Start, mode, name } => return self.ask_start(client, name, mode),
            Request::Job { verb: Verb::Stop, mode, name } => return self.ask_stop(client, name, mode),
            Request::Stop { name } => return self.ask_stop(client, name, JobMode::Replace),
            Request::Job { .. } => Answer::Job(JobResult::Invalid),
            Request::Restart { name } => return self.ask_restart(client, name),
            Request::Reload { name } => match self.find(name) {
                Some(id) if !self.can_reload(id) => Answer::Job(JobResult::Invalid),
                Some(_) | None => return self.ask_reload(client, name),
            },
            Request::ResetFailed { name } => match self.find(name) {
                Some(id) => {
                    self.reset_failed(id);
                    Answer::Accepted
                }
                None => Answer::NoSuchUnit,
            },
            Request::Reexec => return self.clients.add(client, For::Reexec(false)),
            Request::Switch { timeout } => return self.ask_switch(client, timeout),
            Request::Run { name } => match self.free_slot(name) {
                Ok(unit) => return self.clients.add(client, For::Made(unit)),
                Err(answer) => answer,
            },
            Request::Wait { name } => match self.find(name) {
                Some(id) if !self.is_down(id) => return self.clients.add(client, For::Down(id)),
                Some(id) => Answer::Unit(id),
                None => Answer::NoSuchUnit,
            },
            Request::Kill { name, whom, signal } => match self.find(name) {
                Some(id) if !self.kills(id, whom, signal) => Answer::Job(JobResult::Invalid),
                Some(_) => Answer::Accepted,
                None => Answer::NoSuchUnit,
            },
            Request::Shutdown(power) => {
                self.shutdown_asked(power);
                Answer::Accepted
            }
        };
        self.clients.add(client, For::Turn(answer));
    }

    /// Whether the unit that `request` is about does not let itself be asked that.
    fn refuses(&self, request: &Request<'_>) -> bool {
        let verb = request.verb();
        let isolates = verb == Verb::Isolate && !matches!(request, Request::Job { mode: JobMode::Flush, .. });
        let starts = matches!(verb, Verb::Start | Verb::Restart | Verb::Isolate);
        let stops = matches!(verb, Verb::Stop | Verb::Restart);
        let manners = request.name().and_then(|name| self.find(name)).and_then(|id| self.manners(id));
        manners.is_some_and(|manners| {
            (starts && manners.refuse_manual_start)
                || (stops && manners.refuse_manual_stop)
                || (isolates && !manners.allow_isolate)
        })
    }

    /// The unit called `name`, or meant by it.
    pub(super) fn find(&self, name: &str) -> Option<UnitId> {
        self.table.resolve(name)
    }

    pub(super) fn ask_start(&mut self, client: ClientId, name: &str, mode: JobMode) {
        self.ask_job(client, name, true, &mut |s, id| s.start_as(id, mode));
    }

    fn ask_restart(&mut self, client: ClientId, name: &str) {
        self.ask_job(client, name, true, &mut |s, id| {
            s.enqueue_restart(id);
            None
        });
    }

    fn ask_reload(&mut self, client: ClientId, name: &str) {
        self.ask_job(client, name, true, &mut |s, id| {
            s.enqueue_reload(id);
            None
        });
    }

    fn ask_stop(&mut self, client: ClientId, name: &str, mode: JobMode) {
        self.ask_job(client, name, false, &mut |s, id| s.stop_as(id, mode));
    }

    /// Has `enqueue` make the job that `client` asks for; it answers why there is none, if there is not.
    fn ask_job(
        &mut self,
        client: ClientId,
        name: &str,
        starts: bool,
        enqueue: &mut dyn FnMut(&mut Self, UnitId) -> Option<JobResult>,
    ) {
        let Some(id) = self.find(name) else {
            return self.clients.add(client, For::Turn(Answer::NoSuchUnit));
        };
        if self.clients.waiting.is_full() {
            return self.clients.add(client, For::Turn(Answer::Busy));
        }
        if starts && (self.run.is_shutting_down() || self.switch.bans(id)) {
            return self.clients.add(client, For::Turn(Answer::Job(JobResult::Canceled)));
        }
        let for_what = match (enqueue(self, id), self.peek(id).job) {
            (Some(refused), _) => For::Turn(Answer::Job(refused)),
            (None, Some(_)) => For::Job(id),
            (None, None) => For::Turn(Answer::Job(JobResult::Done)),
        };
        self.clients.add(client, for_what);
    }

    /// Forgets a failure and the start limit.
    pub(super) fn reset_failed(&mut self, id: UnitId) {
        let record = self.at(id);
        record.window = Window::CLOSED;
        record.restarts = 0;
        if record.state == State::Failed {
            record.state = State::Dead;
            record.result = ServiceResult::Success;
        }
    }
}
