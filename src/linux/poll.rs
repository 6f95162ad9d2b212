//! Waiting: one epoll with everything PID 1 listens to, and one timer. And one of the wall clock.
//!
//! Owns the epoll and the timers' descriptors; the descriptors it watches belong to others.

use core::{cell::Cell, mem::MaybeUninit};

use rustix::{
    event::{Timespec, epoll},
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime},
};

use super::AsFd;

/// Descriptors reported by one wait. More stay ready and come with the next.
pub const READY_MAX: usize = 32;

/// Edge-triggered.
const WRITTEN: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::ET);

/// What a descriptor is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes, connections or the other end's closing.
    Readable,
    /// A change of a kernfs file such as cgroup.events: POLLPRI.
    Changed,
    /// Whatever is written from now on: told once for each write, and once for what is there.
    Written,
    /// That the other end is gone, or that there is an error: what epoll tells of unasked.
    End,
}

/// An epoll and a timer that wakes it.
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// When the timer rings, as far as this process has said; 0 for never.
    armed_us: Cell<u64>,
}

impl Poll {
    /// Makes both; the timer is reported under `timer_token`.
    ///
    /// # Errors
    /// epoll_create1(2)'s, timerfd_create(2)'s and epoll_ctl(2)'s.
    pub fn new(timer_token: u64) -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let poll = Self { epoll, timer, armed_us: Cell::new(0) };
        poll.add(poll.timer.as_fd(), timer_token, Interest::Readable)?;
        Ok(poll)
    }

    /// Watches `fd` until it is closed; its events carry `token`.
    ///
    /// # Errors
    /// epoll_ctl(2)'s.
    pub fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<(), Errno> {
        let flags = match interest {
            Interest::Readable => epoll::EventFlags::IN,
            // Told once for each change: a kernfs file stays ready until it is read again, and the change of a unit
            // whose process is not reaped yet is not looked at.
            Interest::Changed => epoll::EventFlags::PRI | epoll::EventFlags::ET,
            Interest::Written => WRITTEN,
            Interest::End => epoll::EventFlags::empty(),
        };
        epoll::add(self.epoll.as_fd(), fd, epoll::EventData::new_u64(token), flags)
    }

    /// Watches `fd` until it is readable once, then no more before it is armed again.
    ///
    /// # Errors
    /// epoll_ctl(2)'s.
    pub fn arm(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Errno> {
        let (flags, data) =
            (epoll::EventFlags::IN | epoll::EventFlags::ONESHOT, epoll::EventData::new_u64(token));
        match epoll::modify(&self.epoll, fd, data, flags) {
            Err(Errno::NOENT) => epoll::add(&self.epoll, fd, data, flags),
            answer => answer,
        }
    }

    /// Tells once more of what is there to be read of a descriptor that is watched for [`Interest::Written`], after others
    /// have had their turn.
    ///
    /// # Errors
    /// epoll_ctl(2)'s.
    pub fn tell_again(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Errno> {
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), WRITTEN)
    }

    /// Watches `fd` no more. Whoever shares what is behind a descriptor keeps it watched when it is closed.
    pub fn remove(&self, fd: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.epoll, fd); // ENOENT: it was never watched
    }

    /// Wakes the next wait at `at_us` microseconds of CLOCK_MONOTONIC, or never.
    ///
    /// # Errors
    /// timerfd_settime(2)'s, which cannot happen for a timer of one's own.
    pub fn wake_at(&self, at_us: Option<u64>) -> Result<(), Errno> {
        // A zero value disarms the timer; a time long past fires at once.
        let at_us = at_us.map_or(0, |at| at.max(1));
        if self.armed_us.replace(at_us) == at_us {
            return Ok(());
        }
        let value = timespec(at_us);
        let never = timespec(0);
        timerfd_settime(
            self.timer.as_fd(),
            TimerfdTimerFlags::ABSTIME,
            &Itimerspec { it_interval: never, it_value: value },
        )
        .map(drop)
    }

    /// Waits until something is ready and puts the tokens into `tokens`; with `block` false only looks. Answers how
    /// many there are.
    ///
    /// # Errors
    /// epoll_wait(2)'s. EINTR is no error: it answers 0.
    pub fn wait(&self, tokens: &mut [u64; READY_MAX], block: bool) -> Result<usize, Errno> {
        let mut space = [const { MaybeUninit::<epoll::Event>::uninit() }; READY_MAX];
        let zero = timespec(0);
        let timeout = if block { None } else { Some(&zero) };
        let ready = match epoll::wait(self.epoll.as_fd(), &mut space, timeout) {
            Ok((ready, _)) => ready,
            Err(Errno::INTR) => return Ok(0),
            Err(errno) => return Err(errno),
        };
        for (token, event) in tokens.iter_mut().zip(ready.iter()) {
            *token = event.data.u64();
        }
        Ok(ready.len())
    }

    /// Takes the timer's expiry, so that it is not reported again.
    pub fn clear_timer(&self) {
        let mut count = [0; 8];
        // EAGAIN: it has been re-armed since; nothing to clear.
        let _ = rustix::io::read(self.timer.as_fd(), &mut count);
        self.armed_us.set(0);
    }
}

/// A timer of the wall clock that also tells when somebody sets it.
#[derive(Debug)]
pub struct WallClock(OwnedFd);

impl AsFd for WallClock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl WallClock {
    /// Makes it. It tells nothing before it is asked to.
    ///
    /// # Errors
    /// timerfd_create(2)'s.
    pub fn new() -> Result<Self, Errno> {
        timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK).map(Self)
    }

    /// Becomes readable when the clock says `at_us` microseconds since 1970, and when somebody sets it. Once.
    ///
    /// # Errors
    /// timerfd_settime(2)'s; ECANCELED if the clock has been set in between, and the timer is armed all the same.
    pub fn wake_at(&self, at_us: u64) -> Result<(), Errno> {
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        let value = Itimerspec { it_interval: timespec(0), it_value: timespec(at_us.max(1)) };
        timerfd_settime(&self.0, flags, &value).map(drop)
    }

    /// Takes what it has told: whether somebody has set the clock.
    pub fn was_set(&self) -> bool {
        rustix::io::read(&self.0, &mut [0; 8]) == Err(Errno::CANCELED)
    }
}

const fn timespec(us: u64) -> Timespec {
    // A deadline beyond what the kernel's signed seconds hold is never reached anyway.
    let secs = us / 1_000_000;
    let secs = if secs > i64::MAX as u64 / 2_000_000_000 { i64::MAX / 2_000_000_000 } else { secs as i64 };
    Timespec { tv_sec: secs, tv_nsec: (us % 1_000_000 * 1_000) as _ }
}
