//! What is shown: states in systemd's words.

use super::{Supervisor, state::State};
use crate::{
    table::{IdentityId, UnitId},
    wire::{ManagerStatus, UnitStatus, UnitType},
};

impl<'t> Supervisor<'t> {
    /// The unit `id` as it is now; `None` if there is no such unit.
    pub fn status(&self, id: UnitId) -> Option<UnitStatus<'_>> {
        let unit = self.head(id)?;
        let record = self.rooms.units.get(id.index())?;
        let unit_type = type_of(unit.name.as_str());
        let micros = |at: Option<super::Instant>| at.map_or(0, |at| at.0);
        let (next_us, last_us) = if unit_type == UnitType::Timer { self.elapses(id) } else { (0, 0) };
        Some(UnitStatus {
            id: id.0,
            name: unit.name.as_str(),
            description: unit.description,
            unit_type,
            active: record.state.active(),
            sub: record.state.sub_of(unit_type),
            result: record.result,
            main_pid: record.main.pid().map_or(0, |pid| pid.0),
            main_exit: record.main_exit,
            failure: record.failure,
            uid: record.uid,
            gid: record.gid,
            restarts: record.restarts,
            started_us: micros(record.started),
            ready_us: micros(record.ready),
            ended_us: micros(record.ended),
            status: self.rooms.texts.get(id.index()).map_or("", |text| text.as_str()),
            errno: record.errno,
            fingerprint: self.table.fingerprint(id),
            next_us,
            last_us,
        })
    }

    /// The names of dynamic users and groups, and their numbers.
    pub fn names(&self) -> impl Iterator<Item = (&'t str, u32)> {
        let (identities, made) = (self.table.board().identities, self.table.board().transient.identity.0);
        (0..)
            .zip(identities.iter())
            .filter(|(_, one)| one.own_number().is_none()) // which is no name
            .filter_map(move |(id, one)| {
                let number = self.pool.number(IdentityId(id))?;
                Some((if id < made { one.name } else { self.table.identity_name(IdentityId(id))? }, number))
            })
    }

    /// PID 1 as a whole.
    pub fn manager(&self) -> ManagerStatus<'t> {
        let failed = self.rooms.units.iter().filter(|unit| unit.state == State::Failed).count();
        let jobs = self.rooms.units.iter().filter(|unit| unit.job.is_some()).count();
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let state = if self.run.is_shutting_down() {
            "stopping"
        } else if self.run.is_booting() {
            "starting"
        } else if failed > 0 {
            "degraded"
        } else {
            "running"
        };
        ManagerStatus {
            board: self.table.board().name,
            arch: self.table.arch().as_str(),
            state,
            boot_us: self.run.reached().map_or(0, |at| at.0),
            boot_cpu_us: self.boot_cpu.0,
            units: count(self.rooms.units.len()),
            failed: count(failed),
            jobs: count(jobs),
            now_us: self.now.0,
            inputs: self.table.inputs(),
        }
    }
}

/// Whether the unit called `name` is a mount or a swap.
pub(super) fn is_mounted(name: &str) -> bool {
    matches!(type_of(name), UnitType::Mount | UnitType::Swap)
}

/// Whether the unit called `name` is a device.
pub(super) fn is_device(name: &str) -> bool {
    type_of(name) == UnitType::Device
}

/// The type of the unit called `name`: the suffix says it.
fn type_of(name: &str) -> UnitType {
    let is = |one: &&UnitType| name.ends_with(one.as_str());
    UnitType::ALL.iter().find(is).copied().unwrap_or(UnitType::Service)
}
