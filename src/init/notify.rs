//! The notification socket: datagrams in, and who sent them. Whose word counts is the supervisor's business.

use crate::{
    linux::{
        AsFd, Errno, OwnedFd, errno::Text, poll::Interest, poll::Poll, process, socket, socket::Fds,
        socket::Sender,
    },
    record::Keeper,
    table::{NotifyAccess, Table, Unit},
    wire::{NOTICE_BYTES_MAX, NOTIFY, NOTIFY_PATH, Notice},
};

use super::{control::SOCKET_DIRECTORY, handover::keep_fd, kernel::Token, log};

/// Messages that are of no use and told of. Whoever sends more is not worth the log.
const COMPLAINTS_MAX: u8 = 16;

/// The socket and the message that was read last.
pub(super) struct Notify {
    socket: Option<OwnedFd>,
    message: [u8; NOTICE_BYTES_MAX],
    message_bytes: usize,
    /// Came with it. Closed when it has been handled, which is what a sender waits for (`BARRIER=1`).
    fds: Fds,
    /// Whom it names as the main process.
    main_pid: Option<u32>,
    complaints_left: u8,
}

impl Notify {
    /// Nobody is heard.
    pub(super) const fn new() -> Self {
        Self {
            socket: None,
            message: [0; NOTICE_BYTES_MAX],
            message_bytes: 0,
            fds: Fds::new(),
            main_pid: None,
            complaints_left: COMPLAINTS_MAX,
        }
    }

    /// Listens if a unit of `table` may speak, and if it can: those who have to say that they are ready fail without.
    pub(super) fn listen(&mut self, table: &Table<'_>, poll: &Poll) {
        let speaks = |unit: &Unit<'_>| {
            unit.service().is_some_and(|service| service.notify_access != NotifyAccess::None)
        };
        if self.socket.is_some() || table.ids().any(|id| table.unit(id).as_ref().is_some_and(speaks)) {
            self.socket = listen(self.socket.take(), poll);
        }
    }

    /// Saves or loads the socket.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool) {
        keep_fd(&mut self.socket, with, real);
    }

    /// Reads one message that makes sense; answers who sent it. `None` when no more are there.
    pub(super) fn receive(&mut self) -> Option<Sender> {
        loop {
            let socket = self.socket.as_ref()?;
            match socket::receive_from(socket.as_fd(), &mut self.message) {
                Ok((bytes, sender, fds)) => {
                    (self.message_bytes, self.fds) = (bytes, fds);
                    if let Some(notice) = self.notice() {
                        let Notice { main_pid, main_pidfd, main_pidfd_id, .. } = notice;
                        self.find_main(main_pid, main_pidfd, main_pidfd_id);
                        return Some(sender);
                    }
                    self.complain(format_args!("a message of process {} is none", u64::from(sender.pid)));
                }
                Err(Errno::AGAIN) => return None,
                Err(errno) => {
                    self.complain(format_args!("a message cannot be read: {}", Text(errno)));
                    return None;
                }
            }
        }
    }

    /// Finds whom the message means: the process of a descriptor that came along comes before a number (systemd's
    /// `service_notify_message_parse_new_pid`).
    fn find_main(&mut self, pid: Option<u32>, by_pidfd: bool, id: Option<u64>) {
        self.main_pid = match (by_pidfd, self.fds.as_slice()) {
            (true, [pidfd]) => process::of_pidfd(pidfd),
            (true, _) => None,
            (false, _) => pid.filter(|pid| id.is_none_or(|id| process::pidfd_id(*pid) == Ok(id))),
        };
        if self.main_pid.is_none() && (by_pidfd || pid.is_some()) {
            self.complain(format_args!("there is no such main process"));
        }
    }

    /// What [`Notify::receive`] has just read.
    pub(super) fn notice(&self) -> Option<Notice<'_>> {
        Notice::parse(self.message.get(..self.message_bytes)?)
    }

    /// The same, with the main process found.
    pub(super) fn found(&self) -> Option<Notice<'_>> {
        self.notice().map(|notice| Notice { main_pid: self.main_pid, ..notice })
    }

    /// The same, with what came along.
    pub(super) fn message(&mut self) -> Option<(Notice<'_>, &mut Fds)> {
        Some((Notice::parse(self.message.get(..self.message_bytes)?)?, &mut self.fds))
    }

    /// It has been handled.
    pub(super) fn settle(&mut self) {
        self.fds.clear();
    }

    /// Says what is wrong with a message, the first few times.
    pub(super) fn complain(&mut self, what: core::fmt::Arguments<'_>) {
        if let Some(left) = self.complaints_left.checked_sub(1) {
            self.complaints_left = left;
            log::warn(format_args!("{NOTIFY_PATH}: {what}, ignored"));
        }
    }
}

fn listen(own: Option<OwnedFd>, poll: &Poll) -> Option<OwnedFd> {
    let socket = own.map_or_else(|| socket::hear_at(SOCKET_DIRECTORY, NOTIFY), Ok).and_then(|socket| {
        poll.add(socket.as_fd(), Token::Notify.into(), Interest::Readable)?;
        Ok(socket)
    });
    match socket {
        Ok(socket) => Some(socket),
        Err(errno) => {
            log::error_of(errno, format_args!("cannot listen at {NOTIFY_PATH}, nobody can say he is ready"));
            None
        }
    }
}
