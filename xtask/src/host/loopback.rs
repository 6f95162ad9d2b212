//! Brings up `lo` in a fresh network namespace: one rtnetlink message (rtnetlink(7)).

use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// linux/rtnetlink.h: set a link's flags.
const RTM_NEWLINK: u16 = 16;
/// linux/netlink.h: answer with an acknowledgement.
const NLM_F_REQUEST_ACK: u16 = 1 | 4;
/// linux/netlink.h: an acknowledgement, or an error.
const NLMSG_ERROR: u16 = 2;
/// net/if.h: the link is up.
const IFF_UP: u32 = 1;
/// The first interface of every network namespace.
const LOOPBACK_INDEX: u32 = 1;
/// nlmsghdr (16) and ifinfomsg (16).
const MESSAGE_BYTES: u32 = 32;

/// Sets IFF_UP on `lo`.
pub fn up() -> Result<()> {
    let mut message = Vec::new();
    message.extend(MESSAGE_BYTES.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend([0; 8]); // sequence and port
    message.extend([0; 4]); // family, padding, type
    message.extend(LOOPBACK_INDEX.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes()); // the flags
    message.extend(IFF_UP.to_ne_bytes()); // which of them to change
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
        .context("loopback: cannot open a netlink socket")?;
    send(&socket, &message, SendFlags::empty()).context("loopback: cannot ask the kernel")?;
    let mut answer = [0_u8; 256];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty()).context("loopback: no answer")?;
    let word = |at: usize| {
        answer.get(at..at + 4).filter(|_| at + 4 <= length).and_then(|bytes| bytes.try_into().ok())
    };
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    match (kind, word(16).map(i32::from_ne_bytes)) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (_, error) => bail!("loopback: the kernel refuses to bring it up ({error:?})"),
    }
}
