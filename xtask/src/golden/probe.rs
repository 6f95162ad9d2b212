//! The program of the sandbox cases: it prints what it is and what it may do. xtask itself under another name, so that
//! nothing has to be compiled or interpreted to run it.

use std::{collections::BTreeMap, env, fs, io::Write, os::unix::fs::MetadataExt, path::Path};

use rustix::{
    fs::{Access, access},
    process::{Resource, getrlimit},
};
use serde::{Deserialize, Serialize};

/// The file name under which xtask is this program.
pub const NAME: &str = "dump.py";
/// What its line begins with; the unit's name follows, then a [`Seen`] as JSON.
pub const MARK: &str = "DUMP ";

/// Lines of /proc/self/status that tell of privileges.
pub const STATUS: [&str; 12] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Umask",
    "Cpus_allowed",
];
const NAMESPACES: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
const ACCESSED: [&str; 14] = [
    "/",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/proc/kmsg",
    "/proc/sys/kernel",
    "/root",
    "/run",
    "/sys/fs/cgroup",
    "/tmp",
    "/usr",
    "/var",
    "/var/lib",
];
const LIMITS: [(&str, Resource); 16] = [
    ("CPU", Resource::Cpu),
    ("FSIZE", Resource::Fsize),
    ("DATA", Resource::Data),
    ("STACK", Resource::Stack),
    ("CORE", Resource::Core),
    ("RSS", Resource::Rss),
    ("NPROC", Resource::Nproc),
    ("NOFILE", Resource::Nofile),
    ("MEMLOCK", Resource::Memlock),
    ("AS", Resource::As),
    ("LOCKS", Resource::Locks),
    ("SIGPENDING", Resource::Sigpending),
    ("MSGQUEUE", Resource::Msgqueue),
    ("NICE", Resource::Nice),
    ("RTPRIO", Resource::Rtprio),
    ("RTTIME", Resource::Rttime),
];

/// One mount of the process's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub kind: String,
    /// Its own options, as mountinfo has them.
    pub options: Vec<String>,
}

/// What the program saw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    pub status: BTreeMap<String, String>,
    pub namespaces: BTreeMap<String, String>,
    pub mounts: BTreeMap<String, Mount>,
    pub environment: BTreeMap<String, String>,
    /// Soft and hard; -1 is infinity.
    pub limits: BTreeMap<String, [i64; 2]>,
    pub cwd: String,
    /// Like `drwxr-xr-x 0:0 755`, or Python's name of the error.
    pub paths: BTreeMap<String, String>,
    /// Like `rw-`, for the real user.
    pub access: BTreeMap<String, String>,
    /// Open descriptors but the one that lists them.
    pub descriptors: Vec<i32>,
    /// SigBlk and SigIgn.
    pub signals: [String; 2],
    /// `nice`, `sched`, `timerslack`, `ioprio`, `securebits`: as the kernel counts them.
    pub numbers: BTreeMap<String, i64>,
}

/// Whether this process is it.
pub fn is_this() -> bool {
    env::current_exe().is_ok_and(|exe| exe.file_name().is_some_and(|name| name == NAME))
}

/// Prints one line. Words: the unit's name, the name of its directories.
pub fn run() {
    let mut words = env::args().skip(1);
    let (unit, directory) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let line = match serde_json::to_string(&look(&directory)) {
        Ok(seen) => format!("{MARK}{unit} {seen}\n"),
        Err(error) => format!("{unit}: {error}\n"),
    };
    // One write, so that lines of several processes do not mix.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

fn look(directory: &str) -> Seen {
    let descriptors = open_descriptors(); // first, before anything of one's own is open
    let status = status();
    let signals = ["SigBlk", "SigIgn"].map(|name| status.get(name).cloned().unwrap_or_default());
    let wanted = |name: &&str| status.get(*name).map(|value| ((*name).to_owned(), value.clone()));
    Seen {
        status: STATUS.iter().filter_map(wanted).collect(),
        namespaces: NAMESPACES.iter().map(|name| ((*name).to_owned(), namespace(name))).collect(),
        mounts: mounts(),
        environment: env::vars().collect(),
        limits: LIMITS.iter().map(|(name, resource)| ((*name).to_owned(), limit(*resource))).collect(),
        cwd: env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        paths: paths(directory).into_iter().map(|path| (path.clone(), state(&path))).collect(),
        access: ACCESSED.iter().map(|path| ((*path).to_owned(), rights(path))).collect(),
        descriptors,
        signals,
        numbers: numbers(),
    }
}

/// What tells of the process's share of the machine.
fn numbers() -> BTreeMap<String, i64> {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in parentheses comes field 3.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse().ok());
    let slack = fs::read_to_string("/proc/self/timerslack_ns").ok().and_then(|text| text.trim().parse().ok());
    // SAFETY: the call takes numbers and answers one.
    let io_priority = unsafe { nix::libc::syscall(nix::libc::SYS_ioprio_get, 1, 0) };
    // SAFETY: as above.
    let secure_bits = unsafe { nix::libc::prctl(nix::libc::PR_GET_SECUREBITS) };
    let found = [
        ("nice", field(19)),
        ("sched", field(41)),
        ("timerslack", slack),
        ("ioprio", Some(io_priority)),
        ("securebits", Some(secure_bits.into())),
    ];
    found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn open_descriptors() -> Vec<i32> {
    let listed = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // The list's own is closed by now.
    let is_open = |number: &i32| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok();
    let mut open: Vec<i32> = numbers.into_iter().filter(is_open).collect();
    open.sort_unstable();
    open
}

fn status() -> BTreeMap<String, String> {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    text.lines().filter_map(line).collect()
}

fn namespace(name: &str) -> String {
    fs::read_link(format!("/proc/self/ns/{name}")).map(|link| link.display().to_string()).unwrap_or_default()
}

fn mounts() -> BTreeMap<String, Mount> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let line = |line: &str| {
        let (own, rest) = line.split_once(" - ")?;
        let mut fields = own.split(' ').skip(4);
        let (point, options) = (fields.next()?, fields.next()?);
        let kind = rest.split(' ').next()?.to_owned();
        Some((point.to_owned(), Mount { kind, options: options.split(',').map(str::to_owned).collect() }))
    };
    // Of several on one place the last one is seen.
    text.lines().filter_map(line).collect()
}

fn limit(resource: Resource) -> [i64; 2] {
    let limit = getrlimit(resource);
    [limit.current, limit.maximum].map(|value| value.map_or(-1, |value| i64::try_from(value).unwrap_or(-1)))
}

fn paths(directory: &str) -> Vec<String> {
    let own =
        ["/etc/", "/run/", "/run/private/", "/var/cache/", "/var/lib/", "/var/lib/private/", "/var/log/"];
    let fixed = ["/home", "/root", "/run/user", "/var/lib/private"];
    let own = own.iter().map(|parent| format!("{parent}{directory}"));
    own.chain(fixed.iter().map(|path| (*path).to_owned())).collect()
}

fn state(path: &str) -> String {
    match fs::symlink_metadata(path) {
        Ok(found) => {
            let mode = found.mode();
            let (uid, gid) = (found.uid(), found.gid());
            format!("{} {uid}:{gid} {:o}", letters(mode), mode & 0o7777)
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => "PermissionError".into(),
        Err(_) => "FileNotFoundError".into(),
    }
}

/// As ls(1) writes a mode.
fn letters(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        _ => '-',
    };
    let bit = |index: u32| match mode >> index & 1 {
        0 => '-',
        _ if index == 0 && mode & 0o1000 != 0 => 't',
        _ => ['x', 'w', 'r'][index as usize % 3],
    };
    std::iter::once(kind).chain((0..9).rev().map(bit)).collect()
}

fn rights(path: &str) -> String {
    if !Path::new(path).exists() && fs::symlink_metadata(path).is_err() {
        return "missing".into();
    }
    let may = |right, letter| if access(path, right).is_ok() { letter } else { '-' };
    [may(Access::READ_OK, 'r'), may(Access::WRITE_OK, 'w'), may(Access::EXEC_OK, 'x')].iter().collect()
}
