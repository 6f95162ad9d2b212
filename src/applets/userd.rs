//! `tomte-userd`: answers the C libraries' questions for users and groups at /run/nscd/socket, so that dynamic users have
//! names for every program (design.md, "UIDs").
//!
//! What it knows it reads from files, each time anew: /etc/passwd, /etc/group, and those that PID 1 keeps of the dynamic
//! ones. The answers are complete: glibc looks nowhere else when there is one. It ends when nobody has asked for a while;
//! the next question starts it again.

use crate::{
    linux::{
        Errno, OwnedFd,
        arguments::Arguments,
        clock::monotonic_us,
        passwd::{GROUP, GroupLine, Key, PASSWD, UserLine, each_line, file_number},
        stream::{self, Ready},
    },
    wire::{
        NAMES_GROUP, NAMES_PASSWD,
        nscd::{ANSWER_BYTES_MAX, Answer, Asked, Kind, REQUEST_BYTES_MAX, parse},
    },
};

/// Questions that may be half asked at a time. One more takes the place of the oldest.
const CLIENTS_MAX: usize = 16;
/// How long a question may take, and how often PID 1 hears that all is well.
const TURN_US: u64 = 4_000_000;
/// How long it stays without a question.
const IDLE_US: u64 = 60_000_000;

/// A question that has not been heard to its end.
struct Client {
    socket: OwnedFd,
    said: heapless::Vec<u8, REQUEST_BYTES_MAX>,
    /// When it came, as `clock::monotonic_us` says.
    since: u64,
}

/// Serves the socket that PID 1 hands over; answers the exit code.
#[inline(never)]
pub(super) fn run(arguments: Arguments) -> u8 {
    match serve(arguments) {
        Ok(()) => 0,
        Err((step, errno)) => super::complain("tomte-userd", step, errno),
    }
}

/// Until nobody asks any more; or what could not be done, and why.
fn serve(arguments: Arguments) -> Result<(), (&'static str, Errno)> {
    let listener = stream::passed(arguments).map_err(|errno| ("no socket from PID 1", errno))?;
    let mut clients: heapless::Vec<Client, CLIENTS_MAX> = heapless::Vec::new();
    let (mut asked, mut alive) = (monotonic_us(), 0);
    loop {
        let now = monotonic_us();
        if now.saturating_sub(alive) >= TURN_US {
            alive = now;
            stream::alive(arguments);
            clients.retain(|client| now.saturating_sub(client.since) < TURN_US);
        }
        if now.saturating_sub(asked) >= IDLE_US {
            return Ok(());
        }
        let mut waiting = clients.iter().map(|client| &client.socket);
        match stream::wait(&listener, &mut waiting, TURN_US)
            .map_err(|errno| ("cannot wait for questions", errno))?
        {
            Ready::Nobody => {}
            Ready::Listener => {
                asked = now;
                if let Ok(socket) = stream::accept(&listener) {
                    let mut client = Client { socket, said: heapless::Vec::new(), since: now };
                    if hear(&mut client) {
                        if clients.is_full() {
                            clients.remove(0);
                        }
                        let _ = clients.push(client); // there is room
                    }
                }
            }
            Ready::Other(place) => {
                if clients.get_mut(place).is_some_and(|client| !hear(client)) {
                    clients.remove(place);
                }
            }
        }
    }
}

/// Reads what there is and answers what is whole; whether there may be more to come.
fn hear(client: &mut Client) -> bool {
    let mut bytes = [0; REQUEST_BYTES_MAX];
    match stream::read(&client.socket, &mut bytes) {
        Err(Errno::AGAIN) => return true,
        Ok(count) if count > 0 => {
            let bytes = bytes.get(..count).unwrap_or_default();
            if client.said.extend_from_slice(bytes).is_err() {
                return false;
            }
        }
        Ok(_) | Err(_) => return false,
    }
    match parse(&client.said) {
        Asked::Part => true,
        Asked::Nothing => false,
        Asked::For(kind, key) => {
            let mut buffer = [0; ANSWER_BYTES_MAX];
            let mut answer = Answer::new(&mut buffer);
            // Whoever hears nothing looks into the files himself; a wrong "no such user" would be believed.
            if look_up(kind, key, &mut answer).is_ok()
                && let Some(bytes) = answer.bytes()
            {
                let _ = stream::write(&client.socket, bytes);
            }
            false
        }
    }
}

/// Finds what is asked for: in the image's files first, so that a static user wins.
fn look_up(kind: Kind, key: &[u8], answer: &mut Answer<'_>) -> Result<(), Errno> {
    let wanted = match kind {
        Kind::User { by_number: true } | Kind::Group { by_number: true } => match file_number(key) {
            Some(number) => Key::Number(number),
            None => {
                answer.none(kind);
                return Ok(());
            }
        },
        Kind::User { .. } | Kind::Group { .. } | Kind::Memberships => Key::Name(key),
    };
    let is_group = matches!(kind, Kind::Group { .. });
    let mut found = false;
    for path in if is_group { [GROUP, NAMES_GROUP] } else { [PASSWD, NAMES_PASSWD] } {
        found = found
            || each_line(path, &mut |line| {
                if is_group {
                    let Some(group) =
                        GroupLine::parse(line).filter(|group| wanted.fits(group.name, group.gid))
                    else {
                        return Ok(false);
                    };
                    answer.group([group.name, group.password], group.gid, group.members());
                } else {
                    let Some(user) = UserLine::parse(line).filter(|user| wanted.fits(user.name, user.uid))
                    else {
                        return Ok(false);
                    };
                    if kind != Kind::Memberships {
                        let strings = [user.name, user.password, user.gecos, user.home, user.shell];
                        answer.user(strings, user.uid, user.gid);
                    }
                }
                Ok(true)
            })?;
    }
    match kind {
        _ if !found => answer.none(kind),
        Kind::Memberships => {
            answer.memberships();
            crate::linux::passwd::each_membership(key, &mut |gid| {
                answer.membership(gid);
                Ok(())
            })?;
        }
        Kind::User { .. } | Kind::Group { .. } => {}
    }
    Ok(())
}
