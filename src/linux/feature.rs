//! What a kernel can lack and a board can say to do without: `missing-kernel-feature` of board.toml. xtask includes this
//! file for the names.

/// Something that narrows what services may do, and that not every kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Feature {
    /// Filters of system calls: seccomp(2).
    Seccomp,
    /// Landlock where it is the only wall: the mount namespace could not be had either.
    Landlock,
    /// `PrivateTmp=`, `ProtectSystem=` and everything else that is about paths.
    MountNamespaces,
    /// `PrivateIPC=`.
    IpcNamespaces,
    /// `ProtectHostname=`.
    UtsNamespaces,
    /// `PrivatePIDs=`.
    PidNamespaces,
    /// `PrivateNetwork=`.
    NetworkNamespaces,
    /// `PrivateUsers=`.
    UserNamespaces,
    /// cgroup2 at all.
    Cgroup,
    /// `CPUWeight=`, `CPUQuota=`.
    CgroupCpu,
    /// `AllowedCPUs=`.
    CgroupCpuset,
    /// `MemoryMax=` and its kind.
    CgroupMemory,
    /// `IOWeight=`.
    CgroupIo,
    /// `TasksMax=`.
    CgroupPids,
    /// `DevicePolicy=`, `DeviceAllow=`: programs of the kernel's BPF at a cgroup.
    CgroupDevices,
    /// `IPAddressDeny=`, `SocketBindDeny=` and their kind: the same.
    CgroupNetwork,
    /// Landlock where the mount namespace holds as well. It has no name of its own: it is what `landlock` means there,
    /// and a board goes without unless it says `refuse`.
    SecondWall,
}

/// The words for them, in their order: one string is smaller than a table of strings.
const NAMES: &str = "\
    seccomp landlock mount-namespaces ipc-namespaces uts-namespaces pid-namespaces network-namespaces \
    user-namespaces cgroup cgroup-cpu cgroup-cpuset cgroup-memory cgroup-io cgroup-pids cgroup-devices cgroup-network \
    landlock";

impl Feature {
    /// All of them, in order: a feature's number is its place here.
    pub const ALL: [Self; 17] = [
        Self::Seccomp,
        Self::Landlock,
        Self::MountNamespaces,
        Self::IpcNamespaces,
        Self::UtsNamespaces,
        Self::PidNamespaces,
        Self::NetworkNamespaces,
        Self::UserNamespaces,
        Self::Cgroup,
        Self::CgroupCpu,
        Self::CgroupCpuset,
        Self::CgroupMemory,
        Self::CgroupIo,
        Self::CgroupPids,
        Self::CgroupDevices,
        Self::CgroupNetwork,
        Self::SecondWall,
    ];

    /// Its bit in a set of features.
    pub const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// The feature of a number.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The name of feature `index`, as board.toml has it.
    pub fn name_of(index: u32) -> &'static str {
        NAMES.split(' ').nth(index as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec::Vec};

    use super::*;

    #[test]
    fn a_feature_is_called_as_it_is_here() {
        let names: Vec<&str> = NAMES.split(' ').collect();
        assert_eq!(names.len(), Feature::ALL.len());
        for (place, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!((feature as usize, feature.bit()), (place, 1 << place));
            let mut name = String::new();
            for letter in format!("{feature:?}").chars() {
                if letter.is_uppercase() && !name.is_empty() {
                    name.push('-');
                }
                name.push(letter.to_ascii_lowercase());
            }
            let name = if feature == Feature::SecondWall { "landlock".into() } else { name };
            assert_eq!(Feature::name_of(place as u32), name);
        }
    }
}
