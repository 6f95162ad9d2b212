//! `[network.INTERFACE]`: interfaces with fixed addresses, without a network daemon. All that is to be said to the kernel is
//! known by now: the messages of rtnetlink(7) are made here, and sent by a child of PID 1 (`linux::network`).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use serde::{Deserialize, Deserializer, de::Error as _};
use tomte::table::{Call, CommandKind, Micros};

use super::made::{Maker, STANDS_FOR_CALLS, call};
use crate::{board::Delay, model::Relation};

/// Bytes of an interface's name: IFNAMSIZ without its NUL.
const NAME_BYTES_MAX: usize = 15;
/// How long a unit may take beyond waiting for its interface.
const SLACK_SECONDS: u64 = 30;

/// What an interface may come from, and what the kernel is to know when it is set up.
const BEFORE: [&str; 3] =
    ["systemd-modules-load.service", "systemd-udev-trigger.service", "systemd-sysctl.service"];

/// Types of messages, linux/rtnetlink.h, and linux/netlink.h's flags: REQUEST and ACK; CREATE and REPLACE.
const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const ASK: u16 = 0x5;
const SET: u16 = 0x505;
/// IFF_UP.
const UP: u32 = 1;
/// Attributes: linux/if_addr.h and linux/rtnetlink.h.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
/// RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST.
const MAIN_STATIC_UNIVERSE_UNICAST: [u8; 4] = [254, 4, 0, 1];
/// AF_INET, AF_INET6.
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// `[network.INTERFACE]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Interface {
    pub address: Vec<Address>,
    /// One of each family at most, in the network of an address.
    pub gateway: Vec<IpAddr>,
    /// How long it may not be there yet.
    pub wait: Delay,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    address: Vec<Address>,
    #[serde(default)]
    gateway: Vec<IpAddr>,
    #[serde(default = "wait")]
    wait: Delay,
}

const fn wait() -> Delay {
    Delay(Micros::from_secs(10))
}

/// An address and how many of its bits are the network's: `192.0.2.10/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    ip: IpAddr,
    length: u8,
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("\"{text}\" is no address of an interface: {why}");
        let Some((ip, length)) = text.split_once('/') else {
            return Err(wrong("expected one with its network's length, such as 192.0.2.10/24"));
        };
        let ip: IpAddr = ip.parse().map_err(|_| wrong("expected an address of IPv4 or IPv6 before the /"))?;
        let highest = if ip.is_ipv4() { 32 } else { 128 };
        let length = length.parse().ok().filter(|length| (1..=highest).contains(length));
        let length = length.ok_or_else(|| wrong(&format!("the network's length is 1 to {highest}")))?;
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(wrong("nobody can have that one"));
        }
        Ok(Self { ip, length })
    }
}

impl Address {
    /// Whether `other` is in its network.
    fn reaches(&self, other: &IpAddr) -> bool {
        let shared = match (self.ip, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        shared >= self.length.into()
    }
}

impl TryFrom<Raw> for Interface {
    type Error = String;

    fn try_from(Raw { address, gateway, wait }: Raw) -> Result<Self, String> {
        for (at, gate) in gateway.iter().enumerate() {
            let is_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
            if !is_local(gate) && !address.iter().any(|one| one.reaches(gate)) {
                return Err(format!("the gateway {gate} is in the network of no address here"));
            }
            if address.iter().any(|one| one.ip == *gate) {
                return Err(format!("the gateway {gate} is the interface itself"));
            }
            if gateway[..at].iter().any(|other| other.is_ipv4() == gate.is_ipv4()) {
                return Err(format!("the gateway {gate} is the second of its family"));
            }
        }
        Ok(Self { address, gateway, wait })
    }
}

/// Interfaces by names that the kernel takes, and the name of a unit.
pub fn interfaces<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Interface>, D::Error> {
    let map = BTreeMap::<String, Interface>::deserialize(deserializer)?;
    let valid = |name: &str| {
        (1..=NAME_BYTES_MAX).contains(&name.len())
            && ![".", "..", "all", "default"].contains(&name)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match map.keys().find(|name| !valid(name)) {
        Some(name) => Err(D::Error::custom(format!("`{name}` is no name of a network interface"))),
        None => Ok(map),
    }
}

/// The units that `interfaces` ask for: one each, which network.target comes after.
pub(super) fn units(interfaces: &BTreeMap<String, Interface>, maker: &mut Maker<'_>) {
    for (name, interface) in interfaces {
        let wait = interface.wait.0.0 / 1_000_000;
        let text = format!(
            "[Unit]\nDescription=Network Interface {name}\nDefaultDependencies=no\nWants=network.target\n\
             Before=network.target shutdown.target\nConflicts=shutdown.target\n\
             ConditionVirtualization=!container\n\
             [Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec={limit}\nExecStart={STANDS_FOR_CALLS}\n",
            limit = wait + SLACK_SECONDS,
        );
        let mut words = vec![wait.to_string()];
        words.extend(messages(interface).into_iter().flatten());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let calls = vec![(CommandKind::Start, call(Call::Network, name, &words))];
        let unit = maker.oneshot(&format!("tomte-network@{name}.service"), &text, calls);
        // Not ordered before it: whoever does without the network does not wait for an interface.
        unit.relations.imply(Relation::WantedBy, "basic.target");
        for before in BEFORE {
            unit.relations.imply(Relation::After, before);
        }
    }
}

/// What is done, in words, and the message that does it.
fn messages(interface: &Interface) -> Vec<[String; 2]> {
    let up = format!("00000000*{}{}", hex(&UP.to_le_bytes()), hex(&UP.to_le_bytes()));
    let mut all = vec![["set it up".to_owned(), message(NEW_LINK, ASK, &up)]];
    for Address { ip, length } in &interface.address {
        let (family, bytes) = bytes_of(ip);
        let head = format!("{}*", hex(&[family, *length, 0, 0]));
        let mut attributes = attribute(IFA_LOCAL, &bytes) + &attribute(IFA_ADDRESS, &bytes);
        if let (IpAddr::V4(ip), 1..31) = (ip, length) {
            let last = Ipv4Addr::from_bits(ip.to_bits() | u32::MAX >> length);
            attributes += &attribute(IFA_BROADCAST, &last.octets());
        }
        all.push([format!("give it {ip}/{length}"), message(NEW_ADDRESS, SET, &(head + &attributes))]);
    }
    for gateway in &interface.gateway {
        let (family, bytes) = bytes_of(gateway);
        let head = hex(&[family, 0, 0, 0]) + &hex(&MAIN_STATIC_UNIVERSE_UNICAST) + "00000000";
        // As `attribute` has it, of four bytes.
        let through = format!("0800{}*", hex(&RTA_OIF.to_le_bytes()));
        let body = head + &attribute(RTA_GATEWAY, &bytes) + &through;
        all.push([format!("route by {gateway}"), message(NEW_ROUTE, SET, &body)]);
    }
    all
}

fn bytes_of(ip: &IpAddr) -> (u8, Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => (IPV4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (IPV6, ip.octets().to_vec()),
    }
}

/// A message with its `struct nlmsghdr`; every processor that there is a target for has the low byte first.
fn message(kind: u16, flags: u16, body: &str) -> String {
    let stars = body.matches('*').count();
    let length = 16 + (body.len() - stars) / 2 + 4 * stars;
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let head = [&length[..], &kind.to_le_bytes(), &flags.to_le_bytes(), &[0; 8]].concat();
    hex(&head) + body
}

/// `struct rtattr` and its value, which has a multiple of four bytes here.
fn attribute(kind: u16, value: &[u8]) -> String {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX).to_le_bytes();
    hex(&[&length[..], &kind.to_le_bytes(), value].concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(lines: &str) -> Result<Interface, String> {
        toml::from_str(lines).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn messages_are_those_of_the_kernels_headers() {
        let interface =
            interface("address = [\"10.0.2.15/24\", \"fd00::2/64\"]\ngateway = [\"10.0.2.2\", \"fe80::1\"]")
                .unwrap();
        // Header, what it is about, attributes.
        assert_eq!(
            messages(&interface),
            [
                ["set it up", "20000000100005000000000000000000" , "00000000*0100000001000000"],
                [
                    "give it 10.0.2.15/24",
                    "30000000140005050000000000000000",
                    "02180000*080002000a00020f080001000a00020f080004000a0002ff"
                ],
                [
                    "give it fd00::2/64",
                    "40000000140005050000000000000000",
                    "0a400000*14000200fd00000000000000000000000000000214000100fd000000000000000000000000000002"
                ],
                ["route by 10.0.2.2", "2c000000180005050000000000000000", "02000000fe04000100000000080005000a00020208000400*"],
                [
                    "route by fe80::1",
                    "38000000180005050000000000000000",
                    "0a000000fe0400010000000014000500fe80000000000000000000000000000108000400*"
                ],
            ]
            .map(|[what, head, body]| [what.to_owned(), format!("{head}{body}")])
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        for (lines, why) in [
            ("address = [\"10.0.2.15\"]", "such as 192.0.2.10/24"),
            ("address = [\"10.0.2.15/33\"]", "is 1 to 32"),
            ("address = [\"10.0.2/24\"]", "IPv4 or IPv6"),
            ("address = [\"ff02::1/16\"]", "nobody can have"),
            ("address = [\"10.0.2.15/24\"]\ngateway = [\"10.0.3.1\"]", "network of no address"),
            ("address = [\"10.0.2.15/24\"]\ngateway = [\"10.0.2.15\"]", "the interface itself"),
            ("address = [\"10.0.2.15/24\"]\ngateway = [\"10.0.2.1\", \"10.0.2.2\"]", "second of its family"),
            ("address = [\"fd00::2/64\"]\ngateway = [\"10.0.2.1\"]", "network of no address"),
            ("addres = []", "unknown field"),
        ] {
            let error = interface(lines).unwrap_err();
            assert!(error.contains(why), "{lines}: {error}");
        }
    }
}
