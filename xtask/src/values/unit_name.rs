//! Unit names: `PREFIX[@[INSTANCE]].SUFFIX` (systemd.unit(5); facts from unit-name.c).

use tomte::table::Name;

use super::{path, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Every kind of unit systemd has.
pub const SUFFIXES: [&str; 11] = [
    "service",
    "target",
    "socket",
    "timer",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
];

/// A unit's name and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitName {
    /// All of it.
    pub full: String,
    /// Up to the `@` or the suffix.
    pub prefix: String,
    /// Between `@` and suffix; empty for a template. `None` without `@`.
    pub instance: Option<String>,
    /// Behind the last dot: one of [`SUFFIXES`].
    pub suffix: &'static str,
}

impl UnitName {
    /// Takes `text` apart; the error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if Name::new(text).is_none() {
            return Err(format!("{text:?} is no unit name: 1 to 255 of letters, digits and :_.-@\\"));
        }
        let known = text.rsplit_once('.').and_then(|(stem, end)| {
            SUFFIXES.into_iter().find(|suffix| *suffix == end).map(|suffix| (stem, suffix))
        });
        let Some((stem, suffix)) = known else {
            return Err(format!(
                "{text:?} is no unit name: it has to end in .service, .target or another kind"
            ));
        };
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance.to_owned())),
            None => (stem, None),
        };
        if prefix.is_empty() {
            return Err(format!("{text:?} is no unit name: nothing stands before the {}", &text[..1]));
        }
        Ok(Self { full: text.to_owned(), prefix: prefix.to_owned(), instance, suffix })
    }

    /// Whether it is a template: `x@.service`.
    pub fn is_template(&self) -> bool {
        self.instance.as_deref() == Some("")
    }

    /// The template it is an instance of.
    pub fn template(&self) -> Option<String> {
        let instance = self.instance.as_deref().filter(|instance| !instance.is_empty());
        instance.map(|_| format!("{}@.{}", self.prefix, self.suffix))
    }

    /// The name without the suffix.
    pub fn stem(&self) -> &str {
        &self.full[..self.full.len() - self.suffix.len() - 1]
    }
}

/// The unit name that `text` is.
pub fn parse(text: &Text) -> Result<UnitName, Diagnostic> {
    UnitName::new(text.as_str()).map_err(|message| wrong(text, Code::UnitName, message))
}

/// What systemd-escape(1) makes of `text`: `/` becomes `-`, and what no unit name can hold, `\xHH`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => escaped.push('-'),
            b'.' if at > 0 => escaped.push('.'),
            b':' | b'_' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    escaped
}

/// What `systemd-escape --path` makes of `path`, which has no `..`: slashes that say nothing are dropped.
pub fn escape_path(path: &str) -> String {
    let simple = path::simplify(path);
    match simple.trim_start_matches('/') {
        "" => "-".to_owned(),
        relative => escape(relative),
    }
}

/// The unit of the kind `suffix` that stands for `path`: `/dev/sda` and `swap` are `dev-sda.swap`.
pub fn of_path(path: &str, suffix: &str) -> String {
    format!("{}.{suffix}", escape_path(path))
}

/// The path that such a unit stands for; `None` if its name is no escaped path.
pub fn path_of(name: &UnitName) -> Option<String> {
    let path = match name.stem() {
        "-" => "/".to_owned(),
        stem => format!("/{}", unescape(stem)?),
    };
    (escape_path(&path) == name.stem()).then_some(path)
}

/// Undoes systemd-escape(1): `-` is `/`, `\xHH` a byte. `None` if it is no such escape or no UTF-8.
pub fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '-' => {
                bytes.push(b'/');
                1
            }
            '\\' => {
                let digits = rest.strip_prefix("\\x")?.get(..2)?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                4
            }
            _ => {
                bytes.extend_from_slice(c.to_string().as_bytes());
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        for (full, prefix, instance, suffix) in [
            ("a.service", "a", None, "service"),
            ("a.b.target", "a.b", None, "target"),
            ("a@.service", "a", Some(""), "service"),
            ("a@b@c.service", "a", Some("b@c"), "service"),
        ] {
            let name = UnitName::new(full).expect(full);
            assert_eq!(
                (name.prefix.as_str(), name.instance.as_deref(), name.suffix),
                (prefix, instance, suffix)
            );
        }
        for bad in ["", "a", "a.", ".service", "@a.service", "a.svc", "a b.service", "ä.service"] {
            assert!(UnitName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_escaped_as_systemd_does() {
        for (text, escaped) in [
            ("a/b", "a-b"),
            ("-x", r"\x2dx"),
            (".a", r"\x2ea"),
            ("a.b", "a.b"),
            ("ä", r"\xc3\xa4"),
            ("/", "-"),
            ("a@b", r"a\x40b"),
            ("hello world\\", r"hello\x20world\x5c"),
        ] {
            assert_eq!(escape(text), escaped, "{text}");
            assert_eq!(unescape(escaped).as_deref(), Some(text));
        }
        for (path, escaped) in [
            ("/", "-"),
            ("/home", "home"),
            ("//home//lead/./x/", "home-lead-x"),
            ("/.hidden", r"\x2ehidden"),
            ("/a-b_c:d.e", r"a\x2db_c:d.e"),
            ("/dev/disk/by-uuid/x", r"dev-disk-by\x2duuid-x"),
        ] {
            assert_eq!(escape_path(path), escaped, "{path}");
            let name = UnitName::new(&of_path(path, "mount")).expect("a name");
            assert_eq!(path_of(&name), Some(path::simplify(path)));
        }
        let none = UnitName::new(r"a--b.mount").expect("a name");
        assert_eq!(path_of(&none), None, "no simplified path has two slashes in a row");
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_is_a_name_and_comes_back(text in "\\PC{1,20}") {
            let escaped = escape(&text);
            proptest::prop_assert_eq!(unescape(&escaped), Some(text));
            let name = UnitName::new(&format!("{escaped}.mount"));
            proptest::prop_assert!(name.is_ok());
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"dev-disk-by\x2did").as_deref(), Some("dev/disk/by-id"));
        assert_eq!(unescape(r"a\x2"), None);
        assert_eq!(unescape(r"a\n"), None);
    }
}
