//! A service that does what its words say, one after the other: good and bad ways of sd_notify(3). xtask itself under
//! another name, run inside the host board.
//!
//! | word | does |
//! | --- | --- |
//! | `KEY=VALUE` | says so to PID 1; `+` separates lines of one message |
//! | `wait:MS`, `forever` | sleeps |
//! | `exit:N`, `die:N` | ends with that code, by that signal |
//! | `env:NAME` | prints `servant NAME=VALUE` |
//! | `fork` | leaves the other words to a child and exits well |
//! | `child` | leaves the other words to a child and waits for ever |
//! | `pidfile:PATH` | writes its pid there |
//! | `reload` | waits for SIGHUP, says `RELOADING=1`, then `READY=1` |
//! | `ping:MS` | says `WATCHDOG=1` that long, ten times a second |
//! | `barrier` | says `BARRIER=1` and waits until PID 1 has handled all that was said |
//! | `store:NAME` | puts one end of a pipe into its store, the other one being gone |
//! | `lose:NAME` | the same, of use only while there is another end |
//! | `pinned:PID` | says that this process is the main one, by its pidfd |
//! | `say:TEXT` | prints `servant TEXT` |
//! | `touch:PATH`, `remove:PATH` | makes a file with the directories that it needs, or writes to it; removes it, and says so |
//! | `gone:PATH` | waits until nothing is there |
//! | `nudge:PATH` | writes to a file again and again until there is a second one, with `.seen` behind its name |
//! | `fds` | prints `servant fd N NAME` for each descriptor that it is given |
//! | `answer:N` | takes N connections at its first descriptor and answers each |
//! | `greet:N` | the same at standard input |
//! | `call:PATH` | connects and prints `servant heard TEXT` |
//! | `send:PATH` | sends a datagram |
//! | `load:N` | sends N descriptors along with messages that have nothing to do with them, and waits until they are closed |
//! | `flood:N` | says nothing at all, N times, and what is longer than a message may be |

use std::{
    env, fs,
    io::{IoSlice, Read as _, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, exit, id},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    fs::{OFlags, fcntl_getfl},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
    time::{ClockId, clock_gettime},
};
use signal_hook::{consts::SIGHUP, iterator::Signals};

/// The file name under which xtask is this program.
pub const NAME: &str = "servant";

/// Whether this process is it.
pub fn is_this() -> bool {
    env::current_exe().is_ok_and(|exe| exe.file_name().is_some_and(|name| name == NAME))
}

/// Does what the words say.
pub fn run() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let mut hangups = Signals::new([SIGHUP]).context("SIGHUP")?;
    for (at, word) in words.iter().enumerate() {
        let (verb, value) = word.split_once(':').unwrap_or((word, ""));
        let number = || value.parse::<u64>().with_context(|| word.clone());
        match verb {
            _ if word.contains('=') => say(&word.replace('+', "\n"))?,
            "wait" => sleep(Duration::from_millis(number()?)),
            "forever" => sleep(Duration::MAX),
            "exit" => exit(number()?.try_into()?),
            "die" => {
                let signal = Signal::from_named_raw(number()?.try_into()?).context("a signal")?;
                kill_process(Pid::from_raw(id().try_into()?).context("a pid")?, signal)?;
                sleep(Duration::MAX);
            }
            "env" => println!("servant {value}={}", env::var(value).unwrap_or_default()),
            "fork" | "child" => {
                let child = Command::new(env::current_exe()?).args(&words[at + 1..]).spawn()?;
                if verb == "fork" {
                    return Ok(());
                }
                println!("servant child {}", child.id());
                sleep(Duration::MAX);
            }
            "pidfile" => fs::write(value, format!("{}\n", id()))?,
            "reload" => {
                hangups.forever().next();
                let now = clock_gettime(ClockId::Monotonic);
                let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
                say(&format!("RELOADING=1\nMONOTONIC_USEC={us}"))?;
                say("READY=1\nSTATUS=Reloaded")?;
            }
            "ping" => {
                let end = Instant::now() + Duration::from_millis(number()?);
                while Instant::now() < end {
                    say("WATCHDOG=1")?;
                    sleep(Duration::from_millis(100));
                }
            }
            "barrier" => barrier()?,
            "store" | "lose" => {
                let (reader, _) = std::io::pipe()?;
                let polled = if verb == "store" { "\nFDPOLL=0" } else { "" };
                send_with(&format!("FDSTORE=1\nFDNAME={value}{polled}"), reader.as_fd())?;
            }
            "pinned" => {
                let pid = Pid::from_raw(value.parse()?).context("a pid")?;
                send_with("READY=1\nMAINPIDFD=1", pidfd_open(pid, PidfdFlags::empty())?.as_fd())?;
            }
            "flood" => {
                for _ in 0..number()? {
                    say("X_NOTHING=1")?;
                }
                say(&"x".repeat(5000))?;
                say("READY=1\0STATUS=forged")?;
            }
            _ => act(verb, value).with_context(|| word.clone())?,
        }
    }
    Ok(())
}

/// What has nothing to do with PID 1's messages.
fn act(verb: &str, value: &str) -> Result<()> {
    match verb {
        "say" => println!("servant {value}"),
        "touch" => touch(Path::new(value))?,
        "remove" => {
            fs::remove_file(value).context(value.to_owned())?;
            println!("servant removed {value}");
        }
        "gone" => {
            while Path::new(value).exists() {
                sleep(Duration::from_millis(10));
            }
        }
        "nudge" => {
            while !Path::new(&format!("{value}.seen")).exists() {
                touch(Path::new(value))?;
                sleep(Duration::from_millis(50));
            }
        }
        "load" => load(value.parse()?)?,
        "fds" => fds(),
        "answer" => answer(FIRST_FD, value.parse()?)?,
        "greet" => answer(0, value.parse()?)?,
        "call" => {
            let mut heard = String::new();
            UnixStream::connect(value).context(value.to_owned())?.read_to_string(&mut heard)?;
            println!("servant heard {heard}");
        }
        "send" => drop(UnixDatagram::unbound()?.send_to(b"x", value).context(value.to_owned())?),
        _ => bail!("what is that?"),
    }
    Ok(())
}

/// The first descriptor that a service is given.
const FIRST_FD: i32 = 3;

fn fds() {
    let count: i32 = env::var("LISTEN_FDS").ok().and_then(|count| count.parse().ok()).unwrap_or_default();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let own = env::var("LISTEN_PID").is_ok_and(|pid| pid == id().to_string());
    for (number, name) in (FIRST_FD..FIRST_FD + count).zip(names.split(':')) {
        let fd = borrow(number);
        let blocks = fcntl_getfl(fd).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
        println!(
            "servant fd {number} {name} {}{}",
            if own { "own" } else { "strange" },
            if blocks { " blocks" } else { "" }
        );
    }
    println!("servant has {count} descriptors");
}

#[expect(unsafe_code, reason = "descriptors come by number")]
fn borrow(number: i32) -> BorrowedFd<'static> {
    // SAFETY: whoever started this process opened it; nobody here closes it.
    unsafe { BorrowedFd::borrow_raw(number) }
}

fn answer(place: i32, count: u64) -> Result<()> {
    let listener = UnixListener::from(borrow(place).try_clone_to_owned()?);
    for _ in 0..count {
        let (mut caller, _) = listener.accept()?;
        caller.write_all(b"hello")?;
    }
    Ok(())
}

fn touch(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, "x").with_context(|| path.display().to_string())
}

fn socket() -> Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let path = env::var("NOTIFY_SOCKET").context("NOTIFY_SOCKET")?;
    socket.connect(&path).context(path)?;
    Ok(socket)
}

fn say(text: &str) -> Result<()> {
    socket()?.send(text.as_bytes()).map(drop).context("say")
}

/// Descriptors that go along with one message.
const TOGETHER: usize = 250;

fn load(count: usize) -> Result<()> {
    let (mut reader, writer) = std::io::pipe()?;
    let fds = vec![writer.as_fd(); TOGETHER];
    for _ in 0..count.div_ceil(TOGETHER) {
        send_all("X_NOTHING=1", &fds)?;
    }
    drop(fds);
    drop(writer);
    let nothing = reader.read(&mut [0])?;
    anyhow::ensure!(nothing == 0, "somebody wrote into the pipe");
    println!("servant is rid of {count} descriptors");
    Ok(())
}

/// Says `text` to PID 1 and hands it `fd`.
fn send_with(text: &str, fd: BorrowedFd<'_>) -> Result<()> {
    send_all(text, &[fd])
}

fn send_all(text: &str, fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(TOGETHER))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(fds));
    sendmsg(socket()?, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::empty())?;
    Ok(())
}

fn barrier() -> Result<()> {
    let (mut reader, writer) = std::io::pipe()?;
    send_with("BARRIER=1", writer.as_fd())?;
    drop(writer);
    let nothing = reader.read(&mut [0])?;
    anyhow::ensure!(nothing == 0, "somebody wrote into the barrier");
    println!("servant passed the barrier");
    Ok(())
}
