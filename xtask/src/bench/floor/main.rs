//! What `cargo xtask bench` compares tomte with: a bare static program that starts services with the same system calls
//! and does nothing else. Built by `bench::program` for the machine that measures; no part of the target binary.
//!
//! As PID 1 it is the floor: it makes `argv[1]` processes one after the other, starts each again that dies, and ends
//! them on SIGINT. Where the bench has left a filter for them, they are sandboxed (`sandbox.rs`). As anybody else it is the service that both the floor and tomte start: it says when it is in `main`
//! and waits for ever.

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
    poll::{Interest, Poll, READY_MAX},
    process,
    raw::{
        CStrings,
        process::{Forked, execve, exit, fork, reap_any, wait_for_any},
        signal,
    },
    signals::{CHLD, Signals, TERM},
};

use sandbox::Sandbox;

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

/// The first thing after `start`.
fn main(arguments: Arguments) -> ! {
    if process::id() == 1 {
        let count = arguments.words().nth(1).and_then(|word| word.to_str().ok()?.parse().ok());
        be_the_floor(count.unwrap_or(1))
    }
    stamp();
    loop {
        pause();
    }
}

/// Writes when this is, and who says so: two numbers of eight bytes.
fn stamp() {
    let now_us = monotonic_us().to_ne_bytes();
    let Ok(stamps) = open(STAMPS, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) else {
        exit(1)
    };
    let mut bytes = [0; 16];
    let who = u64::from(process::id()).to_ne_bytes();
    for (to, from) in bytes.iter_mut().zip(now_us.into_iter().chain(who)) {
        *to = from;
    }
    let _ = rustix::io::write(stamps, &bytes);
}

fn be_the_floor(count: usize) -> ! {
    let (Ok(poll), Ok(signals)) = (Poll::new(0), Signals::new()) else { exit(1) };
    if poll.add(signals.as_fd(), 1, Interest::Readable).is_err() {
        exit(1)
    }
    let mut sandbox = Sandbox::prepare();
    let mut services = [const { None }; SERVICES_MAX];
    for service in services.iter_mut().take(count) {
        *service = start_service(sandbox.as_mut());
    }
    loop {
        let _ = poll.wait(&mut [0; READY_MAX], true);
        match signals.take() {
            Some(CHLD) => {
                while let Ok(Some((pid, _))) = reap_any() {
                    let mut all = services.iter_mut();
                    if let Some(place) = all.find(|one| one.as_ref().is_some_and(|(its, _)| *its == pid)) {
                        *place = start_service(sandbox.as_mut());
                    }
                }
            }
            Some(_) => end(),
            None => {}
        }
    }
}

/// Ends all services, and with them the namespace.
fn end() -> ! {
    let _ = process::signal_everybody(TERM);
    while wait_for_any().is_ok() {}
    exit(0)
}

fn start_service(sandbox: Option<&mut Sandbox>) -> Option<(u32, OwnedFd)> {
    let mut within = None;
    if let Some(sandbox) = sandbox {
        let Ok((group, user)) = sandbox.next() else { exit(1) };
        within = Some((&*sandbox, group, user));
    }
    match fork(within.as_ref().map(|(_, group, _)| group.as_fd())) {
        Ok(Forked::Parent { pid, pidfd }) => Some((pid, pidfd)),
        Ok(Forked::Child) => {
            match within {
                Some((sandbox, group, user)) if sandbox.enter(group.as_fd(), user).is_err() => exit(1),
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
