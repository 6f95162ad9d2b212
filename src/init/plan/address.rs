//! Addresses as text.

use core::{fmt::Write, net::IpAddr};

/// INET6_ADDRSTRLEN.
pub(super) const ADDRESS_BYTES: usize = 46;

/// An address as inet_ntop(3) writes it. (core's own formatting is three times as long.)
pub(super) fn write_address(to: &mut impl Write, address: IpAddr) -> core::fmt::Result {
    let parts = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets().map(u64::from);
            return write!(to, "{a}.{b}.{c}.{d}");
        }
        IpAddr::V6(address) => address.segments(),
    };
    // The first of the longest runs of zeros, of two at least, is left out.
    let zeros = |from: usize| parts.iter().skip(from).take_while(|part| **part == 0).count();
    let from = (0..parts.len()).rev().max_by_key(|from| zeros(*from)).unwrap_or(0);
    let gap = if zeros(from) > 1 { from..from.saturating_add(zeros(from)) } else { 0..0 };
    for (at, part) in parts.iter().enumerate() {
        if gap.contains(&at) {
            if at == gap.start {
                to.write_str("::")?;
            }
            continue;
        }
        if at > 0 && at != gap.end {
            to.write_char(':')?;
        }
        let mut shift = 12_u16;
        while shift > 0 && part >> shift == 0 {
            shift = shift.saturating_sub(4);
        }
        loop {
            let digit = u32::from(part >> shift & 0xf);
            to.write_char(char::from_digit(digit, 16).unwrap_or('0'))?;
            let Some(next) = shift.checked_sub(4) else { break };
            shift = next;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use heapless::String;

    use super::*;

    #[test]
    fn an_address_is_written_as_everybody_writes_it() {
        for text in [
            "127.0.0.1",
            "::",
            "::1",
            "fe80::1:0:0:a",
            "2001:db8::",
            "1:0:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8",
            "a::b:0:0:c",
        ] {
            let address: IpAddr = text.parse().expect("an address");
            let mut written = String::<ADDRESS_BYTES>::new();
            write_address(&mut written, address).expect("room");
            assert_eq!(written.as_str(), std::format!("{address}"), "{text}");
        }
    }
}
