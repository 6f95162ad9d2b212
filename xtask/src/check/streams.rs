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
const INPUTS: [(&str, Option<Stdin>); 7] = [
    ("null", Some(Stdin::Null)),
    ("tty", Some(Stdin::Tty)),
    ("tty-force", Some(Stdin::Tty)),
    ("tty-fail", Some(Stdin::Tty)),
    ("data", Some(Stdin::Data)),
    ("socket", None),
    ("fd", None),
];

/// The words of the other two.
const OUTPUTS: [(&str, Option<Stdout>); 11] = [
    ("inherit", Some(Stdout::Inherit)),
    ("null", Some(Stdout::Null)),
    ("tty", Some(Stdout::Tty)),
    ("journal", Some(Stdout::Journal)),
    ("journal+console", Some(Stdout::Journal)),
    ("kmsg", Some(Stdout::Journal)),
    ("kmsg+console", Some(Stdout::Journal)),
    ("syslog", Some(Stdout::Journal)),
    ("syslog+console", Some(Stdout::Journal)),
    ("socket", None),
    ("fd", None),
];

/// `StandardInput=`.
pub fn input(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let written = a.value.as_str();
    d.exec().stdin_path.clear();
    if let Some((stdin, path)) = file(&a.value, &[("file:", Stdin::File)], cx)? {
        (d.exec().stdin, d.exec().stdin_path) = (stdin, path);
        cx.later(a, None);
        return Ok(());
    }
    if is_descriptor(&a.value)? {
        return later(a, cx);
    }
    let Some(stdin) = scalar::choice(&a.value, &INPUTS)? else { return later(a, cx) };
    if let "tty-force" | "tty-fail" = written {
        let message = format!("{written:?} is taken as tty: nobody is thrown off the terminal");
        cx.problems.push(Diagnostic::warning(Code::TakenAs, message).on(&a.value, 0..a.value.len()));
    }
    d.exec().stdin = stdin;
    cx.later(a, None);
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
    if let Some(stdout) = parse_output(a, cx)? {
        (d.exec().stdout, d.exec().stdout_path) = stdout;
    }
    Ok(())
}

/// `StandardError=`.
pub fn error(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if let Some(stderr) = parse_output(a, cx)? {
        (d.exec().stderr, d.exec().stderr_path) = stderr;
    }
    Ok(())
}

/// What it is, and the path of a file.
fn parse_output(a: &Assignment, cx: &mut Cx) -> Result<Option<(Stdout, String)>, Diagnostic> {
    const FILES: [(&str, Stdout); 3] =
        [("file:", Stdout::File), ("append:", Stdout::Append), ("truncate:", Stdout::Truncate)];
    if let Some(to_file) = file(&a.value, &FILES, cx)? {
        cx.later(a, None);
        return Ok(Some(to_file));
    }
    if is_descriptor(&a.value)? {
        return later(a, cx).map(|()| None);
    }
    let Some(output) = scalar::choice(&a.value, &OUTPUTS)? else { return later(a, cx).map(|()| None) };
    let written = a.value.as_str();
    if output == Stdout::Journal && written != "journal" {
        let message = format!("{written:?} goes to tomte's log, as journal does");
        cx.problems.push(Diagnostic::warning(Code::TakenAs, message).on(&a.value, 0..a.value.len()));
    }
    cx.later(a, None);
    Ok(Some((output, String::new())))
}

/// What PID 1 cannot open yet: `bake` makes no table.
fn later(a: &Assignment, cx: &mut Cx) -> Done {
    let message = format!("{}={:?} is not supported by this tomte", a.key.as_str(), a.value.as_str());
    let help = match a.key.as_str() {
        "StandardInput" => "null, tty, data and file: are supported; a program can open its input itself",
        _ => "inherit, null, tty, journal, file:, append: and truncate: are supported",
    };
    cx.later(a, Some(wrong(&a.value, Code::NotYet, message).help(help)));
    Ok(())
}

/// The path behind one of `kinds`, which has to be absolute, and what that kind is.
fn file<T: Copy>(value: &Text, kinds: &[(&str, T)], cx: &Cx) -> Result<Option<(T, String)>, Diagnostic> {
    let Some((prefix, kind)) = kinds.iter().find(|(prefix, _)| value.as_str().starts_with(prefix)) else {
        return Ok(None);
    };
    let path = path::absolute(&cx.specifiers.expand(&value.slice(prefix.len()..value.len()))?)?;
    Ok(Some((*kind, path)))
}

/// Whether `value` is a file descriptor by its name (systemd's fd-util.c, `fdname_is_valid`).
fn is_descriptor(value: &Text) -> Result<bool, Diagnostic> {
    let Some(name) = value.as_str().strip_prefix("fd:") else { return Ok(false) };
    let plain = |c: char| (' '..='~').contains(&c) && c != ':';
    if name.is_empty() || name.len() > 255 || !name.chars().all(plain) {
        let message = format!("{name:?} is no name of a descriptor: 1 to 255 printable characters but \":\"");
        return Err(wrong(&value.slice(3..value.len()), Code::Word, message));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::unit_of;

    /// What `check` and then `bake` say about `line`.
    fn said(line: &str) -> (Vec<String>, Vec<String>) {
        let (unit, sink) = unit_of("a.service", &format!("[Service]\nExecStart=/bin/true\n{line}"));
        let later: Vec<_> = unit.later.into_iter().map(|problem| problem.message).collect();
        let all = sink.iter().map(|problem| problem.message.clone());
        (all.filter(|message| !later.contains(message)).collect(), later)
    }

    #[test]
    fn every_word_of_systemd_is_known_and_what_cannot_be_opened_is_for_bake_to_refuse() {
        for line in [
            "StandardInput=tty",
            "StandardOutput=inherit",
            "StandardError=null",
            "StandardInput=file:/etc/x",
            "StandardInput=data\nStandardInputText=a\\tb\nStandardInputData=AAE=",
            "StandardOutput=append:/var/log/%p",
            "StandardOutput=truncate:/x",
        ] {
            assert_eq!(said(line), (Vec::new(), Vec::new()), "{line}");
        }
        for line in ["StandardInput=socket", "StandardInput=fd:stdin", "StandardError=fd"] {
            let (now, later) = said(line);
            assert_eq!((now.len(), later.len()), (0, 1), "{line}: {now:?} {later:?}");
        }
        assert_eq!(said("StandardInput=socket\nStandardInput=null"), (Vec::new(), Vec::new()));
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
            let (now, _) = said(line);
            assert!(now.len() == 1 && now[0].starts_with(message), "{line}: {now:?}");
        }
    }
}
