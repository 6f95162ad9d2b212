//! Every limit of a table, by name. The baker refuses what exceeds one; `open` checks again.
//!
//! Limits that depend on each other are tied by assertions at the bottom.

/// A whole table, header included. Keeps offsets in 32 bits and a corrupt length from asking for the world.
pub const TABLE_BYTES_MAX: usize = 1 << 20;
/// Units of one image. Sizes the supervisor's arrays.
pub const UNITS_MAX: usize = 256;
/// Units that are made at run time, at one time. They are among [`UNITS_MAX`].
pub const SLOTS_MAX: usize = 8;
/// The record of one of them.
pub const SLOT_BYTES_MAX: usize = 16 << 10;
/// Names that may get a dynamic UID or GID.
pub const IDENTITIES_MAX: usize = 256;
/// Of them those that are numbers (`User=61500` of a dynamic user).
pub const OWN_NUMBERS_MAX: usize = 32;
/// Different filters of system calls, of devices and of the network.
pub const FILTERS_MAX: usize = 2 * UNITS_MAX;
/// One filter, of instructions of eight bytes: the kernel's BPF_MAXINSNS.
pub const FILTER_BYTES_MAX: usize = 4096 * FILTER_INSTRUCTION_BYTES;
/// struct sock_filter.
pub const FILTER_INSTRUCTION_BYTES: usize = 8;
/// `[[allow]]` rules of one image.
pub const ALLOW_MAX: usize = 64;
/// Names of units besides their own, and of masked ones, of one image. Two strings each.
pub const ALIASES_MAX: usize = 128;
/// Slices of one image.
pub const SLICES_MAX: usize = 128;
/// A slice's path below the root: a process's cgroup has to be read whole.
pub const SLICE_BYTES_MAX: usize = 200;
/// Settings of one cgroup.
pub const SETTINGS_MAX: usize = 64;
/// Devices of one unit whose numbers only the target knows.
pub const LATE_DEVICES_MAX: usize = 64;
/// A unit name, as systemd's UNIT_NAME_MAX.
pub const UNIT_NAME_BYTES_MAX: usize = 255;
/// A user or group name (utmp's 32 bytes less the NUL, as systemd's strict names).
pub const USER_NAME_BYTES_MAX: usize = 31;
/// Command lines of one kind (`ExecStartPre=` and so on) in one unit.
pub const COMMANDS_MAX: usize = 32;
/// Words of one command line, before `$` expansion.
pub const WORDS_MAX: usize = 128;
/// Bytes of one command line or of one unit's `Environment=`, NULs included.
pub const WORDS_BYTES_MAX: usize = 16 << 10;
/// Assignments of one unit's `Environment=`.
pub const ENVIRONMENT_MAX: usize = 128;
/// Files of one unit's `EnvironmentFile=`.
pub const ENVIRONMENT_FILES_MAX: usize = 32;
/// Names in one `RuntimeDirectory=` and its kind.
pub const DIRECTORIES_MAX: usize = 16;
/// Strings of one unit's `LoadCredential=` and its kind, three each.
pub const CREDENTIALS_MAX: usize = 3 * 128;
/// Names and contents of all credentials of one unit: systemd's CREDENTIALS_TOTAL_SIZE_MAX.
pub const CREDENTIALS_BYTES_MAX: usize = 1 << 20;
/// Bytes of one unit's `StandardInputText=` and `StandardInputData=`.
pub const STDIN_BYTES_MAX: usize = TABLE_BYTES_MAX / 4;
/// `SupplementaryGroups=` of one unit.
pub const GROUPS_MAX: usize = 32;
/// Bytes of `CPUAffinity=`: 8192 processors, the kernel's most.
pub const AFFINITY_BYTES_MAX: usize = 1024;
/// Mounts of one unit's view of the file system.
pub const MOUNTS_MAX: usize = 128;
/// Settings in one unit's posture.
pub const POSTURE_MAX: usize = 64;
/// Conditions of one unit. A child tells by its exit status which one did not hold.
pub const CONDITIONS_MAX: usize = 64;
/// `OnCalendar=` of one timer; and as many of `OnActiveSec=` and its kind.
pub const ELAPSES_MAX: usize = 64;
/// A path, NUL included: the kernel's PATH_MAX.
pub const PATH_BYTES_MAX: usize = 4096;
/// Descriptors of one socket unit: what one message of unix(7) can carry, and more than anybody needs.
pub const LISTEN_MAX: usize = 32;
/// Options of one socket.
pub const OPTIONS_MAX: usize = 32;
/// `Symlinks=` of one socket unit.
pub const SYMLINKS_MAX: usize = 16;
/// Paths of one path unit: each takes two descriptors, and a bit of a number that remembers which were there.
pub const WATCHES_MAX: usize = 16;
/// Descriptors that PID 1 holds for all units together.
pub const HELD_MAX: usize = 512;
/// Descriptors that one service is given.
pub const PASSED_MAX: usize = 64;
/// Resource limits of one unit: the kernel's RLIM_NLIMITS.
pub const RLIMITS_MAX: usize = 16;

const _: () = assert!(UNITS_MAX <= u16::MAX as usize, "unit ids are 16 bits");
const _: () = assert!(FILTERS_MAX <= u16::MAX as usize, "filter ids are 16 bits");
const _: () = assert!(IDENTITIES_MAX <= u16::MAX as usize, "identity ids are 16 bits");
const _: () = assert!(
    IDENTITIES_MAX <= super::UidRange::DYNAMIC.len() as usize,
    "every identity can have a number of its own"
);
const _: () = assert!(2 * CONDITIONS_MAX < u8::MAX as usize, "verdicts fit an exit status");
const _: () = assert!(TABLE_BYTES_MAX <= u32::MAX as usize, "offsets are 32 bits");
const _: () = assert!(PATH_BYTES_MAX <= WORDS_BYTES_MAX, "a path fits into a command line");
const _: () = assert!(2 * WATCHES_MAX <= LISTEN_MAX, "one message carries a unit's descriptors");
const _: () = assert!(WATCHES_MAX <= u16::BITS as usize, "a bit for each path");
const _: () = assert!(HELD_MAX < u16::MAX as usize, "places are 16 bits");
const _: () = assert!(USER_NAME_BYTES_MAX < UNIT_NAME_BYTES_MAX);
