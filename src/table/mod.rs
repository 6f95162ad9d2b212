//! The baked table: one blob with everything PID 1 has to know, decoded in place.
//!
//! Pure and heap-free. xtask writes it with `encode` and reads it back with the very code the target runs.
//!
//! ```text
//!  0  magic          8 bytes   "tomte\0\r\n"
//!  8  schema         u16       SCHEMA
//! 10  architecture   u8        Arch
//! 11  zero           u8
//! 12  units          u16
//! 14  zero           u16
//! 16  length         u32       the whole blob
//! 20  zero           u32
//! 24  inputs         16 bytes  hash of every file the table was made from
//! 40  checksum       u64       FNV-1a of all the bytes but these eight
//! 48  offsets        u32 × (1 + units): the board record, then the units
//!     fingerprints   u32 × units: see [`Table::fingerprint`]
//!     records        postcard, one after the other, in the order of the offsets
//! ```
//! Integers are little-endian. Every record ends where the next begins.

pub mod limits;

mod allow;
mod board;
mod calendar;
mod cgroup;
mod compose;
mod condition;
#[cfg(any(test, feature = "encode"))]
mod encode;
mod exec;
mod list;
mod service;
mod sound;
mod timer;
mod transient;
mod trigger;
mod unit;
mod values;

#[cfg(test)]
mod tests;

use core::fmt;

use crate::{
    record::{self, Read, Reader},
    words,
};
use limits::{SLOTS_MAX, TABLE_BYTES_MAX, UNITS_MAX};

pub use crate::record::{JobMode, NotifyAccess};
pub use allow::{Allow, Who, matches};
pub use board::{Board, Filter, Identity, LogTarget, PanicAction, Vital, Watchdog};
pub use calendar::{Calendar, Steps, YEARS, month_length};
pub use cgroup::{Cgroup, Devices, Hook, Slice, Traffic};
pub use compose::{ComposeError, compose, time_span};
pub use condition::{Condition, Subject, Verdict, examine};
#[cfg(any(test, feature = "encode"))]
pub use encode::{encode, ids, list, seal, strings};
pub use exec::{
    Content, Directories, DirectoryKind, Exec, Keyring, Landlock, Logging, LoginEnvironment, Mount,
    Namespaces, Preserve, PrivateTmp, PrivateUsers, Propagation, Rlimit, Scheduling, Stdin, Stdout, Terminal,
    View,
};
pub use list::{IdList, List, StrList};
pub use service::{
    Call, Command, CommandKind, Commands, FailureMode, Kill, KillMode, OomPolicy, Privilege, Restart,
    Service, ServiceType,
};
pub use timer::{Span, Timer, TimerBase};
pub use transient::{Change, Form, Merge, Part, Setting, Transient, Word};
pub use trigger::{Listen, ListenKind, Path, Socket, SocketOption, Watch, WatchEvent};
pub use unit::{FileState, Head, Kind, Lists, Manners, Related, Relation, StartLimit, Unit, UnitAction};
pub use values::{ExitSet, FilterId, IdentityId, Micros, Name, UidRange, UnitId};

/// Number of the record layout. A change of any record's bytes needs a new one; the golden test sees to it.
pub const SCHEMA: u16 = 45;

const MAGIC: [u8; 8] = *b"tomte\0\r\n";
const LENGTH_AT: usize = 16;
const CHECKSUM_AT: usize = 40;
const HEADER_BYTES: usize = 48;
/// Bytes of the header that are zero in this schema.
const RESERVED: [usize; 7] = [11, 14, 15, 20, 21, 22, 23];

/// The processor architectures a table can be made for. Seccomp programs and capability sets differ between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Rust's own")]
pub enum Arch {
    X86_64 = 1,
    Aarch64 = 2,
    Arm = 3,
    Riscv64 = 4,
}

impl Arch {
    /// The architecture this code is compiled for, if tomte supports it.
    pub const NATIVE: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(Self::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Self::Aarch64)
    } else if cfg!(target_arch = "arm") {
        Some(Self::Arm)
    } else if cfg!(target_arch = "riscv64") {
        Some(Self::Riscv64)
    } else {
        None
    };

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::X86_64),
            2 => Some(Self::Aarch64),
            3 => Some(Self::Arm),
            4 => Some(Self::Riscv64),
            _ => None,
        }
    }

    /// The name Rust and uname(1) use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
        }
    }
}

/// Why a blob is no table for this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No bytes: the binary was built without `cargo xtask build`.
    Empty,
    /// It does not begin as a table does.
    NotATable,
    /// It ends before its own length.
    Truncated,
    /// It is longer than a limit allows; the limit's name.
    TooLarge(&'static str),
    /// Made for another record layout.
    Schema(u16),
    /// Made for another processor; `None` is one this build has no name for.
    Arch(Option<Arch>),
    /// Its bytes are not those that were baked.
    Checksum,
    /// A record does not decode; 0 is the board, n the (n-1)th unit.
    Record(usize),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => {
                f.write_str("no table: this binary was built without one (cargo xtask build BOARD)")
            }
            Self::NotATable => f.write_str("not a table"),
            Self::Truncated => f.write_str("truncated"),
            Self::TooLarge(limit) => write!(f, "larger than {limit} allows"),
            Self::Schema(found) => {
                write!(f, "schema {}, this tomte reads {}", u64::from(found), u64::from(SCHEMA))
            }
            Self::Arch(found) => {
                let name = |arch: Option<Arch>| arch.map_or("an unknown architecture", Arch::as_str);
                write!(f, "made for {}, this is {}", name(found), name(Arch::NATIVE))
            }
            Self::Checksum => f.write_str("checksum mismatch"),
            Self::Record(0) => f.write_str("the board's record does not decode"),
            Self::Record(n) => write!(f, "the record of unit {} does not decode", n - 1),
        }
    }
}

/// An opened table: checked once, decoded record by record whenever something is asked.
#[derive(Clone, Copy, Debug)]
pub struct Table<'t> {
    bytes: &'t [u8],
    units: u16,
    arch: Arch,
    /// How many units can be made at run time: their ids follow.
    slots: u8,
    /// Their records; empty where there is none.
    made: [&'t [u8]; SLOTS_MAX],
}

impl<'t> Table<'t> {
    /// Checks `bytes` and every record in them, for the architecture `arch`.
    pub fn open(bytes: &'t [u8], arch: Option<Arch>) -> Result<Self, OpenError> {
        if bytes.is_empty() {
            return Err(OpenError::Empty);
        }
        if bytes.get(..MAGIC.len()).is_none_or(|magic| magic != MAGIC) {
            return Err(OpenError::NotATable);
        }
        let header = bytes.get(..HEADER_BYTES).ok_or(OpenError::Truncated)?;
        let schema = u16_at(header, 8).ok_or(OpenError::Truncated)?;
        if schema != SCHEMA {
            return Err(OpenError::Schema(schema));
        }
        let length = u32_at(header, LENGTH_AT).ok_or(OpenError::Truncated)? as usize;
        if length > TABLE_BYTES_MAX {
            return Err(OpenError::TooLarge("TABLE_BYTES_MAX"));
        }
        if length < HEADER_BYTES {
            return Err(OpenError::NotATable);
        }
        // A file or a flash partition may be longer than the table in it.
        let bytes = bytes.get(..length).ok_or(OpenError::Truncated)?;
        if u64_at(bytes, CHECKSUM_AT) != Some(checksum(bytes)) {
            return Err(OpenError::Checksum);
        }
        let made_for = header.get(10).copied().and_then(Arch::from_byte);
        let made_for = match made_for {
            Some(found) if Some(found) == arch => found,
            other => return Err(OpenError::Arch(other)),
        };
        if RESERVED.iter().any(|at| header.get(*at) != Some(&0)) {
            return Err(OpenError::NotATable);
        }
        let units = u16_at(header, 12).ok_or(OpenError::Truncated)?;
        if usize::from(units) > UNITS_MAX {
            return Err(OpenError::TooLarge("UNITS_MAX"));
        }
        let mut table = Self { bytes, units, arch: made_for, slots: 0, made: [&[]; SLOTS_MAX] };
        table.slots = table.check_records()?;
        Ok(table)
    }

    /// Answers how many slots there are.
    fn check_records(&self) -> Result<u8, OpenError> {
        let count = usize::from(self.units);
        // Nothing may lie between the fingerprints and the board, which is where they say the records begin.
        let begin = HEADER_BYTES + 4 * (1 + 2 * count);
        if u32_at(self.bytes, HEADER_BYTES).is_none_or(|at| at as usize != begin) {
            return Err(OpenError::Record(0));
        }
        let board: Board<'_> = self.record(0).ok_or(OpenError::Record(0))?;
        if !board.is_sound(count) {
            return Err(OpenError::Record(0));
        }
        let identities = board.identity_count();
        let filters = board.filter_count();
        for n in 1..=count {
            let sound =
                self.record::<Unit<'_>>(n).is_some_and(|unit| unit.is_sound(count, identities, filters));
            if !sound {
                return Err(OpenError::Record(n));
            }
        }
        let room = UNITS_MAX.saturating_sub(count); // what has that many units needs them
        Ok(if usize::from(board.transient.slots) <= room { board.transient.slots } else { 0 })
    }

    /// Entry `n` of the offsets, or of the fingerprints behind them.
    fn entry(&self, n: usize) -> Option<u32> {
        u32_at(self.bytes, HEADER_BYTES.checked_add(n.checked_mul(4)?)?)
    }

    /// The bytes of record `n`.
    fn bytes_of(&self, n: usize) -> Option<&'t [u8]> {
        let last = n == usize::from(self.units);
        let end = if last { self.bytes.len() } else { self.entry(n + 1)? as usize };
        self.bytes.get(self.entry(n)? as usize..end)
    }

    /// Record `n`, if it is there, decodes, and leaves nothing over.
    fn record<T: Read<'t>>(&self, n: usize) -> Option<T> {
        let mut reader = Reader::new(self.bytes_of(n)?);
        let mut record = None;
        record.insert(T::empty()).fill(&mut reader);
        if reader.rest() != Some(&[]) {
            record = None;
        }
        record
    }

    /// The board. (`open` has decoded it once, so this cannot fail; else it would be an empty one.)
    pub fn board(&self) -> Board<'t> {
        Board::read(&mut Reader::new(self.bytes_of(0).unwrap_or_default()))
    }

    /// The unit at `id`.
    pub fn unit(&self, id: UnitId) -> Option<Unit<'t>> {
        match id.0.checked_sub(self.units) {
            None => self.record(id.index() + 1),
            Some(slot) => self.made_at(UnitId(slot)),
        }
    }

    /// The same without what it does, in a tenth of the time.
    pub fn head(&self, id: UnitId) -> Option<Head<'t>> {
        self.beginning(id)
    }

    /// The full name of the unit at `id`: where every record of a unit begins.
    #[inline(never)]
    pub fn name(&self, id: UnitId) -> Option<&'t str> {
        self.beginning(id)
    }

    fn beginning<T: Read<'t>>(&self, id: UnitId) -> Option<T> {
        let bytes = match id.0.checked_sub(self.units) {
            None => self.bytes_of(id.index() + 1)?,
            Some(slot) => self.made.get(usize::from(slot))?,
        };
        let mut reader = Reader::new(bytes);
        let beginning = T::read(&mut reader);
        reader.rest().map(|_| beginning)
    }

    /// A sum of all that makes the processes of the unit at `id` what they are, and of what it listens on or waits for:
    /// two tables in which it is the same have the same unit there. What a unit has to do with others is not in it. 0 for
    /// units that are made at run time.
    pub fn fingerprint(&self, id: UnitId) -> u32 {
        let baked = usize::from(self.units);
        if id.index() < baked { self.entry(1 + baked + id.index()).unwrap_or(0) } else { 0 }
    }

    /// Whether units that were made at run time mean the same in `other`: their records refer to its filters and slices.
    pub fn shares_pieces(&self, other: &Table<'_>) -> bool {
        let (one, two) = (self.board(), other.board());
        one.filters == two.filters && one.slices == two.slices && one.transient.parts == two.transient.parts
    }

    /// The name of identity `id`: of a slot in which a unit was made at run time that unit's without its suffix, if a user can
    /// have it. Root is somebody, and so is everybody whom the table has a number for.
    #[inline(never)]
    pub fn identity_name(&self, id: IdentityId) -> Option<&'t str> {
        let board = self.board();
        let names = board.identities;
        let own = names.iter().nth(id.index())?.name;
        let slot = id.index().checked_sub(board.transient.identity.index());
        let Some(record) = slot.and_then(|slot| self.made.get(slot)) else { return Some(own) };
        let unit = <&str>::read(&mut Reader::new(record));
        let name = words::split_last(unit, b'.').map_or("", |(name, _)| name);
        let free = name != "root" && compose::is_user_name(name) && names.iter().all(|one| one.name != name);
        Some(if free { name } else { own })
    }

    /// The unit that was made at run time in `slot`: a dynamic user is called as the unit is, as systemd has it, or as the slot
    /// if nobody can be called that.
    fn made_at(&self, slot: UnitId) -> Option<Unit<'t>> {
        let mut reader = Reader::new(self.made.get(slot.index())?);
        let mut unit = Unit::read(&mut reader);
        reader.rest().filter(|rest| rest.is_empty())?;
        if let Some(service) = &mut unit.service
            && service.exec.dynamic_user
        {
            let id = self.board().transient.identity_of(slot);
            let name = self.identity_name(id)?;
            if service.exec.group == service.exec.user {
                (service.exec.group, service.exec.group_identity) = (name, Some(id));
            }
            (service.exec.user, service.exec.user_identity) = (name, Some(id));
        }
        Some(unit)
    }

    /// Puts a unit with the bytes `record` at `id`, in the place of the one that was made there before; whether they are
    /// the record of a service whose name nobody else has, and `id` is for such units.
    pub fn make(&mut self, id: UnitId, record: &'t [u8]) -> bool {
        let Some(slot) = id.index().checked_sub(usize::from(self.units)) else { return false };
        let mut made = *self;
        let Some(place) = made.made.get_mut(slot).filter(|_| slot < usize::from(self.slots)) else {
            return false;
        };
        *place = record;
        let board = self.board();
        let sound = made.unit(id).is_some_and(|unit| {
            let own = self.find(unit.name.as_str());
            own.is_none_or(|own| own == id)
                && unit.service().is_some()
                && unit.is_sound(self.unit_count(), board.identity_count(), board.filter_count())
        });
        if sound {
            *self = made;
        }
        sound
    }

    /// The bytes of what was made at `id`.
    pub fn made(&self, id: UnitId) -> &'t [u8] {
        let slot = id.index().checked_sub(usize::from(self.units));
        slot.and_then(|slot| self.made.get(slot)).copied().unwrap_or_default()
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.unit_count() as u16).map(UnitId) // UNITS_MAX fits
    }

    /// The ids of units that are made at run time.
    pub fn slots(&self) -> impl Iterator<Item = UnitId> + use<> {
        self.ids().skip(usize::from(self.units))
    }

    /// The unit that is meant by `name`, which is no unit's own; empty if it is masked.
    #[inline(never)]
    pub fn alias(&self, name: &str) -> Option<&'t str> {
        let mut names = self.board().aliases.iter();
        while let (Some(alias), Some(unit)) = (names.next(), names.next()) {
            if alias == name {
                return Some(unit);
            }
        }
        None
    }

    /// The id of the unit called `name`, or meant by it.
    #[inline(never)]
    pub fn resolve(&self, name: &str) -> Option<UnitId> {
        self.find(name).or_else(|| self.find(self.alias(name)?))
    }

    /// The id of the unit called `name`.
    #[inline(never)]
    pub fn find(&self, name: &str) -> Option<UnitId> {
        self.ids().find(|id| self.name(*id) == Some(name))
    }

    /// How many units there can be: those of the table, and those that can be made at run time.
    pub const fn unit_count(&self) -> usize {
        self.units as usize + self.slots as usize
    }

    /// How many units are in the table.
    pub const fn baked_count(&self) -> usize {
        self.units as usize
    }

    /// The architecture the table was made for.
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// Hash of every file the table was made from.
    pub fn inputs(&self) -> [u8; 16] {
        self.bytes.get(24..40).and_then(|hash| hash.try_into().ok()).unwrap_or_default()
    }

    /// The whole blob.
    pub const fn as_bytes(&self) -> &'t [u8] {
        self.bytes
    }

    /// Size of the whole blob.
    #[expect(clippy::len_without_is_empty, reason = "a table has a header at least")]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The sum that a table says it has; 0 for what is too short to be one.
pub fn sum_of(bytes: &[u8]) -> u64 {
    u64_at(bytes, CHECKSUM_AT).unwrap_or(0)
}

/// The sum over all bytes but its own.
fn checksum(bytes: &[u8]) -> u64 {
    let before = bytes.get(..CHECKSUM_AT).unwrap_or(bytes);
    record::checksum([before, bytes.get(HEADER_BYTES..).unwrap_or_default()])
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}
