//! A machine that has run out of something: descriptors, processes, room on a file system. Whatever step notices, the
//! program does not run, the code and the reason are the step's, and nothing is left behind.

use std::{env, fs, path::Path, process::Command};

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{Mode, OFlags, open},
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::{WaitId, WaitIdOptions, waitid},
};
use tomte::linux::{
    AsFd as _,
    cgroup::Tree,
    report::{self, Reading, Report},
    spawn::{Failure, spawn},
    step::Step,
};

use super::{
    closed::{MARK, files, mounts, processes_of, whole},
    harness::{enter_small_world, plan, script},
};

/// One for each test: they run side by side.
const FEW_UID: u32 = 61360;
const LITTLE_UID: u32 = 61361;
const ALONE_UID: u32 = 61362;
/// With this variable the process has few descriptors, and no other test runs in it.
const FEW: &str = "TOMTE_TEST_FEW_DESCRIPTORS";
/// How many.
const DESCRIPTORS: usize = 60;

/// What became of a start, in a group or in none: the step that failed, the parent's or the child's.
fn start(uid: u32, group: Option<BorrowedFd<'_>>) -> Result<(), (Step, Errno)> {
    let argv = script("touch $STATE_DIRECTORY/executed");
    let mut plan = plan(&argv);
    whole(&mut plan, uid);
    plan.cgroup.directory = group;
    let child = spawn(&plan).map_err(|Failure { step, errno }| (step, errno))?;
    let ended = waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
    let code = ended.expect("ended").exit_status();
    let mut last = None;
    while let Reading::Report(said) = report::read(&child.report).expect("a report") {
        last = Some(said);
        if matches!(said, Report::Failed { .. }) {
            break; // what it worked on is no message
        }
    }
    match last {
        Some(Report::Failed { step, errno }) => {
            assert_eq!(code, Some(step.exit_code().into()), "{step:?}");
            Err((step, errno))
        }
        _ => {
            assert!(code.is_some_and(|code| code < 200), "the program's own: {code:?}");
            Ok(())
        }
    }
}

#[test]
fn however_few_descriptors_are_left_a_start_is_whole_or_none() {
    if env::var_os(FEW).is_some() {
        return with_few_descriptors();
    }
    let tests = env::current_exe().expect("this program");
    let few = format!("ulimit -Sn {DESCRIPTORS}; exec \"$0\" \"$@\"");
    let run = Command::new("sh")
        .args(["-c", &few])
        .arg(tests)
        .args(["however_few_descriptors", "--nocapture", "--test-threads=1"])
        .env(FEW, "yes")
        .output()
        .expect("this test again");
    print!("{}", String::from_utf8_lossy(&run.stdout));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn with_few_descriptors() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/var/log").expect("a place for logs");
    let (files_before, mounts_before) = (files(), mounts());
    let mut failed = Vec::new();
    for free in 0..DESCRIPTORS {
        let mut taken: Vec<OwnedFd> = Vec::new();
        while let Ok(fd) = open(c"/dev/null", OFlags::CLOEXEC, Mode::empty()) {
            taken.push(fd);
        }
        taken.truncate(taken.len().saturating_sub(free));
        let outcome = start(FEW_UID, None);
        drop(taken);
        match outcome {
            Ok(()) => {
                assert!(Path::new(MARK).exists(), "the program ran with {free} descriptors");
                failed.dedup();
                assert!(failed.contains(&Step::Pipe), "{failed:?}");
                assert!(failed.len() > 3, "more than a few steps need a descriptor: {failed:?}");
                return;
            }
            Err((step, errno)) => {
                assert_eq!(errno, Errno::MFILE, "{step:?} with {free} descriptors");
                assert!(!Path::new(MARK).exists(), "{step:?} failed and the program ran");
                assert_eq!(mounts(), mounts_before, "{step:?} left a mount");
                assert_eq!(processes_of(FEW_UID), 0, "{step:?} left a process");
                assert_eq!(files(), files_before, "{step:?} left a file");
                failed.push(step);
            }
        }
    }
    panic!("it never ran: {failed:?}");
}

#[test]
fn however_little_room_is_left_a_start_is_whole_or_none() {
    if !enter_small_world() {
        return;
    }
    let tmpfs = |path: &str, inodes: usize| {
        let options = std::ffi::CString::new(format!("mode=0755,nr_inodes={inodes}")).expect("no NUL");
        mount("tmpfs", path, "tmpfs", MountFlags::NODEV, Some(options.as_c_str())).expect(path);
    };
    let mounts_before = mounts();
    let mut failed = Vec::new();
    for inodes in 1..40 {
        tmpfs("/run", inodes);
        tmpfs("/var", inodes + 3); // the folder itself and those that every image has
        for folder in ["/var/lib", "/var/log", "/var/tmp"] {
            fs::create_dir(folder).expect(folder);
        }
        let mounts_there = mounts();
        let outcome = start(LITTLE_UID, None);
        let ran = Path::new(MARK).exists();
        assert_eq!(mounts(), mounts_there, "{outcome:?} left a mount");
        assert_eq!(processes_of(LITTLE_UID), 0, "{outcome:?} left a process");
        unmount("/var", UnmountFlags::empty()).expect("nobody is in /var");
        unmount("/run", UnmountFlags::empty()).expect("nobody is in /run");
        match outcome {
            Ok(()) if ran => {
                failed.dedup();
                assert!(failed.contains(&Step::RuntimeDirectory), "{failed:?}");
                assert!(failed.len() > 1, "the disk below /var was large enough: {failed:?}");
                assert_eq!(mounts(), mounts_before);
                return;
            }
            Ok(()) => {} // the program had no room for its file: it ran
            Err((step, errno)) => {
                assert_eq!(errno, Errno::NOSPC, "{step:?} with {inodes} inodes");
                assert!(!ran, "{step:?} failed and the program ran");
                failed.push(step);
            }
        }
    }
    panic!("it never ran: {failed:?}");
}

#[test]
fn however_few_processes_there_may_be_a_start_is_whole_or_none() {
    if !enter_small_world() {
        return;
    }
    let Some(tree) = Tree::open().expect("cgroup2") else {
        return println!("SKIPPED: no cgroup2 is mounted");
    };
    let name = format!("tomte-test-few-{}.service", std::process::id());
    let group = tree.create("system.slice", &name).expect("a group");
    let limit = |most: u32| {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(group.directory(), "pids.max", flags, Mode::empty())?;
        rustix::io::write(&file, most.to_string().as_bytes())
    };
    if limit(0).is_err() {
        println!("SKIPPED: there is no controller of processes");
        return group.remove().expect("nobody is in it");
    }
    fs::create_dir("/var/log").expect("a place for logs");
    let (files_before, mounts_before) = (files(), mounts());
    let mut failed = Vec::new();
    for most in 0..8 {
        limit(most).expect("a limit");
        match start(ALONE_UID, Some(group.directory())) {
            Ok(()) => break,
            Err((step, errno)) => {
                assert_eq!(errno, Errno::AGAIN, "{step:?} with {most} processes");
                assert!(!Path::new(MARK).exists(), "{step:?} failed and the program ran");
                assert_eq!(mounts(), mounts_before, "{step:?} left a mount");
                assert_eq!(processes_of(ALONE_UID), 0, "{step:?} left a process");
                assert_eq!(files(), files_before, "{step:?} left a file");
                failed.push(step);
            }
        }
    }
    assert!(Path::new(MARK).exists(), "it never ran: {failed:?}");
    // The process itself, and the one that maps its users.
    assert_eq!(failed, [Step::Clone, Step::PrivateUsers]);
    group.remove().expect("nobody is in it");
}
