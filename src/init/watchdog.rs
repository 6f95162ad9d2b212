//! Feeding the hardware watchdog. Whether it is fed is the supervisor's word.

use crate::{
    linux::{self, Errno, raw::process::Forked, watchdog::Watchdog},
    table::Micros,
    wire::Power,
};

use super::{
    kernel::Kernel,
    log,
    processes::{Process, Role},
};

impl Kernel {
    /// Opens the board's watchdog, if it has one. `first`: whatever is wrong with it is said.
    pub(super) fn open_watchdog(&mut self, first: bool) {
        let board = self.table.board();
        let device = board.watchdog.device;
        if device.is_empty() || self.container {
            return;
        }
        match Watchdog::open(device) {
            Ok(watchdog) => {
                let wanted = seconds(board.watchdog.timeout);
                match watchdog.set_timeout(wanted) {
                    Ok(waits) if waits < wanted => {
                        let (waits, wanted) = (u64::from(waits), u64::from(wanted));
                        log::error(format_args!("{device} waits for {waits} s, not for {wanted}"));
                    }
                    Ok(waits) => log::info(format_args!("{device} waits for {} s", u64::from(waits))),
                    Err(errno) => log::error_of(errno, format_args!("cannot set how long {device} waits")),
                }
                let pretimeout = seconds(board.watchdog.pretimeout);
                if pretimeout > 0
                    && let Err(errno) = watchdog.set_pretimeout(pretimeout)
                {
                    log::warn_of(errno, format_args!("{device} does not tell before it bites"));
                }
                if watchdog.has_bitten() {
                    log::warn(format_args!("{device} has started the machine over"));
                }
                self.watchdog = Some(watchdog);
            }
            Err(errno) if first => {
                log::warn_of(
                    errno,
                    format_args!("cannot open {device} yet: nobody watches over the machine"),
                );
            }
            Err(_) => {}
        }
    }

    /// Feeds the watchdog, or opens it if it was not there before, and looks whether the root file system answers.
    #[inline(never)]
    pub(super) fn feed(&mut self, probe: bool) {
        if self.watchdog.is_none() {
            self.open_watchdog(false);
        }
        self.feed_only();
        if probe
            && !self.processes.has(Role::Prober)
            && let Err(errno) = self.start_probe()
        {
            log::warn_of(errno, format_args!("cannot look whether the root file system answers"));
        }
    }

    /// Feeds it, and nothing else.
    pub(super) fn feed_only(&self) {
        if let Some(watchdog) = &self.watchdog
            && let Err(errno) = watchdog.feed()
        {
            log::error_of(errno, format_args!("cannot feed the watchdog"));
        }
    }

    /// What it does when PID 1 is at its end: it sees to a start that is to follow, and leaves an off machine alone.
    pub(super) fn leave_watchdog(&mut self, power: Power) {
        self.feed_only();
        match power {
            Power::Reboot | Power::SoftReboot => {}
            Power::Kexec => {
                let waits = seconds(self.table.board().watchdog.kexec);
                if let Some(watchdog) = &self.watchdog
                    && let Err(errno) = watchdog.set_timeout(waits)
                {
                    log::warn_of(errno, format_args!("the watchdog does not wait for the next kernel"));
                }
            }
            Power::PowerOff | Power::Halt => self.watchdog.take().into_iter().for_each(Watchdog::stop),
        }
    }

    fn start_probe(&mut self) -> Result<(), Errno> {
        let path = self.table.board().watchdog.probe;
        if path.is_empty() {
            return Ok(());
        }
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        match linux::raw::process::fork()? {
            Forked::Child => linux::raw::process::exit(u8::from(linux::watchdog::probe(path).is_err())),
            Forked::Parent { pid, pidfd } => {
                self.processes.put(place, Process::helper(pid, pidfd, Role::Prober));
                Ok(())
            }
        }
    }
}

fn seconds(span: Micros) -> u32 {
    u32::try_from(span.0 / 1_000_000).unwrap_or(u32::MAX)
}
