//! Exit codes and signals, as in `SuccessExitStatus=` (systemd.exec(5), "Process Exit Codes").

use tomte::table::ExitSet;

use super::{scalar::decimal, signal, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

const NAMES: [(&str, u8); 67] = [
    ("SUCCESS", 0),
    ("FAILURE", 1),
    ("INVALIDARGUMENT", 2),
    ("NOTIMPLEMENTED", 3),
    ("NOPERMISSION", 4),
    ("NOTINSTALLED", 5),
    ("NOTCONFIGURED", 6),
    ("NOTRUNNING", 7),
    ("USAGE", 64),
    ("DATAERR", 65),
    ("NOINPUT", 66),
    ("NOUSER", 67),
    ("NOHOST", 68),
    ("UNAVAILABLE", 69),
    ("SOFTWARE", 70),
    ("OSERR", 71),
    ("OSFILE", 72),
    ("CANTCREAT", 73),
    ("IOERR", 74),
    ("TEMPFAIL", 75),
    ("PROTOCOL", 76),
    ("NOPERM", 77),
    ("CONFIG", 78),
    ("CHDIR", 200),
    ("NICE", 201),
    ("FDS", 202),
    ("EXEC", 203),
    ("MEMORY", 204),
    ("LIMITS", 205),
    ("OOM_ADJUST", 206),
    ("SIGNAL_MASK", 207),
    ("STDIN", 208),
    ("STDOUT", 209),
    ("CHROOT", 210),
    ("IOPRIO", 211),
    ("TIMERSLACK", 212),
    ("SECUREBITS", 213),
    ("SETSCHEDULER", 214),
    ("CPUAFFINITY", 215),
    ("GROUP", 216),
    ("USER", 217),
    ("CAPABILITIES", 218),
    ("CGROUP", 219),
    ("SETSID", 220),
    ("CONFIRM", 221),
    ("STDERR", 222),
    ("PAM", 224),
    ("NETWORK", 225),
    ("NAMESPACE", 226),
    ("NO_NEW_PRIVILEGES", 227),
    ("SECCOMP", 228),
    ("SELINUX_CONTEXT", 229),
    ("PERSONALITY", 230),
    ("APPARMOR", 231),
    ("ADDRESS_FAMILIES", 232),
    ("RUNTIME_DIRECTORY", 233),
    ("CHOWN", 235),
    ("SMACK_PROCESS_LABEL", 236),
    ("KEYRING", 237),
    ("STATE_DIRECTORY", 238),
    ("CACHE_DIRECTORY", 239),
    ("LOGS_DIRECTORY", 240),
    ("CONFIGURATION_DIRECTORY", 241),
    ("NUMA_POLICY", 242),
    ("CREDENTIALS", 243),
    ("BPF", 244),
    ("EXCEPTION", 255),
];

/// Adds the codes and signals in `text` to `set`. Numbers are exit codes; a name is looked up among the codes first.
pub fn add(text: &Text, set: &mut ExitSet) -> Result<(), Diagnostic> {
    for word in word::list(text)? {
        let name = word.as_str();
        let known = NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, code)| code);
        if let Some(code) = known.or_else(|| u8::try_from(decimal(name)?).ok()) {
            set.add_code(code);
        } else if let Some(signal) =
            signal::named(name).filter(|_| !name.starts_with(|c: char| c.is_ascii_digit()))
        {
            set.add_signal(signal);
        } else {
            let problem = wrong(
                &word,
                Code::ExitStatus,
                format!("{name:?} is no exit code from 0 to 255, no exit code's name and no signal"),
            );
            let names = NAMES.into_iter().map(|(name, _)| name).chain(signal::names());
            return Err(problem.did_you_mean(name, names));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn codes_and_signals_are_told_apart() {
        let mut set = ExitSet::default();
        add(&text("0 1 TEMPFAIL 250 SIGUSR1 HUP"), &mut set).expect("all known");
        for code in [0, 1, 75, 250] {
            assert!(set.has_code(code), "{code}");
        }
        assert!(set.has_signal(10) && set.has_signal(1) && !set.has_signal(15) && !set.has_code(10));
        for bad in ["010", "+5", "256", "-1", "TEMPFIAL", "SIGFOO"] {
            assert!(add(&text(bad), &mut ExitSet::default()).is_err(), "{bad}");
        }
    }
}
