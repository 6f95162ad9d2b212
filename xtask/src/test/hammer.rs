//! A client of PID 1's that means no good. xtask itself under another name, run by root inside the host board.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Read},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, connect, recv, send, socket,
        sockopt::Timeout, sockopt::set_socket_timeout,
    },
};
use tomte::wire::{self, PACKET_BYTES_MAX, Reply, Request, SOCKET_PATH};

/// The file name under which xtask is this program.
pub const NAME: &str = "hammer";
/// Packets of chance.
const PACKETS: usize = 3000;

/// Whether this process is it.
pub fn is_this() -> bool {
    env::current_exe().is_ok_and(|exe| exe.file_name().is_some_and(|name| name == NAME))
}

/// The word with which it only connects and says nothing; and the one with which it asks once.
const SILENT: &str = "silent";
const ASK: &str = "ask";
/// Such connections at one time.
const SILENT_COUNT: usize = 1000;

/// Sends PID 1 what no honest client sends; then asks it how it is.
pub fn run() -> Result<()> {
    match env::args().nth(1).as_deref() {
        Some(SILENT) => return hold(),
        Some(ASK) => return healthy(),
        _ => {}
    }
    let mut random = File::open("/dev/urandom").context("/dev/urandom")?;
    let mut bytes = [0; 2 * PACKET_BYTES_MAX];
    for count in 0..PACKETS {
        random.read_exact(&mut bytes)?;
        let client = client()?;
        let length = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]])) % 64;
        bytes[2] = wire::VERSION;
        let packet = match count % 8 {
            0 => &bytes[..],            // longer than any packet
            1 => &bytes[2..2],          // an empty one is like a farewell
            2 => &bytes[3..3 + length], // mostly of another version
            _ => &bytes[2..3 + length],
        };
        // A chance packet may well be a request. Not to shut down: that would be granted.
        if wire::decode::<Request<'_>>(packet).is_ok_and(|request| matches!(request, Request::Shutdown(_))) {
            continue;
        }
        send_to(&client, packet)?;
        if count % 3 == 0 {
            let _answer = recv(&client, &mut [0; PACKET_BYTES_MAX], RecvFlags::empty());
        } // else gone before the answer
    }
    crowd()?;
    deaf()?;
    silence()?;
    healthy()
}

/// More connections than PID 1 takes, all held by root, all with their answers: whoever comes next has the place of one that
/// waits for nothing.
fn crowd() -> Result<()> {
    let held: Vec<OwnedFd> = (0..12).map(|_| client()).collect::<Result<_>>()?;
    let mut more: Vec<OwnedFd> = Vec::new();
    while more.len() < 12 {
        more.push(client()?);
        ask_on(&more[more.len() - 1])?;
    }
    healthy()?;
    drop(held);
    Ok(())
}

/// Waits until PID 1 has taken it: an answer, or the end of the connection.
fn ask_on(client: &OwnedFd) -> Result<()> {
    let mut packet = [0; 64];
    let request = wire::encode(&Request::Manager, &mut packet).context("encode")?;
    send_to(client, request)?;
    let _ = recv(client, &mut [0; PACKET_BYTES_MAX], RecvFlags::empty());
    Ok(())
}

/// A thousand connections of users who say nothing, or nothing more, keep neither root out nor another user.
fn silence() -> Result<()> {
    let myself = |word: &str, uid: u32| {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(env::args().next().unwrap_or_default()).arg(word).uid(uid).gid(uid);
        command
    };
    let mut silent = Vec::new();
    for uid in [4001, 4002, 4003, 4004] {
        let mut child = myself(SILENT, uid).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout")?).read_line(&mut line)?;
        ensure!(line.starts_with("holding"), "{line}");
        silent.push(child);
    }
    let asked = healthy().and_then(|()| {
        let other = myself(ASK, 4005).status()?;
        ensure!(other.success(), "another user is kept out: {other}");
        Ok(())
    });
    for child in &mut silent {
        child.kill()?;
        child.wait()?;
    }
    asked
}

/// Connects and says nothing, until it is killed.
fn hold() -> Result<()> {
    let held: Vec<OwnedFd> = (0..SILENT_COUNT / 4).map(|_| client()).collect::<Result<_>>()?;
    held.iter().step_by(2).try_for_each(ask_on)?;
    held.iter().skip(1).step_by(4).try_for_each(|one| send_to(one, b"rubbish"))?;
    println!("holding");
    std::thread::sleep(std::time::Duration::MAX);
    Ok(())
}

/// Asks for everything and reads nothing.
fn deaf() -> Result<()> {
    let client = client()?;
    let mut packet = [0; 64];
    let request = wire::encode(&Request::Units { from: 0 }, &mut packet).context("encode")?;
    for _ in 0..10_000 {
        match send(&client, request, SendFlags::NOSIGNAL) {
            Ok(_) => {}
            Err(Errno::AGAIN) => break,
            Err(_) => return Ok(()), // it has cut us off
        }
    }
    anyhow::bail!("PID 1 keeps a client that does not read")
}

fn healthy() -> Result<()> {
    let client = client()?;
    let mut buffer = [0; PACKET_BYTES_MAX];
    let request = wire::encode(&Request::Manager, &mut buffer).context("encode")?;
    send_to(&client, request)?;
    let mut answer = [0; PACKET_BYTES_MAX];
    let (length, _) = recv(&client, &mut answer[..], RecvFlags::empty()).context("no answer")?;
    let reply = wire::decode::<Reply<'_>>(&answer[..length]);
    ensure!(matches!(reply, Ok(Reply::Manager(_))), "{reply:?}");
    Ok(())
}

fn client() -> Result<OwnedFd> {
    let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(std::time::Duration::from_secs(5)))?;
    set_socket_timeout(&socket, Timeout::Send, Some(std::time::Duration::from_secs(5)))?;
    connect(&socket, &SocketAddrUnix::new(SOCKET_PATH)?).context(SOCKET_PATH)?;
    Ok(socket)
}

/// PID 1 may have closed the connection before: that is an answer, too.
fn send_to(client: &OwnedFd, packet: &[u8]) -> Result<()> {
    match send(client, packet, SendFlags::NOSIGNAL) {
        Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        Err(errno) => Err(errno).context("send"),
    }
}
