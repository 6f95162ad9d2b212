//! [Socket] (systemd.socket(5)).

use std::fmt;

use nix::libc;
use serde::Serialize;
use tomte::table::{Micros, StartLimit};

use super::{Located, Service, show};
use crate::values::address::Address;

/// What is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Stream(Address),
    Datagram(Address),
    SequentialPacket(Address),
    /// A FIFO in the file system.
    Fifo(String),
    /// A file that is opened: a device node or something of /proc and /sys.
    Special(String),
    /// A family of netlink(7) and its multicast groups.
    Netlink {
        family: u8,
        groups: u32,
    },
    /// A POSIX message queue.
    MessageQueue(String),
}

impl Listen {
    /// Whether packets of IP come to it.
    pub const fn is_ip(&self) -> bool {
        match self {
            Self::Stream(address) | Self::Datagram(address) | Self::SequentialPacket(address) => {
                matches!(address, Address::Port(_) | Address::Inet { .. })
            }
            Self::Fifo(_) | Self::Special(_) | Self::Netlink { .. } | Self::MessageQueue(_) => false,
        }
    }
}

/// Families of netlink(7) (netlink-util.c, `netlink_family_table`).
pub const NETLINK: [(&str, libc::c_int); 15] = [
    ("route", libc::NETLINK_ROUTE),
    ("firewall", libc::NETLINK_FIREWALL),
    ("inet-diag", libc::NETLINK_INET_DIAG),
    ("nflog", libc::NETLINK_NFLOG),
    ("xfrm", libc::NETLINK_XFRM),
    ("selinux", libc::NETLINK_SELINUX),
    ("iscsi", libc::NETLINK_ISCSI),
    ("audit", libc::NETLINK_AUDIT),
    ("fib-lookup", libc::NETLINK_FIB_LOOKUP),
    ("connector", libc::NETLINK_CONNECTOR),
    ("netfilter", libc::NETLINK_NETFILTER),
    ("kobject-uevent", libc::NETLINK_KOBJECT_UEVENT),
    ("generic", libc::NETLINK_GENERIC),
    ("scsitransport", libc::NETLINK_SCSITRANSPORT),
    ("rdma", libc::NETLINK_RDMA),
];

impl Socket {
    /// The services that are started for connections: the instances 0, 1 and so on of the template; none without
    /// `Accept=yes`.
    pub fn instances(&self) -> impl Iterator<Item = String> + use<> {
        let template = self.service.value.clone();
        let count = if self.accept { self.max_connections } else { 0 };
        (0..count).map(move |n| template.replace('@', &format!("@{n}")))
    }
}

impl Listen {
    /// Whether connections can be taken from it one by one: listen(2) and accept(2) work on it.
    pub const fn accepts(&self) -> bool {
        matches!(self, Self::Stream(_) | Self::SequentialPacket(_))
    }

    /// Its node in the file system, if it has one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Stream(Address::Path(path))
            | Self::Datagram(Address::Path(path))
            | Self::SequentialPacket(Address::Path(path))
            | Self::Fifo(path) => Some(path),
            Self::Stream(_)
            | Self::Datagram(_)
            | Self::SequentialPacket(_)
            | Self::Special(_)
            | Self::Netlink { .. }
            | Self::MessageQueue(_) => None,
        }
    }

    /// The path it is about, whatever is there.
    pub fn path(&self) -> Option<&str> {
        if let Self::Special(path) = self { Some(path) } else { self.node() }
    }
}

impl fmt::Display for Listen {
    /// The line of a unit file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(address) => write!(f, "ListenStream={address}"),
            Self::Datagram(address) => write!(f, "ListenDatagram={address}"),
            Self::SequentialPacket(address) => write!(f, "ListenSequentialPacket={address}"),
            Self::Fifo(path) => write!(f, "ListenFIFO={path}"),
            Self::Special(path) => write!(f, "ListenSpecial={path}"),
            Self::Netlink { family, groups } => {
                let known = NETLINK.iter().find(|(_, number)| *number == i32::from(*family));
                let name = known.map_or_else(|| family.to_string(), |(name, _)| (*name).to_owned());
                write!(f, "ListenNetlink={name} {groups}")
            }
            Self::MessageQueue(name) => write!(f, "ListenMessageQueue={name}"),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `BindIPv6Only=`: whether a socket of all addresses takes IPv4 connections too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BindIpv6Only {
    /// As the kernel's `net.ipv6.bindv6only` says.
    Default,
    Both,
    Ipv6Only,
}

/// `Timestamping=`: whether datagrams come with the time they arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Timestamping {
    Off,
    Micros,
    Nanos,
}

/// [Socket]. `None` leaves the kernel's default.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Socket {
    pub listen: Vec<Located<Listen>>,
    /// A service of its own for each connection.
    pub accept: bool,
    /// What is started: a service, or with `accept` a template of services.
    pub service: Located<String>,
    pub socket_protocol: Option<u16>,
    #[serde(rename = "BindIPv6Only")]
    pub bind_ipv6_only: BindIpv6Only,
    pub backlog: u32,
    pub bind_to_device: Option<String>,
    pub socket_user: Located<String>,
    pub socket_group: Located<String>,
    #[serde(serialize_with = "show::mode")]
    pub socket_mode: u16,
    #[serde(serialize_with = "show::mode")]
    pub directory_mode: u16,
    /// Open `Special` files for writing too.
    pub writable: bool,
    pub flush_pending: bool,
    pub max_connections: u32,
    /// `None`: as many as `max_connections`.
    pub max_connections_per_source: Option<u32>,
    pub keep_alive: bool,
    #[serde(serialize_with = "show::maybe_span")]
    pub keep_alive_time: Option<Micros>,
    #[serde(serialize_with = "show::maybe_span")]
    pub keep_alive_interval: Option<Micros>,
    pub keep_alive_probes: Option<u32>,
    pub no_delay: bool,
    #[serde(serialize_with = "show::maybe_span")]
    pub defer_accept: Option<Micros>,
    pub priority: Option<i32>,
    pub receive_buffer: Option<u64>,
    pub send_buffer: Option<u64>,
    #[serde(rename = "IPTOS")]
    pub ip_tos: Option<u8>,
    #[serde(rename = "IPTTL")]
    pub ip_ttl: Option<u8>,
    pub mark: Option<u32>,
    pub reuse_port: bool,
    pub free_bind: bool,
    pub transparent: bool,
    pub broadcast: bool,
    pub pass_credentials: bool,
    pub pass_security: bool,
    pub pass_packet_info: bool,
    pub timestamping: Timestamping,
    #[serde(rename = "TCPCongestion")]
    pub tcp_congestion: Option<String>,
    pub pipe_size: Option<u64>,
    pub message_queue_max_messages: Option<u32>,
    pub message_queue_message_size: Option<u32>,
    pub symlinks: Vec<String>,
    pub remove_on_stop: bool,
    pub file_descriptor_name: String,
    pub pass_file_descriptors_to_exec: bool,
    /// Starts of the service before the socket fails; an interval of 0 is no limit.
    #[serde(serialize_with = "show::limit")]
    pub trigger_limit: StartLimit,
    /// Wake-ups before the socket is left alone for a while; an interval of 0 is no limit.
    #[serde(serialize_with = "show::limit")]
    pub poll_limit: StartLimit,
    #[serde(serialize_with = "show::span")]
    pub timeout: Micros,
    /// What its commands run as, and they themselves: `ExecStop=` is `ExecStopPre=` here.
    #[serde(skip)]
    pub process: Service,
}
