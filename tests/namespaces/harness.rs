//! A small world for each test, a plan that a test changes, and what became of it.

#![expect(
    unsafe_code,
    reason = "unshare is unsafe in rustix: here it moves one test thread to namespaces of its own"
)]

use std::{
    fs,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use linux_raw_sys::general::{
    __NR_fsconfig, __NR_fsmount, __NR_fsopen, __NR_mount_setattr, __NR_move_mount, __NR_open_tree,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::{self, Errno},
    mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_move},
    pipe::{PipeFlags, pipe_with},
    process::{WaitId, WaitIdOptions, geteuid, waitid},
    thread::{UnshareFlags, gettid, unshare_unsafe},
};
use tomte::linux::{
    plan::{
        Call, Cgroup, Command, Credentials, Environment, Identity, Keyring, Landlock, Limits, Namespaces,
        Output, Plan, Privilege, Scheduling, Stdio, View, Words,
    },
    raw::seccomp,
    report::{self, ABOUT_BYTES_MAX, Reading, Report},
    spawn::{self, spawn},
};

/// How long a pipe that is to close may stay open.
const PATIENCE: Duration = Duration::from_secs(10);
/// Users of the small world. `svc` has groups of its own, `odd` a group that is not its name's.
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\n\
                      svc:x:1001:1001::/home/svc:/bin/sh\n\
                      odd:x:1002:1003::/:/usr/sbin/nologin\n\
                      onlyuser:x:1004:1004::/nonexistent:/bin/false\n";
const GROUP: &str = "root:x:0:\nsvc:x:1001:\nextra:x:1005:svc,odd\nonlygroup:x:1006:\nspare:x:1007:\n";

/// Whether the test can run; prints why not.
pub(super) fn enter_small_world() -> bool {
    if !geteuid().is_root() {
        println!("SKIPPED: needs root");
        return false;
    }
    let flags = UnshareFlags::NEWNS | UnshareFlags::NEWIPC;
    // SAFETY: neither flag separates descriptors or memory from the other threads; the file system context that NEWNS
    // separates is this test's to change.
    if let Err(errno) = unsafe { unshare_unsafe(flags) } {
        println!("SKIPPED: namespaces are refused: {errno}");
        return false;
    }
    mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("private mounts");
    for path in ["/etc", "/run", "/tmp", "/var", "/home", "/root"] {
        let flags = MountFlags::NODEV;
        mount("tmpfs", path, "tmpfs", flags, Some(c"mode=0755"))
            .unwrap_or_else(|errno| panic!("{path}: {errno}"));
    }
    own_devices();
    for path in ["/var/lib", "/var/tmp", "/var/cache", "/home/svc"] {
        fs::create_dir(path).expect(path);
    }
    fs::write("/etc/passwd", PASSWD).expect("passwd");
    fs::write("/etc/group", GROUP).expect("group");
    if std::env::var_os(OLD_KERNEL).is_some() {
        NEW_MOUNT_CALLS.into_iter().for_each(take_away_call);
    }
    true
}

/// With this variable the small world is one of a kernel without [`NEW_MOUNT_CALLS`].
pub(super) const OLD_KERNEL: &str = "TOMTE_TEST_OLD_KERNEL";

/// What came after mount(2): Linux 5.2 and 5.12.
const NEW_MOUNT_CALLS: [u32; 6] =
    [__NR_open_tree, __NR_move_mount, __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_mount_setattr];

/// A /dev in which nothing that a test does can reach the machine's.
fn own_devices() {
    const DEVICES: [&str; 4] = ["null", "zero", "full", "urandom"];
    let below = |name: &str| format!("/tmp/dev/{name}");
    fs::create_dir("/tmp/dev").expect("/tmp/dev");
    mount("tmpfs", "/tmp/dev", "tmpfs", MountFlags::NOSUID, Some(c"mode=0755")).expect("/tmp/dev");
    for name in DEVICES {
        fs::write(below(name), "").expect(name);
        mount_bind(format!("/dev/{name}").as_str(), below(name).as_str()).expect(name);
    }
    for name in ["shm", "mqueue", "pts"] {
        fs::create_dir(below(name)).expect(name);
    }
    mount("tmpfs", "/tmp/dev/shm", "tmpfs", MountFlags::NODEV, Some(c"mode=0755")).expect("/dev/shm");
    mount_move("/tmp/dev", "/dev").expect("/dev");
    fs::remove_dir("/tmp/dev").expect("/tmp/dev");
}

/// Calls `act` with the path of a network namespace that is nobody's but a thread's.
pub(super) fn with_other_network(act: impl FnOnce(&'static str)) {
    let (told, tell) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let holder = thread::spawn(move || {
        // SAFETY: a network separates neither descriptors nor memory from the other threads.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("a network");
        let (process, thread) = (std::process::id(), gettid().as_raw_nonzero());
        told.send(format!("/proc/{process}/task/{thread}/ns/net")).expect("somebody listens");
        stopped.recv().expect_err("nothing is sent");
    });
    act(tell.recv().expect("a path").leak());
    drop(stop);
    holder.join().expect("a thread that ends");
}

/// Makes system call `number` answer ENOSYS to this thread and its children, as an older kernel would.
pub(super) fn take_away_call(number: u32) {
    seccomp::load(&filter_without(number)).expect("a filter for this thread");
}

/// A filter under which system call `number` answers ENOSYS.
pub(super) fn filter_without(number: u32) -> Vec<u8> {
    let instructions: [(u16, u8, u8, u32); 4] = [
        (0x20, 0, 0, 0), // load the number
        (0x15, 0, 1, number),
        (0x06, 0, 0, 0x0005_0000 | 38), // ENOSYS
        (0x06, 0, 0, 0x7FFF_0000),      // allow
    ];
    let bytes = |(code, if_true, if_false, operand): (u16, u8, u8, u32)| {
        [&code.to_le_bytes()[..], &[if_true, if_false], &operand.to_le_bytes()].concat()
    };
    instructions.into_iter().flat_map(bytes).collect()
}

/// A plan for `sh -c SCRIPT` that a test can change before it is carried out.
pub(super) fn plan<'a>(argv: &'a [u8]) -> Plan<'a> {
    Plan {
        unit: "test.service",
        command: Command {
            call: Call::Execute,
            path: "sh",
            argv: Words::new(argv).expect("ends in NUL"),
            expand: false,
        },
        environment: Environment::default(),
        identity: Identity::default(),
        privilege: Privilege::Restricted,
        directories: &[],
        runtime_directory_preserved: false,
        credentials: Credentials::default(),
        view: View { tmp_unit: "test.service", ..View::default() },
        landlock: Landlock::default(),
        may_lack: 0,
        namespaces: Namespaces::default(),
        scheduling: Scheduling::default(),
        keyring: Keyring::Private,
        limits: Limits::default(),
        working_directory: "",
        working_directory_optional: false,
        stdio: Stdio::default(),
        descriptors: &[],
        ready: None,
        ignore_sigpipe: true,
        cgroup: Cgroup::default(),
        fail_at: None,
    }
}

/// argv of a shell script.
pub(super) fn script(text: &str) -> Vec<u8> {
    format!("sh\0-c\0{text}\0").into_bytes()
}

/// What became of a child.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Its exit code, if it was not killed.
    pub(super) code: Option<i32>,
    /// What it wrote to stdout and stderr.
    pub(super) output: String,
    /// What it reported.
    pub(super) reports: Vec<Report>,
}

impl Outcome {
    /// The value of a `NAME:<blank>value` line, as in /proc/self/status.
    pub(super) fn status(&self, name: &str) -> &str {
        let line = self.output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {self:?}")).trim()
    }

    /// The lines of the output.
    pub(super) fn lines(&self) -> Vec<&str> {
        self.output.lines().collect()
    }
}

/// Carries out `plan` with stdout and stderr going to the outcome, and waits for its end.
pub(super) fn run(plan: &Plan<'_>) -> Result<Outcome, spawn::Failure> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("pipe");
    let error = match plan.stdio.error {
        Output::File(..) => plan.stdio.error,
        Output::Inherit | Output::Null | Output::Tty | Output::Fd(_) => Output::Inherit,
    };
    let stdio = Stdio { output: Output::Fd(writer.as_fd()), error, ..plan.stdio };
    let child = spawn(&Plan { stdio, ..*plan })?;
    drop(writer);
    let output = read_to_end(&reader);
    let status =
        waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait").expect("ended");
    let mut reports = Vec::new();
    let end = Instant::now() + PATIENCE;
    loop {
        match report::read(&child.report).expect("a report") {
            Reading::Report(report) => {
                if matches!(report, Report::Failed { .. }) {
                    report::read_about(&child.report, &mut [0; ABOUT_BYTES_MAX]); // the host's cases read it
                }
                reports.push(report);
            }
            // Another thread's child has a copy until it executes its program.
            Reading::Empty if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            Reading::Empty => panic!("the child is dead, but its report pipe is open"),
            Reading::Closed => break,
        }
    }
    Ok(Outcome { code: status.exit_status(), output, reports })
}

fn read_to_end(pipe: &OwnedFd) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match io::read(pipe, &mut buffer) {
            Ok(0) => return String::from_utf8(bytes).expect("UTF-8"),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(Errno::INTR) => {}
            Err(errno) => panic!("{errno}"),
        }
    }
}

/// Runs a shell script under a plan that `change` has changed.
pub(super) fn run_script<'a>(text: &str, change: impl FnOnce(&mut Plan<'a>)) -> Outcome {
    let mut plan = plan(Box::leak(script(text).into_boxed_slice()));
    change(&mut plan);
    run(&plan).expect("a child")
}

/// Owner, group and mode of a path, links not followed.
pub(super) fn owner_and_mode(path: impl AsRef<Path>) -> (u32, u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let path = path.as_ref();
    let found = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (found.uid(), found.gid(), found.mode() & 0o7777)
}
