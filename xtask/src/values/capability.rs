//! Capability sets (capabilities(7), linux/capability.h).

use super::{word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Capability n is at index n.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Merges `text` into `set`: a list adds, `~` and a list takes away, nothing empties, `~` alone fills. The first
/// assignment to a set that is still at its `initial` value replaces it (load-fragment.c, `config_parse_capability_set`).
pub fn merge(text: &Text, set: u64, initial: u64) -> Result<u64, Diagnostic> {
    let (invert, names) = match text.as_str().strip_prefix('~') {
        Some(_) => (true, text.slice(1..text.len())),
        None => (false, text.clone()),
    };
    let mut sum = 0;
    for word in word::list(&names)? {
        sum |= 1 << number(&word)?;
    }
    let fresh = sum == 0 || set == initial;
    Ok(match (fresh, invert) {
        (true, true) => !sum,
        (true, false) => sum,
        (false, true) => set & !sum,
        (false, false) => set | sum,
    })
}

/// The names of the capabilities in `set`.
pub fn names(set: u64) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().enumerate().filter(move |(n, _)| set & (1 << n) != 0).map(|(_, name)| name)
}

/// The number of the capability called `name`.
pub fn by_name(name: &str) -> Option<usize> {
    NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))
}

fn number(word: &Text) -> Result<usize, Diagnostic> {
    let name = word.as_str();
    by_name(name).ok_or_else(|| {
        wrong(word, Code::Capability, format!("{name:?} is no capability")).did_you_mean(name, NAMES)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn sets_grow_shrink_and_start_over() {
        let bind = 1 << 10;
        let kill = 1 << 5;
        for (lines, initial, set) in [
            (&["CAP_NET_BIND_SERVICE"][..], 0, bind),
            (&["CAP_NET_BIND_SERVICE", "cap_kill"], 0, bind | kill),
            (&["CAP_NET_BIND_SERVICE CAP_KILL", "~CAP_KILL"], 0, bind),
            (&["CAP_KILL", ""], 0, 0),
            (&["~"], 0, u64::MAX),
            (&["CAP_KILL"], u64::MAX, kill),
            (&["~CAP_KILL"], u64::MAX, !kill),
            (&["~CAP_KILL", "~CAP_NET_BIND_SERVICE"], u64::MAX, !kill & !bind),
            (&[""], u64::MAX, 0),
            (&["", "CAP_KILL"], u64::MAX, kill),
        ] {
            let merged = lines.iter().try_fold(initial, |set, line| merge(&text(line), set, initial));
            assert_eq!(merged, Ok(set), "{lines:?}");
        }
        assert_eq!(NAMES[21], "CAP_SYS_ADMIN");
        assert_eq!(NAMES[40], "CAP_CHECKPOINT_RESTORE");
        let problem = merge(&text("CAP_NET_BIND"), 0, 0).expect_err("no such capability");
        assert!(problem.message.contains("no capability"), "{problem:?}");
    }
}
