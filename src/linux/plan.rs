//! What a child is to become: everything borrowed from whoever plans it, nothing decided here.

use core::ffi::CStr;

use rustix::{fd::BorrowedFd, io::Errno};

use super::{arguments::Arguments, directory::Directory, step::Step};

mod stdio;
mod view;

pub use stdio::{Input, Output, Stdio, Taking, Terminal, Writing};
pub use view::{Content, Keyring, Landlock, Mount, Namespaces, Propagation, Users, View};

/// Strings one after the other, each ended by NUL: argv and envp pointers aim straight into them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// Takes `bytes`: empty, or ended by NUL.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.last() {
            None | Some(0) => Some(Self(bytes)),
            Some(_) => None,
        }
    }

    /// The strings, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a CStr> + Clone {
        Strings(self.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// The strings of [`Words`] that are not handed out yet.
#[derive(Clone)]
struct Strings<'a>(&'a [u8]);

impl<'a> Iterator for Strings<'a> {
    type Item = &'a CStr;

    #[inline(never)] // every list is walked
    fn next(&mut self) -> Option<Self::Item> {
        let string = CStr::from_bytes_until_nul(self.0).ok()?;
        self.0 = self.0.get(string.count_bytes().saturating_add(1)..).unwrap_or_default();
        Some(string)
    }
}

/// One process to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The unit's name, for names of private directories.
    pub unit: &'a str,
    /// The program.
    pub command: Command<'a>,
    /// Where its environment variables come from.
    pub environment: Environment<'a>,
    /// As whom it runs.
    pub identity: Identity<'a>,
    /// What of all the rest it is spared.
    pub privilege: Privilege,
    /// `RuntimeDirectory=` and its kind: at most one element a kind.
    pub directories: &'a [Directory<'a>],
    /// `RuntimeDirectoryPreserve=` is not `no`: with `DynamicUser=` the runtime directories get the private layout.
    pub runtime_directory_preserved: bool,
    /// `LoadCredential=` and its kind.
    pub credentials: Credentials<'a>,
    /// What it sees of the file system.
    pub view: View<'a>,
    /// What Landlock holds it to besides.
    pub landlock: Landlock<'a>,
    /// What else it shares with nobody.
    pub namespaces: Namespaces<'a>,
    /// How much of the machine it gets.
    pub scheduling: Scheduling<'a>,
    /// `KeyringMode=`.
    pub keyring: Keyring,
    /// What it may do.
    pub limits: Limits<'a>,
    /// `WorkingDirectory=`: a path, `~` for the user's home, or empty for `/`.
    pub working_directory: &'a str,
    /// Its `-` prefix: may be missing.
    pub working_directory_optional: bool,
    /// Descriptors 0, 1 and 2.
    pub stdio: Stdio<'a>,
    /// Descriptors from 3 up, in this order: `$LISTEN_FDS` and the like.
    pub descriptors: &'a [Passed<'a>],
    /// What it says that it is ready with, and at which number it expects that; behind `descriptors`.
    pub ready: Option<(BorrowedFd<'a>, u8)>,
    /// `IgnoreSIGPIPE=`.
    pub ignore_sigpipe: bool,
    /// Its group of processes.
    pub cgroup: Cgroup<'a>,
    /// What the kernel may lack without the start failing: bits of [`super::feature::Feature`].
    pub may_lack: u32,
    /// For tests: this step fails with this errno instead of being done. `None` everywhere else.
    pub fail_at: Option<(Step, Errno)>,
}

impl Plan<'_> {
    /// The errno that a test wants `step` to fail with.
    pub(super) fn failure_at(&self, step: Step) -> Option<Errno> {
        self.fail_at.filter(|(at, _)| *at == step).map(|(_, errno)| errno)
    }
}

/// A group of processes that the kernel accounts for and limits together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cgroup<'a> {
    /// Its directory. `None` without cgroup2.
    pub directory: Option<BorrowedFd<'a>>,
    /// A group below it to be born in instead, or empty.
    pub subgroup: &'a str,
    /// As [`super::cgroup::set`] takes them.
    pub settings: Words<'a>,
    /// How many tasks the machine can have.
    pub tasks: u64,
    /// `Delegate=`: it becomes the user's.
    pub delegate: bool,
    /// Which devices may be used in it; `None` is all.
    pub devices: Option<Devices<'a>>,
    /// Their program, if the kernel has it already.
    pub device_program: Option<BorrowedFd<'a>>,
    /// What may go over the network in it.
    pub network: Network<'a>,
}

/// Programs that decide about what goes over the network; where there is none, everything may.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network<'a> {
    /// About packets that come,
    pub ingress: Option<&'a [u8]>,
    /// packets that go,
    pub egress: Option<&'a [u8]>,
    /// and about bind(2) of IPv4
    pub bind4: Option<&'a [u8]>,
    /// and of IPv6 sockets.
    pub bind6: Option<&'a [u8]>,
}

/// A program that decides about devices.
#[derive(Clone, Copy, Debug)]
pub struct Devices<'a> {
    /// Its instructions. Those in the middle stand for `late`, in its order.
    pub program: &'a [u8],
    /// Where those in the middle begin.
    pub fixed: u16,
    /// Paths of nodes; `block-` or `char-` and a pattern for drivers' names.
    pub late: Words<'a>,
    /// Nothing is executed without it.
    pub needed: bool,
}

/// Descriptors that a program is given at most.
pub const PASSED_MAX: usize = 64;

/// A descriptor that the program is given.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    /// It.
    pub fd: BorrowedFd<'a>,
    /// What it is called in `$LISTEN_FDNAMES`.
    pub name: &'a str,
    /// Whether a read may answer EAGAIN; `None` leaves it as it is.
    pub non_blocking: Option<bool>,
}

/// The program and its words.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// What carries it out.
    pub call: Call,
    /// An absolute path, or a name to look up in `/usr/local/sbin` and so on. Of another call: the mount point or the
    /// swap device.
    pub path: &'a str,
    /// argv, argv\[0\] included.
    pub argv: Words<'a>,
    /// Whether `$NAME` and `${NAME}` are replaced.
    pub expand: bool,
}

/// What carries a command out. Numbers among the words are decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// execve(2).
    Execute,
    /// The same for a program that mounts. The third of its words: where.
    Helper,
    /// mount(2). The words: the source; the type, or empty for any that fits; the flags; the data; the mode of
    /// directories that are missing on the way, or empty if something is to be changed about a mount that is there; `rw`
    /// if it fails where only a read-only mount is possible.
    Mount,
    /// umount2(2), of all that is mounted there. The word: the flags.
    Unmount,
    /// swapon(2). The word: the flags.
    SwapOn,
    /// swapoff(2).
    SwapOff,
    /// Counting in a file, which is 0 if it is not there. The words: `add` for one more; `forget` to begin anew; or the
    /// counts with which the call succeeds: from, to, from, to. EDOM with another.
    Count,
    /// finit_module(2), of the module of that name and those that it depends on, or of the file at that path. The word: the
    /// parameters.
    LoadModule,
    /// The same for what the devices below /sys/devices ask for.
    LoadForDevices,
    /// write(2) of the word, to a file that is there.
    Write,
    /// chown(2) and chmod(2), of all that the pattern matches. The words: user, group and mode, each a number or empty.
    Own,
    /// clock_settime(2), if the clock is behind: to the time of the file's last change, or to the word, seconds since 1970,
    /// whatever is later.
    ClockFloor,
    /// utimensat(2): the time of the file's last change is the present. It is made if it is not there.
    Touch,
    /// The file's bytes are put among the kernel's random numbers, and others in their place. The word: `credit` if they
    /// count as random.
    LoadSeed,
    /// Random bytes are put into the file, for the next boot.
    SaveSeed,
    /// The machine's id is put into the file, if it holds none. The words: files of numbers that tell machines apart, the
    /// first that there is counts; without one the id is random. Or `commit`: what holds for this boot is put into the file.
    MachineId,
    /// The device is made a swap device.
    MakeSwap,
    /// The device's file system is checked before it is mounted. The word: its type.
    Check,
    /// The device is mounted as the root that an initramfs leaves for. The words: its type, or empty; options of the file
    /// system; for how many seconds the device is waited for, and nobody looks for it before; `rw` or `ro`; the init; and what
    /// lies over it: `root::lay_over`.
    Root,
    /// The network interface of that name is set up. The words: for how many seconds it is waited for; then what is done, in
    /// words, and the message that does it: `network::set_up`.
    Network,
}

/// Sources of environment variables, weakest first. `PATH`'s default comes before all of them, and what the child finds
/// out by itself (`USER`, `HOME`, `STATE_DIRECTORY` …) between `extra` and `unit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment<'a> {
    /// The manager's own.
    pub manager: Words<'a>,
    /// About this start: `MAINPID`, `SERVICE_RESULT` and the like.
    pub extra: &'a [(&'a str, &'a str)],
    /// Variables that hold the process's own pid, `SYSTEMD_EXEC_PID` besides: `WATCHDOG_PID` and the like.
    pub own_pid: &'a [&'a str],
    /// What `TRIGGER_PATH` is the first match of, where `extra` does not name it. Empty without one.
    pub trigger_pattern: &'a str,
    /// `Environment=`.
    pub unit: Words<'a>,
    /// `EnvironmentFile=`: paths, each with a `-` in front if it may be missing.
    pub files: Words<'a>,
    /// What PID 1 was started with.
    pub inherited: Option<Arguments>,
    /// `PassEnvironment=`: names that are taken from there.
    pub pass: Words<'a>,
    /// `UnsetEnvironment=`: names, or whole assignments.
    pub unset: Words<'a>,
    /// `ExecSearchPath=`, joined by colons; empty for the default.
    pub search_path: &'a str,
    /// `SetLoginEnvironment=`.
    pub login: Login,
}

/// `SetLoginEnvironment=`: whether `USER`, `LOGNAME`, `HOME` and `SHELL` are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// If there is a user.
    #[default]
    IfUser,
    /// For root without a user as well.
    Always,
    /// Not at all.
    Never,
}

/// As whom the process runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity<'a> {
    /// `User=`: a name, a decimal number, or empty.
    pub user: &'a str,
    /// `Group=`: a name, a decimal number, or empty for the user's own.
    pub group: &'a str,
    /// `SupplementaryGroups=`: names or decimal numbers.
    pub supplementary: Words<'a>,
    /// `DynamicUser=yes`.
    pub dynamic: Option<Dynamic>,
}

/// The numbers held for a dynamic user. A static user or group of the name wins over them.
#[derive(Clone, Copy, Debug)]
pub struct Dynamic {
    /// For the user; none only if the user is a number itself.
    pub uid: Option<u32>,
    /// For the group; none if the user's number serves both, or the group is a number itself.
    pub gid: Option<u32>,
    /// The numbers have just been claimed: nobody else may have them. Not to be asked for again while the unit holds
    /// them, as its own processes may have IPC objects by then.
    pub check: bool,
    /// The unit's directories may answer with another number of the range; if not, they are taken over.
    pub suggest: bool,
    /// The lowest and the highest number that may be suggested.
    pub range: (u32, u32),
}

/// `LoadCredential=` and its kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// Where they come from, as `table::Exec::credentials` has it.
    pub sources: Words<'a>,
    /// What `SetCredential=` says, one after the other.
    pub values: &'a [u8],
    /// Whether this process fetches them.
    pub loading: Loading,
}

/// Whether a process fetches the unit's credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loading {
    /// It finds what is there.
    #[default]
    No,
    /// If none has before it.
    IfMissing,
    /// Anew, whatever is there.
    Anew,
}

/// How much of the unit's restrictions a command line is spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privilege {
    /// None of it.
    #[default]
    Restricted,
    /// `!`: no change of user and groups; the rest holds.
    KeepIds,
    /// `+`: no sandbox, no limits, no change of user; in the unit's network and IPC, and in a view that the table has for it.
    Full,
}

/// What a process can say about its share of the machine. What is `None` or empty stays as PID 1 has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scheduling<'a> {
    /// `Nice=`, plus 20.
    pub nice: Option<u8>,
    /// `CPUSchedulingPolicy=`: the kernel's SCHED number.
    pub policy: Option<u8>,
    /// `CPUSchedulingPriority=`.
    pub priority: u8,
    /// `CPUSchedulingResetOnFork=`.
    pub reset_on_fork: bool,
    /// `CPUAffinity=`: bit n of byte m is processor 8 m + n.
    pub affinity: &'a [u8],
    /// `IOSchedulingClass=` in the top three bits, `IOSchedulingPriority=` in the rest.
    pub io_priority: Option<u16>,
    /// `Personality=`: the kernel's PER number.
    pub personality: Option<u32>,
    /// `OOMScoreAdjust=`, as the kernel's file takes it.
    pub oom_score_adjust: &'a str,
    /// `CoredumpFilter=`, likewise.
    pub coredump_filter: &'a str,
    /// `TimerSlackNSec=`, likewise.
    pub timer_slack: &'a str,
}

/// What the process may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// `UMask=`.
    pub umask: u16,
    /// `Limit*=`.
    pub rlimits: &'a [Rlimit],
    /// `CapabilityBoundingSet=`: bit n is capability n. All ones: untouched.
    pub bounding_set: u64,
    /// `AmbientCapabilities=`.
    pub ambient: u64,
    /// `NoNewPrivileges=`.
    pub no_new_privileges: bool,
    /// The filter of its system calls: struct sock_filter of linux/filter.h, one after the other. Empty for none.
    pub filter: &'a [u8],
    /// `MemoryDenyWriteExecute=`: the kernel's own switch, where it has one. The filter refuses the same.
    pub no_write_execute: bool,
    /// `SecureBits=`: the kernel's SECBIT flags.
    pub secure_bits: u8,
}

impl Default for Limits<'_> {
    /// systemd's: umask 022 and nothing else.
    fn default() -> Self {
        Self {
            umask: 0o022,
            rlimits: &[],
            bounding_set: u64::MAX,
            ambient: 0,
            no_new_privileges: false,
            filter: &[],
            no_write_execute: false,
            secure_bits: 0,
        }
    }
}

/// One resource limit of setrlimit(2). `u64::MAX` is infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// The kernel's RLIMIT number.
    pub resource: u8,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}
