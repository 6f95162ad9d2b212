//! The board record: what holds for the whole image.

use super::{Allow, FilterId, IdentityId, List, Micros, Slice, StrList, Transient, UidRange, UnitId};

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
        /// Filters of system calls and of devices; units with the same settings share one.
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
        pub may_lack: u16,
        /// Units that are made at run time.
        pub transient: Transient<'t>,
        /// Who may ask for what, besides root.
        pub allow: List<'t, Allow<'t>>,
    }
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
    /// A filter of system calls or of devices.
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
