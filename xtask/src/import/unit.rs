//! A unit file in the making: its assignments, what could not be kept, and how both are written down. Knows nothing of
//! what is imported.
//!
//! The rules of quoting are systemd.syntax(7)'s and systemd.service(5)'s.

use std::fmt::Write as _;

use crate::diag::Diagnostic;

/// Bytes of a unit's name, suffix included (systemd's UNIT_NAME_MAX).
const NAME_BYTES_MAX: usize = 255;

/// One unit file.
#[derive(Clone, Debug)]
pub struct UnitText {
    /// The file's name: a full unit name.
    pub name: String,
    /// What is different from what was imported, in the order in which it was found.
    pub problems: Vec<Diagnostic>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    section: Section,
    key: &'static str,
    value: String,
}

/// Sections in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// `[Unit]`.
    Unit,
    /// `[Service]`.
    Service,
    /// `[Socket]`.
    Socket,
    /// `[Install]`.
    Install,
}

impl Section {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "Unit",
            Self::Service => "Service",
            Self::Socket => "Socket",
            Self::Install => "Install",
        }
    }
}

impl UnitText {
    /// The unit called `stem`, made legal, with the kind `suffix`, described as `description`.
    pub fn new(stem: &str, suffix: &str, description: &str) -> Self {
        let mut unit = Self { name: name(stem, suffix), problems: Vec::new(), lines: Vec::new() };
        if !description.trim().is_empty() {
            unit.set(Section::Unit, "Description", text(description.trim()));
        }
        unit
    }

    /// Writes `key=value`, instead of what was there.
    pub fn set(&mut self, section: Section, key: &'static str, value: impl Into<String>) {
        self.remove(section, key);
        self.add(section, key, value);
    }

    /// Writes one more line `key=value`.
    pub fn add(&mut self, section: Section, key: &'static str, value: impl Into<String>) {
        self.lines.push(Line { section, key, value: value.into() });
    }

    /// Takes back all lines of `key`.
    pub fn remove(&mut self, section: Section, key: &'static str) {
        self.lines.retain(|line| (line.section, line.key) != (section, key));
    }

    /// Adds `word` to the list in the line of `key`, once.
    pub fn list(&mut self, section: Section, key: &'static str, word: &str) {
        let known = self.lines.iter_mut().find(|line| (line.section, line.key) == (section, key));
        match known {
            Some(line) if line.value.split(' ').any(|known| known == word) => {}
            Some(line) => {
                line.value.push(' ');
                line.value.push_str(word);
            }
            None => self.add(section, key, word),
        }
    }

    /// `key=value` in `[Service]`.
    pub fn service(&mut self, key: &'static str, value: impl Into<String>) {
        self.set(Section::Service, key, value);
    }

    /// The values of `key`, in order.
    pub fn values(&self, section: Section, key: &str) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().filter(move |line| line.section == section && line.key == key);
        lines.map(|line| line.value.as_str())
    }

    /// Whether `key` was written.
    pub fn has(&self, section: Section, key: &str) -> bool {
        self.values(section, key).next().is_some()
    }

    /// Starts after `other`, and pulls it in.
    pub fn wants(&mut self, other: &str) {
        self.list(Section::Unit, "Wants", other);
        self.list(Section::Unit, "After", other);
    }

    /// Starts after `other`, only together with it.
    pub fn requires(&mut self, other: &str) {
        self.list(Section::Unit, "Requires", other);
        self.list(Section::Unit, "After", other);
    }

    /// Starts after `other` if both start.
    pub fn after(&mut self, other: &str) {
        self.list(Section::Unit, "After", other);
    }

    /// Runs while the system is initialised, before what has default dependencies.
    pub fn early(&mut self) {
        self.set(Section::Unit, "DefaultDependencies", "no");
        self.list(Section::Unit, "Before", "sysinit.target");
        self.list(Section::Install, "WantedBy", "sysinit.target");
    }

    /// Stays on the terminal `device` (an absolute path): reads from it, writes to it.
    pub fn terminal(&mut self, device: &str) {
        self.service("StandardInput", "tty");
        self.service("StandardOutput", "tty");
        self.service("TTYPath", path(device));
        self.service("TTYReset", "yes");
        self.service("TTYVHangup", "yes");
        self.service("SendSIGHUP", "yes");
        self.service("IgnoreSIGPIPE", "no");
    }

    /// Lets `%i`, written literally so far, stand for the instance.
    pub fn open_instance(&mut self) {
        self.lines.iter_mut().for_each(|line| line.value = line.value.replace("%%i", "%i"));
    }

    /// Remembers what was not kept, or is different now.
    pub fn lost(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// The file's text. `format` is what it was imported from.
    pub fn text(&self, format: &str) -> String {
        let mut text =
            format!("# Written by `cargo xtask import {format}`: a start, to be read before it is used.\n");
        self.comments(&mut text);
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| (line.section, line.key != "Type"));
        let mut section = None;
        for line in lines {
            if section != Some(line.section) {
                let _ = write!(text, "\n[{}]\n", line.section.as_str());
                section = Some(line.section);
            }
            let _ = writeln!(text, "{}={}", line.key, line.value);
        }
        if section.is_none() {
            text.push_str("\n[Unit]\n");
        }
        text
    }

    fn comments(&self, text: &mut String) {
        for problem in &self.problems {
            let place = problem.place.as_ref().map(|place| {
                let file = place.file.file_name().unwrap_or_default().to_string_lossy();
                format!("{}:{}: ", one_line(&file), place.line)
            });
            let place = place.unwrap_or_default();
            // A backslash at the end of a comment joins nothing, but readers may think so.
            let _ = writeln!(text, "# {place}{}", one_line(&problem.message).trim_end_matches('\\'));
            for help in &problem.help {
                let _ = writeln!(text, "#   {}", one_line(help).trim_end_matches('\\'));
            }
        }
    }
}

/// A legal unit name: what may not stand in one is written as systemd-escape(1) writes it. Cut to the longest one.
pub fn name(stem: &str, suffix: &str) -> String {
    let mut name = String::new();
    let room = NAME_BYTES_MAX - suffix.len() - 1;
    for (at, byte) in stem.bytes().enumerate() {
        let legal = byte.is_ascii_alphanumeric()
            || matches!(byte, b':' | b'_' | b'-' | b'\\')
            || byte == b'.' && at > 0
            || byte == b'@' && at > 0;
        let written = match byte {
            _ if legal => char::from(byte).to_string(),
            b'/' if at > 0 => "-".to_owned(),
            _ => format!("\\x{byte:02x}"),
        };
        if name.len() + written.len() > room {
            break;
        }
        name.push_str(&written);
    }
    if name.is_empty() {
        name.push('_');
    }
    format!("{name}.{suffix}")
}

/// `text` as the value of a key that takes free text with specifiers: on one line.
pub fn text(text: &str) -> String {
    one_line(text).replace('%', "%%").trim_end_matches('\\').trim().to_owned()
}

/// `path` as the value of a key that takes one path with specifiers.
pub fn path(path: &str) -> String {
    text(path)
}

/// `word` as a word of a command line that means exactly itself.
pub fn word(word: &str) -> String {
    quoted(&word.replace('%', "%%").replace('$', "$$"))
}

/// `word` as a word of a command line in which `$` and `%` keep what they mean.
pub fn open_word(word: &str) -> String {
    quoted(word)
}

/// `NAME=value` as a word of `Environment=`, where `$` means nothing.
pub fn assignment(name: &str, value: &str) -> String {
    quoted(&format!("{name}={}", value.replace('%', "%%")))
}

/// The command line that lets a shell run `script`.
pub fn shell(script: &str) -> String {
    format!("/bin/sh -c {}", word(script))
}

/// The path without the link that /var/run is.
pub fn run_path(path: &str) -> String {
    match path.strip_prefix("/var/run/") {
        Some(rest) => format!("/run/{rest}"),
        None => path.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                '/' | '.' | '_' | '-' | '=' | ',' | ':' | '@' | '+' | '%' | '$' | '{' | '}' | '~' | '^'
            )
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            c if c.is_ascii_control() => {
                let _ = write!(text, "\\x{:02x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
