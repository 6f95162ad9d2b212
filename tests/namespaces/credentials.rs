//! The credentials of a unit: where they come from, who reads them, what is too much, and that nothing is left of them.

use std::{
    fs,
    io::Write as _,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    thread,
};

use rustix::{io::Errno, mount::UnmountFlags};
use tomte::linux::{
    clean::{self, CleanPlan},
    plan::{Credentials, Identity, Loading, Plan, Words},
    report::Report,
    step::Step,
};

use super::harness::{Outcome, enter_small_world, owner_and_mode, run_script};

const STORE: &str = "/run/credentials/test.service";

fn with<'a>(sources: &'a [u8], values: &'a [u8]) -> impl FnOnce(&mut Plan<'a>) {
    let sources = Words::new(sources).expect("ends in NUL");
    move |plan| {
        plan.identity = Identity { user: "svc", ..Identity::default() };
        plan.credentials = Credentials { sources, values, loading: Loading::Anew };
    }
}

fn failure(outcome: &Outcome) -> Option<Errno> {
    outcome.reports.iter().find_map(|report| match report {
        Report::Failed { step: Step::Credentials, errno } => Some(*errno),
        Report::Failed { .. } | Report::Identity { .. } | Report::Lacking { .. } | Report::Unfit { .. } => {
            None
        }
    })
}

#[test]
fn every_source_gives_a_file_that_the_user_alone_can_read_and_nobody_can_change() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all("/etc/keys/below/deep").expect("a folder");
    fs::create_dir_all("/etc/credstore").expect("a folder");
    fs::create_dir_all("/run/credstore").expect("a folder");
    for (path, text) in [
        ("/etc/key", "one"),
        ("/etc/keys/a", "two"),
        ("/etc/keys/below/deep/b", "three"),
        ("/etc/credstore/web.x", "four"),
        ("/run/credstore/web.x", "later"),
        ("/run/credstore/web.y", "five"),
        ("/run/credstore/other", "six"),
    ] {
        fs::write(path, text).expect(path);
    }
    symlink("/etc/shadow", "/etc/keys/link").expect("a link");
    let listener = UnixListener::bind("/run/source").expect("a socket");
    let server = thread::spawn(move || {
        let (mut client, from) = listener.accept().expect("somebody asks");
        client.write_all(b"seven").expect("room");
        let name = from.as_abstract_name().expect("an address").to_vec();
        String::from_utf8(name).expect("text")
    });
    let sources = b"/\0k\0/etc/key\0/\0d\0/etc/keys\0/\0s\0/run/source\0-\0v\0/etc/none\0\
                    *\0w.\0/none/web.\0*\0w.\0/etc/credstore/web.\0*\0w.\0/run/credstore/web.\0\
                    -\0o\0/none/other\0-\0o\0/run/credstore/other\0=\0v\x003\0=\0k\x001\0=\0empty\x000\0";
    use std::os::linux::net::SocketAddrExt as _;
    let outcome = run_script(
        "cd $CREDENTIALS_DIRECTORY && pwd; for f in *; do printf '%s=' $f; cat $f; echo; done; id -un; \
         (chmod 600 k || rm k || touch z) 2>&1 | grep -c 'Read-only'",
        with(sources, b"a\0bx"),
    );
    assert_eq!(
        outcome.lines(),
        [
            STORE,
            "d_a=two",
            "d_below_deep_b=three",
            "empty=",
            "k=one",
            "o=six",
            "s=seven",
            "v=a\0b",
            "w.x=four",
            "w.y=five",
            "svc",
            "3"
        ],
        "{outcome:?}"
    );
    let asked = server.join().expect("an address");
    assert!(asked.ends_with("/unit/test.service/s"), "{asked}");
    assert_eq!(owner_and_mode(STORE), (1001, 0, 0o500));
    assert_eq!(owner_and_mode(format!("{STORE}/k")), (1001, 0, 0o400));
    let mounts = fs::read_to_string("/proc/thread-self/mounts").expect("/proc");
    let mount = mounts.lines().find(|line| line.contains(STORE)).expect("a mount");
    assert!(mount.contains(" ramfs ro,nosuid,nodev,noexec"), "{mount}");

    let other = run_script("cat /run/credentials/test.service/k", |plan| {
        plan.identity = Identity { user: "odd", ..Identity::default() };
    });
    assert_ne!(other.code, Some(0), "{other:?}");
}

#[test]
fn a_store_is_made_anew_or_kept_as_its_command_needs_and_goes_with_the_unit() {
    if !enter_small_world() {
        return;
    }
    fs::write("/etc/key", "old").expect("a file");
    let read = |loading| {
        run_script("cat $CREDENTIALS_DIRECTORY/k", |plan| {
            with(b"/\0k\0/etc/key\0", b"")(plan);
            plan.credentials.loading = loading;
        })
        .output
    };
    assert_eq!(read(Loading::IfMissing), "old");
    fs::write("/etc/key", "new").expect("a file");
    assert_eq!((read(Loading::IfMissing), read(Loading::No)), ("old".into(), "old".into()));
    assert_eq!((read(Loading::Anew), read(Loading::No)), ("new".into(), "new".into()));
    let mounts = || {
        let all = fs::read_to_string("/proc/thread-self/mounts").expect("/proc");
        all.lines().filter(|line| line.contains("/run/credentials")).count()
    };
    assert_eq!(mounts(), 1);
    let plan = CleanPlan {
        unit: "test.service",
        uid: None,
        gid: None,
        directories: &[],
        private_tmp: None,
        credentials: true,
        pid_file: "",
    };
    for _ in 0..2 {
        let janitor = clean::spawn(&plan).expect("a janitor");
        assert_eq!(super::cleaning::end_of(&janitor), 0);
        assert_eq!((mounts(), Path::new(STORE).exists()), (0, false));
    }
}

#[test]
fn what_is_missing_too_large_or_behind_a_users_link_ends_the_child() {
    if !enter_small_world() {
        return;
    }
    fs::write("/etc/large", vec![b'x'; 1 << 20]).expect("a file");
    fs::write("/etc/half", vec![b'x'; 1 << 19]).expect("a file");
    symlink("/etc/passwd", "/home/svc/link").expect("a link");
    std::os::unix::fs::chown("/home/svc", Some(1001), Some(1001)).expect("a home");
    for (sources, errno) in [
        (&b"/\0k\0/etc/none\0"[..], Errno::NOENT),
        (b"/\0k\0/etc/large\0", Errno::FBIG),
        (b"/\0k\0/etc/half\0/\0l\0/etc/half\0", Errno::FBIG),
        (b"/\0k\0/dev/zero\0", Errno::FBIG),
        (b"/\0k\0/home/svc/link\0", Errno::LOOP),
        (b"=\0k\x001\0", Errno::INVAL),
        (b"=\0k\0x\0", Errno::INVAL),
    ] {
        let outcome = run_script("echo ran", with(sources, b""));
        let told = String::from_utf8_lossy(sources).into_owned();
        assert_eq!((failure(&outcome), outcome.code), (Some(errno), Some(243)), "{told}: {outcome:?}");
        assert_eq!(outcome.output, "", "{told}");
        assert_eq!(fs::read_dir(STORE).expect("a directory").count(), 0, "{told}: half a store is none");
    }
    let _none = rustix::mount::unmount(STORE, UnmountFlags::DETACH);
}
