//! What a unit's settings say about system calls: systemd.exec(5), "System Call Filtering", and the settings that systemd
//! enforces in the same way.

use std::collections::{BTreeMap, BTreeSet};

use super::{abi::Abi, groups};

/// What a refused call meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Denial {
    /// The process ends with SIGSYS.
    #[default]
    Kill,
    /// The call answers this error.
    Errno(u16),
}

/// `SystemCallFilter=` or `SystemCallLog=`, all lines of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallList {
    /// The list is of what is allowed (or logged) rather than of what is not: the first line decides.
    pub allow: bool,
    /// The calls listed, each with a denial of its own if it has one. In an allow list that one is denied.
    pub calls: BTreeMap<&'static str, Option<Denial>>,
}

impl CallList {
    /// An empty list.
    pub const fn new(allow: bool) -> Self {
        Self { allow, calls: BTreeMap::new() }
    }

    /// One name of a line (seccomp-util.c, `seccomp_parse_syscall_filter`). `inverted`: of a line that starts with `~`.
    pub fn add(&mut self, call: &'static str, inverted: bool, denial: Option<Denial>) {
        if inverted != self.allow || denial.is_some() {
            self.calls.insert(call, denial);
        } else {
            self.calls.remove(call);
        }
    }

    /// Every call of a group.
    pub fn add_group(&mut self, calls: BTreeSet<&'static str>, inverted: bool, denial: Option<Denial>) {
        for call in calls {
            self.add(call, inverted, denial);
        }
    }

    /// The list of `SystemCallFilter=` whose first line is of this kind: what every program needs is allowed.
    pub fn filter(allow: bool) -> Self {
        let mut list = Self::new(allow);
        if allow {
            list.add_group(groups::calls("@default").unwrap_or_default(), false, None);
        }
        list
    }
}

/// `RestrictAddressFamilies=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Families {
    /// The list is of what is allowed.
    pub allow: bool,
    /// `AF_*` of linux/socket.h.
    pub families: BTreeSet<u32>,
}

/// All of a unit's settings that a filter of system calls enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `SystemCallFilter=`.
    pub calls: Option<CallList>,
    /// `SystemCallErrorNumber=`.
    pub denial: Denial,
    /// `SystemCallArchitectures=`: the interfaces that stay open beside the kernel's own.
    pub architectures: Option<BTreeSet<Abi>>,
    /// `SystemCallLog=`.
    pub log: Option<CallList>,
    /// `RestrictAddressFamilies=`.
    pub families: Option<Families>,
    /// `RestrictNamespaces=`: the kinds that may still be made and entered, as `CLONE_NEW*`.
    pub namespaces: Option<u32>,
    /// `RestrictRealtime=`.
    pub realtime: bool,
    /// `RestrictSUIDSGID=`.
    pub suid_sgid: bool,
    /// `MemoryDenyWriteExecute=`.
    pub write_execute: bool,
    /// `LockPersonality=`: the one that may be set.
    pub personality: Option<u32>,
    /// `ProtectKernelTunables=`: its share.
    pub tunables: bool,
    /// `ProtectKernelModules=`: its share.
    pub modules: bool,
    /// `ProtectKernelLogs=`: its share.
    pub kernel_logs: bool,
    /// `ProtectClock=`: its share.
    pub clock: bool,
    /// `ProtectHostname=`: its share.
    pub hostname: bool,
    /// `PrivateDevices=`: its share.
    pub raw_io: bool,
}
