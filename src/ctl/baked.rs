//! What the table says of a unit: its record in words, what it pulls in, what its start waited for. Read from the table in
//! this program, which is PID 1's if both are the same program.

use core::fmt::{self, Write};

use crate::{
    linux::output::Output,
    table::{Arch, CommandKind, IdList, Lists, Table, Unit, UnitId, limits::UNITS_MAX},
    wire::{ActiveState, Object, Quoted, Reply, Request, UnitStatus},
};

use super::{
    print::{Span, colored},
    talk::{Connection, TalkError, refused},
};

/// When a unit's last start began and when it was up, microseconds since PID 1's exec.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) active: ActiveState,
    pub(super) started_us: u64,
    pub(super) ready_us: u64,
    /// Of a timer by the wall clock.
    pub(super) next_us: u64,
    pub(super) last_us: u64,
}

impl Life {
    const NONE: Self =
        Self { active: ActiveState::Inactive, started_us: 0, ready_us: 0, next_us: 0, last_us: 0 };

    /// How long it took to come up; 0 if it did not.
    const fn took(&self) -> u64 {
        self.ready_us.saturating_sub(self.started_us)
    }
}

/// The table, and what became of its units.
pub(super) struct System {
    pub(super) table: Table<'static>,
    lives: [Life; UNITS_MAX],
    json: bool,
}

impl System {
    /// Asks PID 1 for all of it.
    #[inline(never)] // for a small frame
    pub(super) fn new(
        linked: &'static [u8],
        connection: &mut Connection,
        json: bool,
    ) -> Result<Self, TalkError> {
        let table = Table::open(linked, Arch::NATIVE).map_err(|_| TalkError::OtherTable)?;
        let mut system = Self { table, lives: [Life::NONE; UNITS_MAX], json };
        let reply = connection.ask(&Request::Manager)?;
        let Reply::Manager(manager) = reply else { return Err(refused(&reply)) };
        if manager.inputs != table.inputs() {
            return Err(TalkError::OtherTable);
        }
        connection.each_unit(&mut |unit| {
            if let Some(life) = system.lives.get_mut(usize::from(unit.id)) {
                let UnitStatus { active, started_us, ready_us, next_us, last_us, .. } = *unit;
                *life = Life { active, started_us, ready_us, next_us, last_us };
            }
            Ok(())
        })?;
        Ok(system)
    }

    pub(super) fn life(&self, id: UnitId) -> Life {
        self.lives.get(id.index()).copied().unwrap_or(Life::NONE)
    }

    fn name(&self, id: UnitId, out: &mut dyn Write) -> fmt::Result {
        out.write_str(self.table.name(id).unwrap_or_default())
    }

    /// One unit of a list for programs: `first` of it, `number` of what `key` says.
    #[inline(never)] // for a small frame
    fn element(&self, out: &mut Output, first: bool, id: UnitId, key: &str, number: u64) -> fmt::Result {
        let life = self.life(id);
        out.write_char(if first { '[' } else { ',' })?;
        let mut object = Object::open(out);
        object.text("name", self.table.name(id).unwrap_or_default());
        object.text("active", life.active.as_str());
        object.number("ready_us", life.ready_us);
        object.number(key, number);
        object.close()
    }

    /// Of `ids` the one with the highest `key`, unless that is 0.
    #[inline(never)] // for a small frame
    fn first(
        &self,
        ids: &mut dyn Iterator<Item = UnitId>,
        key: &dyn Fn(Life) -> u64,
    ) -> Option<(UnitId, u64)> {
        let mut first = None;
        for id in ids {
            let value = key(self.life(id));
            if value > first.map_or(0, |(_, value)| value) {
                first = Some((id, value));
            }
        }
        first
    }

    /// How long each unit took, longest first.
    #[inline(never)] // for a small frame
    pub(super) fn blame(&mut self, out: &mut Output) -> fmt::Result {
        let mut first = true;
        while let Some((id, took)) = self.first(&mut self.table.ids(), &|life| life.took()) {
            if self.json {
                self.element(out, core::mem::take(&mut first), id, "took_us", took)?;
            } else {
                write!(out, "{:>7}.{:03}s ", took / 1_000_000, took % 1_000_000 / 1_000)?;
                self.name(id, out)?;
                out.write_char('\n')?;
            }
            if let Some(life) = self.lives.get_mut(id.index()) {
                *life = Life::NONE;
            }
        }
        if !self.json {
            return Ok(());
        }
        out.write_str(if first { "[]\n" } else { "]\n" })
    }

    /// What the start of `id` waited for, each time for the last one.
    #[inline(never)] // for a small frame
    pub(super) fn critical_chain(&self, out: &mut Output, mut id: UnitId) -> fmt::Result {
        let mut until = u64::MAX;
        for depth in 0..UNITS_MAX {
            let life = self.life(id);
            if self.json {
                self.element(out, depth == 0, id, "took_us", life.took())?;
            } else {
                indent(out, depth)?;
                self.name(id, out)?;
                if life.ready_us > 0 {
                    write!(out, " @{} +{}", Span(life.ready_us), Span(life.took()))?;
                }
                out.write_char('\n')?;
            }
            if life.started_us > 0 {
                until = life.started_us;
            }
            let Some(unit) = self.table.unit(id) else { break };
            let ready = |life: Life| if life.ready_us > until { 0 } else { life.ready_us };
            match self.first(&mut unit.after.iter().filter(|one| *one != id), &ready) {
                Some((last, _)) => id = last,
                None => break,
            }
        }
        out.write_str(if self.json { "]\n" } else { "" })
    }

    /// What `id` pulls in, and what that pulls in.
    #[inline(never)] // for a small frame
    pub(super) fn dependencies(&self, out: &mut Output, id: UnitId) -> fmt::Result {
        let mut seen = [false; UNITS_MAX];
        self.branch(out, id, 0, &mut seen)?;
        out.write_str(if self.json { "]\n" } else { "" })
    }

    #[inline(never)] // for a small frame
    fn branch(
        &self,
        out: &mut Output,
        id: UnitId,
        depth: usize,
        seen: &mut [bool; UNITS_MAX],
    ) -> fmt::Result {
        let Some(seen_here) = seen.get_mut(id.index()) else { return Ok(()) };
        let again = core::mem::replace(seen_here, true);
        if self.json {
            self.element(out, depth == 0, id, "depth", depth as u64)?;
        } else {
            indent(out, depth)?;
            colored(out, self.life(id).active, "* ")?;
            self.name(id, out)?;
            out.write_char('\n')?;
        }
        let Some(unit) = self.table.unit(id).filter(|_| !again) else { return Ok(()) };
        let mut result = Ok(());
        unit.each(Lists::WANTS.and(Lists::REQUIRES), &mut |other| {
            if result.is_ok() {
                result = self.branch(out, other, depth + 1, seen);
            }
        });
        result
    }

    /// The record of `id`, as a unit file would say it.
    #[inline(never)] // for a small frame
    pub(super) fn cat(&self, out: &mut Output, id: UnitId) -> fmt::Result {
        if !self.json {
            return self.record(out, id);
        }
        out.write_str("{\"name\":\"")?;
        self.name(id, out)?;
        out.write_str("\",\"text\":\"")?;
        self.record(&mut Quoted(out), id)?;
        out.write_str("\"}\n")
    }

    #[inline(never)] // for a small frame
    fn record(&self, out: &mut dyn Write, id: UnitId) -> fmt::Result {
        let Some(unit) = self.table.unit(id) else { return Ok(()) };
        write!(out, "# {}, as the table of {} has it\n[Unit]\n", unit.name, self.table.board().name)?;
        line(out, "Description", unit.description)?;
        let lists = [
            ("Wants", unit.wants),
            ("Requires", unit.requires),
            ("After", unit.after),
            ("Before", unit.before),
        ];
        for (key, ids) in lists {
            self.list(out, key, ids)?;
        }
        service(out, &unit)
    }

    #[inline(never)] // for a small frame
    fn list(&self, out: &mut dyn Write, key: &str, ids: IdList<'_>) -> fmt::Result {
        if ids.is_empty() {
            return Ok(());
        }
        write!(out, "{key}=")?;
        for (place, id) in ids.iter().enumerate() {
            out.write_str(if place > 0 { " " } else { "" })?;
            self.name(id, out)?;
        }
        out.write_char('\n')
    }
}

#[inline(never)] // for a small frame
fn service(out: &mut dyn Write, unit: &Unit<'_>) -> fmt::Result {
    let Some(service) = unit.service() else { return Ok(()) };
    let exec = &service.exec;
    out.write_str("\n[Service]\n")?;
    for kind in CommandKind::ALL {
        for command in service.commands.of(kind).iter() {
            write!(out, "{}={}", kind.setting(), command.path)?;
            for word in command.argv.iter().skip(1) {
                write!(out, " {word}")?;
            }
            out.write_char('\n')?;
        }
    }
    line(out, "User", exec.user)?;
    line(out, "Group", exec.group)?;
    line(out, "WorkingDirectory", exec.working_directory)?;
    for assignment in exec.environment.iter() {
        line(out, "Environment", assignment)?;
    }
    for held in exec.posture.iter() {
        writeln!(out, "{}", held.split('\t').next().unwrap_or_default())?;
    }
    Ok(())
}

#[inline(never)] // for a small frame
fn line(out: &mut dyn Write, key: &str, value: &str) -> fmt::Result {
    if value.is_empty() { Ok(()) } else { writeln!(out, "{key}={value}") }
}

fn indent(out: &mut Output, depth: usize) -> fmt::Result {
    for _ in 1..depth {
        out.write_str("  ")?;
    }
    out.write_str(if depth > 0 { "`-" } else { "" })
}
