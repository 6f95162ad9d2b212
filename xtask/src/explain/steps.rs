//! The steps that make one process of a service, in words, each with the exit code of a process that failed there.
//! A command with the prefix `+` or `!` leaves out what narrows its privilege; [Commands] says which have one.
//! Only those that have something to do for the service are said.

use tomte::table::{Cgroup, DirectoryKind, Exec, Keyring, PrivateUsers, Scheduling, Traffic};

use super::{
    Row,
    words::{capabilities, word},
};
use crate::{target::step::Step, values::rlimit};

/// A step's name, and what it does here.
pub(super) fn steps(exec: &Exec<'_>) -> Vec<Row> {
    let row = |step: Step| {
        let says = deed(step, exec)?;
        let failure = match step {
            Step::Pipe | Step::Clone => "result resources".to_owned(), // in PID 1: there is no child to exit
            _ => format!("exit {}", step.exit_code()),
        };
        Some((step.name().to_owned(), vec![format!("{says}   # {failure} if it fails")]))
    };
    Step::ALL.into_iter().filter_map(row).collect()
}

/// What `step` does for a process of `exec`; `None` where that is nothing.
fn deed(step: Step, exec: &Exec<'_>) -> Option<String> {
    let said = |text: &str| Some(text.to_owned());
    match step {
        Step::Pipe => said("opens, in PID 1, the pipe on which the steps below report"),
        Step::Clone => said("makes the process, in the service's cgroup where there is one"),
        Step::Signals => match exec.ignore_sigpipe {
            true => said("sets every signal back to its default and ignores SIGPIPE"),
            false => said("sets every signal back to its default"),
        },
        Step::Session => said("starts a session of its own, without a terminal"),
        Step::User => user(exec),
        Step::Group => group(exec),
        Step::Identity => {
            exec.dynamic_user.then(|| "checks that nobody else has or had the number, and reports it".into())
        }
        Step::Cgroup => cgroup(&exec.cgroup),
        Step::DevicePolicy | Step::NetworkPolicy => filters(step, &exec.cgroup),
        Step::Stdin | Step::Stdout | Step::Stderr => opened(step, exec),
        Step::OomScore
        | Step::CoreDumps
        | Step::Policy
        | Step::Nice
        | Step::Affinity
        | Step::IoPriority
        | Step::TimerSlack
        | Step::Personality => share(step, &exec.scheduling),
        Step::RuntimeDirectory => directories(exec, DirectoryKind::Runtime),
        Step::StateDirectory => directories(exec, DirectoryKind::State),
        Step::CacheDirectory => directories(exec, DirectoryKind::Cache),
        Step::LogsDirectory => directories(exec, DirectoryKind::Logs),
        Step::ConfigurationDirectory => directories(exec, DirectoryKind::Configuration),
        Step::Credentials => credentials(exec),
        Step::Environment => said("gathers the environment variables"),
        Step::EnvironmentFile => environment_files(exec),
        Step::Keyring => match exec.keyring {
            Keyring::Private => Some("starts with an empty session keyring of its own".to_owned()),
            Keyring::Shared => Some("starts with a session keyring of its own, its user's in it".to_owned()),
            Keyring::Inherit => None,
        },
        Step::Network => network(exec),
        Step::Namespace => namespace(exec),
        Step::Landlock => landlock(exec),
        Step::Limits => Some(limits(exec)),
        Step::Groups => {
            has_groups(exec).then(|| "takes the group, and the supplementary groups instead of root's".into())
        }
        Step::PrivateUsers => users(exec).map(str::to_owned),
        Step::BoundingSet => (exec.capability_bounding_set != u64::MAX)
            .then(|| format!("gives up for good all but {}", capabilities(exec.capability_bounding_set))),
        Step::Ids => (!exec.user.is_empty()).then(|| "becomes the user; root's capabilities end here".into()),
        Step::SecureBits => {
            (exec.secure_bits != 0).then(|| format!("sets the secure bits {:#x}", exec.secure_bits))
        }
        Step::AmbientCapabilities => (exec.ambient_capabilities != 0)
            .then(|| format!("keeps {} over the exec", capabilities(exec.ambient_capabilities))),
        Step::WorkingDirectory => Some(working_directory(exec)),
        Step::NoNewPrivileges => {
            exec.no_new_privileges.then(|| "forbids privileges through set-user-ID programs, for good".into())
        }
        Step::Call => None, // said with the commands
        Step::Seccomp => exec
            .filter
            .is_some()
            .then(|| "loads the filter of system calls; what it refuses is refused from here on".into()),
        Step::CloseDescriptors => said("sees to it that only the three standard streams stay open"),
        Step::SignalMask => said("lets signals through"),
        Step::Exec => said("expands $, finds the program and becomes it"),
    }
}

fn cgroup(cgroup: &Cgroup<'_>) -> Option<String> {
    let words: Vec<&str> = cgroup.settings.iter().collect();
    let mut files: Vec<&str> = words.chunks_exact(3).map(|setting| setting[0]).collect();
    files.dedup();
    let mut parts = Vec::new();
    if !files.is_empty() {
        parts.push(format!("sets {} of its cgroup", files.join(", ")));
    }
    if cgroup.delegate {
        parts.push("gives it to the user".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// The programs that are asked what all in the cgroup may do.
fn filters(step: Step, cgroup: &Cgroup<'_>) -> Option<String> {
    if step == Step::DevicePolicy {
        let otherwise = if cgroup.devices?.needed { "" } else { ", where the kernel can do that" };
        return Some(format!(
            "lets all in the cgroup use no other devices than those that are allowed{otherwise}"
        ));
    }
    let decides = |traffic: [Traffic; 2]| cgroup.network.iter().any(|hook| traffic.contains(&hook.traffic));
    let mut parts = Vec::new();
    if decides([Traffic::Ingress, Traffic::Egress]) {
        parts.push("speak with no other addresses");
    }
    if decides([Traffic::Bind4, Traffic::Bind6]) {
        parts.push("bind no other ports");
    }
    let parts = parts.join(" and ");
    (!parts.is_empty()).then(|| format!("lets all in the cgroup {parts} than those that are allowed"))
}

const fn users(exec: &Exec<'_>) -> Option<&'static str> {
    match exec.namespaces.users {
        PrivateUsers::No => None,
        PrivateUsers::Own => Some("enters a user namespace in which all but root and its user are nobody"),
        PrivateUsers::Identity => Some("enters a user namespace with the first 65536 users"),
    }
}

fn user(exec: &Exec<'_>) -> Option<String> {
    match (exec.user, exec.dynamic_user) {
        ("", _) => None,
        (user, true) => {
            Some(format!("looks for a static user {user}; without one the number is PID 1's choice"))
        }
        (user, false) => Some(format!("looks up {user} in the image's /etc/passwd")),
    }
}

fn has_groups(exec: &Exec<'_>) -> bool {
    !(exec.user.is_empty() && exec.group.is_empty() && exec.supplementary_groups.iter().next().is_none())
}

fn group(exec: &Exec<'_>) -> Option<String> {
    let own = (!exec.group.is_empty() && !exec.dynamic_user).then_some(exec.group);
    let names: Vec<&str> = own.into_iter().chain(exec.supplementary_groups.iter()).collect();
    match names.is_empty() {
        false => Some(format!("looks up {} in the image's /etc/group", names.join(", "))),
        true => has_groups(exec).then(|| "looks up the user's groups in the image's /etc/group".into()),
    }
}

fn directories(exec: &Exec<'_>, kind: DirectoryKind) -> Option<String> {
    let setting = exec.directories.iter().find(|setting| setting.kind == kind)?;
    let paths: Vec<String> = setting.names.iter().map(|name| format!("{}/{name}", kind.prefix())).collect();
    let owner = if kind == DirectoryKind::Configuration { "root" } else { "the user" };
    Some(format!("makes {}, mode {:04o}, owned by {owner}", paths.join(", "), setting.mode))
}

fn opened(step: Step, exec: &Exec<'_>) -> Option<String> {
    let (which, stream) = match step {
        Step::Stdin => ("input", stream(word(exec.stdin), exec.stdin_path)),
        Step::Stdout => ("output", stream(word(exec.stdout), exec.stdout_path)),
        Step::Stderr => ("error", stream(word(exec.stderr), exec.stderr_path)),
        _ => return None,
    };
    Some(format!("opens standard {which}: {stream}"))
}

fn credentials(exec: &Exec<'_>) -> Option<String> {
    let names: Vec<&str> = exec.credentials.iter().skip(1).step_by(3).collect();
    let names = names.join(", ");
    (!names.is_empty()).then(|| format!("puts the credentials {names} where its user alone can read them"))
}

/// What a step says of the process's share of the machine.
fn share(step: Step, wanted: &Scheduling<'_>) -> Option<String> {
    let when = |asked: bool, what: &str| asked.then(|| what.to_owned());
    match step {
        Step::OomScore => written(wanted.oom_score_adjust, "the out-of-memory score"),
        Step::CoreDumps => written(wanted.coredump_filter, "what a core dump has"),
        Step::Policy => when(wanted.policy.is_some(), "sets the scheduling policy"),
        Step::Nice => wanted.nice.map(|nice| format!("sets the nice level {}", i16::from(nice) - 20)),
        Step::Affinity => when(!wanted.affinity.is_empty(), "keeps to some of the processors"),
        Step::IoPriority => when(wanted.io_priority.is_some(), "sets the priority of input and output"),
        Step::TimerSlack => written(wanted.timer_slack, "the timer slack in nanoseconds"),
        Step::Personality => when(wanted.personality.is_some(), "sets the personality"),
        _ => None,
    }
}

/// A stream as StandardOutput= writes it.
pub(super) fn stream(word: String, path: &str) -> String {
    if path.is_empty() { word } else { format!("{word}:{path}") }
}

fn written(value: &str, what: &str) -> Option<String> {
    (!value.is_empty()).then(|| format!("sets {what} to {value}"))
}

fn network(exec: &Exec<'_>) -> Option<String> {
    match (exec.namespaces.network_path, exec.namespaces.network) {
        ("", false) => None,
        ("", true) => Some("enters a network namespace with nothing but lo".to_owned()),
        (path, _) => Some(format!("enters the network namespace {path}")),
    }
}

fn namespace(exec: &Exec<'_>) -> Option<String> {
    let (wanted, mounts) = (exec.namespaces, exec.view.mounts.count().unwrap_or_default());
    let mut parts = Vec::new();
    match wanted.ipc_path {
        "" if wanted.ipc => parts.push("an IPC namespace".to_owned()),
        "" => {}
        path => parts.push(format!("the IPC namespace {path}")),
    }
    if wanted.hostname {
        parts.push("a namespace for the hostname".to_owned());
    }
    match (exec.view.own, mounts) {
        (false, _) => {}
        (true, 0) => parts.push("a mount namespace, so that no mount of its own is seen outside".to_owned()),
        (true, _) => parts.push(format!("a mount namespace and makes the {mounts} mounts above")),
    }
    (!parts.is_empty()).then(|| format!("enters {}", parts.join(", ")))
}

fn environment_files(exec: &Exec<'_>) -> Option<String> {
    let files: Vec<&str> = exec.environment_files.iter().collect();
    (!files.is_empty()).then(|| format!("reads {} for more of them", files.join(", ")))
}

fn landlock(exec: &Exec<'_>) -> Option<String> {
    let rules = exec.landlock;
    let kinds = [("written", rules.writable), ("executed", rules.executable)];
    let closed: Vec<String> = kinds
        .into_iter()
        .filter_map(|(what, paths)| Some((what, paths?)))
        .map(|(what, paths)| format!("nothing is {what} but below {} paths", paths.count()))
        .collect();
    let when = if rules.beside_mounts { "" } else { ", where there is no mount namespace" };
    (!closed.is_empty()).then(|| format!("has Landlock see to it that {}{when}", closed.join(" and ")))
}

fn limits(exec: &Exec<'_>) -> String {
    let limits: Vec<&str> = exec.rlimits.iter().map(|limit| rlimit::key(limit.resource)).collect();
    let umask = format!("sets the umask {:04o}", exec.umask);
    if limits.is_empty() { umask } else { format!("{umask} and {}", limits.join(", ")) }
}

fn working_directory(exec: &Exec<'_>) -> String {
    let path = match exec.working_directory {
        "" => "/",
        "~" => "the user's home",
        path => path,
    };
    let otherwise = if exec.working_directory_optional { ", or / where that is missing" } else { "" };
    format!("changes to {path}{otherwise}")
}
