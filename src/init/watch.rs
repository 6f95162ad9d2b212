//! Opening what sockets listen on and looking at paths: a child does, and hands the descriptors to PID 1. What cannot keep
//! anybody waiting PID 1 opens itself: a fork is several times as dear as the socket.

use core::fmt::Write;

use crate::{
    linux::{
        self, AsFd, BorrowedFd, Errno, OwnedFd,
        condition::{self as look, Question},
        listen::{self, Place, Source},
        passwd::{self, Key},
        raw::process,
        watch,
    },
    supervisor::{Event, Found},
    table::{
        Kind, Listen, ListenKind, Lists, Path, Relation, Socket, Unit, UnitId, Watch, WatchEvent,
        limits::LISTEN_MAX,
    },
    wire::ExitStatus,
};

use super::{
    held::Descriptor,
    kernel::Kernel,
    log,
    processes::{Process, Role},
};

/// What the child sends along with the descriptors: the place of what is there in the unit's list and one, or 0; how many descriptors there are,
/// the bits of [`Found::seen`], and those of the descriptors that tell by themselves that something has come.
const MESSAGE_BYTES: usize = 8;

/// Families of Internet sockets: socket(2).
const INET: u8 = 2;
const INET6: u8 = 10;

/// What a child has opened and found.
#[derive(Default)]
struct Opened {
    fds: heapless::Vec<OwnedFd, LISTEN_MAX>,
    /// The place in the unit's list of what is there.
    there: Option<u8>,
    seen: u16,
    tells: u32,
}

impl Opened {
    fn push(&mut self, fd: OwnedFd, tells: bool) -> Result<(), Errno> {
        self.tells |= u32::from(tells) << self.fds.len();
        self.fds.push(fd).map_err(|_| Errno::MFILE)
    }

    fn message(&self) -> [u8; MESSAGE_BYTES] {
        let ([low, high], [a, b, c, d]) = (self.seen.to_le_bytes(), self.tells.to_le_bytes());
        [self.there.map_or(0, |there| there + 1), self.fds.len() as u8, low, high, a, b, c, d]
    }
}

/// Opens what `unit` is about, or starts a child that does. `first`: directories are made that a path unit wants made.
///
/// # Errors
/// clone3(2)'s and socketpair(2)'s, or EAGAIN when the process table is full.
pub(super) fn start(kernel: &mut Kernel, unit: UnitId, first: bool) -> Result<Option<Event<'static>>, Errno> {
    let record = kernel.table.unit(unit);
    let open = |record: &Option<Unit<'_>>| record.as_ref().and_then(|record| open(record, first));
    if let Some(Unit { kind: Kind::Socket(socket), .. }) = &record
        && is_quick(socket)
    {
        let found = open(&record).and_then(|Opened { fds, there, seen, tells }| {
            kernel.hold(unit, &mut fds.into_iter(), tells).then_some(Found { there, seen })
        });
        return Ok(Some(Event::Watched { unit, found }));
    }
    let place = kernel.processes.free_place().ok_or(Errno::AGAIN)?;
    let (ours, theirs) = listen::channel()?;
    match process::fork()? {
        process::Forked::Child => {
            look::give_up_in_time();
            let sent = open(&record).is_some_and(|opened| {
                let sent = listen::send(theirs.as_fd(), &opened.message(), &opened.fds);
                sent.is_ok()
            });
            process::exit(u8::from(!sent))
        }
        process::Forked::Parent { pid, pidfd } => {
            let child = Process::helper(pid, pidfd, Role::Watcher { unit });
            kernel.processes.put(place, Process { report: Some(ours), ..child });
            Ok(None)
        }
    }
}

/// Whether all of `socket` can be opened without waiting: its nodes are in /run itself, where root alone puts anything, or in
/// a directory that was not there before this made it. No link leads away from there, and nothing else is mounted on it.
#[inline(never)]
fn is_quick(socket: &Socket<'_>) -> bool {
    socket.quick
        && socket.listen.iter().all(|Listen { path, .. }| match path.bytes().rposition(|byte| byte == b'/') {
            Some(at @ 5..) => {
                listen::make_new(path.split_at_checked(at).unwrap_or_default().0, socket.directory_mode)
            }
            Some(_) | None => true,
        })
}

impl Kernel {
    /// The child has ended: what it has sent is held from here on, in the place of what was held before.
    #[inline(never)]
    pub(super) fn watched(&mut self, unit: UnitId, child: &Process, status: ExitStatus) -> Event<'static> {
        let mut message = [0; MESSAGE_BYTES];
        let sent = child.report.as_ref().filter(|_| status == ExitStatus::Exited(0));
        let fds = sent.and_then(|channel| listen::receive(channel, &mut message));
        let [there, count, low, high, a, b, c, d] = message;
        let whole = fds.filter(|fds| fds.len() == usize::from(count));
        if whole.is_none() && sent.is_some() {
            log::error(format_args!("{}: PID 1 cannot have so many descriptors", self.name(unit)));
        }
        let tells = u32::from_le_bytes([a, b, c, d]);
        let found = Found { there: there.checked_sub(1), seen: u16::from_le_bytes([low, high]) };
        let is_whole = whole.is_some();
        let is_held = self.hold(unit, &mut whole.unwrap_or_default().into_iter(), tells);
        Event::Watched { unit, found: (is_whole && is_held).then_some(found) }
    }

    /// Holds `fds` for `unit`, in the place of what was held before; whether there is room for them.
    fn hold(&mut self, unit: UnitId, fds: &mut dyn Iterator<Item = OwnedFd>, mut tells: u32) -> bool {
        self.held.close(unit, &self.poll);
        let mut held = true;
        for fd in fds {
            held &= self.held.hold(Descriptor { fd, unit, tells: tells & 1 == 1, name: 0 });
            tells >>= 1;
        }
        held
    }

    /// Closes what is held for `unit`. A child that is still at it ends, and what it has opened with it.
    #[inline(never)]
    pub(super) fn unwatch(&mut self, unit: UnitId) -> Option<Event<'static>> {
        self.processes.dismiss_watcher(unit);
        self.held.close(unit, &self.poll);
        let record = self.table.unit(unit);
        let removes = matches!(record.as_ref().map(|record| &record.kind), Some(Kind::Socket(socket)) if socket.remove_on_stop);
        if removes && let Some(place) = self.processes.free_place() {
            match process::fork() {
                Ok(process::Forked::Child) => {
                    look::give_up_in_time();
                    process::exit(u8::from(!record.is_some_and(|record| remove_nodes(&record))))
                }
                Ok(process::Forked::Parent { pid, pidfd }) => {
                    self.processes.put(place, Process::helper(pid, pidfd, Role::Janitor { unit }));
                    return None;
                }
                Err(errno) => log::error_of(errno, format_args!("cannot clean up after {}", self.name(unit))),
            }
        }
        Some(Event::Cleaned { unit, clean: true })
    }

    /// Takes a connection of `unit`'s for `instance`, or drops it.
    pub(super) fn accept(&mut self, unit: UnitId, instance: UnitId) -> Option<Event<'static>> {
        let fd = self.held.of(unit).find_map(|fd| listen::accept(fd).ok())?;
        self.held.close(instance, &self.poll);
        if self.is_crowded(unit, fd.as_fd()) {
            log::warn(format_args!(
                "{}: too many connections from one source, one is closed",
                self.name(unit)
            ));
            return None;
        }
        let known = self.table.name(instance).is_some();
        if known && self.held.hold(Descriptor { fd, unit: instance, tells: false, name: 0 }) {
            return Some(Event::Accepted { unit: instance });
        }
        log::warn(format_args!("{}: too many connections, one is closed", self.name(unit)));
        None
    }

    /// Whether who is at the other end of `connection` has as many connections of the socket `unit` as one may have.
    fn is_crowded(&self, unit: UnitId, connection: BorrowedFd<'_>) -> bool {
        let Some(record) = self.table.unit(unit) else { return false };
        let Kind::Socket(Socket { per_source: most @ 1.., .. }) = record.kind else { return false };
        let (source, _) = listen::source(connection);
        let mut count = 0;
        record.each(Lists::of(Relation::Triggers), &mut |instance| {
            count += self.held.of(instance).filter(|fd| listen::source(*fd).0 == source).count();
        });
        source != Source::Unknown && count >= most as usize
    }

    fn name(&self, unit: UnitId) -> &'static str {
        self.table.name(unit).unwrap_or_default()
    }
}

/// Opens what `unit` is about; `None` after it was said what failed.
#[inline(never)]
fn open(unit: &Unit<'_>, first: bool) -> Option<Opened> {
    let mut opened = Opened::default();
    let name = unit.name.as_str();
    match &unit.kind {
        Kind::Socket(socket) => open_socket(name, socket, &mut opened)?,
        Kind::Path(path) => open_path(name, path, first, &mut opened)?,
        Kind::Timer(_) | Kind::Target | Kind::Service | Kind::Device(_) => {}
    }
    Some(opened)
}

/// What came of it, unless it failed: that is said.
fn or_say<T>(unit: &str, what: &str, place: &str, result: Result<T, Errno>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(errno) => {
            log::error_of(errno, format_args!("{unit}: cannot {what} {place}"));
            None
        }
    }
}

#[inline(never)]
fn open_socket(unit: &str, socket: &Socket<'_>, opened: &mut Opened) -> Option<()> {
    let (user, group) = (user_of(unit, socket.user)?, group_of(unit, socket.group)?);
    let mut linked = None;
    for listen in socket.listen.iter() {
        let place = Place {
            path: listen.path,
            mode: socket.mode,
            directory_mode: socket.directory_mode,
            uid: user.map(|(uid, _)| uid),
            gid: group.or(user.map(|(_, gid)| gid)),
        };
        let path = listen.path;
        let fd = match listen.kind {
            ListenKind::Socket => bound(unit, &listen, &place)?,
            ListenKind::Fifo => or_say(unit, "open the FIFO", path, place.open_fifo(listen.size))?,
            ListenKind::MessageQueue => {
                or_say(unit, "open the queue", path, place.open_queue(listen.messages, listen.size))?
            }
            ListenKind::Special => or_say(unit, "open", path, listen::open_special(path, false))?,
            ListenKind::SpecialWritable => or_say(unit, "open", path, listen::open_special(path, true))?,
        };
        or_say(unit, "keep", path, opened.push(fd, true))?;
        linked = linked.or(Some(place));
    }
    for link in socket.symlinks.iter() {
        or_say(unit, "make the link", link, linked?.link(link))?;
    }
    Some(())
}

/// A socket that is bound, with its options set, and listens if it can.
#[inline(never)]
fn bound(unit: &str, listen: &Listen<'_>, place: &Place<'_>) -> Option<OwnedFd> {
    let mut made = listen::socket(listen.family, listen.socket_type, listen.protocol);
    let mut address = listen.address;
    let mut any = [0; 16];
    if let (Err(Errno::AFNOSUPPORT), [_, _, port @ .., _, _, _, _]) = (&made, address)
        && listen.family == INET6
        && port.iter().skip(2).all(|byte| *byte == 0)
    {
        // A kernel without IPv6: the port of every address is that of every IPv4 address.
        made = listen::socket(INET, listen.socket_type, listen.protocol);
        for (to, from) in any.iter_mut().zip([INET, 0].iter().chain(port.iter().take(2))) {
            *to = *from;
        }
        address = &any;
    }
    let socket = or_say(unit, "make a socket", "", made)?;
    for option in listen.options.iter() {
        let set = linux::raw::socket::set_option(socket.as_fd(), option.level, option.name, option.value);
        if option.vital {
            or_say(unit, "set an option of a socket", "", set)?;
        } else if let Err(errno) = set {
            let (level, name) = (u64::from(option.level), u64::from(option.name));
            log::warn_of(errno, format_args!("{unit}: cannot set option {name} of level {level}"));
        }
    }
    let mut port = heapless::String::<12>::new();
    let told = match (listen.family, address, place.path) {
        (INET | INET6, [_, _, high, low, ..], _) => {
            let _ = write!(port.as_mut_view(), "port {}", u64::from(u16::from_be_bytes([*high, *low])));
            port.as_str()
        }
        (_, _, "") => "its address",
        (_, _, path) => path,
    };
    or_say(unit, "bind to", told, place.bind(socket.as_fd(), address, listen.interface))?;
    if let Some(backlog) = listen.backlog {
        or_say(unit, "listen at", told, listen::start(socket.as_fd(), backlog))?;
    }
    Some(socket)
}

/// A user's number and group; `Some(None)` if no user is asked for.
fn user_of(unit: &str, name: &str) -> Option<Option<(u32, u32)>> {
    if name.is_empty() {
        return Some(None);
    }
    let found = passwd::find_user(Key::new(name)).and_then(|user| user.ok_or(Errno::SRCH));
    or_say(unit, "find the user", name, found).map(|user| Some((user.uid, user.gid)))
}

fn group_of(unit: &str, name: &str) -> Option<Option<u32>> {
    if name.is_empty() {
        return Some(None);
    }
    let found = passwd::find_group(Key::new(name)).and_then(|group| group.ok_or(Errno::SRCH));
    or_say(unit, "find the group", name, found).map(Some)
}

#[inline(never)]
fn open_path(unit: &str, path: &Path<'_>, first: bool, opened: &mut Opened) -> Option<()> {
    for (n, Watch { event, mask, path: place }) in path.watches.iter().enumerate() {
        if first && path.make_directory && !matches!(event, WatchEvent::Exists | WatchEvent::ExistsGlob) {
            or_say(unit, "make", place, listen::make_directories(place, path.directory_mode))?;
        }
        // The watch comes first: what appears between the two is seen twice, not never.
        let apart = event == WatchEvent::Changed;
        let watched = watch::watch(place, mask, apart);
        let limit = match watched {
            Err(Errno::NOSPC) => "watch (fs.inotify.max_user_watches is reached)",
            Err(Errno::MFILE) => "watch (fs.inotify.max_user_instances is reached)",
            Ok(_) | Err(_) => "watch",
        };
        let watched = or_say(unit, limit, place, watched)?;
        or_say(unit, "watch", place, opened.push(watched.way, false))?;
        if let Some(itself) = watched.itself {
            or_say(unit, "watch", place, opened.push(itself, true))?;
        }
        let found = match event {
            WatchEvent::Exists | WatchEvent::Changed => look::ask(Question::Exists, place),
            WatchEvent::ExistsGlob => look::glob_exists(place),
            WatchEvent::DirectoryNotEmpty => look::ask(Question::DirectoryNotEmpty, place),
        };
        // systemd takes what it cannot look at for missing.
        let found = found.unwrap_or(false);
        if apart {
            opened.seen |= u16::from(found) << n;
        } else {
            opened.there = if found { Some(n as u8) } else { opened.there }; // LISTEN_MAX fits
        }
    }
    Some(())
}

/// Removes the nodes and links of a socket; whether all are gone.
fn remove_nodes(unit: &Unit<'_>) -> bool {
    let Kind::Socket(socket) = &unit.kind else { return true };
    let mut clean = true;
    let mut remove = |path: &str| {
        clean &= or_say(unit.name.as_str(), "remove", path, listen::remove(path)).is_some();
    };
    for listen in socket.listen.iter() {
        match listen.kind {
            ListenKind::Socket | ListenKind::Fifo if !listen.path.is_empty() => remove(listen.path),
            ListenKind::MessageQueue => listen::remove_queue(listen.path),
            ListenKind::Socket | ListenKind::Fifo | ListenKind::Special | ListenKind::SpecialWritable => {}
        }
    }
    socket.symlinks.iter().for_each(remove);
    clean
}
