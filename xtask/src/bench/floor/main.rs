//! What `cargo xtask bench` compares tomte with: a bare static program that starts services with the same system calls
//! and does nothing else. Built by `bench::program` for the machine that measures; no part of the target binary.
//!
//! As PID 1 it is the floor: it makes `argv[1]` processes one after the other, starts each again that dies, and ends
//! them on SIGINT. With `grouped` for `argv[2]` it makes PID 1's mounts first and has each process in a cgroup (`groups.rs`).
//! Where the bench has left a filter for them, they are sandboxed (`sandbox.rs`). As anybody else it is the
//! service that both the floor and tomte start: it says when it is in `main` and waits for ever; or does what `argv[1]` says,
//! each time it gets a USR1, and says how long that took.

#![no_std]
#![no_main]

use core::{ffi::CStr, panic::PanicInfo};

use rustix::{
    event::pause,
    fs::{Mode, OFlags, open},
};
use tomte::linux::{
    AsFd, OwnedFd,
    arguments::Arguments,
    clock::monotonic_us,
    console,
    poll::{Interest, Poll, READY_MAX},
    process,
    raw::{
        CStrings,
        process::{Forked, execve, exit, fork_into, reap_any, wait_for_any},
        signal,
    },
    signals::{CHLD, Signals, TERM, USR1},
    socket,
};
use tomte::wire::{JobResult, PACKET_BYTES_MAX, Reply, Request, SOCKET, decode, encode};

use groups::{Group, Groups};
use sandbox::Sandbox;

mod groups;
#[path = "../../../../src/linux/mem.rs"]
mod mem;
mod sandbox;
#[path = "../../../../src/linux/start.rs"]
mod start;

/// Where both say what they have to say: `bench::machine` reads it.
const STAMPS: &CStr = c"/run/host/stamps";
/// This program as a service, in the root of every bench.
const SERVICE: &CStr = c"/bench/service";
/// Most services at once.
const SERVICES_MAX: usize = 256;
/// A line of a service that logs, with its end.
const LINE_BYTES: usize = 100;
/// What such a service writes at once.
const LINES: [u8; 80 * LINE_BYTES] = lines();
/// What it writes on request.
const RATE_BYTES: usize = 64 << 20;
/// Lines of one that has not much to say.
const FEW_LINES: usize = 200;
/// Questions in a row.
const QUESTIONS: usize = 1001;

const fn lines() -> [u8; 80 * LINE_BYTES] {
    let mut lines = [b'x'; 80 * LINE_BYTES];
    let mut at = LINE_BYTES - 1;
    while at < lines.len() {
        lines[at] = b'\n';
        at += LINE_BYTES;
    }
    lines
}

/// The first thing after `start`.
fn main(arguments: Arguments) -> ! {
    if process::id() == 1 {
        let count = arguments.words().nth(1).and_then(|word| word.to_str().ok()?.parse().ok());
        be_the_floor(count.unwrap_or(1), arguments.words().nth(2) == Some(c"grouped"))
    }
    stamp(monotonic_us());
    match arguments.words().nth(1) {
        Some(word) if word == c"flood" => loop {
            say(&LINES);
        },
        Some(word) if word == c"rate" => on_request(|| {
            let begin = monotonic_us();
            (0..RATE_BYTES / LINES.len()).for_each(|_| say(&LINES));
            monotonic_us() - begin
        }),
        Some(word) if word == c"few" => on_request(|| {
            let begin = monotonic_us();
            (0..FEW_LINES).for_each(|_| say(LINES.get(..LINE_BYTES).unwrap_or_default()));
            monotonic_us() - begin
        }),
        Some(word) if word == c"ask" => on_request(ask),
        Some(word) if word == c"probe" => on_request(probe),
        Some(word) if word == c"calm" => on_request(|| {
            let client = Client::connect();
            (0..QUESTIONS).map(|_| client.ask()).max().unwrap_or_default()
        }),
        _ => loop {
            pause();
        },
    }
}

/// Does `work` each time a signal comes, and stamps what it answers.
fn on_request(work: impl Fn() -> u64) -> ! {
    let (Ok(poll), Ok(signals)) = (Poll::new(0), Signals::new()) else { exit(1) };
    if poll.add(signals.as_fd(), 1, Interest::Readable).is_err() {
        exit(1)
    }
    loop {
        let _ = poll.wait(&mut [0; READY_MAX], true);
        match signals.take() {
            Some(USR1) => stamp(work()),
            Some(_) => exit(0),
            None => {}
        }
    }
}

/// Writes `bytes` to standard output.
fn say(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(console::stdout(), bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(_) => exit(1),
        }
    }
}

/// Somebody who asks PID 1 one question after the other.
struct Client {
    socket: OwnedFd,
}

impl Client {
    fn connect() -> Self {
        let Ok(socket) = socket::connect_to(SOCKET) else { exit(1) };
        Self { socket }
    }

    /// What it takes to hear of a unit's state, microseconds.
    fn ask(&self) -> u64 {
        let (mut packet, mut answer) = ([0; 64], [0; PACKET_BYTES_MAX]);
        let Some(packet) = encode(&Request::Unit { name: "multi-user.target" }, &mut packet) else { exit(1) };
        let begin = monotonic_us();
        let asked = socket::send_packet(self.socket.as_fd(), packet);
        let Ok(Some(reply)) = asked.and_then(|()| socket::receive(self.socket.as_fd(), &mut answer)) else {
            exit(1)
        };
        if !matches!(decode(reply), Ok(Reply::Unit(_))) {
            exit(1)
        }
        monotonic_us() - begin
    }
}

/// The median of many answers, microseconds.
fn ask() -> u64 {
    let client = Client::connect();
    let mut took = [0; QUESTIONS];
    took.iter_mut().for_each(|took| *took = client.ask());
    took.sort_unstable();
    took.get(QUESTIONS / 2).copied().unwrap_or_default()
}

/// Asks for the start of many, and then, until that is done, for a state, one question after the other: the longest that an
/// answer took, microseconds.
fn probe() -> u64 {
    let (client, starter) = (Client::connect(), Client::connect());
    let (Ok(poll), mut packet) = (Poll::new(0), [0; 64]) else { exit(1) };
    let Some(packet) = encode(&Request::Start { name: "many.target" }, &mut packet) else { exit(1) };
    let begun = poll
        .add(starter.socket.as_fd(), 1, Interest::Readable)
        .and_then(|()| socket::send_packet(starter.socket.as_fd(), packet));
    if begun.is_err() {
        exit(1)
    }
    let mut longest = 0;
    while poll.wait(&mut [0; READY_MAX], false) == Ok(0) {
        longest = client.ask().max(longest);
    }
    let mut answer = [0; PACKET_BYTES_MAX];
    match socket::receive(starter.socket.as_fd(), &mut answer).map(|reply| decode(reply.unwrap_or_default()))
    {
        Ok(Ok(Reply::Job(JobResult::Done))) => longest,
        _ => exit(1),
    }
}

/// Writes `number` and who says so: two numbers of eight bytes.
fn stamp(number: u64) {
    let number = number.to_ne_bytes();
    let Ok(stamps) = open(STAMPS, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) else {
        exit(1)
    };
    let mut bytes = [0; 16];
    let who = u64::from(process::id()).to_ne_bytes();
    for (to, from) in bytes.iter_mut().zip(number.into_iter().chain(who)) {
        *to = from;
    }
    let _ = rustix::io::write(stamps, &bytes);
}

/// A service that runs.
struct Service {
    pid: u32,
    _pidfd: OwnedFd,
    group: Option<Group>,
}

fn be_the_floor(count: usize, grouped: bool) -> ! {
    let (Ok(poll), Ok(signals)) = (Poll::new(0), Signals::new()) else { exit(1) };
    if poll.add(signals.as_fd(), 1, Interest::Readable).is_err() {
        exit(1)
    }
    let sandbox = Sandbox::prepare();
    let mut groups = if grouped || sandbox.is_some() { Groups::mount() } else { None };
    if sandbox.is_some() {
        Sandbox::make_covers();
    }
    let mut services = [const { None }; SERVICES_MAX];
    for service in services.iter_mut().take(count) {
        *service = start_service(sandbox.as_ref(), groups.as_mut());
    }
    loop {
        let _ = poll.wait(&mut [0; READY_MAX], true);
        match signals.take() {
            Some(CHLD) => {
                while let Ok(Some((pid, _))) = reap_any() {
                    let mut all = services.iter_mut();
                    if let Some(place) = all.find(|one| one.as_ref().is_some_and(|its| its.pid == pid)) {
                        remove_group(groups.as_ref(), place);
                        *place = start_service(sandbox.as_ref(), groups.as_mut());
                    }
                }
            }
            Some(_) => end(&services, groups.as_ref()),
            None => {}
        }
    }
}

/// Ends all services, and with them the namespace.
fn end(services: &[Option<Service>], groups: Option<&Groups>) -> ! {
    let _ = process::signal_everybody(TERM);
    while wait_for_any().is_ok() {}
    services.iter().for_each(|service| remove_group(groups, service));
    exit(0)
}

/// Removes what was made for a service that has ended.
fn remove_group(groups: Option<&Groups>, service: &Option<Service>) {
    let group = service.as_ref().and_then(|service| service.group.as_ref());
    if let Some((groups, group)) = groups.zip(group)
        && groups.remove(group).is_err()
    {
        exit(1)
    }
}

fn start_service(sandbox: Option<&Sandbox>, groups: Option<&mut Groups>) -> Option<Service> {
    let Ok(group) = groups.map(Groups::next).transpose() else { exit(1) };
    match fork_into(group.as_ref().map(Group::directory), false) {
        Ok(Forked::Parent { pid, pidfd }) => Some(Service { pid, _pidfd: pidfd, group }),
        Ok(Forked::Child) => {
            match sandbox.zip(group.as_ref()) {
                Some((sandbox, group)) if sandbox.enter(group).is_err() => exit(1),
                Some(_) => {}
                None => {
                    let _ = signal::set_mask(0);
                }
            }
            let (mut argv, envp) = (CStrings::<2>::new(), CStrings::<1>::new());
            let _ = argv.push(SERVICE);
            let _errno = execve(SERVICE, &argv, &envp);
            exit(1)
        }
        Err(_) => exit(1),
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(2)
}
