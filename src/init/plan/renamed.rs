//! What the table and `linux` both know, under the names that each has for it.

use crate::{
    linux::{
        AsFd,
        directory::{Directory, DirectoryKind as LinuxDirectoryKind},
        plan::{self as linux_plan, Users},
    },
    table::{
        Call, Command, Content, Directories, DirectoryKind, Exec, Keyring, Mount, Namespaces, PrivateUsers,
        Privilege, Propagation,
    },
};

use super::{super::shared::Shared, words};

pub(super) fn mount(mount: Mount<'_>) -> linux_plan::Mount<'_> {
    let Mount { path, content, source, set, only, clear, optional } = mount;
    linux_plan::Mount { path, content: self::content(content), source, set, only, clear, optional }
}

const fn content(content: Content) -> linux_plan::Content {
    match content {
        Content::Itself => linux_plan::Content::Itself,
        Content::Bind => linux_plan::Content::Bind,
        Content::BindOne => linux_plan::Content::BindOne,
        Content::New => linux_plan::Content::New,
        Content::Devices => linux_plan::Content::Devices,
        Content::PrivateTmp => linux_plan::Content::PrivateTmp,
        Content::Inaccessible => linux_plan::Content::Inaccessible,
    }
}

pub(super) const fn privilege(privilege: Privilege) -> linux_plan::Privilege {
    match privilege {
        Privilege::Restricted => linux_plan::Privilege::Restricted,
        Privilege::KeepIds => linux_plan::Privilege::KeepIds,
        Privilege::Full => linux_plan::Privilege::Full,
    }
}

pub(super) fn command<'a>(command: Command<'a>, root: &'a str) -> linux_plan::Command<'a> {
    let Command { path, expand, .. } = command;
    let argv = if root.is_empty() { command.argv.as_bytes() } else { root.as_bytes() };
    linux_plan::Command { call: call(command.call), path, argv: words(argv), expand }
}

const fn call(call: Call) -> linux_plan::Call {
    match call {
        Call::Execute => linux_plan::Call::Execute,
        Call::Helper => linux_plan::Call::Helper,
        Call::Mount => linux_plan::Call::Mount,
        Call::Unmount => linux_plan::Call::Unmount,
        Call::SwapOn => linux_plan::Call::SwapOn,
        Call::SwapOff => linux_plan::Call::SwapOff,
        Call::Count => linux_plan::Call::Count,
        Call::LoadModule => linux_plan::Call::LoadModule,
        Call::LoadForDevices => linux_plan::Call::LoadForDevices,
        Call::Write => linux_plan::Call::Write,
        Call::Own => linux_plan::Call::Own,
        Call::ClockFloor => linux_plan::Call::ClockFloor,
        Call::Touch => linux_plan::Call::Touch,
        Call::LoadSeed => linux_plan::Call::LoadSeed,
        Call::SaveSeed => linux_plan::Call::SaveSeed,
        Call::MachineId => linux_plan::Call::MachineId,
        Call::MakeSwap => linux_plan::Call::MakeSwap,
        Call::Check => linux_plan::Call::Check,
        Call::Root => linux_plan::Call::Root,
        Call::Network => linux_plan::Call::Network,
    }
}

pub(super) const fn keyring(keyring: Keyring) -> linux_plan::Keyring {
    match keyring {
        Keyring::Private => linux_plan::Keyring::Private,
        Keyring::Shared => linux_plan::Keyring::Shared,
        Keyring::Inherit => linux_plan::Keyring::Inherit,
    }
}

pub(super) const fn propagation(propagation: Propagation) -> linux_plan::Propagation {
    match propagation {
        Propagation::Shared => linux_plan::Propagation::Shared,
        Propagation::Slave => linux_plan::Propagation::Slave,
        Propagation::Private => linux_plan::Propagation::Private,
    }
}

pub(super) fn namespaces<'a>(exec: &Exec<'a>, shared: &'a Shared) -> linux_plan::Namespaces<'a> {
    let Namespaces { network, ipc, processes, hostname, users, network_path, ipc_path, kept: _ } =
        exec.namespaces;
    let kept = match &shared.kept {
        [Some(one), Some(other)] => Some([one.as_fd(), other.as_fd()]),
        [_, _] => None,
    };
    let users = match users {
        PrivateUsers::No => Users::Host,
        PrivateUsers::Own => Users::Own,
        PrivateUsers::Identity => Users::Identity,
    };
    linux_plan::Namespaces { network, ipc, processes, hostname, users, network_path, ipc_path, kept }
}

pub(super) const fn scheduling<'a>(exec: &Exec<'a>) -> linux_plan::Scheduling<'a> {
    let wanted = exec.scheduling;
    linux_plan::Scheduling {
        nice: wanted.nice,
        policy: wanted.policy,
        priority: wanted.priority,
        reset_on_fork: wanted.reset_on_fork,
        affinity: wanted.affinity,
        io_priority: wanted.io_priority,
        personality: wanted.personality,
        oom_score_adjust: wanted.oom_score_adjust,
        coredump_filter: wanted.coredump_filter,
        timer_slack: wanted.timer_slack,
    }
}

pub(super) fn directory(setting: Directories<'_>) -> Directory<'_> {
    Directory {
        kind: directory_kind(setting.kind),
        mode: setting.mode,
        names: words(setting.names.as_bytes()),
        links: words(setting.links.as_bytes()),
    }
}

/// The setting's name in `linux`.
const fn directory_kind(kind: DirectoryKind) -> LinuxDirectoryKind {
    match kind {
        DirectoryKind::Runtime => LinuxDirectoryKind::Runtime,
        DirectoryKind::State => LinuxDirectoryKind::State,
        DirectoryKind::Cache => LinuxDirectoryKind::Cache,
        DirectoryKind::Logs => LinuxDirectoryKind::Logs,
        DirectoryKind::Configuration => LinuxDirectoryKind::Configuration,
    }
}
