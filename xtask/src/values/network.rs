//! What firewalls and sockets speak of: IP prefixes, interfaces, rules for binding (systemd.resource-control(5),
//! systemd.socket(5); facts from in-addr-prefix-util.c, parse-util.c and netif-util.c).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{scalar::decimal, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// The addresses whose first `length` bits are those of `address`; its other bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// IPv4 or IPv6.
    pub address: IpAddr,
    /// At most 32 or 128.
    pub length: u8,
}

impl Prefix {
    /// The addresses that begin with the first `length` bits of `address`.
    pub fn new(address: IpAddr, length: u8) -> Self {
        Self { address: masked(address, length), length }
    }

    /// Whether `address` begins with these bits.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.length) == self.address
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl serde::Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Names of groups of prefixes.
const GROUPS: [(&str, [Prefix; 2]); 4] = [
    ("any", [v4([0, 0, 0, 0], 0), v6(0, 0, 0)]),
    ("localhost", [v4([127, 0, 0, 0], 8), v6(0, 1, 128)]),
    ("link-local", [v4([169, 254, 0, 0], 16), v6(0xfe80, 0, 64)]),
    ("multicast", [v4([224, 0, 0, 0], 4), v6(0xff00, 0, 8)]),
];

const fn v4(address: [u8; 4], length: u8) -> Prefix {
    let [a, b, c, d] = address;
    Prefix { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length }
}

const fn v6(first: u16, last: u16, length: u8) -> Prefix {
    Prefix { address: IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last)), length }
}

/// The prefixes that `text` lists: `10.0.0.0/8`, `::1`, `localhost`.
pub fn prefixes(text: &Text) -> Result<Vec<Prefix>, Diagnostic> {
    let mut prefixes = Vec::new();
    for word in word::list(text)? {
        match GROUPS.into_iter().find(|(name, _)| *name == word.as_str()) {
            Some((_, group)) => prefixes.extend(group),
            None => prefixes.push(prefix(&word)?),
        }
    }
    Ok(prefixes)
}

fn prefix(text: &Text) -> Result<Prefix, Diagnostic> {
    let written = text.as_str();
    let slash = written.find('/').unwrap_or(written.len());
    let Ok(address) = written[..slash].parse::<IpAddr>() else {
        let names = GROUPS.map(|(name, _)| name);
        let message = format!("{:?} is no IP address and none of {}", &written[..slash], names.join(" | "));
        return Err(wrong(&text.slice(0..slash), Code::Network, message).did_you_mean(written, names));
    };
    let highest = if address.is_ipv4() { 32 } else { 128 };
    let length = match written.get(slash + 1..) {
        None => Some(highest),
        Some(digits) => {
            decimal(digits).and_then(|length| u8::try_from(length).ok()).filter(|length| *length <= highest)
        }
    };
    let Some(length) = length else {
        let part = text.slice(slash + 1..text.len());
        return Err(wrong(
            &part,
            Code::Network,
            format!("{:?}: expected a prefix length from 0 to {highest}", part.as_str()),
        ));
    };
    Ok(Prefix::new(address, length))
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// The longest name of a network interface (linux/if.h, `IFNAMSIZ` less the NUL).
const NAME_BYTES_MAX: usize = 15;
/// The longest of the other names that an interface may have (linux/if.h, `ALTIFNAMSIZ` less the NUL).
const OTHER_NAME_BYTES_MAX: usize = 127;

/// A network interface's name, or its number: 1 to 15 bytes without `/`, `:`, `%` and blanks, not `.`, `..`, `all` and
/// `default`, which the kernel keeps for itself (netif-util.c, `ifname_valid_full`).
pub fn interface(text: &Text) -> Result<String, Diagnostic> {
    name(text, NAME_BYTES_MAX)
}

fn name(text: &Text, bytes_max: usize) -> Result<String, Diagnostic> {
    let name = text.as_str();
    let refuse =
        |why: &str| Err(wrong(text, Code::Network, format!("{name:?} is no network interface: {why}")));
    if name.is_empty() || name.len() > bytes_max {
        return refuse(&format!("a name has 1 to {bytes_max} bytes"));
    }
    if [".", "..", "all", "default"].contains(&name) {
        return refuse("the kernel keeps this name for itself");
    }
    if !name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/:%".contains(&byte)) {
        return refuse("a name holds no blank, slash, colon and percent sign");
    }
    Ok(name.to_owned())
}

/// A list of interfaces, by any of their names; behind `~` all but these.
pub fn interfaces(text: &Text) -> Result<(bool, Vec<String>), Diagnostic> {
    let (inverted, list) = match text.as_str().strip_prefix('~') {
        Some(_) => (true, text.slice(1..text.len())),
        None => (false, text.clone()),
    };
    let one = |word: &Text| name(word, OTHER_NAME_BYTES_MAX);
    let names = word::list(&list)?.iter().map(one).collect::<Result<_, _>>()?;
    Ok((inverted, names))
}

/// The IP version that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
}

/// The transport that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
}

/// What a process may bind a socket to: `SocketBindAllow=`. `None` stands for all there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindRule {
    pub version: Option<Version>,
    pub transport: Option<Transport>,
    pub ports: Option<std::ops::RangeInclusive<u16>>,
}

impl std::fmt::Display for BindRule {
    /// As [`bind_rule`] reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.version {
            Some(Version::V4) => "ipv4:",
            Some(Version::V6) => "ipv6:",
            None => "",
        })?;
        f.write_str(match self.transport {
            Some(Transport::Tcp) => "tcp:",
            Some(Transport::Udp) => "udp:",
            None => "",
        })?;
        match &self.ports {
            Some(ports) if ports.start() == ports.end() => write!(f, "{}", ports.start()),
            Some(ports) => write!(f, "{}-{}", ports.start(), ports.end()),
            None => f.write_str("any"),
        }
    }
}

impl serde::Serialize for BindRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `[ipv4|ipv6:][tcp|udp:][PORT|PORT-PORT|any]`.
pub fn bind_rule(text: &Text) -> Result<BindRule, Diagnostic> {
    const FORM: &str = "expected [ipv4:|ipv6:][tcp:|udp:]PORT, PORT-PORT or any";
    let mut rule = BindRule { version: None, transport: None, ports: None };
    let mut at = 0;
    let parts: Vec<_> = text.as_str().split(':').collect();
    for (n, part) in parts.iter().enumerate() {
        let here = text.slice(at..at + part.len());
        at += part.len() + 1;
        let last = n + 1 == parts.len();
        match *part {
            "ipv4" | "ipv6" if n == 0 => {
                rule.version = Some(if *part == "ipv4" { Version::V4 } else { Version::V6 });
            }
            "tcp" | "udp" if rule.transport.is_none() && (n == 0 || (n == 1 && rule.version.is_some())) => {
                rule.transport = Some(if *part == "tcp" { Transport::Tcp } else { Transport::Udp });
            }
            "any" if last => {}
            _ if last && part.starts_with(|c: char| c.is_ascii_digit()) => rule.ports = Some(ports(&here)?),
            _ => {
                let problem = wrong(&here, Code::Network, format!("{part:?}: {FORM}"));
                return Err(problem.did_you_mean(part, ["ipv4", "ipv6", "tcp", "udp", "any"]));
            }
        }
    }
    Ok(rule)
}

fn ports(text: &Text) -> Result<std::ops::RangeInclusive<u16>, Diagnostic> {
    let Some(dash) = text.as_str().find('-') else {
        let port = super::address::port(text)?;
        return Ok(port..=port);
    };
    let first = super::address::port(&text.slice(0..dash))?;
    let last = super::address::port(&text.slice(dash + 1..text.len()))?;
    if first > last {
        return Err(wrong(text, Code::Network, format!("{:?} ends before it begins", text.as_str())));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn prefixes_are_masked_and_groups_have_names() {
        let shown = |written: &str| {
            let list = prefixes(&text(written)).expect(written);
            list.iter().map(Prefix::to_string).collect::<Vec<_>>().join(" ")
        };
        for (written, list) in [
            ("", ""),
            ("10.1.2.3/8 ::1", "10.0.0.0/8 ::1/128"),
            ("192.168.1.1", "192.168.1.1/32"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("2001:db8:ffff::1/33", "2001:db8:8000::/33"),
            ("fe80::1/0", "::/0"),
            ("any", "0.0.0.0/0 ::/0"),
            ("localhost", "127.0.0.0/8 ::1/128"),
            ("link-local multicast", "169.254.0.0/16 fe80::/64 224.0.0.0/4 ff00::/8"),
        ] {
            assert_eq!(shown(written), list, "{written}");
        }
        for (bad, column, width) in [
            ("10.0.0.0/33", 10, 2),
            ("::1/129", 5, 3),
            ("any localhots", 5, 9),
            ("1.2.3/8", 1, 5),
            ("::1/", 5, 1),
            ("1.2.3.4/08", 9, 2),
        ] {
            let problem = prefixes(&text(bad)).expect_err(bad);
            assert_eq!((problem.place.expect("a place").column, problem.width), (column, width), "{bad}");
        }
        assert_eq!(prefixes(&text("localhots")).expect_err("misspelt").help, ["did you mean \"localhost\"?"]);
    }

    #[test]
    fn interfaces_have_short_plain_names() {
        assert_eq!(interfaces(&text("~eth0 wlan0")), Ok((true, vec!["eth0".into(), "wlan0".into()])));
        assert_eq!(interfaces(&text("")), Ok((false, vec![])));
        assert!(interfaces(&text(&"x".repeat(127))).is_ok() && interfaces(&text(&"x".repeat(128))).is_err());
        for bad in ["", "a/b", "a:b", "a%b", "..", "all", "sixteen-bytes-xx", "ü"] {
            assert!(interface(&text(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn bind_rules_have_three_parts_and_each_may_be_missing() {
        for (written, version, transport, ports) in [
            ("any", None, None, None),
            ("80", None, None, Some(80..=80)),
            ("ipv4:1-1023", Some(Version::V4), None, Some(1..=1023)),
            ("ipv6:tcp:443", Some(Version::V6), Some(Transport::Tcp), Some(443..=443)),
            ("udp:any", None, Some(Transport::Udp), None),
            ("ipv6", Some(Version::V6), None, None),
            ("tcp", None, Some(Transport::Tcp), None),
        ] {
            let rule = BindRule { version, transport, ports };
            assert_eq!(bind_rule(&text(&rule.to_string())), Ok(rule.clone()), "{rule}");
            assert_eq!(bind_rule(&text(written)), Ok(rule), "{written}");
        }
        for bad in
            ["", "tcp:ipv4:80", "ipv4:ipv6", "80:tcp", "0", "90-80", "ipv5:80", "tcp:udp", "any:80", "ipv4:"]
        {
            assert!(bind_rule(&text(bad)).is_err(), "{bad}");
        }
    }
}
