//! A network interface's addresses and routes: messages of rtnetlink(7), made when the table was baked. For children only:
//! the interface may be one of a module that is still being loaded.

use core::{ffi::CStr, fmt::Write};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice::name_to_index, recv, send,
        socket_with,
    },
};

use super::{clock, errno::Text, output::Output, raw::process};

/// The longest message: a header, what it is about, and an address of IPv6 three times over.
const MESSAGE_BYTES_MAX: usize = 128;
/// Where a message has the interface's number.
const INDEX: u8 = b'*';
/// `struct nlmsghdr`, behind which an answer has its error.
const HEADER_BYTES: usize = 16;
/// How often an interface is looked for.
const LOOK_US: u64 = 50_000;

/// Does to `interface`, as soon as it is there, what the words say: what is done, in words, then a message of rtnetlink(7) in
/// hexadecimal digits, with a `*` for the interface's number. What fails is said with the interface, and ends the process.
///
/// # Errors
/// socket(2)'s; EINVAL for what is no message.
pub(super) fn set_up<'w>(
    interface: &str,
    wait_us: u64,
    next: &mut dyn FnMut() -> &'w CStr,
) -> Result<(), Errno> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let deadline = clock::monotonic_us().saturating_add(wait_us);
    let mut what = c"find it";
    let found = loop {
        match name_to_index(&socket, interface) {
            Err(Errno::NODEV) if clock::monotonic_us() < deadline => clock::sleep_us(LOOK_US),
            found => break found,
        }
    };
    let mut done = found.map(drop);
    let index = found.unwrap_or_default().to_ne_bytes();
    while done.is_ok() {
        what = next();
        if what.is_empty() {
            return Ok(());
        }
        let mut message = heapless::Vec::new();
        compose(next().to_bytes(), index, &mut message)?;
        send(&socket, &message, SendFlags::empty())?;
        let mut answer = [0; MESSAGE_BYTES_MAX];
        recv(&socket, &mut answer, RecvFlags::empty())?;
        done = match answer.get(HEADER_BYTES..).and_then(|rest| rest.first_chunk()) {
            Some([0, 0, 0, 0]) => Ok(()),
            Some(error) => Err(Errno::from_raw_os_error(-i32::from_ne_bytes(*error))),
            None => Err(Errno::PROTO),
        };
    }
    if let Err(errno) = done {
        let what = what.to_str().unwrap_or_default();
        let _ = writeln!(Output::stderr(), "{interface}: cannot {what}: {}", Text(errno));
    }
    process::exit(1)
}

/// The bytes of `text`, with `index` where it has a `*`.
fn compose(
    text: &[u8],
    index: [u8; 4],
    message: &mut heapless::Vec<u8, MESSAGE_BYTES_MAX>,
) -> Result<(), Errno> {
    let mut high = None;
    for &byte in text {
        let digit = match byte {
            INDEX => {
                message.extend_from_slice(&index).map_err(|_| Errno::INVAL)?;
                continue;
            }
            _ => char::from(byte).to_digit(16).ok_or(Errno::INVAL)? as u8,
        };
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => message.push(high | digit).map_err(|_| Errno::INVAL)?,
        }
    }
    if high.is_none() { Ok(()) } else { Err(Errno::INVAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_number_of_the_interface_where_a_star_stands() {
        let composed = |text: &[u8]| {
            let mut message = heapless::Vec::new();
            compose(text, [7, 0, 0, 0], &mut message).map(|()| message.to_vec())
        };
        assert_eq!(composed(b"0aFf*01"), Ok(std::vec![0x0a, 0xff, 7, 0, 0, 0, 1]));
        for wrong in [&b"0"[..], b"0g", &[b'0'; 2 * MESSAGE_BYTES_MAX + 2], &[b'*'; 33]] {
            assert_eq!(composed(wrong), Err(Errno::INVAL));
        }
    }
}
