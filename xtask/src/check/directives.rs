//! Every directive that tomte understands: section, key, and what an assignment does. `known.rs` has those that it
//! does not.

use super::{
    draft::{Cx, Draft},
    exec as e, service as s,
};
use crate::{
    diag::Diagnostic,
    model::Located,
    read::Assignment,
    values::{scalar, unit_name, word},
};

/// Applies one assignment to the draft. The driver puts the key before every message.
pub type Set = fn(&mut Draft, &Assignment, &mut Cx) -> Result<(), Diagnostic>;

/// How the key of `section` is applied, if it is understood.
pub fn find(section: &str, key: &str) -> Option<Set> {
    let table = match section {
        "Unit" => UNIT,
        "Service" => SERVICE,
        "Install" => INSTALL,
        _ => return None,
    };
    table.iter().find(|(name, _)| *name == key).map(|(_, set)| *set)
}

/// The keys of `section` that are understood.
pub fn keys(section: &str) -> impl Iterator<Item = &'static str> {
    let table = match section {
        "Unit" => UNIT,
        "Service" => SERVICE,
        "Install" => INSTALL,
        _ => &[],
    };
    table.iter().map(|(name, _)| *name)
}

const UNIT: &[(&str, Set)] = &[
    ("After", |d, a, cx| units(&mut d.unit.after, a, cx)),
    ("Before", |d, a, cx| units(&mut d.unit.before, a, cx)),
    ("BindsTo", s::binds_to),
    ("DefaultDependencies", |d, a, _| put(&mut d.unit.default_dependencies, scalar::boolean(&a.value))),
    ("Description", |d, a, cx| put(&mut d.unit.description, e::text(a, cx))),
    ("Documentation", |_, _, _| Ok(())),
    ("Requires", |d, a, cx| units(&mut d.unit.requires, a, cx)),
    ("StartLimitBurst", s::start_limit_burst),
    ("StartLimitInterval", s::start_limit_interval_legacy),
    ("StartLimitIntervalSec", s::start_limit_interval),
    ("Wants", |d, a, cx| units(&mut d.unit.wants, a, cx)),
];

const INSTALL: &[(&str, Set)] = &[
    ("Alias", |d, a, cx| units(&mut d.unit.install.aliases, a, cx)),
    ("Also", |d, a, cx| units(&mut d.unit.install.also, a, cx)),
    ("DefaultInstance", |d, a, cx| put(&mut d.default_instance, e::text(a, cx))),
    ("RequiredBy", |d, a, cx| units(&mut d.unit.install.required_by, a, cx)),
    ("WantedBy", |d, a, cx| units(&mut d.unit.install.wanted_by, a, cx)),
];

const SERVICE: &[(&str, Set)] = &[
    ("AmbientCapabilities", e::ambient_capabilities),
    ("CacheDirectory", e::directory),
    ("CacheDirectoryMode", e::directory_mode),
    ("CapabilityBoundingSet", e::capability_bounding_set),
    ("ConfigurationDirectory", e::directory),
    ("ConfigurationDirectoryMode", e::directory_mode),
    ("DynamicUser", |d, a, _| put(&mut d.service.exec.dynamic_user, scalar::boolean(&a.value))),
    ("Environment", e::environment),
    ("ExecCondition", s::command),
    ("ExecReload", s::command),
    ("ExecStart", s::command),
    ("ExecStartPost", s::command),
    ("ExecStartPre", s::command),
    ("ExecStop", s::command),
    ("ExecStopPost", s::command),
    ("FinalKillSignal", |d, a, _| put(&mut d.service.kill.final_signal, s::signal(a))),
    ("Group", |d, a, cx| put(&mut d.service.exec.group, e::user(a, cx))),
    ("IgnoreSIGPIPE", |d, a, _| put(&mut d.service.exec.ignore_sigpipe, scalar::boolean(&a.value))),
    ("KillMode", s::kill_mode),
    ("KillSignal", |d, a, _| put(&mut d.service.kill.signal, s::signal(a))),
    ("LimitAS", e::rlimit),
    ("LimitCORE", e::rlimit),
    ("LimitCPU", e::rlimit),
    ("LimitDATA", e::rlimit),
    ("LimitFSIZE", e::rlimit),
    ("LimitLOCKS", e::rlimit),
    ("LimitMEMLOCK", e::rlimit),
    ("LimitMSGQUEUE", e::rlimit),
    ("LimitNICE", e::rlimit),
    ("LimitNOFILE", e::rlimit),
    ("LimitNPROC", e::rlimit),
    ("LimitRSS", e::rlimit),
    ("LimitRTPRIO", e::rlimit),
    ("LimitRTTIME", e::rlimit),
    ("LimitSIGPENDING", e::rlimit),
    ("LimitSTACK", e::rlimit),
    ("LogsDirectory", e::directory),
    ("LogsDirectoryMode", e::directory_mode),
    ("NoNewPrivileges", |d, a, _| put(&mut d.service.exec.no_new_privileges, scalar::boolean(&a.value))),
    ("PermissionsStartOnly", e::permissions_start_only),
    ("PrivateTmp", e::private_tmp),
    ("ProtectHome", e::protect_home),
    ("ProtectSystem", e::protect_system),
    ("RemainAfterExit", |d, a, _| put(&mut d.service.remain_after_exit, scalar::boolean(&a.value))),
    ("RemoveIPC", |d, a, _| put(&mut d.service.exec.remove_ipc, scalar::boolean(&a.value))),
    ("Restart", s::restart),
    ("RestartForceExitStatus", |d, a, _| s::exit_status(&mut d.service.restart_force_exit_status, a)),
    ("RestartPreventExitStatus", |d, a, _| s::exit_status(&mut d.service.restart_prevent_exit_status, a)),
    ("RestartSec", s::restart_sec),
    ("RestrictSUIDSGID", |d, a, _| put(&mut d.service.exec.restrict_suid_sgid, scalar::boolean(&a.value))),
    ("RuntimeDirectory", e::directory),
    ("RuntimeDirectoryMode", e::directory_mode),
    ("RuntimeDirectoryPreserve", e::runtime_directory_preserve),
    ("SendSIGHUP", |d, a, _| put(&mut d.service.kill.send_sighup, scalar::boolean(&a.value))),
    ("SendSIGKILL", |d, a, _| put(&mut d.service.kill.send_sigkill, scalar::boolean(&a.value))),
    ("StandardError", e::standard_error),
    ("StandardInput", e::standard_input),
    ("StandardOutput", e::standard_output),
    ("StartLimitBurst", s::start_limit_burst_legacy),
    ("StartLimitInterval", s::start_limit_interval_legacy),
    ("StartLimitIntervalSec", s::start_limit_interval_legacy),
    ("StateDirectory", e::directory),
    ("StateDirectoryMode", e::directory_mode),
    ("SuccessExitStatus", |d, a, _| s::exit_status(&mut d.service.success_exit_status, a)),
    ("SupplementaryGroups", e::supplementary_groups),
    ("SyslogIdentifier", e::syslog_identifier),
    ("TTYPath", e::tty_path),
    ("TimeoutSec", s::timeout),
    ("TimeoutStartSec", s::timeout_start),
    ("TimeoutStopSec", s::timeout_stop),
    ("Type", s::service_type),
    ("UMask", |d, a, _| put(&mut d.service.exec.umask, scalar::mode(&a.value, 0o777))),
    ("User", |d, a, cx| put(&mut d.service.exec.user, e::user(a, cx))),
    ("WorkingDirectory", e::working_directory),
];

fn put<T>(slot: &mut T, value: Result<T, Diagnostic>) -> Result<(), Diagnostic> {
    *slot = value?;
    Ok(())
}

/// Adds the units that the assignment names. Such lists only grow: an empty value resets nothing.
pub fn units(list: &mut Vec<Located<String>>, a: &Assignment, cx: &mut Cx) -> Result<(), Diagnostic> {
    for word in word::list(&a.value)? {
        let text = cx.specifiers.expand(&word)?;
        match unit_name::parse(&text) {
            Ok(name) => list.push(Located { value: name.full, place: Some(text.place(0)) }),
            Err(problem) => cx.problems.push(problem),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_so_that_a_key_is_found_by_eye_and_stands_once() {
        for table in [UNIT, INSTALL, SERVICE] {
            let keys: Vec<_> = table.iter().map(|(key, _)| *key).collect();
            assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
        }
    }
}
