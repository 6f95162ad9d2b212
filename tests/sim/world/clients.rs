//! Clients that ask all sorts of things, one by one and in floods.

use tomte::{
    supervisor::{Answer, ClientId, Event, Peer},
    table::{JobMode, UnitId},
    wire::{Request, Verb},
};

use super::super::{judge::Verdict, kernel::Later, plan::pick};
use super::World;

/// Requests of a flood: more than can wait.
const FLOOD: u32 = 100;
/// Clients that ask.
const CLIENTS: u16 = 6;

impl World<'_> {
    /// A client gets its answer, or is gone.
    pub(super) fn reply(
        &mut self,
        client: ClientId,
        answer: Answer,
    ) -> Result<Option<Event<'static>>, String> {
        if let Answer::Denied = answer {
            self.tell(|| "a stranger".into());
        }
        self.judge.reply(client)?;
        if self.kernel.strikes(self.kernel.faults.clients_leave) {
            self.judge.unanswered.remove(&client.0);
            return Ok(Some(Event::ClientGone { client }));
        }
        Ok(None)
    }

    /// One of them asks something.
    pub(super) fn request(&mut self) -> Verdict {
        let rng = &mut self.kernel.rng;
        let client = ClientId(rng.u16(..CLIENTS));
        let name = &pick(rng, &self.plan.units).name.clone();
        let id =
            UnitId((0..).zip(&self.plan.units).find(|(_, unit)| unit.name == *name).map_or(0, |(n, _)| n));
        // Where jobs are called off or wait for nobody, no order is left to judge.
        let modes =
            [JobMode::Fail, JobMode::ReplaceIrreversibly, JobMode::Triggering, JobMode::RestartDependencies];
        let request = match rng.u8(..17) {
            15 => Request::Job { verb: Verb::Start, mode: *pick(rng, &modes), name },
            16 => Request::Job { verb: Verb::Stop, mode: *pick(rng, &modes), name },
            14 => Request::Switch { timeout: rng.u32(..60) },
            13 => Request::Reexec,
            11..=12 => Request::Reload { name },
            0..=2 => Request::Start { name },
            3..=4 => Request::Stop { name },
            5..=6 => Request::Restart { name },
            7 => Request::ResetFailed { name },
            8 => Request::Unit { name: "nobody.service" },
            9 => Request::Posture { id: id.0 },
            _ => Request::Manager,
        };
        let stranger = self.kernel.strikes(self.kernel.faults.strangers);
        match request {
            Request::Start { .. }
            | Request::Stop { .. }
            | Request::Job { .. }
            | Request::Restart { .. }
            | Request::Switch { .. } => self.judge.undisturbed = false,
            Request::ResetFailed { .. } => self.judge.reset(id),
            Request::Manager
            | Request::Units { .. }
            | Request::Unit { .. }
            | Request::Posture { .. }
            | Request::Reload { .. }
            | Request::Isolate { .. }
            | Request::Reexec
            | Request::Run { .. }
            | Request::Wait { .. }
            | Request::Kill { .. }
            | Request::Shutdown(_) => {}
        }
        self.flood = match self.flood {
            0 if self.kernel.strikes(self.kernel.faults.floods) => FLOOD,
            left => left.saturating_sub(1),
        };
        let at_once = self.flood > 0 || self.kernel.rng.u8(..4) == 0;
        let next = if at_once { 0 } else { self.kernel.rng.u64(..20_000_000) };
        if !self.calm && self.left_at.is_none() {
            self.kernel.schedule(next, Later::Request);
        }
        if self.left_at.is_none() {
            *self.judge.unanswered.entry(client.0).or_default() += 1;
        }
        self.handle(Event::Request {
            client,
            peer: Peer { uid: if stranger { 1000 } else { 0 }, ..Peer::ROOT },
            request,
        })?;
        if self.kernel.strikes(self.kernel.faults.clients_leave) {
            self.judge.unanswered.remove(&client.0);
            self.handle(Event::ClientGone { client })?;
        }
        Ok(())
    }
}
