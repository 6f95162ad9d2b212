//! What a program finds: descriptors, signals, environment, directory, limits.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{chown, symlink},
    path::Path,
    process::{Child, Command},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    mount::{MountFlags, mount},
    process::{WaitId, WaitIdOptions, waitid},
    pty::unlockpt,
};
use tomte::linux::{
    AsFd as _,
    plan::{self, Environment, Identity, Input, Login, Output, Rlimit, Stdio, Taking, Words, Writing},
    raw::{
        process::{self, Forked},
        signal,
    },
    report::{self, Reading, Report},
    signals,
    spawn::spawn,
    step::Step,
};

use super::harness::{enter_small_world, owner_and_mode, plan, run_script, script, take_away_call};

const SIGWINCH: u8 = 28;
const SIGUSR1: u8 = 10;

#[test]
fn no_descriptor_leaks_but_the_first_three() {
    if !enter_small_world() {
        return;
    }
    let leak =
        open(c"/etc/passwd", OFlags::RDONLY, Mode::empty()).expect("a descriptor without close-on-exec");
    // The third is of ls itself.
    assert_eq!(run_script("exec ls /proc/self/fd", |_| ()).lines(), ["0", "1", "2", "3"]);
    drop(leak);
}

#[test]
fn no_descriptor_leaks_where_close_range_is_missing() {
    if !enter_small_world() {
        return;
    }
    take_away_call(436); // close_range, on every architecture
    let leak =
        open(c"/etc/passwd", OFlags::RDONLY, Mode::empty()).expect("a descriptor without close-on-exec");
    assert_eq!(run_script("exec ls /proc/self/fd", |_| ()).lines(), ["0", "1", "2", "3"]);
    drop(leak);
}

#[test]
fn signals_are_as_a_program_expects_them() {
    if !enter_small_world() {
        return;
    }
    extern "C" fn faulted(_: i32) -> ! {
        std::process::abort()
    }
    signal::ignore(SIGWINCH).expect("ignore");
    signals::take_charge(faulted).expect("as PID 1 begins");
    let before = signal::set_mask(signal::bit(SIGUSR1)).expect("block");
    let plain = run_script("cat /proc/self/status", |plan| plan.ignore_sigpipe = false);
    let usual = run_script("cat /proc/self/status", |_| ());
    assert_eq!(signal::set_mask(before), Ok(signal::bit(SIGUSR1)), "spawning left the mask as it was");

    const NONE: &str = "0000000000000000";
    assert_eq!((plain.status("SigBlk"), plain.status("SigIgn"), plain.status("SigCgt")), (NONE, NONE, NONE));
    assert_eq!(usual.status("SigIgn"), "0000000000001000", "IgnoreSIGPIPE=yes");
}

#[test]
fn a_program_leads_a_session_of_its_own() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("echo $$; cut -d' ' -f5,6 /proc/$$/stat", |_| ());
    let [pid, group_and_session] = outcome.lines()[..] else { panic!("{outcome:?}") };
    assert_eq!(group_and_session, format!("{pid} {pid}"));
}

#[test]
fn the_environment_has_systemds_order_of_precedence() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("env", |plan| {
        plan.environment = Environment {
            manager: Words::new(b"LANG=C\0USER=manager\0A=manager\0B=manager\0").expect("NUL"),
            extra: &[("B", "extra"), ("C", "extra")],
            own_pid: &["WATCHDOG_PID"],
            unit: Words::new(b"C=unit\0HOME=/elsewhere\0D=a b\0").expect("NUL"),
            ..Environment::default()
        };
        plan.identity = Identity { user: "svc", ..Identity::default() };
    });
    let mut lines = outcome.lines();
    lines.retain(|line| !line.starts_with("PWD=") && !line.contains("_PID="));
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "A=manager",
            "B=extra",
            "C=unit",
            "D=a b",
            "HOME=/elsewhere",
            "LANG=C",
            "LOGNAME=svc",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SHELL=/bin/sh",
            "USER=svc",
        ]
    );
}

#[test]
fn users_without_home_or_shell_get_no_such_variables() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("env", |plan| plan.identity = Identity { user: "odd", ..Identity::default() });
    let lines = outcome.lines();
    assert!(lines.contains(&"USER=odd"));
    assert!(!lines.iter().any(|line| line.starts_with("HOME=") || line.starts_with("SHELL=")), "{lines:?}");
    let root = run_script("env", |_| ());
    assert!(!root.output.contains("USER="), "without User= there is no $USER: {}", root.output);
}

#[test]
fn words_are_expanded_with_the_final_environment() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("printf '%s\\n' \"$@\"", |plan| {
        plan.command.argv =
            Words::new(b"sh\0-c\0printf '[%s]\\n' \"$$@\"\0x\0$V\0${V}\0${USER}\0$NONE\0").expect("NUL");
        plan.command.expand = true;
        plan.environment.unit = Words::new(b"V=two words\0").expect("NUL");
        plan.identity = Identity { user: "svc", ..Identity::default() };
    });
    assert_eq!(outcome.lines(), ["[two]", "[words]", "[two words]", "[svc]"]);
}

#[test]
fn a_missing_directory_fails_unless_it_is_optional() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("pwd", |plan| plan.working_directory = "/nowhere");
    assert_eq!(outcome.code, Some(200));
    assert_eq!(outcome.reports, [Report::Failed { step: Step::WorkingDirectory, errno: Errno::NOENT }]);
    let outcome = run_script("pwd", |plan| {
        plan.working_directory = "/nowhere";
        plan.working_directory_optional = true;
    });
    assert_eq!((outcome.code, outcome.output.trim()), (Some(0), "/"));
}

#[test]
fn a_tilde_is_the_users_home() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("pwd", |plan| {
        plan.working_directory = "~";
        plan.identity = Identity { user: "svc", ..Identity::default() };
    });
    assert_eq!(outcome.output.trim(), "/home/svc");
    assert_eq!(run_script("pwd", |plan| plan.working_directory = "~").output.trim(), "/root");
}

#[test]
fn limits_and_umask_are_the_units() {
    if !enter_small_world() {
        return;
    }
    const NOFILE: u8 = 7;
    let outcome = run_script("umask; ulimit -Sn; ulimit -Hn", |plan| {
        plan.limits.umask = 0o077;
        plan.limits.rlimits = &[Rlimit { resource: NOFILE, soft: 100, hard: 200 }];
    });
    assert_eq!(outcome.lines(), ["0077", "100", "200"]);
    let outcome = run_script("true", |plan| {
        plan.limits.rlimits = &[Rlimit { resource: NOFILE, soft: 2, hard: 1 }];
    });
    assert_eq!(outcome.code, Some(205));
    assert_eq!(outcome.reports, [Report::Failed { step: Step::Limits, errno: Errno::INVAL }]);
    // Nobody may have an infinity of descriptors (fs.nr_open): the limit is the highest that there is.
    let own = run_script("ulimit -Hn", |_| ());
    let outcome = run_script("ulimit -Sn; ulimit -Hn", |plan| {
        plan.limits.rlimits = &[Rlimit { resource: NOFILE, soft: 50, hard: u64::MAX }];
    });
    assert_eq!(outcome.lines(), ["50", own.output.trim()], "{outcome:?}");
}

#[test]
fn standard_input_is_empty_and_a_missing_terminal_is_an_error() {
    if !enter_small_world() {
        return;
    }
    assert_eq!(run_script("cat; readlink /proc/self/fd/0", |_| ()).output.trim(), "/dev/null");
    let outcome = run_script("true", |plan| {
        plan.stdio = Stdio { input: Input::Tty(Taking::Fail), output: Output::Null, ..plan.stdio };
        plan.stdio.tty_path = "/dev/no-such-tty";
    });
    assert_eq!(outcome.code, Some(208));
    assert_eq!(outcome.reports, [Report::Failed { step: Step::Stdin, errno: Errno::NOENT }]);
}

#[test]
fn files_of_variables_beat_the_units_own_and_what_is_unset_beats_them() {
    if !enter_small_world() {
        return;
    }
    fs::write("/etc/one.env", "A=file\nB=file\nC=file\n").expect("write");
    fs::write("/etc/two.env", "B=later\n").expect("write");
    let outcome = run_script("echo $A $B $C $D", |plan| {
        plan.environment.unit = Words::new(b"A=unit\0D=unit\0").expect("NUL");
        plan.environment.files = Words::new(b"/etc/*.env\0-/etc/none\0-/none/*\0").expect("NUL");
        plan.environment.unset = Words::new(b"C\0D=other\0").expect("NUL");
    });
    assert_eq!(outcome.output.trim(), "file later unit", "{outcome:?}");
}

#[test]
fn a_file_of_variables_that_is_missing_or_endless_ends_the_start() {
    if !enter_small_world() {
        return;
    }
    for (path, errno) in
        [("/etc/none", Errno::NOENT), ("/etc/none*", Errno::NOENT), ("/dev/zero", Errno::INVAL)]
    {
        let files = format!("{path}\0").leak().as_bytes();
        let outcome = run_script("true", |plan| plan.environment.files = Words::new(files).expect("NUL"));
        assert_eq!(outcome.reports, [Report::Failed { step: Step::EnvironmentFile, errno }], "{path}");
    }
    let comment = format!("#{}\nA=1\n", "x".repeat(2 << 20));
    fs::write("/etc/large", comment).expect("write");
    let outcome =
        run_script("true", |plan| plan.environment.files = Words::new(b"/etc/large\0").expect("NUL"));
    let expected = Report::Failed { step: Step::EnvironmentFile, errno: Errno::FBIG };
    assert_eq!(outcome.reports, [expected]);
}

#[test]
fn programs_are_looked_for_in_the_units_own_path() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/var/bin").expect("mkdir");
    // A copy would be busy for as long as some other test's child holds what it was written through.
    symlink("/bin/echo", "/var/bin/only-here").expect("symlink");
    let outcome =
        run_script("only-here $PATH", |plan| plan.environment.search_path = "/var/bin:/usr/bin:/bin");
    assert_eq!(outcome.output.trim(), "/var/bin:/usr/bin:/bin", "{outcome:?}");
    assert_eq!(run_script("only-here", |_| ()).code, Some(127));
}

#[test]
fn the_login_variables_are_set_when_they_are_asked_for() {
    if !enter_small_world() {
        return;
    }
    let names = "echo $USER,$LOGNAME,$HOME,$SHELL";
    let login = |login, user: &'static str| {
        run_script(names, |plan| (plan.environment.login, plan.identity.user) = (login, user)).output
    };
    assert_eq!(login(Login::IfUser, "").trim(), ",,,");
    assert_eq!(login(Login::Always, "").trim(), "root,root,/root,/bin/sh");
    assert_eq!(login(Login::IfUser, "svc").trim(), "svc,svc,/home/svc,/bin/sh");
    assert_eq!(login(Login::Never, "svc").trim(), ",,,");
}

#[test]
fn streams_can_be_files_that_are_made_appended_to_and_emptied() {
    if !enter_small_world() {
        return;
    }
    fs::write("/etc/input", "read\n").expect("write");
    let write = |how| {
        // The harness takes stdout for itself.
        run_script("cat; echo written >&2", |plan| {
            plan.stdio.input = Input::File("/etc/input");
            plan.stdio.error = Output::File("/var/log-file", how);
        })
    };
    assert_eq!(write(Writing::Append).output, "read\n");
    write(Writing::Append);
    assert_eq!(fs::read_to_string("/var/log-file").expect("made"), "written\nwritten\n");
    write(Writing::Over);
    assert_eq!(fs::read_to_string("/var/log-file").expect("kept"), "written\nwritten\n");
    write(Writing::Truncate);
    assert_eq!(fs::read_to_string("/var/log-file").expect("emptied"), "written\n");
    assert_eq!(owner_and_mode("/var/log-file"), (0, 0, 0o644));
    chown("/home/svc", Some(1001), Some(1001)).expect("chown");
    symlink("/etc/passwd", "/home/svc/log").expect("link");
    let outcome =
        run_script("true", |plan| plan.stdio.error = Output::File("/home/svc/log", Writing::Truncate));
    assert_eq!(outcome.reports, [Report::Failed { step: Step::Stderr, errno: Errno::LOOP }]);
    assert_eq!(run_script("true", |plan| plan.stdio.input = Input::File("/none")).code, Some(208));
}

#[test]
fn data_is_read_from_its_beginning_and_cannot_be_changed() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script("cat; cat; (echo x >/proc/self/fd/0) 2>&1 | grep -c 'not permitted'", |plan| {
        plan.stdio.input = Input::Data(b"one\ntwo\n");
    });
    assert_eq!(outcome.lines(), ["one", "two", "1"], "{outcome:?}");
}

/// A terminal of somebody's, until it is dropped.
struct Terminal {
    holder: Child,
    path: &'static str,
}

impl Terminal {
    /// Needs script(1) of util-linux and stty(1).
    fn held() -> Self {
        mount("devpts", "/dev/pts", "devpts", MountFlags::NOSUID, Some(c"newinstance,ptmxmode=0666"))
            .expect("/dev/pts");
        symlink("pts/ptmx", "/dev/ptmx").expect("/dev/ptmx");
        let mut holder = Command::new("script")
            .args(["-qfc", "stty raw -echo; tty; sleep 1000", "/dev/null"])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("script");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        Self { holder, path: line.trim().to_owned().leak() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_terminal_of_somebody_elses_is_refused_or_taken_or_waited_for() {
    if !enter_small_world() {
        return;
    }
    let terminal = Terminal::held();
    let with = |text: &str, taking, looks| {
        run_script(text, |plan| {
            plan.stdio.input = Input::Tty(taking);
            (plan.stdio.tty_path, plan.stdio.terminal) = (terminal.path, looks);
        })
    };
    let as_it_is = plan::Terminal::default();
    let refused = with("touch /run/executed", Taking::Fail, as_it_is);
    let expected = Report::Failed { step: Step::Stdin, errno: Errno::PERM };
    assert_eq!((refused.code, &refused.reports[..]), (Some(208), &[expected][..]));
    assert!(!Path::new("/run/executed").exists());

    let looks = plan::Terminal { reset: true, rows: 33, columns: 0, ..as_it_is };
    let taken = with("tty; stty size; stty -a | grep -o ' icanon'", Taking::Force, looks);
    assert_eq!(taken.lines(), [terminal.path, "33 0", " icanon"], "{taken:?}");

    let sleeper = script("sleep 0.5");
    let mut first = plan(&sleeper);
    (first.stdio.input, first.stdio.tty_path) = (Input::Tty(Taking::Force), terminal.path);
    let first = spawn(&first).expect("a child");
    assert_eq!(with("tty", Taking::Wait, as_it_is).lines(), [terminal.path]);
    waitid(WaitId::PidFd(first.pidfd.as_fd()), WaitIdOptions::EXITED).expect("its end");
}

#[test]
fn who_has_a_terminal_that_is_hung_up_loses_it() {
    const PATH: &str = "/dev/pts/0";
    const HANGUP: i32 = 1;
    if !enter_small_world() {
        return;
    }
    mount("devpts", "/dev/pts", "devpts", MountFlags::NOSUID, Some(c"newinstance,ptmxmode=0666"))
        .expect("/dev/pts");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = open("/dev/pts/ptmx", flags, Mode::empty()).expect("a terminal");
    unlockpt(&master).expect("its other side");
    let with = |taking, hang_up| {
        run_script("readlink /proc/self/fd/0", |plan| {
            (plan.stdio.input, plan.stdio.tty_path) = (Input::Tty(taking), PATH);
            plan.stdio.terminal = plan::Terminal { hang_up, reset: true, ..plan::Terminal::default() };
        })
    };
    let sleeper = script("exec sleep 1000");
    let mut first = plan(&sleeper);
    (first.stdio.input, first.stdio.tty_path) = (Input::Tty(Taking::Force), PATH);
    let first = spawn(&first).expect("a child");
    while report::read(&first.report).expect("a report") != Reading::Closed {
        std::thread::yield_now();
    }
    assert_eq!(with(Taking::Fail, false).code, Some(208), "it is the first one's");
    let second = with(Taking::Fail, true);
    assert_eq!(second.lines(), [PATH], "{second:?}");
    let ended = waitid(WaitId::PidFd(first.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
    assert_eq!(ended.expect("its end").terminating_signal(), Some(HANGUP));
}

/// What a handler that has a stack left exits with.
const SAVED: u8 = 42;

extern "C" fn saved(_signal: i32) -> ! {
    process::exit(SAVED)
}

/// Takes a little more of the stack each time.
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn use_up_the_stack(depth: u64) -> u64 {
    let taken = std::hint::black_box([depth; 512]);
    use_up_the_stack(depth + 1) + taken[0]
}

#[test]
fn a_fault_is_handled_when_no_stack_is_left() {
    let Forked::Parent { pidfd, .. } = process::fork().expect("a child") else {
        signals::take_charge(saved).expect("handlers");
        process::exit((use_up_the_stack(0) & 1) as u8)
    };
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait").expect("ended");
    assert_eq!(status.exit_status(), Some(i32::from(SAVED)));
}
