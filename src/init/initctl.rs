//! /run/initctl: what sysvinit's telinit, shutdown, poweroff and reboot write to (initreq.h). Only root can.

use crate::{
    linux::{self, AsFd, Errno, OwnedFd, poll::Interest, signals},
    supervisor::Event,
};

use super::{
    kernel::{Kernel, Token},
    log,
};

/// struct init_request.
const REQUEST_BYTES: usize = 384;
const MAGIC: u32 = 0x0309_1969;
/// INIT_CMD_RUNLVL.
const CHANGE_RUNLEVEL: u32 = 1;

impl Kernel {
    /// Listens for such requests, unless this is a container.
    pub(super) fn listen_to_initctl(&mut self) {
        if self.container {
            return;
        }
        let opened = linux::listen::open_own_fifo(c"/run/initctl").and_then(|fifo: OwnedFd| {
            self.poll.add(fifo.as_fd(), Token::Initctl.into(), Interest::Readable)?;
            Ok(fifo)
        });
        match opened {
            Ok(fifo) => self.initctl = Some(fifo),
            Err(errno) => log::warn_of(errno, format_args!("cannot listen at /run/initctl")),
        }
    }

    /// Reads one request: the signal that asks for the same, if there is one.
    pub(super) fn initctl_asks(&self) -> Option<Event<'static>> {
        let mut request = [0; REQUEST_BYTES];
        let read = self
            .initctl
            .as_ref()
            .map_or(Err(Errno::BADF), |fifo| linux::listen::read_from(fifo, &mut request));
        if read != Ok(REQUEST_BYTES) {
            return None;
        }
        let word = |n: usize| request.as_chunks::<4>().0.get(n).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
        let signal = match (word(0), word(1), u8::try_from(word(2)).unwrap_or(0)) {
            (MAGIC, CHANGE_RUNLEVEL, b'0') => signals::USR2,
            (MAGIC, CHANGE_RUNLEVEL, b'6') => signals::TERM,
            _ => {
                log::warn(format_args!("/run/initctl: a request that is not understood, ignored"));
                return None;
            }
        };
        Some(Event::Signal { signal, container: false })
    }
}
