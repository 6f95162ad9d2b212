//! Command lines of inits that split them at blanks and leave the rest to a shell. Pure.

use super::unit;

/// What makes a line one for a shell: sysvinit's and BusyBox's init look for these, and for `=`, which only matters at
/// the start.
const FOR_A_SHELL: &[char] = &[
    '~', '`', '!', '$', '^', '&', '*', '(', ')', '|', '\\', '{', '}', '[', ']', ';', '"', '\'', '<', '>',
    '?', '#',
];

/// A line as such an init understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The first word; for a login shell without its dash.
    pub program: String,
    /// The words behind it.
    pub arguments: Vec<String>,
    /// The value of an `Exec*=`.
    pub exec: String,
    /// Whether a shell runs it.
    pub shell: bool,
}

impl CommandLine {
    /// Takes `line` apart. `None` if there is nothing to run.
    pub fn new(line: &str) -> Option<Self> {
        let line = line.trim();
        let (line, login) = match line.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (program, arguments) = words.split_first()?;
        let shell = line.contains(FOR_A_SHELL)
            || program.contains('=')
            || program.starts_with(['@', '-', ':', '+', '|']); // systemd would read a prefix
        let exec = if shell {
            unit::shell(&if program == "exec" { line.to_owned() } else { format!("exec {line}") })
        } else {
            let rest: String = arguments.iter().map(|word| format!(" {}", unit::word(word))).collect();
            match login {
                true => {
                    format!("@{} {}{rest}", unit::word(program), unit::word(&format!("-{}", base(program))))
                }
                false => format!("{}{rest}", unit::word(program)),
            }
        };
        Some(Self { program: program.clone(), arguments: arguments.to_vec(), exec, shell })
    }

    /// The program's name without its directories.
    pub fn base(&self) -> &str {
        base(&self.program)
    }

    /// Whether it makes a terminal ready for a login.
    pub fn is_getty(&self) -> bool {
        matches!(
            self.base(),
            "getty"
                | "agetty"
                | "mingetty"
                | "fgetty"
                | "mgetty"
                | "ngetty"
                | "rungetty"
                | "uugetty"
                | "fbgetty"
        )
    }

    /// Whether it talks to a person.
    pub fn is_interactive(&self) -> bool {
        self.is_getty() || matches!(self.base(), "sh" | "ash" | "bash" | "dash" | "login" | "sulogin")
    }

    /// The terminal among the arguments, without `/dev/`.
    pub fn terminal(&self) -> Option<&str> {
        let devices = self.arguments.iter().map(|word| word.strip_prefix("/dev/").unwrap_or(word));
        devices.into_iter().find(|word| is_terminal(word))
    }
}

/// Whether `name` looks like a terminal's name below /dev.
pub fn is_terminal(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    let known = ["tty", "hvc", "vc/", "xvc", "pts/", "ptyp", "rpmsg", "console"];
    known.iter().any(|start| name.starts_with(start)) && name.chars().all(plain)
}

/// Whether `name` is a virtual terminal.
pub fn is_virtual(name: &str) -> bool {
    let number = name.strip_prefix("tty").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The stem of the name that systemd gives to the login on the terminal `name`.
pub fn getty_name(name: &str) -> String {
    match name {
        "console" => "console-getty".to_owned(),
        _ if is_virtual(name) => format!("getty@{name}"),
        _ => format!("serial-getty@{}", name.replace('-', "\\x2d").replace('/', "-")),
    }
}

/// `path` without its directories.
pub fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_at_blanks_or_left_to_a_shell() {
        for (line, exec) in [
            ("/sbin/getty -L ttyS0", "/sbin/getty -L ttyS0"),
            ("-/bin/sh", "@/bin/sh -sh"),
            ("/bin/date +%s", "/bin/date +%%s"),
            ("/bin/a --b=c", "/bin/a --b=c"),
            ("/bin/a > /dev/b $C", "/bin/sh -c \"exec /bin/a > /dev/b $$C\""),
            ("A=1 /bin/a", "/bin/sh -c \"exec A=1 /bin/a\""),
        ] {
            assert_eq!(CommandLine::new(line).expect(line).exec, exec, "{line}");
        }
        assert_eq!(CommandLine::new(" "), None);
    }

    #[test]
    fn logins_have_the_names_that_systemd_gives_them() {
        for (terminal, name) in [
            ("tty1", "getty@tty1"),
            ("ttyS0", "serial-getty@ttyS0"),
            ("console", "console-getty"),
            ("pts/0", "serial-getty@pts-0"),
        ] {
            assert_eq!(getty_name(terminal), name);
        }
    }
}
