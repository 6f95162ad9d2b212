//! Cgroups: systemd.resource-control(5), worked out by the baker down to the files and what is written there.

use super::{FilterId, List, StrList};

record! {
    /// The cgroup of a unit.
    pub struct Cgroup<'t> {
        /// `Slice=`: its path below the root, such as `system.slice`; empty for the root itself.
        pub slice: &'t str,
        /// In turn a file of the group, the path of a block device or of something on one or nothing, and a text that is
        /// written behind the device's number. `@1500` stands for so many hundredths of a percent of the machine's memory,
        /// in `pids.max` of the tasks that it can have.
        pub settings: StrList<'t>,
        /// `Delegate=`: the group is the user's to divide.
        pub delegate: bool,
        /// `DelegateSubgroup=`: where in the group processes are, or empty.
        pub subgroup: &'t str,
        /// `DevicePolicy=` and `DeviceAllow=`.
        pub devices: Option<Devices<'t>>,
        /// `IPAddressAllow=`, `SocketBindAllow=` and their kind: at most one for each [`Traffic`], in its order.
        pub network: List<'t, Hook>,
    }
}

impl Cgroup<'_> {
    /// Below the root, with nothing set.
    pub const PLAIN: Self = Self {
        slice: "",
        settings: StrList::EMPTY,
        delegate: false,
        subgroup: "",
        devices: None,
        network: List::new(&[]),
    };
}

record! {
    /// Which devices a unit's processes may use.
    pub struct Devices<'t> {
        /// The program: struct bpf_insn of linux/bpf.h, one after the other.
        pub program: FilterId,
        /// After so many bytes of it there is a rule of [`Devices::RULE`] instructions for each of `late`, which fits no
        /// device before it is filled in, and then what refuses all others.
        pub fixed: u16,
        /// Devices whose numbers only the target knows: paths, and `block-` or `char-` and a pattern for the names in
        /// /proc/devices.
        pub late: StrList<'t>,
        /// A unit file asks for it, so that nothing runs without it. If not, other settings imply it, and it is left out
        /// where the kernel has no such programs.
        pub needed: bool,
    }
}

impl Devices<'_> {
    /// Instructions of a rule. The operand of the third is the kind of device, 1 for block and 2 for character devices;
    /// of the fourth the major, of the fifth the minor number.
    pub const RULE: usize = 7;
}

record! {
    /// A program that is asked about each packet or socket of a unit's processes.
    #[derive(Eq)]
    pub struct Hook {
        /// What it is asked about.
        pub traffic: Traffic,
        /// The program: struct bpf_insn of linux/bpf.h, one after the other.
        pub program: FilterId,
    }
}

choice! {
    /// What the kernel asks a cgroup's programs about: linux/bpf.h, `enum bpf_attach_type`.
    pub enum Traffic {
        /// Packets that come: BPF_CGROUP_INET_INGRESS.
        Ingress,
        /// Packets that go: BPF_CGROUP_INET_EGRESS.
        Egress,
        /// bind(2) of IPv4 sockets: BPF_CGROUP_INET4_BIND.
        Bind4,
        /// The same of IPv6 sockets: BPF_CGROUP_INET6_BIND.
        Bind6,
    }
}

impl Traffic {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Ingress, Self::Egress, Self::Bind4, Self::Bind6];
}

record! {
    /// A group of groups, made at boot.
    pub struct Slice<'t> {
        /// Its path below the root, after those of the slices above it; empty for the root itself.
        pub path: &'t str,
        /// As [`Cgroup::settings`].
        pub settings: StrList<'t>,
        /// What is written to its cgroup.subtree_control, one by one: controllers that some unit file asks for …
        pub controllers: StrList<'t>,
        /// … and those that are there for all units if the kernel has them.
        pub usual_controllers: StrList<'t>,
    }
}
