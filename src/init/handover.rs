//! PID 1 replaces its program and goes on: the next one finds every process, descriptor, cgroup and number where this one
//! left it.
//!
//! What goes over is one sealed file in memory, whose descriptor is in the next program's words. A child tries it out
//! first, so that a program that cannot read it is never PID 1.
//!
//! ```text
//!  0  mark           8 bytes   MARK: what this is, and the number of the layout
//!  8  checksum       u64       FNV-1a of all that follows
//! 16  table          u32       the length of the table, which follows
//! 20  other          u32       the length of the one to go back to, or of the one to come, which follows that
//!     state                    the supervisor, then what the shell holds
//! ```

use crate::{
    linux::{
        self, AsFd, BorrowedFd, Errno, OwnedFd,
        arguments::Arguments,
        handover::{map, pass_on, seal, take_over, unmap},
        raw::process::{Forked, exit, fork},
        step::Step,
    },
    record::{Keep, Keeper, checksum},
    supervisor::{Event, Facts, Slot, Supervisor},
    table::{
        Arch, Table, UnitId,
        limits::{SLOT_BYTES_MAX, SLOTS_MAX, TABLE_BYTES_MAX, UNITS_MAX},
        sum_of,
    },
};

use super::{
    WORK, crash,
    kernel::Kernel,
    log,
    processes::{Process, Role},
    shared::Shared,
};

/// Begins every state; the last byte is the number of its layout. A change of what is kept needs a new one.
const MARK: [u8; 8] = *b"tomte\0s\x10";
const CHECKSUM_AT: usize = MARK.len();
const CHECKSUM_BYTES: usize = size_of::<u64>();
const TABLE_AT: usize = CHECKSUM_AT + CHECKSUM_BYTES;
const HEADER_BYTES: usize = TABLE_AT + 2 * size_of::<u32>();
/// A state without its table. 256 units with the longest names and texts and every slot taken need less.
const STATE_BYTES_MAX: usize = (256 << 10) + SLOTS_MAX * SLOT_BYTES_MAX;

/// How long after a failure of PID 1's another one is the end.
const RESCUE_PAUSE_US: u64 = 60_000_000;

/// All that PID 1 works on.
pub(super) struct Life<'l> {
    pub(super) kernel: &'l mut Kernel,
    pub(super) supervisor: &'l mut Supervisor<'static>,
}

/// What the program before has left.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// Its table.
    pub(super) table: &'static [u8],
    /// [`Kernel::other`].
    pub(super) other: &'static [u8],
    kept: &'static [u8],
}

/// The state that the words speak of; `None` if they speak of none.
///
/// # Errors
/// The kernel's, EPROTO for one of another layout, EBADMSG for one that is damaged.
pub(super) fn find(arguments: Arguments) -> Option<Result<State, Errno>> {
    arguments.state().map(|number| {
        let file = take_over(number)?;
        open(map(file.as_fd(), STATE_BYTES_MAX + 2 * TABLE_BYTES_MAX)?)
    })
}

fn open(bytes: &'static [u8]) -> Result<State, Errno> {
    let (mark, rest) = bytes.split_first_chunk().ok_or(Errno::PROTO)?;
    let (sum, rest) = rest.split_first_chunk().ok_or(Errno::PROTO)?;
    if *mark != MARK {
        return Err(Errno::PROTO);
    }
    if u64::from_le_bytes(*sum) != checksum([rest, &[]]) {
        return Err(Errno::BADMSG);
    }
    let (length, rest) = rest.split_first_chunk().ok_or(Errno::PROTO)?;
    let (other, rest) = rest.split_first_chunk().ok_or(Errno::PROTO)?;
    let (table, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(Errno::PROTO)?;
    let (other, kept) = rest.split_at_checked(u32::from_le_bytes(*other) as usize).ok_or(Errno::PROTO)?;
    Ok(State { table, other, kept })
}

/// The table that a program with the table `linked` goes on with: the one before it, unless it cannot read that.
pub(super) fn choose(state: &State, linked: &'static [u8]) -> &'static [u8] {
    if state.table == linked || Table::open(state.table, Arch::NATIVE).is_err() {
        linked
    } else {
        state.table
    }
}

/// Tries a state out, as anybody but PID 1: 0 if this program could go on with it. `None` if there is none to try.
pub fn rehearse(linked: &'static [u8], arguments: Arguments) -> Option<u8> {
    let fits = |state: State| {
        let mut table = Table::open(choose(&state, linked), Arch::NATIVE).ok()?;
        let mut supervisor = Supervisor::new(table, &mut WORK.take()?.records);
        let mut with = Keeper::load(state.kept);
        Beginning::blank().keep(&mut with);
        load_made(&mut table, &mut supervisor, &mut with);
        supervisor.keep(&mut with);
        with.left()
    };
    find(arguments).map(|state| u8::from(state.ok().and_then(fits).is_none()))
}

/// Loads `state`; whether it is of a program that has failed. What PID 1 was before is lost: if this fails, there is nothing
/// to go on with.
///
/// # Errors
/// EBADMSG if it is not what it should be.
#[inline(never)]
pub(super) fn load(
    state: &State,
    kernel: &mut Kernel,
    supervisor: &mut Supervisor<'static>,
) -> Result<bool, Errno> {
    let mut with = Keeper::load(state.kept);
    let mut begin = Beginning::blank();
    begin.keep(&mut with);
    load_made(&mut kernel.table, supervisor, &mut with);
    supervisor.keep(&mut with);
    kernel.keep(&mut with, true);
    if with.left() != Some(0) {
        return Err(Errno::BADMSG);
    }
    supervisor.replaced(begin.switched);
    // The program brings a table that the one before did not have, and could not know of.
    let own = sum_of(kernel.linked);
    if own != begin.linked && own != sum_of(kernel.table.as_bytes()) && !supervisor.is_switching() {
        kernel.other = kernel.linked;
        supervisor.switch_to(Table::open(kernel.linked, Arch::NATIVE).ok().as_ref());
    }
    Ok(begin.failed)
}

kept! {
/// What the state begins with.
struct Beginning {
    /// The program has failed.
    failed: bool,
    /// The table is another one than the program had.
    switched: bool,
    /// The sum of the table in its binary.
    linked: u64,
}
}

/// Opens the table that came with a request, or the one to go `back` to, for the supervisor to compare.
#[inline(never)] // for a small frame
pub(super) fn open_other(
    kernel: &mut Kernel,
    supervisor: &mut Supervisor<'static>,
    back: bool,
) -> Option<Event<'static>> {
    if back {
        log::warn(format_args!("the new set of units does not come up, going back to the table before"));
    } else {
        let file = core::mem::take(&mut kernel.record).pop().ok_or(Errno::BADF);
        kernel.other = file.and_then(|file| map(file.as_fd(), TABLE_BYTES_MAX)).unwrap_or_default();
    }
    let next = Table::open(kernel.other, Arch::NATIVE).ok();
    if next.is_none() && !back && !kernel.other.is_empty() {
        unmap(core::mem::take(&mut kernel.other));
    }
    supervisor.switch_to(next.as_ref());
    None
}

/// Loads the records of units that were made at run time: the rest of the state is about them too.
fn load_made(table: &mut Table<'static>, supervisor: &mut Supervisor<'static>, with: &mut Keeper<'static>) {
    let mut slots = table.slots();
    for _ in 0..with.place(0, SLOTS_MAX + 1) {
        let record = with.bytes(&[]);
        if let Some(id) = slots.next().filter(|_| !record.is_empty())
            && table.make(id, record)
        {
            supervisor.remake(id, *table, false);
        }
    }
}

/// Writes the state of a program that has `failed` or not. Descriptors in it are passed on if this is `real`.
fn save(
    kernel: &mut Kernel,
    supervisor: &mut Supervisor<'static>,
    real: bool,
    failed: bool,
) -> Result<OwnedFd, Errno> {
    let switched = kernel.switching;
    let other = if supervisor.is_switching() { kernel.other } else { &[] };
    let (table, other) =
        if switched { (other, kernel.table.as_bytes()) } else { (kernel.table.as_bytes(), other) };
    seal(c"tomte-state", STATE_BYTES_MAX + table.len() + other.len(), &mut |room| {
        let most = room.len();
        let (header, rest) = room.split_at_mut_checked(HEADER_BYTES)?;
        let (own_table, rest) = rest.split_at_mut_checked(table.len())?;
        own_table.copy_from_slice(table);
        let (own_other, rest) = rest.split_at_mut_checked(other.len())?;
        own_other.copy_from_slice(other);
        let mut with = Keeper::save(rest);
        Beginning { failed, switched, linked: sum_of(kernel.linked) }.keep(&mut with);
        with.place(kernel.table.slots().count(), SLOTS_MAX + 1);
        for id in kernel.table.slots() {
            with.bytes(kernel.table.made(id));
        }
        supervisor.keep(&mut with);
        kernel.keep(&mut with, real);
        let used = most - with.left()?;
        let (mark, rest) = header.split_first_chunk_mut()?;
        *mark = MARK;
        let lengths = rest.get_mut(CHECKSUM_BYTES..)?;
        *lengths.first_chunk_mut()? = (table.len() as u32).to_le_bytes(); // TABLE_BYTES_MAX fits
        *lengths.last_chunk_mut()? = (other.len() as u32).to_le_bytes();
        let sum = checksum([room.get(TABLE_AT..used)?, &[]]);
        *room.get_mut(CHECKSUM_AT..)?.first_chunk_mut()? = sum.to_le_bytes();
        Some(used)
    })
}

/// Has a child try the next program out. [`Role::Rehearsal`] ends well if it fits.
pub(super) fn begin(
    kernel: &mut Kernel,
    supervisor: &mut Supervisor<'static>,
    switch: bool,
) -> Option<Event<'static>> {
    kernel.switching = switch;
    if switch {
        kernel.program = None;
    }
    match try_out(kernel, supervisor) {
        Ok(()) => None,
        Err(errno) => Some(not_replaced(errno)),
    }
}

fn not_replaced(errno: Errno) -> Event<'static> {
    log::error_of(errno, format_args!("cannot execute anew, going on"));
    Event::NotReplaced
}

fn try_out(kernel: &mut Kernel, supervisor: &mut Supervisor<'static>) -> Result<(), Errno> {
    let place = kernel.processes.free_place().ok_or(Errno::AGAIN)?;
    let state = save(kernel, supervisor, false, false)?;
    match fork()? {
        Forked::Child => {
            let program = kernel.program.as_ref().map(AsFd::as_fd);
            let _failed = kernel.arguments.execute_anew(program, Some(state.as_fd()));
            exit(Step::Exec.exit_code())
        }
        Forked::Parent { pid, pidfd } => {
            kernel.processes.put(place, Process::helper(pid, pidfd, Role::Rehearsal));
            Ok(())
        }
    }
}

/// Replaces the program. Comes back only if that failed.
#[inline(never)] // for a small frame
pub(super) fn replace(
    kernel: &mut Kernel,
    supervisor: &mut Supervisor<'static>,
    failed: bool,
) -> Event<'static> {
    let program = kernel.program.take();
    let executed = save(kernel, supervisor, true, failed).and_then(|state| {
        let program = program.as_ref().map(AsFd::as_fd);
        kernel.arguments.execute_anew(program, Some(state.as_fd())).map(|never| match never {})
    });
    // Whoever is born from here on is to get none of what was passed on.
    let _best_effort = linux::raw::process::close_on_exec_from(3);
    not_replaced(executed.err().unwrap_or(Errno::NOEXEC))
}

/// PID 1 has failed: its program is started anew, with everything as it is. Comes back if that is not possible, or if it has
/// failed not long ago.
pub(super) fn rescue(life: &mut Life<'_>) {
    let now_us = linux::clock::monotonic_us();
    let before = core::mem::replace(&mut life.kernel.rescued_us, now_us);
    if before == 0 || now_us.saturating_sub(before) > RESCUE_PAUSE_US {
        (life.kernel.program, life.kernel.switching) = (None, false);
        let _failed = replace(life.kernel, life.supervisor, true);
    }
}

/// There is a state and it is of no use. Nobody knows any more who runs as what, so nobody may go on running: the machine
/// starts over without being reset.
pub(super) fn start_over(arguments: Arguments, errno: Errno) -> ! {
    log::error_of(errno, format_args!("cannot go on with what was handed over, ending all processes"));
    let _nobody_left = linux::process::signal_everybody(linux::signals::KILL);
    let failed = arguments.execute_anew(None, None).err().unwrap_or(errno);
    crash::give_up(format_args!("cannot execute anew: {}", linux::errno::Text(failed)))
}

impl Kernel {
    /// What there is of `unit`'s processes.
    pub(super) fn facts(&self, unit: UnitId) -> Facts {
        let one = |slot: Slot| {
            let process = self.processes.of(unit, slot)?;
            Some((process.pid, process.report.is_none() && !process.gave_up))
        };
        Facts {
            main: one(Slot::Main),
            control: one(Slot::Control),
            helper: [Role::Janitor { unit }, Role::Watcher { unit }]
                .iter()
                .any(|role| self.processes.has(*role)),
            examiner: self.processes.has(Role::Examiner { unit }),
            known: self.groups.are_known(unit),
        }
    }

    /// Saves what the shell holds, or loads it.
    fn keep(&mut self, with: &mut Keeper<'_>, real: bool) {
        self.started_us.keep(with);
        self.rescued_us.keep(with);
        self.control.keep(with, real);
        self.notify.keep(with, real);
        self.processes.keep(with, real, &self.poll);
        self.held.keep(with, real, &self.poll);
        self.streams.keep(with, real);
        let units = with.place(self.table.unit_count(), UNITS_MAX + 1);
        self.groups.keep(units, &self.table, with, &self.poll);
        for unit in 0..units {
            let id = if with.loads() { usize::from(with.now(unit)) } else { unit };
            self.shared.get_mut(id).unwrap_or(&mut const { Shared::NOTHING }).keep(with, real);
            self.lacking.units.get_mut(id).unwrap_or(&mut 0).keep(with);
            self.streams.keep_unit(id, with, real);
        }
    }
}

/// Keeps one descriptor. It is passed on and taken over only if this is `real`.
pub(super) fn keep_fd(fd: &mut Option<OwnedFd>, with: &mut Keeper<'_>, real: bool) {
    let own = |fd: BorrowedFd<'_>| if real { pass_on(fd).unwrap_or(0) } else { 0 };
    let mut number = if let Some(fd) = fd { own(fd.as_fd()) } else { 0 };
    number.keep(with);
    if with.loads() {
        *fd = if number == 0 { None } else { take_over(number).ok() };
    }
}
