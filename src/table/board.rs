//! The board record: what holds for the whole image.

use super::{Allow, FilterId, IdList, IdentityId, List, Micros, Slice, StrList, Transient, UidRange, UnitId};

record! {
    /// The board a table was baked for.
    pub struct Board<'t> {
        /// The folder's name in board-configs.
        pub name: &'t str,
        /// What boot starts.
        pub default_target: UnitId,
        /// Numbers for dynamic users.
        pub uids: UidRange,
        /// Names that may get one of them.
        pub identities: List<'t, Identity<'t>>,
        /// Filters of system calls, of devices and of the network; units with the same settings share one.
        pub filters: List<'t, Filter<'t>>,
        /// The slices that units are in, the root among them; each after the one that it is in.
        pub slices: List<'t, Slice<'t>>,
        /// The hostname to set, or empty to leave it.
        pub hostname: &'t str,
        /// What every process of every unit finds in its environment first.
        pub environment: StrList<'t>,
        /// Where PID 1's own messages and `StandardOutput=journal` go.
        pub log: LogTarget,
        /// What to do when PID 1 itself fails.
        pub on_panic: PanicAction,
        /// How long to wait before it, for the message to be read.
        pub panic_delay: Micros,
        /// `missing-kernel-feature`: what the kernel may lack, bits of `linux::feature::Feature`.
        pub may_lack: u32,
        /// Units that are made at run time.
        pub transient: Transient<'t>,
        /// Who may ask for what, besides root.
        pub allow: List<'t, Allow<'t>>,
        /// What is started when the default target cannot be reached: a shell for whoever is at the console.
        pub rescue: Option<UnitId>,
        /// What tells a machine that works from one that does not.
        pub vital: Vital<'t>,
        /// Who starts the machine over when PID 1 does not say that it works.
        pub watchdog: Watchdog<'t>,
        /// What lies over the root: `linux::root::lay_over`.
        pub volatile: StrList<'t>,
        /// What an initramfs starts: it mounts the root and leaves for that.
        pub initramfs: Option<UnitId>,
        /// Names that no unit has for its own, each with that of the unit which it means, or with nothing if it is masked.
        pub aliases: StrList<'t>,
    }
}

record! {
    /// The units without which the machine is of no use, and what follows from how they are.
    pub struct Vital<'t> {
        /// Them.
        pub units: IdList<'t>,
        /// How long one of them may be down before all of them are restarted together.
        pub patience: Micros,
        /// How long after that before the machine counts as sick; zero: they are not restarted.
        pub group_patience: Micros,
        /// How long all of them have to be up before the boot counts as good.
        pub good_after: Micros,
        /// What is started when it does.
        pub on_good: Option<UnitId>,
        /// What is started when the machine is sick; without it, the watchdog is left alone then.
        pub on_sick: Option<UnitId>,
    }
}

record! {
    /// The hardware watchdog: it starts the machine over if it is not fed (the kernel's watchdog-api.rst).
    pub struct Watchdog<'t> {
        /// Its device, or empty if there is none.
        pub device: &'t str,
        /// How long it waits, in whole seconds.
        pub timeout: Micros,
        /// How long before that the kernel is told, in whole seconds; zero: not at all.
        pub pretimeout: Micros,
        /// How often it is fed, and the probe is made.
        pub interval: Micros,
        /// How long stopping all units may take before it is fed no more.
        pub shutdown: Micros,
        /// How long it waits for the next kernel after kexec, in whole seconds.
        pub kexec: Micros,
        /// What is read to see whether the root file system answers; empty: nothing is.
        pub probe: &'t str,
    }
}

impl Vital<'_> {
    /// No unit is.
    pub const NONE: Vital<'static> = Vital {
        units: IdList::NONE,
        patience: Micros::ZERO,
        group_patience: Micros::ZERO,
        good_after: Micros::ZERO,
        on_good: None,
        on_sick: None,
    };
}

impl Watchdog<'_> {
    /// There is no watchdog.
    pub const NONE: Watchdog<'static> = Watchdog {
        device: "",
        timeout: Micros::ZERO,
        pretimeout: Micros::ZERO,
        interval: Micros::ZERO,
        shutdown: Micros::ZERO,
        kexec: Micros::ZERO,
        probe: "",
    };
}

impl Board<'_> {
    /// How many identities there are.
    pub fn identity_count(&self) -> usize {
        self.identities.count().unwrap_or(0)
    }

    /// One identity.
    pub fn identity(&self, id: IdentityId) -> Option<Identity<'_>> {
        self.identities.iter().nth(id.index())
    }

    /// How many filters there are.
    pub fn filter_count(&self) -> usize {
        self.filters.count().unwrap_or(0)
    }
}

impl<'t> Board<'t> {
    /// One filter.
    pub fn filter(&self, id: FilterId) -> Option<Filter<'t>> {
        self.filters.iter().nth(id.index())
    }
}

record! {
    /// A filter of system calls, of devices or of what goes over the network.
    #[derive(Eq)]
    pub struct Filter<'t> {
        /// The kernel's program: struct sock_filter of linux/filter.h, or bpf_insn of linux/bpf.h, one after the other.
        pub program: &'t [u8],
    }
}

record! {
    /// A name that may be given a dynamic number, and the numbers to try first.
    #[derive(Eq)]
    pub struct Identity<'t> {
        /// User or group name.
        pub name: &'t str,
        /// The image's own choice from `uids.lock`; different for every identity of the image.
        pub baked: u32,
        /// systemd's choice: SipHash-2-4 of the name.
        pub hashed: u32,
    }
}

impl Identity<'_> {
    /// Of a name that is a number: this one and no other, which nobody else gets (`User=61500`; dynamic-user.c,
    /// `dynamic_user_realize`).
    pub fn own_number(&self) -> Option<u32> {
        self.name.starts_with(|first: char| first.is_ascii_digit()).then_some(self.baked)
    }
}

choice! {
    /// Where messages go.
    pub enum LogTarget {
        /// The kernel's ring buffer, /dev/kmsg.
        Kmsg,
        /// PID 1's standard error, as it was handed over.
        Console,
    }
}

choice! {
    /// How a board ends when PID 1 fails.
    pub enum PanicAction {
        /// Start over.
        Reboot,
        /// Stay off.
        PowerOff,
        /// Stop the processor, keep the power and the screen.
        Halt,
    }
}
