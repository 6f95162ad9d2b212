//! What the directives of systemd.exec(5) do.

use std::collections::{BTreeMap, btree_map::Entry};

use tomte::table::{
    DirectoryKind, Keyring, Logging, Preserve, PrivateTmp,
    limits::{DIRECTORIES_MAX, ENVIRONMENT_MAX, GROUPS_MAX, WORDS_BYTES_MAX},
};

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    model::{Located, ProtectHome, ProtectSystem},
    read::{Assignment, Text},
    values::{capability, directory, environment, log, path, rlimit, scalar, time, user, word, wrong},
};

type Done = Result<(), Diagnostic>;

/// The value with its specifiers replaced.
pub fn text(a: &Assignment, cx: &Cx) -> Result<String, Diagnostic> {
    Ok(cx.specifiers.expand(&a.value)?.as_str().to_owned())
}

/// A user or group; an empty value takes an earlier one back.
pub fn user(a: &Assignment, cx: &Cx) -> Result<Located<String>, Diagnostic> {
    if a.value.is_empty() {
        return Ok(Located { value: String::new(), place: None });
    }
    let text = cx.specifiers.expand(&a.value)?;
    Ok(Located { value: user::parse(&text)?, place: Some(a.value.place(0)) })
}

/// `SupplementaryGroups=`: adds, or takes all back.
pub fn supplementary_groups(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let groups = &mut d.exec().supplementary_groups;
    if a.value.is_empty() {
        groups.clear();
    }
    for word in word::unquoted(&a.value) {
        let text = cx.specifiers.expand(&word)?;
        groups.push(Located { value: user::parse(&text)?, place: Some(word.place(0)) });
    }
    if groups.len() > GROUPS_MAX {
        return Err(wrong(
            &a.value,
            Code::TableLimit,
            format!("{} groups; at most {GROUPS_MAX}", groups.len()),
        ));
    }
    Ok(())
}

/// `Environment=`: sets variables, or takes all back.
pub fn environment(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let list = &mut d.exec().environment;
    if a.value.is_empty() {
        list.clear();
    }
    if list.len() > ENVIRONMENT_MAX {
        return Ok(()); // which has been said
    }
    let name_of = |assignment: &String| assignment.split('=').next().unwrap_or_default().to_owned();
    let mut known: BTreeMap<String, usize> = list.iter().map(name_of).zip(0..).collect();
    for variable in environment::parse(&a.value, &cx.specifiers, &mut cx.problems) {
        let assignment = variable.assignment();
        match known.entry(variable.name) {
            Entry::Occupied(earlier) => list[*earlier.get()] = assignment,
            Entry::Vacant(name) => {
                name.insert(list.len());
                list.push(assignment);
            }
        }
    }
    let bytes: usize = list.iter().map(|assignment| assignment.len() + 1).sum();
    if list.len() > ENVIRONMENT_MAX || bytes > WORDS_BYTES_MAX {
        let message = format!(
            "{} variables of {bytes} bytes; at most {ENVIRONMENT_MAX} of {WORDS_BYTES_MAX} bytes together",
            list.len()
        );
        list.truncate(ENVIRONMENT_MAX + 1);
        return Err(wrong(&a.value, Code::TableLimit, message));
    }
    Ok(())
}

/// `WorkingDirectory=`.
pub fn working_directory(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let exec = d.exec();
    let (optional, written) = match a.value.as_str().strip_prefix('-') {
        Some(_) => (true, a.value.slice(1..a.value.len())),
        None => (false, a.value.clone()),
    };
    exec.working_directory = match written.as_str() {
        "" if optional => return Err(wrong(&a.value, Code::Path, "no directory behind the -")),
        "" => String::new(),
        "~" => "~".to_owned(),
        _ => path::absolute(&cx.specifiers.expand(&written)?)?,
    };
    exec.working_directory_optional = optional;
    Ok(())
}

/// `Limit*=`.
pub fn rlimit(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let limit = rlimit::parse(a.key.as_str(), &a.value)?;
    let limits = &mut d.exec().rlimits;
    limits.retain(|other| other.resource != limit.resource);
    limits.push(limit);
    Ok(())
}

/// `CapabilityBoundingSet=`.
pub fn capability_bounding_set(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let set = &mut d.exec().capability_bounding_set;
    *set = capability::merge(&a.value, *set, u64::MAX)?;
    Ok(())
}

/// `AmbientCapabilities=`.
pub fn ambient_capabilities(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let set = &mut d.exec().ambient_capabilities;
    *set = capability::merge(&a.value, *set, 0)?;
    Ok(())
}

/// `KeyringMode=`.
pub fn keyring_mode(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [("inherit", Keyring::Inherit), ("private", Keyring::Private), ("shared", Keyring::Shared)];
    d.exec().keyring = scalar::choice(&a.value, &choices)?;
    Ok(())
}

/// `SecureBits=`: adds, or takes all back.
pub fn secure_bits(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    const BITS: [(&str, u8); 6] = [
        ("noroot", 1 << 0),
        ("noroot-locked", 1 << 1),
        ("no-setuid-fixup", 1 << 2),
        ("no-setuid-fixup-locked", 1 << 3),
        ("keep-caps", 1 << 4),
        ("keep-caps-locked", 1 << 5),
    ];
    let bits = &mut d.exec().secure_bits;
    if a.value.is_empty() {
        *bits = 0;
    }
    for word in word::list(&a.value)? {
        *bits |= scalar::choice(&word, &BITS)?;
    }
    Ok(())
}

/// `PrivateTmp=`.
pub fn private_tmp(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().private_tmp = match a.value.as_str() {
        "connected" => PrivateTmp::Connected,
        "disconnected" => PrivateTmp::Disconnected,
        _ => match boolean_or(&a.value, &["connected", "disconnected"])? {
            true => PrivateTmp::Connected,
            false => PrivateTmp::No,
        },
    };
    Ok(())
}

/// `ProtectSystem=`.
pub fn protect_system(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().protect_system = match a.value.as_str() {
        "strict" => ProtectSystem::Strict,
        "full" => ProtectSystem::Full,
        _ => match boolean_or(&a.value, &["full", "strict"])? {
            true => ProtectSystem::Yes,
            false => ProtectSystem::No,
        },
    };
    Ok(())
}

/// `ProtectHome=`.
pub fn protect_home(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().protect_home = match a.value.as_str() {
        "read-only" => ProtectHome::ReadOnly,
        "tmpfs" => ProtectHome::Tmpfs,
        _ => match boolean_or(&a.value, &["read-only", "tmpfs"])? {
            true => ProtectHome::Yes,
            false => ProtectHome::No,
        },
    };
    Ok(())
}

fn boolean_or(value: &Text, words: &[&str]) -> Result<bool, Diagnostic> {
    scalar::boolean(value).map_err(|_| scalar::expected(value, &[&["yes", "no"], words].concat()))
}

/// The index in [`DirectoryKind::ALL`] of the setting that `key` belongs to.
fn directory_index(key: &str) -> usize {
    DirectoryKind::ALL.into_iter().position(|kind| key.starts_with(directory_key(kind))).unwrap_or(0)
}

/// `RuntimeDirectory=` and its kind: adds, or takes all back.
pub fn directory(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let (_, names) = &mut d.directories[directory_index(a.key.as_str())];
    if a.value.is_empty() {
        names.clear();
    }
    let added = directory::list(&a.value, &cx.specifiers)?;
    if a.key.as_str() == "ConfigurationDirectory" && added.iter().any(|(_, link)| link.is_some()) {
        let message = "a link to a directory of the configuration is nowhere supported".to_owned();
        return Err(wrong(&a.value, Code::DirectoryName, message).help("make the link part of the image"));
    }
    // Whoever owned /run/tomte could put a socket of its own in the place of PID 1's, and it would go with the unit.
    if a.key.as_str() == "RuntimeDirectory"
        && added
            .iter()
            .flat_map(|(name, link)| [Some(name), link.as_ref()])
            .any(|name| name.is_some_and(|name| name.split('/').next() == Some("tomte")))
    {
        return Err(wrong(&a.value, Code::DirectoryName, "/run/tomte is PID 1's own".to_owned())
            .help("choose another name"));
    }
    names.extend(added);
    if names.len() > DIRECTORIES_MAX {
        return Err(wrong(
            &a.value,
            Code::TableLimit,
            format!("{} directories; at most {DIRECTORIES_MAX}", names.len()),
        ));
    }
    Ok(())
}

/// `RuntimeDirectoryMode=` and its kind.
pub fn directory_mode(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.directories[directory_index(a.key.as_str())].0 = scalar::mode(&a.value, 0o7777)?;
    Ok(())
}

/// `RuntimeDirectoryPreserve=`.
pub fn runtime_directory_preserve(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().runtime_directory_preserve = match a.value.as_str() {
        "restart" => Preserve::Restart,
        _ => match boolean_or(&a.value, &["restart"])? {
            true => Preserve::Yes,
            false => Preserve::No,
        },
    };
    Ok(())
}

/// `TTYPath=`.
pub fn tty_path(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    d.exec().tty_path = match a.value.as_str() {
        "" => "/dev/console".to_owned(),
        _ => path::absolute(&cx.specifiers.expand(&a.value)?)?,
    };
    Ok(())
}

/// `TTYVHangup=`.
pub fn tty_hang_up(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().terminal.hang_up = scalar::boolean(&a.value)?;
    Ok(())
}

/// `TTYReset=`.
pub fn tty_reset(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().terminal.reset = scalar::boolean(&a.value)?;
    Ok(())
}

/// `TTYRows=` and `TTYColumns=`: nothing leaves the terminal as large as it is.
pub fn tty_size(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let size = if a.value.is_empty() { 0 } else { scalar::number(&a.value)? };
    let large = |_| wrong(&a.value, Code::Number, format!("{size}: a terminal has at most 65535"));
    let size = u16::try_from(size).map_err(large)?;
    match a.key.as_str() {
        "TTYRows" => d.exec().terminal.rows = size,
        _ => d.exec().terminal.columns = size,
    }
    Ok(())
}

/// `SyslogIdentifier=`.
pub fn syslog_identifier(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    d.exec().syslog_identifier = text(a, cx)?;
    Ok(())
}

/// `SyslogLevel=`.
pub fn syslog_level(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().logging.level = if a.value.is_empty() { Logging::DEFAULT.level } else { log::level(&a.value)? };
    Ok(())
}

/// `SyslogLevelPrefix=`.
pub fn syslog_level_prefix(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().logging.level_prefix = scalar::boolean(&a.value)?;
    Ok(())
}

/// `LogLevelMax=`.
pub fn log_level_max(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().logging.level_max =
        if a.value.is_empty() { Logging::DEFAULT.level_max } else { log::level(&a.value)? };
    Ok(())
}

/// `LogRateLimitIntervalSec=`.
pub fn log_rate_interval(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let milliseconds = time::span(&a.value)?.0 / 1_000;
    d.exec().logging.rate_interval_ms = u32::try_from(milliseconds).unwrap_or(u32::MAX);
    Ok(())
}

/// `LogRateLimitBurst=`.
pub fn log_rate_burst(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().logging.rate_burst = match a.value.is_empty() {
        true => Logging::DEFAULT.rate_burst,
        false => scalar::number(&a.value)?,
    };
    Ok(())
}

/// What the five settings of systemd.exec(5) are called, without `Directory`.
pub const fn directory_key(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::Runtime => "Runtime",
        DirectoryKind::State => "State",
        DirectoryKind::Cache => "Cache",
        DirectoryKind::Logs => "Logs",
        DirectoryKind::Configuration => "Configuration",
    }
}
