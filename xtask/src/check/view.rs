//! What the directives of systemd.exec(5) do that are about the file system and other namespaces.

use tomte::table::{Mount as Flags, PrivateUsers, Propagation, limits::MOUNTS_MAX};

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    model::{Access, AccessPath, BindPath, TemporaryFileSystem},
    read::{Assignment, Text},
    values::{path, scalar, word, wrong},
};

type Done = Result<(), Diagnostic>;

/// What `TemporaryFileSystem=` has unless it says otherwise.
const TEMPORARY: [(&str, &str); 3] = [("mode", "0755"), ("size", "10%"), ("nr_inodes", "400k")];

/// Whether `value` has the prefix `prefix`, and what is behind it.
fn prefixed(value: &Text, prefix: char) -> (bool, Text) {
    match value.as_str().starts_with(prefix) {
        true => (true, value.slice(prefix.len_utf8()..value.len())),
        false => (false, value.clone()),
    }
}

/// `ReadOnlyPaths=` and its kind: adds, or takes all back.
fn access(access: Access, d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let paths = &mut d.exec().view.access;
    if a.value.is_empty() {
        paths.retain(|other| other.access != access);
    }
    for word in word::list(&a.value)? {
        let (optional, rest) = prefixed(&word, '-');
        let (in_root, rest) = prefixed(&rest, '+');
        let path = path::absolute(&cx.specifiers.expand(&rest)?)?;
        paths.push(AccessPath { access, path, optional, in_root });
    }
    at_most(&a.value, paths.len())
}

fn at_most(value: &Text, count: usize) -> Done {
    if count > MOUNTS_MAX {
        return Err(wrong(value, Code::TableLimit, format!("{count} paths; at most {MOUNTS_MAX}")));
    }
    Ok(())
}

/// `ReadOnlyPaths=`.
pub fn read_only(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    access(Access::ReadOnly, d, a, cx)
}

/// `ReadWritePaths=`.
pub fn read_write(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    access(Access::ReadWrite, d, a, cx)
}

/// `InaccessiblePaths=`.
pub fn inaccessible(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    access(Access::Inaccessible, d, a, cx)
}

/// `ExecPaths=`.
pub fn exec(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    access(Access::Exec, d, a, cx)
}

/// `NoExecPaths=`.
pub fn no_exec(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    access(Access::NoExec, d, a, cx)
}

/// The parts of `text` between colons; `\:` is a colon.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let last = parts.len() - 1;
        match c {
            '\\' if characters.peek() == Some(&':') => parts[last].extend(characters.next()),
            ':' => parts.push(String::new()),
            c => parts[last].push(c),
        }
    }
    parts
}

/// `BindPaths=` and `BindReadOnlyPaths=`: `SOURCE[:DESTINATION[:OPTION]]`, adds or takes all back.
pub fn bind(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let read_only = a.key.as_str() == "BindReadOnlyPaths";
    let binds = &mut d.exec().view.binds;
    if a.value.is_empty() {
        binds.clear(); // both of them: they are one list in systemd
    }
    for word in word::list(&a.value)? {
        let (optional, rest) = prefixed(&word, '-');
        let expanded = cx.specifiers.expand(&rest)?;
        let parts = parts(expanded.as_str());
        let absolute = |part: &str| match part.starts_with('/') && !part.split('/').any(|part| part == "..") {
            true => Ok(path::simplify(part)),
            false => Err(wrong(&rest, Code::Path, format!("{part:?} is no absolute path without \"..\""))),
        };
        let (source, path, option) = match &parts[..] {
            [source] => (source, source, ""),
            [source, path] => (source, path, ""),
            [source, path, option] => (source, path, option.as_str()),
            _ => {
                return Err(wrong(
                    &rest,
                    Code::Path,
                    "expected SOURCE, SOURCE:DESTINATION or SOURCE:DESTINATION:OPTION",
                ));
            }
        };
        let recursive = match option {
            "" | "rbind" => true,
            "norbind" => false,
            _ => return Err(wrong(&rest, Code::Word, format!("{option:?}: expected rbind | norbind"))),
        };
        let (source, path) = (absolute(source)?, absolute(path)?);
        binds.push(BindPath { source, path, read_only, recursive, optional });
    }
    at_most(&a.value, binds.len())
}

/// `TemporaryFileSystem=`: `PATH[:OPTIONS]`, adds or takes all back.
pub fn temporary(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let list = &mut d.exec().view.temporary;
    if a.value.is_empty() {
        list.clear();
    }
    for word in word::list(&a.value)? {
        let expanded = cx.specifiers.expand(&word)?;
        let (path, options) = expanded.as_str().split_once(':').unwrap_or((expanded.as_str(), ""));
        let path = path::absolute(&expanded.slice(0..path.len()))?;
        list.push(temporary_options(&expanded, path, options)?);
    }
    at_most(&a.value, list.len())
}

fn temporary_options(text: &Text, path: String, options: &str) -> Result<TemporaryFileSystem, Diagnostic> {
    const FLAGS: [(&str, u8, bool); 8] = [
        ("ro", Flags::RDONLY, true),
        ("rw", Flags::RDONLY, false),
        ("nosuid", Flags::NOSUID, true),
        ("suid", Flags::NOSUID, false),
        ("nodev", Flags::NODEV, true),
        ("dev", Flags::NODEV, false),
        ("noexec", Flags::NOEXEC, true),
        ("exec", Flags::NOEXEC, false),
    ];
    const TIMES: [&str; 11] = [
        "atime",
        "defaults",
        "diratime",
        "lazytime",
        "noatime",
        "nodiratime",
        "nolazytime",
        "norelatime",
        "nostrictatime",
        "relatime",
        "strictatime",
    ];
    let mut flags = Flags::NODEV;
    let mut own: Vec<(&str, &str)> = TEMPORARY.to_vec();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        if let Some((_, flag, set)) = FLAGS.iter().find(|(name, ..)| *name == option) {
            flags = if *set { flags | flag } else { flags & !flag };
        } else if let Some((name, value)) = option.split_once('=') {
            own.retain(|(other, _)| *other != name);
            own.push((name, value));
        } else if !TIMES.contains(&option) {
            return Err(wrong(
                text,
                Code::Word,
                format!("{option:?} is no option of a file system in memory"),
            ));
        }
    }
    const KNOWN: [&str; 8] = ["mode", "size", "nr_inodes", "nr_blocks", "uid", "gid", "huge", "mpol"];
    if let Some((name, _)) = own.iter().find(|(name, _)| !KNOWN.contains(name)) {
        return Err(wrong(text, Code::Word, format!("{name:?} is no option of a file system in memory")));
    }
    let options: Vec<String> = own.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(TemporaryFileSystem { path, flags, options: options.join(",") })
}

/// `ProtectControlGroups=`.
pub fn protect_control_groups(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    if matches!(a.value.as_str(), "private" | "strict") {
        let message = format!("{} is not supported by this tomte", a.value.as_str());
        let help = "no unit has a cgroup hierarchy of its own; ProtectControlGroups=yes makes the machine's read-only";
        return Err(wrong(&a.value, Code::RefusedProtection, &message).help(help));
    }
    d.exec().protect.control_groups = scalar::boolean(&a.value)?;
    Ok(())
}

/// `RootDirectory=`. `/` asks for nothing.
pub fn root_directory(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let root = match a.value.is_empty() {
        true => String::new(),
        false => path::absolute(&cx.specifiers.expand(&a.value)?)?,
    };
    d.exec().view.root = if root == "/" { String::new() } else { root };
    Ok(())
}

/// `MountFlags=`.
pub fn mount_flags(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("", None),
        ("shared", Some(Propagation::Shared)),
        ("slave", Some(Propagation::Slave)),
        ("private", Some(Propagation::Private)),
    ];
    d.exec().view.propagation = scalar::choice(&a.value, &choices)?;
    Ok(())
}

/// `MountAPIVFS=`.
pub fn mount_api(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().view.api_file_systems = Some(scalar::boolean(&a.value)?);
    Ok(())
}

/// `ProtectProc=`.
pub fn protect_proc(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("default", None),
        ("noaccess", Some("noaccess")),
        ("invisible", Some("invisible")),
        ("ptraceable", Some("ptraceable")),
    ];
    d.exec().view.protect_proc = scalar::choice(&a.value, &choices)?;
    Ok(())
}

/// A file that stands for a namespace; an empty value takes an earlier one back.
pub fn namespace(a: &Assignment, cx: &mut Cx) -> Result<String, Diagnostic> {
    match a.value.is_empty() {
        true => Ok(String::new()),
        false => path::absolute(&cx.specifiers.expand(&a.value)?),
    }
}

/// `PrivateUsers=`.
pub fn private_users(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().namespaces.users = match a.value.as_str() {
        "self" => PrivateUsers::Own,
        "identity" => PrivateUsers::Identity,
        _ => match scalar::boolean(&a.value) {
            Ok(true) => PrivateUsers::Own,
            Ok(false) => PrivateUsers::No,
            Err(_) => return Err(scalar::expected(&a.value, &["yes", "no", "self", "identity"])),
        },
    };
    Ok(())
}
