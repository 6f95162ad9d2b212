//! Sockets and paths as the table has them: addresses and options as the kernel's own bytes, put together here so that the
//! target need not know any of them (facts from systemd's socket.c, `socket_apply_socket_options`, socket-label.c and
//! path.c).

use std::net::IpAddr;

use anyhow::Result;
use bumpalo::Bump;
use nix::libc;
use tomte::table::{self, ListenKind, Micros, WatchEvent};

use super::record::{list, strings};
use crate::{
    model::{BindIpv6Only, Listen, Path, PathEvent, Socket, Timestamping},
    values::address::Address,
};

/// A socket's record.
pub(super) fn socket<'a>(arena: &'a Bump, socket: &'a Socket) -> Result<table::Socket<'a>> {
    let records: Vec<table::Listen<'_>> =
        socket.listen.iter().map(|one| listen(arena, socket, &one.value)).collect();
    Ok(table::Socket {
        name: &socket.file_descriptor_name,
        per_source: socket.max_connections_per_source.unwrap_or(0),
        accept: socket.accept,
        flush_pending: socket.flush_pending,
        remove_on_stop: socket.remove_on_stop,
        pass_to_all: socket.pass_file_descriptors_to_exec,
        user: &socket.socket_user.value,
        group: &socket.socket_group.value,
        mode: socket.socket_mode,
        directory_mode: socket.directory_mode,
        symlinks: strings(arena, &socket.symlinks)?,
        quick: is_quick(socket, &records),
        listen: list(arena, &records),
        trigger_limit: socket.trigger_limit,
        poll_limit: socket.poll_limit,
    })
}

/// Whether PID 1 may open all of it by itself: see [`table::Socket`].
fn is_quick(socket: &Socket, records: &[table::Listen<'_>]) -> bool {
    let in_memory = |path: &str| match path.strip_prefix("/run/") {
        Some(below) => below.matches('/').count() < 2,
        None => path.is_empty(),
    };
    let named = !socket.socket_user.value.is_empty() || !socket.socket_group.value.is_empty();
    let is_quick = |one: &table::Listen<'_>| {
        one.kind == ListenKind::Socket && i32::from(one.family) == libc::AF_UNIX && in_memory(one.path)
    };
    !named && socket.symlinks.is_empty() && records.iter().all(is_quick)
}

fn listen<'a>(arena: &'a Bump, socket: &'a Socket, listen: &'a Listen) -> table::Listen<'a> {
    let (address, interface) = address(listen);
    let family = address.first().copied().unwrap_or_default();
    let options: Vec<table::SocketOption<'_>> = match address.is_empty() {
        true => Vec::new(),
        false => options(socket, listen, family)
            .into_iter()
            .map(|one| table::SocketOption {
                level: one.level,
                name: one.name,
                vital: one.vital,
                value: arena.alloc_slice_copy(&one.value),
            })
            .collect(),
    };
    let clamped = |size: Option<u64>| size.map_or(0, |size| u32::try_from(size).unwrap_or(u32::MAX));
    let (kind, size) = match listen {
        Listen::Fifo(_) => (ListenKind::Fifo, clamped(socket.pipe_size)),
        Listen::Special(_) if socket.writable => (ListenKind::SpecialWritable, 0),
        Listen::Special(_) => (ListenKind::Special, 0),
        Listen::MessageQueue(_) => {
            (ListenKind::MessageQueue, socket.message_queue_message_size.unwrap_or_default())
        }
        Listen::Stream(_) | Listen::Datagram(_) | Listen::SequentialPacket(_) | Listen::Netlink { .. } => {
            (ListenKind::Socket, 0)
        }
    };
    let path = match listen {
        Listen::MessageQueue(name) => name,
        other => other.path().unwrap_or_default(),
    };
    table::Listen {
        kind,
        family,
        socket_type: socket_type(listen) as u8,
        protocol: protocol(socket, listen, family),
        address: arena.alloc_slice_copy(&address),
        interface,
        path,
        shown: if path.is_empty() { arena.alloc_str(&shown(listen)) } else { "" },
        backlog: listen.accepts().then_some(socket.backlog),
        size,
        messages: socket.message_queue_max_messages.unwrap_or_default(),
        options: list(arena, &options),
    }
}

/// As systemctl lists it: a port alone is one of every address (socket-util.c, `sockaddr_pretty`).
fn shown(listen: &Listen) -> String {
    if let Listen::Stream(Address::Port(port)) | Listen::Datagram(Address::Port(port)) = listen {
        return format!("[::]:{port}");
    }
    let line = listen.to_string();
    line.split_once('=').map_or(line.clone(), |(_, shown)| shown.to_owned())
}

fn socket_type(listen: &Listen) -> libc::c_int {
    match listen {
        Listen::Stream(_) => libc::SOCK_STREAM,
        Listen::Datagram(_) => libc::SOCK_DGRAM,
        Listen::SequentialPacket(_) => libc::SOCK_SEQPACKET,
        Listen::Netlink { .. } => libc::SOCK_RAW,
        Listen::Fifo(_) | Listen::Special(_) | Listen::MessageQueue(_) => 0,
    }
}

fn protocol(socket: &Socket, listen: &Listen, family: u8) -> u16 {
    match listen {
        Listen::Netlink { family, .. } => u16::from(*family),
        _ if is_internet(family) => socket.socket_protocol.unwrap_or_default(),
        _ => 0,
    }
}

fn is_internet(family: u8) -> bool {
    [libc::AF_INET, libc::AF_INET6].contains(&family.into())
}

/// `struct sockaddr`, and the interface that completes it; nothing for what is no socket. All architectures that tomte
/// knows are little-endian.
fn address(listen: &Listen) -> (Vec<u8>, &str) {
    let family = |family: libc::c_int| (family as u16).to_le_bytes().to_vec();
    let join = |parts: &[&[u8]]| parts.concat();
    let address = match listen {
        Listen::Stream(address) | Listen::Datagram(address) | Listen::SequentialPacket(address) => address,
        Listen::Netlink { groups, .. } => {
            return (join(&[&family(libc::AF_NETLINK), &[0; 6], &groups.to_le_bytes()]), "");
        }
        Listen::Fifo(_) | Listen::Special(_) | Listen::MessageQueue(_) => return (Vec::new(), ""),
    };
    match address {
        Address::Path(path) => (join(&[&family(libc::AF_UNIX), path.as_bytes(), &[0]]), ""),
        Address::Abstract(name) => (join(&[&family(libc::AF_UNIX), &[0], name.as_bytes()]), ""),
        Address::Port(port) => (join(&[&family(libc::AF_INET6), &port.to_be_bytes(), &[0; 24]]), ""),
        Address::Inet { address: IpAddr::V4(address), port, .. } => {
            (join(&[&family(libc::AF_INET), &port.to_be_bytes(), &address.octets(), &[0; 8]]), "")
        }
        Address::Inet { address: IpAddr::V6(address), port, interface } => {
            let parts: [&[u8]; 5] =
                [&family(libc::AF_INET6), &port.to_be_bytes(), &[0; 4], &address.octets(), &[0; 4]];
            (join(&parts), interface.as_deref().unwrap_or_default())
        }
        Address::Vsock { cid, port } => {
            let cid = cid.unwrap_or(libc::VMADDR_CID_ANY).to_le_bytes();
            (join(&[&family(libc::AF_VSOCK), &[0; 2], &port.to_le_bytes(), &cid, &[0; 4]]), "")
        }
    }
}

/// What setsockopt(2) sets, before bind(2).
struct SetOption {
    level: u16,
    name: u16,
    vital: bool,
    value: Vec<u8>,
}

fn options(socket: &Socket, listen: &Listen, family: u8) -> Vec<SetOption> {
    let mut options = Vec::new();
    let mut set = |level: libc::c_int, name: libc::c_int, vital: bool, value: Vec<u8>| {
        options.push(SetOption { level: level as u16, name: name as u16, vital, value });
    };
    let six = libc::c_int::from(family) == libc::AF_INET6;
    let tcp = is_internet(family) && matches!(listen, Listen::Stream(_));
    if is_internet(family) {
        of_internet(socket, six, &mut set);
    }
    if tcp {
        of_tcp(socket, &mut set);
    }
    for (wanted, name) in [
        (socket.keep_alive, libc::SO_KEEPALIVE),
        (socket.broadcast, libc::SO_BROADCAST),
        (socket.pass_credentials, libc::SO_PASSCRED),
        (socket.pass_security, libc::SO_PASSSEC),
        (socket.timestamping == Timestamping::Micros, libc::SO_TIMESTAMP),
        (socket.timestamping == Timestamping::Nanos, libc::SO_TIMESTAMPNS),
    ] {
        if wanted {
            set(libc::SOL_SOCKET, name, false, number(1));
        }
    }
    packet_information(socket, family, &mut set);
    for (size, name) in
        [(socket.receive_buffer, libc::SO_RCVBUFFORCE), (socket.send_buffer, libc::SO_SNDBUFFORCE)]
    {
        let bytes = |size: u64| number(i32::try_from(size).unwrap_or(i32::MAX));
        size.into_iter().for_each(|size| set(libc::SOL_SOCKET, name, false, bytes(size)));
    }
    for (value, name) in
        [(socket.priority, libc::SO_PRIORITY), (socket.mark.map(|mark| mark as i32), libc::SO_MARK)]
    {
        value.into_iter().for_each(|value| set(libc::SOL_SOCKET, name, false, number(value)));
    }
    if is_internet(family) {
        if let Some(service) = socket.ip_tos {
            set(libc::IPPROTO_IP, libc::IP_TOS, false, number(service.into()));
        }
        if let Some(hops) = socket.ip_ttl {
            set(libc::IPPROTO_IP, libc::IP_TTL, false, number(hops.into()));
            if six {
                set(libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, false, number(hops.into()));
            }
        }
    }
    options
}

/// Takes the level, the number, whether it is vital, and the value of an option.
type Set<'s> = dyn FnMut(libc::c_int, libc::c_int, bool, Vec<u8>) + 's;

fn number(number: i32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// What only sockets of the Internet protocols have, version `six` or four.
fn of_internet(socket: &Socket, six: bool, set: &mut Set<'_>) {
    if six && socket.bind_ipv6_only != BindIpv6Only::Default {
        let only = socket.bind_ipv6_only == BindIpv6Only::Ipv6Only;
        set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, true, number(only.into()));
    }
    if let Some(device) = &socket.bind_to_device {
        set(libc::SOL_SOCKET, libc::SO_BINDTODEVICE, true, device.as_bytes().to_vec());
    }
    let ip = |four: (libc::c_int, libc::c_int), of_six| if six { of_six } else { four };
    let (free_level, free) =
        ip((libc::IPPROTO_IP, libc::IP_FREEBIND), (libc::IPPROTO_IPV6, libc::IPV6_FREEBIND));
    let (clear_level, clear) =
        ip((libc::IPPROTO_IP, libc::IP_TRANSPARENT), (libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT));
    for (wanted, level, name) in [
        (socket.reuse_port, libc::SOL_SOCKET, libc::SO_REUSEPORT),
        (socket.free_bind, free_level, free),
        (socket.transparent, clear_level, clear),
    ] {
        if wanted {
            set(level, name, false, number(1));
        }
    }
    set(libc::SOL_SOCKET, libc::SO_REUSEADDR, true, number(1));
}

/// What only TCP has.
fn of_tcp(socket: &Socket, set: &mut Set<'_>) {
    let seconds = |span: Micros| number(i32::try_from(span.0 / 1_000_000).unwrap_or(i32::MAX));
    for (span, name) in [
        (socket.keep_alive_time, libc::TCP_KEEPIDLE),
        (socket.keep_alive_interval, libc::TCP_KEEPINTVL),
        (socket.defer_accept, libc::TCP_DEFER_ACCEPT),
    ] {
        span.into_iter().for_each(|span| set(libc::IPPROTO_TCP, name, false, seconds(span)));
    }
    if let Some(probes) = socket.keep_alive_probes {
        set(libc::IPPROTO_TCP, libc::TCP_KEEPCNT, false, number(probes as i32));
    }
    if socket.no_delay {
        set(libc::IPPROTO_TCP, libc::TCP_NODELAY, false, number(1));
    }
    if let Some(algorithm) = &socket.tcp_congestion {
        set(libc::IPPROTO_TCP, libc::TCP_CONGESTION, false, algorithm.as_bytes().to_vec());
    }
}

/// `PassPacketInfo=`.
fn packet_information(socket: &Socket, family: u8, set: &mut Set<'_>) {
    let (level, name) = match family.into() {
        libc::AF_INET => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        libc::AF_INET6 => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        libc::AF_NETLINK => (libc::SOL_NETLINK, libc::NETLINK_PKTINFO),
        _ => return,
    };
    if socket.pass_packet_info {
        set(level, name, false, number(1));
    }
}

/// A path unit's record.
pub(super) fn path<'a>(arena: &'a Bump, path: &'a Path) -> table::Path<'a> {
    let watch = |(event, place): &'a (PathEvent, _)| watch(*event, place);
    let watches: Vec<table::Watch<'_>> = path.watches.iter().map(watch).collect();
    table::Path {
        make_directory: path.make_directory,
        directory_mode: path.directory_mode,
        watches: list(arena, &watches),
        trigger_limit: path.trigger_limit,
    }
}

/// The events are those of systemd's path.c, `path_spec_watch`.
fn watch(event: PathEvent, place: &crate::model::Located<String>) -> table::Watch<'_> {
    const GONE: u32 = libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_ATTRIB;
    const CHANGED: u32 = GONE
        | libc::IN_CLOSE_WRITE
        | libc::IN_CREATE
        | libc::IN_DELETE
        | libc::IN_MOVED_FROM
        | libc::IN_MOVED_TO;
    let (event, mask) = match event {
        PathEvent::Exists => (WatchEvent::Exists, GONE),
        PathEvent::ExistsGlob => (WatchEvent::ExistsGlob, GONE),
        PathEvent::Changed => (WatchEvent::Changed, CHANGED),
        PathEvent::Modified => (WatchEvent::Changed, CHANGED | libc::IN_MODIFY),
        PathEvent::DirectoryNotEmpty => {
            (WatchEvent::DirectoryNotEmpty, GONE | libc::IN_CREATE | libc::IN_MOVED_TO)
        }
    };
    table::Watch { event, mask, path: &place.value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check,
        diag::Diagnostics,
        model::Kind,
        values::{specifier::Facts, unit_name::UnitName},
    };

    #[test]
    fn pid_1_opens_by_itself_what_is_in_memory_and_asks_for_nobody() {
        let is_quick = |lines: &str| {
            let text = format!("[Socket]\n{}\n", lines.replace("; ", "\n"));
            let name = UnitName::new("a.socket").expect("a name");
            let unit = check::unit_of(name, text.into(), Facts::default(), &mut Diagnostics::default());
            let Kind::Socket(read) = &unit.kind else { panic!("no socket") };
            socket(&Bump::new(), read).expect("a record").quick
        };
        for lines in [
            "ListenStream=/run/a",
            "ListenDatagram=/run/a/b; ListenSequentialPacket=/run/c",
            "ListenStream=@a; SocketMode=0600",
        ] {
            assert!(is_quick(lines), "{lines}");
        }
        for lines in [
            "ListenStream=/run/a; ListenStream=/srv/a",
            "ListenStream=/run/a/b/c",
            "ListenStream=/run/a; SocketUser=daemon",
            "ListenStream=/run/a; SocketGroup=daemon",
            "ListenStream=/run/a; Symlinks=/srv/a",
            "ListenFIFO=/run/a",
            "ListenStream=80",
            "ListenNetlink=route 1",
        ] {
            assert!(!is_quick(lines), "{lines}");
        }
    }
}
