//! Every directive of systemd 257 (systemd.directives(7)) and what becomes of it here, in one table for each manual
//! page: this is what `check` goes by, what `explain` tells, and what DIRECTIVES.md is made from.

mod document;
mod exec;
mod kill;
mod mount;
mod path;
mod resource;
mod service;
mod slice;
mod socket;
mod swap;
mod timer;
mod unit;

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    model::Located,
    read::Assignment,
    values::{scalar, time, unit_name, word},
};

/// Applies one assignment to the draft. The driver puts the key before every message.
pub type Set = fn(&mut Draft, &Assignment, &mut Cx) -> Result<(), Diagnostic>;

/// One key of one section.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    pub key: &'static str,
    pub standing: Standing,
    /// Whether the unit's processes may do more without it than with it. Never inert, and never passed over.
    pub narrows: bool,
    /// How a value is written that asks for nothing.
    pub off: Off,
    /// Why it is inert or refused and what to use instead, or in what it differs from systemd. May be empty for
    /// directives that are supported.
    pub note: &'static str,
}

/// What becomes of a directive.
#[derive(Clone, Copy, Debug)]
pub enum Standing {
    /// Does what systemd does.
    Supported(Set),
    /// Read and checked; PID 1 cannot do it yet, and `bake` says so.
    Checked(Set, Lack),
    /// Accepted: its effect cannot be missed here.
    Inert,
    /// An error, unless its value asks for nothing.
    Refused,
}

impl Standing {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supported(_) => "supported",
            Self::Checked(..) => "checked",
            Self::Inert => "inert",
            Self::Refused => "refused",
        }
    }
}

/// What a unit lacks without a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A protection, or what it was written for: no table is made.
    Needed,
    /// Something that it does without: `bake` warns.
    Extra,
}

/// How a value is written that asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// No value does.
    Never,
    /// A boolean that is false.
    No,
    /// Nothing: the list is emptied.
    Empty,
    /// This word.
    Word(&'static str),
}

impl Off {
    /// Whether `value` asks for nothing.
    pub fn is(self, value: &str) -> bool {
        match self {
            Self::Never => false,
            Self::No => {
                matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "n" | "false" | "f" | "off")
            }
            Self::Empty => value.is_empty(),
            Self::Word(word) => value == word,
        }
    }
}

impl Directive {
    const fn new(key: &'static str, standing: Standing) -> Self {
        Self { key, standing, narrows: false, off: Off::Never, note: "" }
    }

    /// The same with an explanation.
    const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// The same, narrowing what processes may do.
    const fn narrowing(self) -> Self {
        Self { narrows: true, ..self }
    }

    /// The same, but `off` asks for nothing.
    const fn unless(self, off: Off) -> Self {
        Self { off, ..self }
    }

    /// What `bake` says of `a` if PID 1 cannot do it yet.
    pub fn later(&self, a: &Assignment) -> Option<Diagnostic> {
        let Standing::Checked(_, lack) = self.standing else { return None };
        let key = self.key;
        let on_key = |problem: Diagnostic| Some(problem.on(&a.key, 0..a.key.len()));
        if self.off.is(a.value.as_str()) {
            return None;
        }
        match (lack, self.narrows) {
            (Lack::Needed, true) => on_key(not_enforced(Code::ProtectionNotYet, key)),
            (Lack::Needed, false) => {
                let problem =
                    Diagnostic::error(Code::NotYet, format!("{key}= is not supported by this tomte"));
                on_key(if self.note.is_empty() { problem } else { problem.help(self.note) })
            }
            (Lack::Extra, _) => {
                let problem =
                    Diagnostic::warning(Code::WithoutEffect, format!("{key}= has no effect in this tomte"));
                on_key(if self.note.is_empty() { problem } else { problem.help(self.note) })
            }
        }
    }

    /// What is said of `a`, whose directive is refused.
    pub fn refusal(&self, a: &Assignment) -> Option<Diagnostic> {
        if self.off.is(a.value.as_str()) {
            return None;
        }
        let problem = match self.narrows {
            true => not_enforced(Code::RefusedProtection, self.key),
            false => Diagnostic::error(Code::Refused, format!("{}= is not supported by tomte", self.key)),
        };
        Some(problem.on(&a.key, 0..a.key.len()).help(self.note))
    }
}

fn not_enforced(code: Code, key: &str) -> Diagnostic {
    let message = format!("{key}= is not enforced by this tomte, so the service could do more than it may");
    Diagnostic::error(code, message).help(format!("remove {key}= to run without that protection"))
}

const fn supported(key: &'static str, set: Set) -> Directive {
    Directive::new(key, Standing::Supported(set))
}

/// Understood; the unit does without it.
const fn extra(key: &'static str, set: Set) -> Directive {
    Directive::new(key, Standing::Checked(set, Lack::Extra))
}

/// Understood; a unit that asks for it gets no table.
const fn needed(key: &'static str, off: Off, set: Set) -> Directive {
    Directive::new(key, Standing::Checked(set, Lack::Needed)).unless(off)
}

const fn inert(key: &'static str, why: &'static str) -> Directive {
    Directive::new(key, Standing::Inert).note(why)
}

const fn refused(key: &'static str, off: Off, why: &'static str) -> Directive {
    Directive::new(key, Standing::Refused).unless(off).note(why)
}

/// The directives of one manual page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its name: `systemd.unit(5)`.
    pub manual: &'static str,
    /// Sorted by key.
    pub directives: &'static [Directive],
}

/// Every section of every kind of unit, and the pages whose directives go there.
pub const SECTIONS: &[(&str, &[&Page])] = &[
    ("Unit", &[&unit::UNIT]),
    ("Install", &[&unit::INSTALL]),
    ("Service", &[&service::PAGE, &exec::PAGE, &kill::PAGE, &resource::PAGE]),
    ("Socket", &[&socket::PAGE, &exec::PAGE, &kill::PAGE, &resource::PAGE]),
    ("Timer", &[&timer::PAGE]),
    ("Path", &[&path::PAGE]),
    ("Mount", &[&mount::PAGE, &exec::PAGE, &kill::PAGE, &resource::PAGE]),
    ("Swap", &[&swap::PAGE, &exec::PAGE, &kill::PAGE, &resource::PAGE]),
    ("Slice", &[&slice::PAGE, &resource::PAGE]),
];

/// The directives of `section`; none if there is no such section.
pub fn of(section: &str) -> impl Iterator<Item = &'static Directive> + use<> {
    let pages = SECTIONS.iter().find(|(name, _)| *name == section).map_or(&[][..], |(_, pages)| pages);
    pages.iter().flat_map(|page| page.directives)
}

/// The directive `key` of `section`.
pub fn find(section: &str, key: &str) -> Option<&'static Directive> {
    of(section).find(|directive| directive.key == key)
}

/// Sets `slot` to a value that was read.
fn put<T>(slot: &mut T, value: Result<T, Diagnostic>) -> Result<(), Diagnostic> {
    *slot = value?;
    Ok(())
}

/// Checks that the value is a boolean.
fn boolean(_: &mut Draft, a: &Assignment, _: &mut Cx) -> Result<(), Diagnostic> {
    scalar::boolean(&a.value).map(drop)
}

/// Checks that the value is a time span.
fn span(_: &mut Draft, a: &Assignment, _: &mut Cx) -> Result<(), Diagnostic> {
    time::span(&a.value).map(drop)
}

/// Checks that the specifiers of the value can be replaced.
fn text(_: &mut Draft, a: &Assignment, cx: &mut Cx) -> Result<(), Diagnostic> {
    cx.specifiers.expand(&a.value).map(drop)
}

/// Hands each unit name of the assignment to `take`.
pub fn units(a: &Assignment, cx: &mut Cx, mut take: impl FnMut(Located<String>)) -> Result<(), Diagnostic> {
    for word in word::list(&a.value)? {
        let text = cx.specifiers.expand(&word)?;
        match unit_name::parse(&text) {
            Ok(name) => take(Located { value: name.full, place: Some(text.place(0)) }),
            Err(problem) => cx.problems.push(problem),
        }
    }
    Ok(())
}

#[cfg(test)]
use document::markdown;
pub use document::{Args, run};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pages_are_sorted_so_that_a_key_is_found_by_eye_and_stands_once_in_a_section() {
        for (section, pages) in SECTIONS {
            let mut seen = BTreeSet::new();
            for page in *pages {
                let keys: Vec<_> = page.directives.iter().map(|directive| directive.key).collect();
                assert!(keys.is_sorted(), "{}: {keys:?}", page.manual);
                for key in keys {
                    assert!(seen.insert(key), "[{section}] {key}");
                }
            }
        }
    }

    #[test]
    fn whatever_sounds_like_a_restriction_is_known_as_one_and_never_inert() {
        let sounds = |key: &str| {
            let narrow =
                ["Protect", "Private", "Restrict", "SystemCallF", "IPAddress", "DeviceAllow", "NoExec"];
            narrow.iter().any(|start| key.starts_with(start)) || key.ends_with("Paths")
        };
        for (section, _) in SECTIONS {
            for directive in of(section) {
                assert!(
                    !(directive.narrows && matches!(directive.standing, Standing::Inert)),
                    "{directive:?}"
                );
                let allows = ["ExecPaths", "ReadWritePaths"].contains(&directive.key);
                assert!(directive.narrows || allows || !sounds(directive.key), "{directive:?}");
            }
        }
    }

    #[test]
    fn the_documentation_is_made_from_this_table() {
        let file = "DIRECTIVES.md";
        if std::env::var_os("TOMTE_BLESS").is_some() {
            std::fs::write(file, markdown()).expect("writable");
        }
        let written = std::fs::read_to_string(file).expect("readable");
        assert!(written == markdown(), "DIRECTIVES.md is of another table; TOMTE_BLESS=1 writes it anew");
    }

    #[test]
    fn inert_and_refused_directives_say_why() {
        for directive in SECTIONS.iter().flat_map(|(section, _)| of(section)) {
            let silent = matches!(directive.standing, Standing::Inert | Standing::Refused);
            assert!(!(silent && directive.note.is_empty()), "{}", directive.key);
        }
    }
}
