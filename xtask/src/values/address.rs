//! Addresses of sockets, as in `ListenStream=` (systemd.socket(5); facts from socket-util.c, `socket_address_parse`, and
//! in-addr-util.c).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use nix::libc;

use super::{network, path, scalar::decimal, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// The longest path or abstract name of a UNIX socket: `sun_path` less the byte that ends or begins it (unix(7)).
pub const UNIX_BYTES_MAX: usize = 107;

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A path in the file system.
    Path(String),
    /// A name without a file, written `@name`.
    Abstract(String),
    /// A port of every address, IPv6 and IPv4: only the port is written.
    Port(u16),
    /// A port of one address.
    Inet {
        /// IPv4 or, in brackets, IPv6.
        address: IpAddr,
        /// Not 0.
        port: u16,
        /// The network interface of a link-local address, written `%eth0` inside the brackets.
        interface: Option<String>,
    },
    /// A port of virtual machine sockets (vsock(7)).
    Vsock {
        /// Which machine; `None` for any.
        cid: Option<u32>,
        /// The port.
        port: u32,
    },
}

impl fmt::Display for Address {
    /// As [`parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Abstract(name) => write!(f, "@{name}"),
            Self::Port(port) => write!(f, "{port}"),
            Self::Inet { address: IpAddr::V4(address), port, .. } => write!(f, "{address}:{port}"),
            Self::Inet { address: IpAddr::V6(address), port, interface } => {
                let interface = interface.as_ref().map_or_else(String::new, |name| format!("%{name}"));
                write!(f, "[{address}{interface}]:{port}")
            }
            Self::Vsock { cid, port } => {
                write!(f, "vsock:{}:{port}", cid.map_or_else(String::new, |cid| cid.to_string()))
            }
        }
    }
}

/// The address that `text` describes: `/path`, `@name`, `PORT`, `1.2.3.4:PORT`, `[::1]:PORT`, `[fe80::1%eth0]:PORT`,
/// `vsock:CID:PORT`.
pub fn parse(text: &Text) -> Result<Address, Diagnostic> {
    let written = text.as_str();
    if written.starts_with('/') {
        let path = path::absolute(text)?;
        return fits(text, &path).map(|()| Address::Path(path));
    }
    if let Some(name) = written.strip_prefix('@') {
        if name.is_empty() {
            return Err(wrong(text, Code::Address, "no name behind the @"));
        }
        return fits(text, name).map(|()| Address::Abstract(name.to_owned()));
    }
    if let Some(rest) = written.strip_prefix("vsock:") {
        return vsock(text, rest);
    }
    if written.starts_with('[') {
        return inet6(text);
    }
    if let Ok(address) = written.parse::<IpAddr>() {
        let problem = wrong(text, Code::Address, format!("{written}: no port behind the address"));
        return Err(problem.help(match address {
            IpAddr::V4(_) => format!("write {written}:PORT"),
            IpAddr::V6(_) => format!("write [{written}]:PORT"),
        }));
    }
    match written.rfind(':') {
        None if !text.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()) => {
            port(text).map(Address::Port)
        }
        None => Err(no_address(text)),
        Some(colon) => {
            let host = text.slice(0..colon);
            let Ok(address) = host.as_str().parse::<Ipv4Addr>() else { return Err(no_host(&host)) };
            let port = port(&text.slice(colon + 1..text.len()))?;
            Ok(Address::Inet { address: address.into(), port, interface: None })
        }
    }
}

fn no_address(text: &Text) -> Diagnostic {
    let message =
        format!("{:?}: expected an address: /path, @name, PORT, 1.2.3.4:PORT or [::1]:PORT", text.as_str());
    wrong(text, Code::Address, message)
}

fn no_host(host: &Text) -> Diagnostic {
    let written = host.as_str();
    let problem = wrong(host, Code::Address, format!("{written:?} is no IPv4 address"));
    match written.parse::<Ipv6Addr>() {
        Ok(_) => problem.help(format!("an IPv6 address stands in brackets: [{written}]")),
        Err(_) => {
            problem.help("names are not looked up: write the address, or only the port for every address")
        }
    }
}

fn fits(text: &Text, name: &str) -> Result<(), Diagnostic> {
    if name.len() > UNIX_BYTES_MAX {
        let message = format!("{} bytes; a socket's name has at most {UNIX_BYTES_MAX}", name.len());
        return Err(wrong(text, Code::Address, message));
    }
    Ok(())
}

fn inet6(text: &Text) -> Result<Address, Diagnostic> {
    let written = text.as_str();
    let Some(close) = written.find(']') else { return Err(wrong(text, Code::Address, "the [ has no ]")) };
    let inside = text.slice(1..close);
    let (host, interface) = match inside.as_str().find('%') {
        Some(percent) => {
            let name = inside.slice(percent + 1..inside.len());
            (inside.slice(0..percent), Some(network::interface(&name)?))
        }
        None => (inside, None),
    };
    let Ok(address) = host.as_str().parse::<Ipv6Addr>() else {
        return Err(wrong(&host, Code::Address, format!("{:?} is no IPv6 address", host.as_str())));
    };
    let Some(rest) = written[close + 1..].strip_prefix(':') else {
        return Err(wrong(text, Code::Address, "no port behind the address")
            .help(format!("write {}:PORT", &written[..=close])));
    };
    let port = port(&text.slice(text.len() - rest.len()..text.len()))?;
    Ok(Address::Inet { address: address.into(), port, interface })
}

fn vsock(text: &Text, rest: &str) -> Result<Address, Diagnostic> {
    let Some((cid, port)) = rest.split_once(':') else {
        return Err(wrong(text, Code::Address, format!("{:?}: expected vsock:CID:PORT", text.as_str())));
    };
    let number = |digits: &str| decimal(digits).and_then(|number| u32::try_from(number).ok());
    let at = text.len() - rest.len();
    let complain = |range: std::ops::Range<usize>| {
        let part = text.slice(range);
        wrong(
            &part,
            Code::Address,
            format!("{:?}: expected a number from 0 to {}", part.as_str(), u32::MAX - 1),
        )
    };
    let cid = match cid {
        "" => None,
        _ => Some(
            number(cid)
                .filter(|cid| *cid < libc::VMADDR_CID_ANY)
                .ok_or_else(|| complain(at..at + cid.len()))?,
        ),
    };
    let port = number(port)
        .filter(|port| *port < u32::MAX)
        .ok_or_else(|| complain(text.len() - port.len()..text.len()))?;
    Ok(Address::Vsock { cid, port })
}

/// A port: 1 to 65535.
pub fn port(text: &Text) -> Result<u16, Diagnostic> {
    let number = decimal(text.as_str()).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    number.ok_or_else(|| {
        wrong(text, Code::Address, format!("{:?} is no port: expected 1 to 65535", text.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    fn inet(address: &str, port: u16, interface: Option<&str>) -> Address {
        let address = address.parse().expect("an address");
        Address::Inet { address, port, interface: interface.map(str::to_owned) }
    }

    #[test]
    fn every_form_of_an_address_is_understood() {
        for (written, address) in [
            ("/run//x/./socket", Address::Path("/run/x/socket".into())),
            ("@/org/x", Address::Abstract("/org/x".into())),
            ("80", Address::Port(80)),
            ("127.0.0.1:8080", inet("127.0.0.1", 8080, None)),
            ("0.0.0.0:1", inet("0.0.0.0", 1, None)),
            ("[::]:65535", inet("::", 65535, None)),
            ("[fe80::1%eth0]:22", inet("fe80::1", 22, Some("eth0"))),
            ("[::ffff:1.2.3.4]:5", inet("::ffff:1.2.3.4", 5, None)),
            ("vsock::1234", Address::Vsock { cid: None, port: 1234 }),
            ("vsock:2:1234", Address::Vsock { cid: Some(2), port: 1234 }),
        ] {
            assert_eq!(parse(&text(&address.to_string())), Ok(address.clone()), "{address}");
            assert_eq!(parse(&text(written)), Ok(address), "{written}");
        }
    }

    #[test]
    fn a_wrong_address_is_shown_where_it_is_wrong() {
        for (written, column, width, message) in [
            ("", 1, 1, "expected an address"),
            ("socket", 1, 6, "expected an address"),
            ("0", 1, 1, "is no port"),
            ("65536", 1, 5, "is no port"),
            ("080", 1, 3, "is no port"),
            ("127.0.0.1", 1, 9, "no port behind the address"),
            ("127.0.0.1:", 11, 1, "is no port"),
            ("127.0.0.1:http", 11, 4, "is no port"),
            ("127.0.0.256:80", 1, 11, "is no IPv4 address"),
            ("localhost:80", 1, 9, "is no IPv4 address"),
            ("*:80", 1, 1, "is no IPv4 address"),
            ("::1:80", 1, 6, "no port behind the address"),
            ("fe80::1%eth0:80", 1, 12, "is no IPv4 address"),
            ("[::1:80", 1, 7, "has no ]"),
            ("[::1]", 1, 5, "no port behind the address"),
            ("[1.2.3.4]:80", 2, 7, "is no IPv6 address"),
            ("[fe80::1%]:22", 10, 1, "interface"),
            ("@", 1, 1, "no name behind the @"),
            ("/a/../b", 1, 7, "contains \"..\""),
            ("vsock:2", 1, 7, "expected vsock:CID:PORT"),
            ("vsock:x:5", 7, 1, "expected a number"),
            ("vsock:2:", 9, 1, "expected a number"),
        ] {
            let problem = parse(&text(written)).expect_err(written);
            assert!(problem.message.contains(message), "{written}: {}", problem.message);
            assert_eq!((problem.place.expect("a place").column, problem.width), (column, width), "{written}");
        }
        let long = format!("/{}", "x".repeat(107));
        assert!(parse(&text(&long)).expect_err("too long").message.contains("at most 107"));
        assert!(parse(&text(&long[..107])).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_an_address_or_an_error(written in "[\\[\\]0-9a-f:.%@/vsock]{0,20}") {
            let _ = parse(&text(&written));
        }

        #[test]
        fn addresses_read_back(address: std::net::SocketAddr) {
            proptest::prop_assume!(address.port() != 0);
            let interface = match address {
                std::net::SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id().to_string()),
                std::net::SocketAddr::V4(_) | std::net::SocketAddr::V6(_) => None,
            };
            let expected = Address::Inet { address: address.ip(), port: address.port(), interface };
            proptest::prop_assert_eq!(parse(&text(&address.to_string())), Ok(expected));
        }
    }
}
