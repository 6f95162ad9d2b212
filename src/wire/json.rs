//! Values as JSON text, written straight to a formatter: no heap, no tree.

use core::fmt::{self, Write};

use super::{Ended, ExitStatus, ManagerStatus, Setting, UnitStatus};

/// Writes one JSON object, field by field. What goes wrong shows once, at the end.
pub struct Object<'w> {
    out: &'w mut dyn Write,
    before: &'static str,
    result: fmt::Result,
}

impl<'w> Object<'w> {
    /// Begins it.
    pub fn open(out: &'w mut dyn Write) -> Self {
        Self { out, before: "{", result: Ok(()) }
    }

    #[inline(never)]
    fn put(&mut self, write: &dyn Fn(&mut dyn Write) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = write(self.out);
        }
    }

    fn key(&mut self, key: &str) {
        let before = core::mem::replace(&mut self.before, ",");
        self.put(&|out| write!(out, "{before}\"{key}\":"));
    }

    /// A field with a text.
    #[inline(never)]
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.put(&|out| string(out, value));
    }

    /// A field with a number.
    #[inline(never)]
    pub fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.put(&|out| write!(out, "{value}"));
    }

    #[inline(never)]
    fn number_or_null(&mut self, key: &str, value: Option<u32>) {
        match value {
            Some(value) => self.number(key, u64::from(value)),
            None => self.plain(key, "null"),
        }
    }

    /// A field with a value that is JSON as it stands.
    #[inline(never)]
    pub fn plain(&mut self, key: &str, value: &str) {
        self.key(key);
        self.put(&|out| out.write_str(value));
    }

    /// Ends it.
    ///
    /// # Errors
    /// The first one of `out`.
    #[inline(never)]
    pub fn close(&mut self) -> fmt::Result {
        self.put(&|out| out.write_char('}'));
        self.result
    }
}

/// Writes `text` with its quotes, escaped as RFC 8259 §7 has it.
fn string(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    escaped(out, text)?;
    out.write_char('"')
}

/// What is written to it stands in a JSON string.
pub struct Quoted<'w>(pub &'w mut dyn Write);

impl Write for Quoted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text)
    }
}

/// Writes `text` escaped, without quotes.
pub(super) fn escaped(out: &mut dyn Write, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\0'..'\x10' => escape(out, "\\u000", character)?,
            '\x10'..' ' => escape(out, "\\u001", character)?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

/// Writes a control character by its number: `begin` and the last of its hexadecimal digits.
fn escape(out: &mut dyn Write, begin: &str, character: char) -> fmt::Result {
    out.write_str(begin)?;
    out.write_char(char::from_digit(u32::from(character) & 0xf, 16).unwrap_or_default())
}

/// Somebody who is shown settings, one by one.
pub type See<'s> = &'s mut dyn FnMut(&Setting<'_>) -> fmt::Result;

impl UnitStatus<'_> {
    /// The unit as a JSON object with the keys of the report (design.md §3). `posture` shows it the settings that narrow
    /// the unit, if somebody knows them.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(
        &self,
        out: &mut dyn Write,
        posture: Option<&dyn Fn(See<'_>) -> fmt::Result>,
    ) -> fmt::Result {
        let mut object = Object::open(out);
        object.text("name", self.name);
        object.text("description", self.description);
        object.text("type", self.unit_type.as_str());
        object.text("load", "loaded");
        object.text("active", self.active.as_str());
        object.text("sub", self.sub.as_str());
        object.text("result", self.result.as_str());
        object.number_or_null("main_pid", (self.main_pid != 0).then_some(self.main_pid));
        match self.main_exit.map(ExitStatus::code) {
            Some(code) => object.text("main_code", code),
            None => object.plain("main_code", "null"),
        }
        object.number_or_null("main_status", self.main_exit.map(|exit| u32::from(exit.status())));
        object.number_or_null("uid", self.uid);
        object.number_or_null("gid", self.gid);
        object.number("restarts", u64::from(self.restarts));
        object.number("started_us", self.started_us);
        object.number("ready_us", self.ready_us);
        object.number("ended_us", self.ended_us);
        object.text("status", self.status);
        if let Some(posture) = posture {
            object.key("posture");
            object.put(&|out| {
                let mut before = '[';
                posture(&mut |setting| setting.write_json(out, core::mem::replace(&mut before, ',')))?;
                out.write_str(if before == '[' { "[]" } else { "]" })
            });
        }
        object.close()
    }
}

impl Setting<'_> {
    /// The setting as a JSON object, after the character `before`: of a list the bracket or a comma.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn Write, before: char) -> fmt::Result {
        out.write_char(before)?;
        let mut object = Object::open(out);
        object.text("unit", self.unit);
        object.text("setting", self.setting);
        object.text("state", self.state);
        object.text("why", self.why);
        object.close()
    }
}

impl ManagerStatus<'_> {
    /// The manager as a JSON object.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> fmt::Result {
        let mut object = Object::open(out);
        object.text("board", self.board);
        object.text("arch", self.arch);
        object.text("state", self.state);
        object.number("boot_us", self.boot_us);
        object.number("boot_cpu_us", self.boot_cpu_us);
        object.number("units", u64::from(self.units));
        object.number("failed", u64::from(self.failed));
        object.number("jobs", u64::from(self.jobs));
        object.number("now_us", self.now_us);
        object.close()
    }

    /// The report's head, up to and including the bracket that opens its list of units; the caller writes the units
    /// with commas between them and then `]}`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_report_head(&self, out: &mut dyn Write, ended: Ended) -> fmt::Result {
        let mut object = Object::open(out);
        object.number("schema", 1);
        object.text("board", self.board);
        object.text("arch", self.arch);
        object.number("boot_us", self.boot_us);
        object.number("boot_cpu_us", self.boot_cpu_us);
        object.text("ended", ended.as_str());
        object.key("units");
        object.put(&|out| out.write_char('['));
        object.result
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[test]
    fn text_with_quotes_and_control_characters_stays_json() {
        let mut out = String::new();
        string(&mut out, "a\"b\\c\n\u{1}é").expect("a String takes all");
        assert_eq!(out, "\"a\\\"b\\\\c\\u000a\\u0001é\"");
    }

    #[test]
    fn a_report_without_units_is_whole() {
        let manager = ManagerStatus {
            board: "b",
            arch: "arm",
            state: "running",
            boot_us: 7,
            boot_cpu_us: 3,
            units: 0,
            failed: 0,
            jobs: 0,
            now_us: 8,
            inputs: [9; 16],
        };
        let mut out = String::new();
        manager.write_report_head(&mut out, Ended::Idle).expect("a String takes all");
        out.push_str("]}");
        assert_eq!(
            out,
            r#"{"schema":1,"board":"b","arch":"arm","boot_us":7,"boot_cpu_us":3,"ended":"idle","units":[]}"#
        );
    }
}
