//! Address families of sockets by name (address_families(7)). The numbers are the kernel's on every architecture.

use nix::libc;

use super::wrong;
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

macro_rules! families {
    ($($name:ident)+) => { &[$((stringify!($name), libc::$name as u8)),+] };
}

/// Names and numbers. Where a number has two names, the common one is first.
const FAMILIES: &[(&str, u8)] = families![
    AF_UNIX AF_LOCAL AF_INET AF_AX25 AF_IPX AF_APPLETALK AF_NETROM AF_BRIDGE AF_ATMPVC AF_X25 AF_INET6 AF_ROSE
    AF_DECnet AF_NETBEUI AF_SECURITY AF_KEY AF_NETLINK AF_ROUTE AF_PACKET AF_ASH AF_ECONET AF_ATMSVC AF_RDS AF_SNA
    AF_IRDA AF_PPPOX AF_WANPIPE AF_LLC AF_IB AF_MPLS AF_CAN AF_TIPC AF_BLUETOOTH AF_IUCV AF_RXRPC AF_ISDN AF_PHONET
    AF_IEEE802154 AF_CAIF AF_ALG AF_NFC AF_VSOCK AF_XDP
];

/// Families that the C library has no names for yet (include/linux/socket.h).
const NEWER: [(&str, u8); 4] = [("AF_KCM", 41), ("AF_QIPCRTR", 42), ("AF_SMC", 43), ("AF_MCTP", 45)];

fn all() -> impl Iterator<Item = (&'static str, u8)> {
    FAMILIES.iter().copied().chain(NEWER)
}

/// The family that `text` names, such as `AF_INET6`.
pub fn parse(text: &Text) -> Result<u8, Diagnostic> {
    let written = text.as_str();
    all().find(|(name, _)| *name == written).map(|(_, number)| number).ok_or_else(|| {
        let problem = wrong(text, Code::Word, format!("{written:?} is no address family"));
        problem.did_you_mean(written, all().map(|(name, _)| name))
    })
}

/// The name of family `number`.
pub fn name(number: u8) -> Option<&'static str> {
    all().find(|(_, other)| *other == number).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn families_have_names_and_numbers() {
        for (written, number) in [
            ("AF_UNIX", 1),
            ("AF_LOCAL", 1),
            ("AF_INET", 2),
            ("AF_INET6", 10),
            ("AF_NETLINK", 16),
            ("AF_XDP", 44),
        ] {
            assert_eq!(parse(&text(written)), Ok(number), "{written}");
        }
        assert_eq!(
            (name(1), name(16), name(45), name(0)),
            (Some("AF_UNIX"), Some("AF_NETLINK"), Some("AF_MCTP"), None)
        );
        assert_eq!(parse(&text("AF_INTE6")).expect_err("no family").help, ["did you mean \"AF_INET6\"?"]);
        for bad in ["", "inet", "AF_", "AF_UNSPEC", "2"] {
            assert!(parse(&text(bad)).is_err(), "{bad}");
        }
        assert!((1..=45).filter(|number| name(*number).is_none()).count() <= 1, "27 to 45 have few holes");
    }
}
