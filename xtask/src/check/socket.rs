//! What the directives of systemd.socket(5) do, and what a finished socket has to be (facts from load-fragment.c and
//! socket.c, `socket_verify`).

use nix::libc;
use tomte::table::{CommandKind, Micros, limits::COMMANDS_MAX};

use super::{
    blame, directives,
    draft::{Cx, Draft},
    finish::refuse,
    resource::not_enforced,
    under,
};
use crate::{
    diag::{Code, Diagnostic},
    model::{BindIpv6Only, Listen, Located, NETLINK, Socket, Timestamping},
    read::{Assignment, Text},
    values::{
        address::{self, Address},
        command, network, path, scalar,
        scheduling::integer,
        size, time,
        unit_name::UnitName,
        word, wrong,
    },
};

type Done = Result<(), Diagnostic>;

/// `Listen*=`: adds one, or takes all back, of whatever kind.
pub fn listen(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if a.value.is_empty() {
        d.socket().listen.clear();
        return Ok(());
    }
    let text = current(cx.specifiers.expand(&a.value)?, cx);
    let value = match a.key.as_str() {
        "ListenStream" => Listen::Stream(address::parse(&text)?),
        "ListenDatagram" => Listen::Datagram(address::parse(&text)?),
        "ListenSequentialPacket" => Listen::SequentialPacket(local(&text)?),
        "ListenFIFO" => Listen::Fifo(path::absolute(&text)?),
        "ListenSpecial" => Listen::Special(path::absolute(&text)?),
        "ListenMessageQueue" => Listen::MessageQueue(message_queue(&text)?),
        _ => netlink(&text)?,
    };
    d.socket().listen.push(Located { value, place: Some(a.value.place(0)) });
    Ok(())
}

/// /var/run has moved to /run; systemd takes the one for the other (load-fragment.c, `patch_var_run`).
fn current(text: Text, cx: &mut Cx) -> Text {
    if !text.as_str().starts_with("/var/run/") {
        return text;
    }
    let new = text.slice("/var".len()..text.len());
    let problem = Diagnostic::note(Code::TakenAs, format!("{} is taken as {}", text.as_str(), new.as_str()));
    cx.problems.push(problem.on(&text, 0.."/var/run/".len()).help("/var/run is the old name of /run"));
    new
}

/// Only UNIX sockets and virtual machine sockets have packets in sequence.
fn local(text: &Text) -> Result<Address, Diagnostic> {
    match address::parse(text)? {
        address @ (Address::Path(_) | Address::Abstract(_) | Address::Vsock { .. }) => Ok(address),
        Address::Port(_) | Address::Inet { .. } => {
            let message = format!("{:?}: the Internet protocols have no packets in sequence", text.as_str());
            Err(wrong(text, Code::Address, message).help("ListenStream= is TCP, ListenDatagram= is UDP"))
        }
    }
}

fn message_queue(text: &Text) -> Result<String, Diagnostic> {
    let name = path::absolute(text)?;
    match name[1..].is_empty() || name[1..].contains('/') {
        true => Err(wrong(
            text,
            Code::Address,
            format!("{name:?}: a message queue's name is a / and one word (mq_overview(7))"),
        )),
        false => Ok(name),
    }
}

/// `FAMILY [GROUPS]`.
fn netlink(text: &Text) -> Result<Listen, Diagnostic> {
    let words = word::unquoted(text);
    let [name, rest @ ..] = words.as_slice() else {
        return Err(wrong(text, Code::Address, "no netlink family"));
    };
    let known = NETLINK.iter().find(|(family, _)| *family == name.as_str()).map(|(_, number)| *number as u8);
    let number = || scalar::decimal(name.as_str()).and_then(|number| u8::try_from(number).ok());
    let Some(family) = known.or_else(number) else {
        let problem = wrong(name, Code::Address, format!("{:?} is no netlink family", name.as_str()));
        return Err(problem.did_you_mean(name.as_str(), NETLINK.map(|(family, _)| family)));
    };
    match rest {
        [] => Ok(Listen::Netlink { family, groups: 0 }),
        [groups] => Ok(Listen::Netlink { family, groups: scalar::number(groups)? }),
        [_, more, ..] => Err(wrong(more, Code::Address, "one number of groups stands behind the family")),
    }
}

/// `ExecStartPre=` and its kind: adds commands, or takes those of the same key back.
pub fn command(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let kind = match a.key.as_str() {
        "ExecStartPre" => CommandKind::StartPre,
        "ExecStartPost" => CommandKind::StartPost,
        "ExecStopPre" => CommandKind::Stop,
        _ => CommandKind::StopPost,
    };
    let commands = &mut d.socket().process.commands;
    if a.value.is_empty() {
        commands.retain(|(other, _)| *other != kind);
        return Ok(());
    }
    let parsed = command::parse(&a.value, &cx.specifiers, &mut cx.problems)?;
    commands.extend(parsed.into_iter().map(|command| (kind, command)));
    let count = commands.iter().filter(|(other, _)| *other == kind).count();
    if count > COMMANDS_MAX {
        return Err(wrong(
            &a.value,
            Code::TableLimit,
            format!("{count} commands; at most {COMMANDS_MAX} of one kind"),
        ));
    }
    Ok(())
}

/// `Service=`.
pub fn service(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let mut last = None;
    directives::units(a, cx, |name| last = Some(name))?;
    match last {
        Some(name) if name.value.ends_with(".service") => d.socket().service = name,
        Some(_) => {
            return Err(wrong(&a.value, Code::Trigger, format!("{:?} is no service", a.value.as_str())));
        }
        None if a.value.is_empty() => return Err(wrong(&a.value, Code::Trigger, "no service")),
        None => {} // units() has said why
    }
    Ok(())
}

/// `SocketProtocol=`.
pub fn protocol(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    const PROTOCOLS: [(&str, u16); 4] = [
        ("", 0),
        ("udplite", libc::IPPROTO_UDPLITE as u16),
        ("sctp", libc::IPPROTO_SCTP as u16),
        ("mptcp", libc::IPPROTO_MPTCP as u16),
    ];
    let number = match a.value.is_empty() {
        true => 0,
        false => scalar::choice(&a.value, &PROTOCOLS[1..])?,
    };
    d.socket().socket_protocol = (number != 0).then_some(number);
    Ok(())
}

/// `BindIPv6Only=`: a word, or a boolean that asks whether it is only IPv6.
pub fn bind_ipv6_only(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("default", BindIpv6Only::Default),
        ("both", BindIpv6Only::Both),
        ("ipv6-only", BindIpv6Only::Ipv6Only),
    ];
    d.socket().bind_ipv6_only = match scalar::boolean(&a.value) {
        Ok(true) => BindIpv6Only::Ipv6Only,
        Ok(false) => BindIpv6Only::Both,
        Err(_) => scalar::choice(&a.value, &choices)?,
    };
    Ok(())
}

/// `BindToDevice=`: an interface; nothing or `*` for any.
pub fn bind_to_device(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.socket().bind_to_device = match a.value.as_str() {
        "" | "*" => None,
        _ => Some(network::interface(&a.value)?),
    };
    Ok(())
}

/// `Timestamping=`.
pub fn timestamping(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("off", Timestamping::Off),
        ("us", Timestamping::Micros),
        ("usec", Timestamping::Micros),
        ("µs", Timestamping::Micros),
        ("ns", Timestamping::Nanos),
        ("nsec", Timestamping::Nanos),
    ];
    let off = || scalar::boolean(&a.value).is_ok_and(|on| !on);
    d.socket().timestamping = if off() { Timestamping::Off } else { scalar::choice(&a.value, &choices)? };
    Ok(())
}

/// `IPTOS=`: a name of netinet/ip.h or a number.
pub fn ip_tos(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("low-delay", libc::IPTOS_LOWDELAY),
        ("throughput", libc::IPTOS_THROUGHPUT),
        ("reliability", libc::IPTOS_RELIABILITY),
        ("low-cost", libc::IPTOS_MINCOST),
    ];
    let number = scalar::decimal(a.value.as_str()).and_then(|number| u8::try_from(number).ok());
    d.socket().ip_tos = Some(match number {
        Some(number) => number,
        None => scalar::choice(&a.value, &choices)?,
    });
    Ok(())
}

/// `IPTTL=`: 1 to 255.
pub fn ip_ttl(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.socket().ip_ttl = Some(integer(&a.value, 1, 255, "a time to live")? as u8);
    Ok(())
}

/// `Priority=`.
pub fn priority(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.socket().priority = Some(integer(&a.value, 0, i64::from(i32::MAX), "a priority")? as i32);
    Ok(())
}

/// `ReceiveBuffer=` and its kind: a size; nothing for the kernel's own.
pub fn buffer(slot: &mut Option<u64>, a: &Assignment) -> Done {
    *slot = if a.value.is_empty() { None } else { Some(size::bytes(&a.value)?) };
    Ok(())
}

/// A number of messages or bytes of a queue.
pub fn queue(slot: &mut Option<u32>, a: &Assignment) -> Done {
    *slot = Some(integer(&a.value, 1, i64::from(i32::MAX), "a number")? as u32);
    Ok(())
}

/// A number that has a default of its own until it is written.
pub fn optional(slot: &mut Option<u32>, a: &Assignment) -> Done {
    *slot = Some(scalar::number(&a.value)?);
    Ok(())
}

/// A span that the kernel has a default for.
pub fn optional_span(slot: &mut Option<Micros>, a: &Assignment) -> Done {
    *slot = Some(time::span(&a.value)?);
    Ok(())
}

/// `TCPCongestion=`: the name of an algorithm; nothing for the kernel's own.
pub fn tcp_congestion(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let name = a.value.as_str();
    if name.len() > 15 || name.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(wrong(
            &a.value,
            Code::Word,
            format!("{name:?} is no congestion control: a word of at most 15 bytes"),
        ));
    }
    d.socket().tcp_congestion = (!name.is_empty()).then(|| name.to_owned());
    Ok(())
}

/// `Symlinks=`: adds paths, or takes all back.
pub fn symlinks(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let symlinks = &mut d.socket().symlinks;
    if a.value.is_empty() {
        symlinks.clear();
    }
    for word in word::list(&a.value)? {
        symlinks.push(path::absolute(&cx.specifiers.expand(&word)?)?);
    }
    Ok(())
}

/// `FileDescriptorName=`: at most 255 characters of ASCII, no colon (fd-util.c, `fdname_is_valid`).
pub fn descriptor_name(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let text = cx.specifiers.expand(&a.value)?;
    let name = text.as_str();
    if name.len() > 255 || !name.bytes().all(|byte| (b' '..127).contains(&byte) && byte != b':') {
        let message = format!("{name:?}: a name has at most 255 ASCII characters, none of them a colon");
        return Err(wrong(&text, Code::Word, message));
    }
    name.clone_into(&mut d.socket().file_descriptor_name);
    Ok(())
}

/// `MaxConnections=` where the file does not say: each has a place of its own in the table and in PID 1's memory.
const CONNECTIONS: u32 = 8;
/// At most.
const CONNECTIONS_MAX: u32 = 64;

/// Fills in what depends on other settings, and refuses what systemd refuses to load.
pub fn finish(d: &mut Draft, name: &UnitName, cx: &mut Cx) {
    own_network(d, cx);
    let instead = "PID 1 makes the socket, and packets are judged by who made theirs: write it in a service that opens its own";
    not_enforced(cx, &["IPAddressDeny", "SocketBindDeny"], "sockets", instead);
    let socket = d.socket();
    let written = |key: &str| cx.written.contains_key(key);
    if socket.accept {
        if !written("MaxConnections") {
            socket.max_connections = CONNECTIONS;
        }
        if !written("TriggerLimitBurst") {
            socket.trigger_limit.burst = 200;
        }
        if !written("PollLimitBurst") {
            socket.poll_limit.burst = 150;
        }
    }
    let process = &mut socket.process;
    (process.timeout_start, process.timeout_stop) = (socket.timeout, socket.timeout);
    (process.timeout_abort, process.kill.restart_signal) = (socket.timeout, process.kill.signal);
    if socket.file_descriptor_name.is_empty() {
        socket.file_descriptor_name = if socket.accept { "connection".to_owned() } else { name.full.clone() };
    }
    if socket.listen.is_empty() && !cx.failed {
        let problem = Diagnostic::error(
            Code::NothingToWaitFor,
            "no Listen…= setting, so there is nothing to listen on",
        );
        let problem = super::finish::on_header(problem, d, cx);
        cx.problems.push(problem.help("add ListenStream= or its kind to [Socket]"));
        return;
    }
    if socket.accept {
        accepting(socket, cx);
        socket.service = Located::implied(format!("{}@.service", name.prefix));
    } else if socket.service.value.is_empty() {
        socket.service = Located::implied(format!("{}.service", name.stem()));
    }
    let nodes = socket.listen.iter().filter(|listen| listen.value.node().is_some()).count();
    if !socket.symlinks.is_empty() && nodes != 1 {
        let message =
            format!("they need exactly one socket or FIFO in the file system to point at, not {nodes}");
        refuse(Code::SocketLinks, "Symlinks", &message, "split the unit into one for each", cx);
    }
}

/// A network of the socket's own: the watcher opens what it listens on in PID 1's, where more can reach it.
fn own_network(d: &mut Draft, cx: &mut Cx) {
    let namespaces = &d.socket().process.exec.namespaces;
    let asked = [
        ("PrivateNetwork", namespaces.network),
        ("NetworkNamespacePath", !namespaces.network_path.is_empty()),
    ];
    for (key, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        let Some(a) = cx.written.get(key).cloned() else { continue };
        let message = format!("{key}= is not enforced for sockets by this tomte");
        let problem = Diagnostic::error(Code::ProtectionNotYet, message).on(&a.key, 0..a.key.len());
        cx.later(&a, Some(problem.help("have the service open its own sockets in that network")));
    }
}

/// What `Accept=yes` does not go with.
fn accepting(socket: &Socket, cx: &mut Cx) {
    if !socket.service.value.is_empty() {
        let message = "Accept=yes starts a service for each connection, which is an instance of a template";
        refuse(Code::Accept, "Service", message, "remove Service=, or Accept=yes", cx);
    }
    if !(1..=CONNECTIONS_MAX).contains(&socket.max_connections) {
        let message = format!("with Accept=yes it is one at least and {CONNECTIONS_MAX} at most");
        let problem = Diagnostic::error(Code::Accept, under("MaxConnections", &message));
        let problem = blame(problem, "MaxConnections", cx);
        cx.problems.push(problem);
    }
    for listen in socket.listen.iter().filter(|listen| !listen.value.accepts()) {
        let problem =
            Diagnostic::error(Code::Accept, "Accept=yes: there are no connections to take from this one");
        let problem = problem.at(listen.place.clone()).help("set Accept=no, or listen on a stream");
        cx.problems.push(problem);
    }
}
