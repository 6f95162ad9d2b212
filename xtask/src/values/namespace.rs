//! Kinds of namespaces by name (systemd.exec(5), "RestrictNamespaces="; facts from namespace-util.c).

use nix::libc;

use super::{scalar, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Names and the flags of clone(2).
const NAMES: [(&str, u32); 8] = [
    ("cgroup", libc::CLONE_NEWCGROUP as u32),
    ("ipc", libc::CLONE_NEWIPC as u32),
    ("mnt", libc::CLONE_NEWNS as u32),
    ("net", libc::CLONE_NEWNET as u32),
    ("pid", libc::CLONE_NEWPID as u32),
    ("time", libc::CLONE_NEWTIME as u32),
    ("user", libc::CLONE_NEWUSER as u32),
    ("uts", libc::CLONE_NEWUTS as u32),
];

/// That of users, in which anybody has every capability.
pub const USER: u32 = libc::CLONE_NEWUSER as u32;

/// All kinds together.
pub const ALL: u32 = {
    let mut all = 0;
    let mut n = 0;
    while n < NAMES.len() {
        all |= NAMES[n].1;
        n += 1;
    }
    all
};

/// The kinds that may be made after the assignment `text`, given those of before; `None` is no restriction yet. A
/// boolean starts over, a list adds, a list behind `~` takes away, nothing lifts the restriction (load-fragment.c,
/// `config_parse_namespace_flags`).
pub fn merge(text: &Text, before: Option<u32>) -> Result<Option<u32>, Diagnostic> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(restrict) = scalar::boolean(text) {
        return Ok(Some(if restrict { 0 } else { ALL }));
    }
    let (inverted, list) = match text.as_str().strip_prefix('~') {
        Some(_) => (true, text.slice(1..text.len())),
        None => (false, text.clone()),
    };
    let mut named = 0;
    for word in word::list(&list)? {
        named |= flag(&word)?;
    }
    Ok(Some(match (before, inverted) {
        (None, true) => ALL & !named,
        (None, false) => named,
        (Some(before), true) => before & !named,
        (Some(before), false) => before | named,
    }))
}

/// The names of the kinds in `flags`.
pub fn names(flags: u32) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().filter(move |(_, flag)| flags & flag != 0).map(|(name, _)| name)
}

fn flag(word: &Text) -> Result<u32, Diagnostic> {
    let written = word.as_str();
    NAMES.into_iter().find(|(name, _)| *name == written).map(|(_, flag)| flag).ok_or_else(|| {
        let names = || NAMES.into_iter().map(|(name, _)| name);
        let message =
            format!("{written:?} is no kind of namespace: {}", names().collect::<Vec<_>>().join(" | "));
        let problem = wrong(word, Code::Word, message).did_you_mean(written, names());
        if written.starts_with('~') {
            problem.help("a ~ stands once, before the whole list")
        } else {
            problem
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn kinds_are_kept_taken_away_and_started_over() {
        let (net, pid, uts) = (0x4000_0000, 0x2000_0000, 0x0400_0000);
        for (lines, kept) in [
            (&["yes"][..], Some(0)),
            (&["no"], Some(ALL)),
            (&["net"], Some(net)),
            (&["net pid"], Some(net | pid)),
            (&["net", "pid"], Some(net | pid)),
            (&["net pid", "~net"], Some(pid)),
            (&["~net", "~uts"], Some(ALL & !net & !uts)),
            (&["net", ""], None),
            (&["yes", "net"], Some(net)),
            (&["~"], Some(ALL)),
        ] {
            let merged = lines.iter().try_fold(None, |before, line| merge(&text(line), before));
            assert_eq!(merged, Ok(kept), "{lines:?}");
        }
        assert_eq!(names(net | uts).collect::<Vec<_>>(), ["net", "uts"]);
        let problem = merge(&text("~mnt usr"), None).expect_err("no such kind");
        assert_eq!((problem.place.expect("a place").column, problem.width), (6, 3));
        let problem = merge(&text("net ~pid"), None).expect_err("in the middle");
        assert!(problem.help.iter().any(|help| help.contains("a ~ stands once")), "{problem:?}");
    }
}
