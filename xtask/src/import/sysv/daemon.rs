//! The line of an init script that starts its daemon: start-stop-daemon(8) of dpkg and BusyBox, `start_daemon` of
//! lsb-base, `daemon` of Red Hat's functions.

use super::shell::{Piece, Word};

/// What such a line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daemon {
    /// Starts one, and does not only look whether it could.
    pub starts: bool,
    /// Stops one.
    pub stops: bool,
    /// `--startas`, else `--exec`.
    pub program: Option<Word>,
    /// Behind the `--`.
    pub arguments: Vec<Word>,
    /// `--pidfile`.
    pub pid_file: Option<Word>,
    /// `--background`: the program stays in the foreground.
    pub background: bool,
    /// `--make-pidfile`: the program writes none.
    pub makes_pid_file: bool,
    /// `--notify-await`: the program says when it is ready.
    pub notifies: bool,
    /// `--signal`.
    pub signal: Option<Word>,
    /// `--retry`.
    pub retry: Option<Word>,
    /// Other options, and their values.
    pub others: Vec<(Other, Word)>,
}

/// Options that become one key each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// `--chuid`
    User,
    /// `--group`
    Group,
    /// `--chdir`
    WorkingDirectory,
    /// `--chroot`
    RootDirectory,
    /// `--nicelevel`
    Nice,
    /// `--umask`
    UMask,
    /// `--output`
    Output,
    /// `--procsched`
    Scheduler,
    /// `--iosched`
    IoScheduler,
}

/// Short and long names of options with a value.
const WITH_VALUE: [(char, &str); 16] = [
    ('p', "pidfile"),
    ('x', "exec"),
    ('a', "startas"),
    ('c', "chuid"),
    ('g', "group"),
    ('d', "chdir"),
    ('r', "chroot"),
    ('N', "nicelevel"),
    ('k', "umask"),
    ('O', "output"),
    ('P', "procsched"),
    ('I', "iosched"),
    ('s', "signal"),
    ('R', "retry"),
    ('n', "name"),
    ('u', "user"),
];
/// The same without one.
const FLAGS: [(char, &str); 10] = [
    ('S', "start"),
    ('K', "stop"),
    ('b', "background"),
    ('m', "make-pidfile"),
    ('t', "test"),
    ('q', "quiet"),
    ('v', "verbose"),
    ('o', "oknodo"),
    ('C', "no-close"),
    ('T', "status"),
];

/// Takes the words of a `start-stop-daemon` behind its name apart. `None` if it has an option that is not known.
pub fn start_stop_daemon(words: &[Word]) -> Option<Daemon> {
    let mut daemon = Daemon::default();
    let (mut exec, mut startas) = (None, None);
    let (mut starts, mut tests) = (false, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let head = word.head();
        if word.literal().as_deref() == Some("--") {
            daemon.arguments = words.cloned().collect();
            break;
        }
        let mut options: Vec<(&str, Option<Word>)> = Vec::new();
        if let Some(long) = head.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, _)| (name, Some(())));
            let value = value.map(|()| word.without(&format!("--{name}=")));
            options.push((long_name(name)?, value));
        } else {
            let cluster = head.strip_prefix('-')?;
            for (at, c) in cluster.char_indices() {
                if let Some((_, name)) = FLAGS.iter().find(|(short, _)| *short == c) {
                    options.push((name, None));
                    continue;
                }
                let (_, name) = WITH_VALUE.iter().find(|(short, _)| *short == c)?;
                let value = word.without(&head[..=1 + at]);
                options.push((name, (!value.pieces.is_empty()).then_some(value)));
                break;
            }
        }
        for (name, value) in options {
            let has_value = WITH_VALUE.iter().any(|(_, long)| *long == name) || name == "notify-timeout";
            let value = match value {
                None if has_value => words.next().cloned(),
                value => value,
            };
            match name {
                "start" => starts = true,
                "stop" => daemon.stops = true,
                "test" | "status" => tests = true,
                "background" => daemon.background = true,
                "make-pidfile" => daemon.makes_pid_file = true,
                "notify-await" => daemon.notifies = true,
                "pidfile" => daemon.pid_file = value,
                "exec" => exec = value,
                "startas" => startas = value,
                "signal" => daemon.signal = value,
                "retry" => daemon.retry = value,
                _ => daemon.others.extend(other(name).zip(value)),
            }
        }
    }
    daemon.starts = starts && !tests;
    daemon.program = startas.or(exec);
    Some(daemon)
}

fn long_name(name: &str) -> Option<&'static str> {
    const REST: [&str; 5] = ["notify-await", "notify-timeout", "remove-pidfile", "pid", "ppid"];
    let known = || WITH_VALUE.iter().chain(&FLAGS).map(|(_, long)| *long).chain(REST);
    let mut alike = known().filter(|long| long.starts_with(name));
    // getopt_long(3) takes a beginning that only one of them has.
    known().find(|long| *long == name).or_else(|| alike.next().filter(|_| alike.next().is_none()))
}

fn other(name: &str) -> Option<Other> {
    Some(match name {
        "chuid" => Other::User,
        "group" => Other::Group,
        "chdir" => Other::WorkingDirectory,
        "chroot" => Other::RootDirectory,
        "nicelevel" => Other::Nice,
        "umask" => Other::UMask,
        "output" => Other::Output,
        "procsched" => Other::Scheduler,
        "iosched" => Other::IoScheduler,
        _ => return None,
    })
}

/// The same for `start_daemon [-f] [-n NICE] [-p FILE] PROGRAM [ARGUMENT]…`, and for `daemon [+NICE] [--user=USER]
/// [--pidfile=FILE] PROGRAM [ARGUMENT]…`.
pub fn start_daemon(words: &[Word]) -> Option<Daemon> {
    let mut daemon = Daemon { starts: true, ..Daemon::default() };
    let mut words = words.iter();
    loop {
        let word = words.next()?;
        let head = word.head();
        match head {
            "-f" | "--force" | "--check" => {}
            "-p" | "--pidfile" => daemon.pid_file = Some(words.next()?.clone()),
            "-n" => daemon.others.push((Other::Nice, words.next()?.clone())),
            "--user" => daemon.others.push((Other::User, words.next()?.clone())),
            _ if head.starts_with("--pidfile=") => daemon.pid_file = Some(word.without("--pidfile=")),
            _ if head.starts_with("--user=") => daemon.others.push((Other::User, word.without("--user="))),
            _ if head.starts_with("--check=") => {}
            _ if head.starts_with('+') => daemon.others.push((Other::Nice, word.without("+"))),
            _ if head.starts_with('-') => return None,
            _ => {
                daemon.program = Some(word.clone());
                daemon.arguments = words.cloned().collect();
                return Some(daemon);
            }
        }
    }
}

/// The word that is exactly `text`, written nowhere.
pub fn literal(text: &str) -> Word {
    Word { pieces: vec![Piece::Literal(text.to_owned())], range: 0..0 }
}

#[cfg(test)]
mod tests {
    use super::{super::shell::commands, *};

    fn parsed(line: &str) -> Option<Daemon> {
        start_stop_daemon(&commands(line)[0].words[1..])
    }

    fn text(word: &Option<Word>) -> String {
        word.as_ref().and_then(Word::literal).unwrap_or_default()
    }

    #[test]
    fn options_are_known_long_short_and_together() {
        for line in [
            "start-stop-daemon --start --quiet --background --make-pidfile --pidfile /run/x --exec /bin/x -- -a b",
            "start-stop-daemon -S -q -b -m -p /run/x -x /bin/x -- -a b",
            "start-stop-daemon -bmSqp /run/x --exec=/bin/x -- -a b",
            "start-stop-daemon -Sqbmp/run/x --exec /bin/y --startas /bin/x -- -a b",
            "start-stop-daemon --start --back --make --pidf /run/x -x /bin/x -- -a b",
        ] {
            let daemon = parsed(line).expect(line);
            assert!(daemon.starts && daemon.background && daemon.makes_pid_file && !daemon.stops, "{line}");
            assert_eq!((text(&daemon.program), text(&daemon.pid_file)), ("/bin/x".into(), "/run/x".into()));
            let arguments: Vec<_> = daemon.arguments.iter().filter_map(Word::literal).collect();
            assert_eq!(arguments, ["-a", "b"], "{line}");
        }
        assert!(!parsed("s --start --test --exec /bin/x").expect("known").starts);
        assert_eq!(parsed("s --start --new-option --exec /bin/x"), None);
        assert_eq!(parsed("s -S $OPTIONS"), None);
        assert_eq!(parsed("s --star --exec /bin/x"), None, "--start or --startas");
    }

    #[test]
    fn the_functions_of_distributions_are_known() {
        let line = |line: &str| start_daemon(&commands(line)[0].words[1..]);
        for (text_of, program) in [
            ("start_daemon -p /run/x /bin/x -a", "/bin/x"),
            ("daemon --pidfile=/run/x --user=x +5 /bin/x -a", "/bin/x"),
        ] {
            let daemon = line(text_of).expect(text_of);
            assert_eq!((text(&daemon.program), text(&daemon.pid_file)), (program.into(), "/run/x".into()));
            assert_eq!(daemon.arguments.len(), 1);
        }
        assert_eq!(line("daemon -p"), None);
    }
}
