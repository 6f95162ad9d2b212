//! `StandardInput=`, `StandardOutput=` and `StandardError=` (systemd.exec(5), "Logging and Standard Input/Output").

use tomte::table::{Stdin, Stdout};

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    read::{Assignment, Text},
    values::{base64, path, scalar, word, wrong},
};

type Done = Result<(), Diagnostic>;

/// The words of `StandardInput=`, and what the target makes of each.
const INPUTS: [(&str, Stdin); 7] = [
    ("null", Stdin::Null),
    ("tty", Stdin::Tty),
    ("tty-force", Stdin::TtyForce),
    ("tty-fail", Stdin::TtyFail),
    ("data", Stdin::Data),
    ("socket", Stdin::Socket),
    ("fd", Stdin::Fd),
];

/// The words of the other two.
const OUTPUTS: [(&str, Stdout); 11] = [
    ("inherit", Stdout::Inherit),
    ("null", Stdout::Null),
    ("tty", Stdout::Tty),
    ("journal", Stdout::Journal),
    ("journal+console", Stdout::Journal),
    ("kmsg", Stdout::Journal),
    ("kmsg+console", Stdout::Journal),
    ("syslog", Stdout::Journal),
    ("syslog+console", Stdout::Journal),
    ("socket", Stdout::Socket),
    ("fd", Stdout::Fd),
];

/// `StandardInput=`.
pub fn input(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let (stdin, path) = match file(&a.value, &[("file:", Stdin::File)], cx)? {
        Some(input) => input,
        None => match descriptor(&a.value)? {
            Some(name) => (Stdin::Fd, name),
            None => match scalar::choice(&a.value, &INPUTS)? {
                Stdin::Fd => (Stdin::Fd, "stdin".to_owned()),
                stdin => (stdin, String::new()),
            },
        },
    };
    (d.exec().stdin, d.exec().stdin_path) = (stdin, path);
    Ok(())
}

/// `StandardInputText=`: one more line, or none. Escapes come before specifiers (load-fragment.c,
/// `config_parse_exec_input_text`).
pub fn text(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if a.value.is_empty() {
        d.exec().stdin_data.clear();
        return Ok(());
    }
    let line = cx.specifiers.expand(&word::unescaped(&a.value)?)?;
    d.exec().stdin_data.extend_from_slice(line.as_str().as_bytes());
    d.exec().stdin_data.push(b'\n');
    Ok(())
}

/// `StandardInputData=`: more bytes, or none.
pub fn data(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    if a.value.is_empty() {
        d.exec().stdin_data.clear();
        return Ok(());
    }
    let bytes = base64::decode(&a.value)?;
    d.exec().stdin_data.extend(bytes);
    Ok(())
}

/// `StandardOutput=`.
pub fn output(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    (d.exec().stdout, d.exec().stdout_path) = parse_output(a, "stdout", cx)?;
    Ok(())
}

/// `StandardError=`.
pub fn error(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    (d.exec().stderr, d.exec().stderr_path) = parse_output(a, "stderr", cx)?;
    Ok(())
}

/// What it is, and the path of a file or the name of a descriptor: `stream`, if none is given.
fn parse_output(a: &Assignment, stream: &str, cx: &mut Cx) -> Result<(Stdout, String), Diagnostic> {
    const FILES: [(&str, Stdout); 3] =
        [("file:", Stdout::File), ("append:", Stdout::Append), ("truncate:", Stdout::Truncate)];
    if let Some(to_file) = file(&a.value, &FILES, cx)? {
        return Ok(to_file);
    }
    if let Some(name) = descriptor(&a.value)? {
        return Ok((Stdout::Fd, name));
    }
    let output = scalar::choice(&a.value, &OUTPUTS)?;
    let written = a.value.as_str();
    if output == Stdout::Journal && written != "journal" {
        let message = format!("{written:?} goes to tomte's log, as journal does");
        cx.problems.push(Diagnostic::warning(Code::TakenAs, message).on(&a.value, 0..a.value.len()));
    }
    let name = if output == Stdout::Fd { stream.to_owned() } else { String::new() };
    Ok((output, name))
}

/// The path behind one of `kinds`, which has to be absolute, and what that kind is.
fn file<T: Copy>(value: &Text, kinds: &[(&str, T)], cx: &Cx) -> Result<Option<(T, String)>, Diagnostic> {
    let Some((prefix, kind)) = kinds.iter().find(|(prefix, _)| value.as_str().starts_with(prefix)) else {
        return Ok(None);
    };
    let path = path::absolute(&cx.specifiers.expand(&value.slice(prefix.len()..value.len()))?)?;
    Ok(Some((*kind, path)))
}

/// The name of a file descriptor, if `value` is one (systemd's fd-util.c, `fdname_is_valid`).
fn descriptor(value: &Text) -> Result<Option<String>, Diagnostic> {
    let Some(name) = value.as_str().strip_prefix("fd:") else { return Ok(None) };
    let plain = |c: char| (' '..='~').contains(&c) && c != ':';
    if name.is_empty() || name.len() > 255 || !name.chars().all(plain) {
        let message = format!("{name:?} is no name of a descriptor: 1 to 255 printable characters but \":\"");
        return Err(wrong(&value.slice(3..value.len()), Code::Word, message));
    }
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::unit_of;

    /// What `check` says about `line`.
    fn said(line: &str) -> Vec<String> {
        let (_, sink) = unit_of("a.service", &format!("[Service]\nExecStart=/bin/true\n{line}"));
        sink.iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn every_word_of_systemd_is_known() {
        for line in [
            "StandardInput=tty",
            "StandardInput=tty-force",
            "StandardOutput=inherit",
            "StandardError=null",
            "StandardInput=file:/etc/x",
            "StandardInput=data\nStandardInputText=a\\tb\nStandardInputData=AAE=",
            "StandardOutput=append:/var/log/%p",
            "StandardOutput=truncate:/x",
            "StandardInput=socket",
            "StandardError=fd",
        ] {
            assert_eq!(said(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_descriptor_has_the_name_that_is_given_or_its_streams() {
        let of = |lines: &str| {
            let (mut unit, _) = unit_of("a.service", &format!("[Service]\nExecStart=/bin/true\n{lines}"));
            let exec = unit.kind.exec_mut().expect("a service");
            (exec.stdin, exec.stdin_path.clone(), exec.stdout, exec.stdout_path.clone())
        };
        let named = of("StandardInput=fd:in\nStandardOutput=fd");
        assert_eq!(named, (Stdin::Fd, "in".into(), Stdout::Fd, "stdout".into()));
        let socket = of("StandardInput=fd:in\nStandardInput=socket\nStandardOutput=socket");
        assert_eq!(socket, (Stdin::Socket, String::new(), Stdout::Socket, String::new()));
    }

    /// As systemd 252 did it with a journal that could be told from /dev/null.
    #[test]
    fn what_is_read_from_a_terminal_or_a_socket_goes_back_there_unless_something_else_is_said() {
        let of = |lines: &str| {
            let (mut unit, _) = unit_of("a.service", &format!("[Service]\nExecStart=/bin/true\n{lines}"));
            let exec = unit.kind.exec_mut().expect("a service");
            (exec.stdout, exec.stderr)
        };
        for (lines, stdout, stderr) in [
            ("", Stdout::Journal, Stdout::Inherit),
            ("StandardInput=socket", Stdout::Inherit, Stdout::Inherit),
            ("StandardInput=socket\nStandardError=journal", Stdout::Inherit, Stdout::Journal),
            ("StandardInput=fd", Stdout::Inherit, Stdout::Inherit),
            ("StandardInput=tty", Stdout::Inherit, Stdout::Inherit),
            ("StandardInput=tty-force\nStandardOutput=journal", Stdout::Journal, Stdout::Inherit),
            ("StandardInput=file:/etc/x", Stdout::Journal, Stdout::Inherit),
            ("StandardInputText=x", Stdout::Journal, Stdout::Inherit),
            ("StandardOutput=inherit", Stdout::Journal, Stdout::Inherit),
            ("StandardError=null", Stdout::Journal, Stdout::Null),
        ] {
            assert_eq!(of(lines), (stdout, stderr), "{lines}");
        }
    }

    #[test]
    fn data_is_put_together_line_by_line_and_is_the_input_unless_another_one_is_asked_for() {
        let of = |lines: &str| {
            let (mut unit, _) = unit_of("a.service", &format!("[Service]\nExecStart=/bin/true\n{lines}"));
            let exec = unit.kind.exec_mut().expect("a service");
            (exec.stdin, exec.stdin_data.clone())
        };
        let lines = "StandardInputText=gone\nStandardInputText=\nStandardInputText=%p \\x41\nStandardInputData=AAH /\n";
        assert_eq!(of(lines), (Stdin::Data, b"a A\n\0\x01\xff".to_vec()));
        assert_eq!(of(&format!("{lines}StandardInput=null")).0, Stdin::Null);
        assert_eq!(of("StandardInputText="), (Stdin::Null, Vec::new()));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (line, message) in [
            ("StandardInput=journal", "StandardInput=\"journal\": expected"),
            ("StandardInput=append:/x", "StandardInput=\"append:/x\": expected"),
            ("StandardOutput=file:x", "StandardOutput=\"x\" is not absolute"),
            ("StandardOutput=fd:a:b", "StandardOutput=\"a:b\" is no name"),
        ] {
            let now = said(line);
            assert!(now.len() == 1 && now[0].starts_with(message), "{line}: {now:?}");
        }
    }
}
