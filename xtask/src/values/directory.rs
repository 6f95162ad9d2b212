//! Names of `RuntimeDirectory=` and its kind (systemd.exec(5); facts from load-fragment.c,
//! `config_parse_exec_directories`).

use super::{path, specifier::Specifiers, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// A directory, and where a symbolic link leads to it.
pub type Entry = (String, Option<String>);

/// The directories in `text`, normalised and relative, as written: `NAME` or `NAME:LINK`.
pub fn list(text: &Text, specifiers: &Specifiers) -> Result<Vec<Entry>, Diagnostic> {
    word::list(text)?.iter().map(|word| entry(word, specifiers)).collect()
}

fn entry(word: &Text, specifiers: &Specifiers) -> Result<Entry, Diagnostic> {
    if word.as_str().contains('\\') {
        let message = format!("{:?}: a colon in a name is not supported by this tomte", word.as_str());
        return Err(wrong(word, Code::DirectoryName, message));
    }
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in word.as_str().match_indices(':') {
        parts.push(word.slice(from..at));
        from = at + 1;
    }
    parts.push(word.slice(from..word.len()));
    match &parts[..] {
        [name] => Ok((one(&specifiers.expand(name)?)?, None)),
        [name, link] => Ok((one(&specifiers.expand(name)?)?, Some(one(&specifiers.expand(link)?)?))),
        [_, _, flags, ..] => {
            let message = format!("{:?}: options are not supported by this tomte", flags.as_str());
            let help = "ro: name the directory in ReadOnlyPaths= as well";
            Err(wrong(flags, Code::DirectoryName, message).help(help))
        }
        [] => Err(wrong(word, Code::DirectoryName, "no name".to_owned())),
    }
}

fn one(text: &Text) -> Result<String, Diagnostic> {
    let name = text.as_str();
    if name.starts_with('/') {
        let problem = wrong(
            text,
            Code::DirectoryName,
            format!("{name:?} is absolute; the name is relative to the setting's own directory"),
        );
        return Err(problem.help("StateDirectory=x is /var/lib/x, RuntimeDirectory=x is /run/x"));
    }
    let simple = path::normal(text)?;
    if simple.is_empty() {
        return Err(wrong(
            text,
            Code::DirectoryName,
            format!("{name:?} is the directory itself; expected a name below it"),
        ));
    }
    if simple.split('/').next() == Some("private") {
        let problem = wrong(
            text,
            Code::DirectoryName,
            format!("{name:?}: \"private\" is where directories of dynamic users are kept"),
        );
        return Err(problem.help("choose another name"));
    }
    Ok(simple)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{tests::text, unit_name::UnitName};

    #[test]
    fn names_are_normalised_and_kept_below_their_prefix() {
        let unit = UnitName::new("a@b.service").expect("a name");
        let specifiers = Specifiers { unit, image: std::sync::Arc::default() };
        let names = list(&text("./x///./y/. a 'b c' %p-%i privates"), &specifiers);
        let expected = ["x/y", "a", "b c", "a-b", "privates"].map(|name| (name.to_owned(), None));
        assert_eq!(names.as_deref(), Ok(&expected[..]));
        let linked = list(&text("a:./b/c d:%p.link"), &specifiers);
        let expected = [("a", "b/c"), ("d", "a.link")].map(|(name, link)| (name.into(), Some(link.into())));
        assert_eq!(linked.as_deref(), Ok(&expected[..]));
        for bad in [
            "/run/x",
            "../x",
            "x/../y",
            "private",
            "private/x",
            "./private",
            ".",
            "\"\"",
            "%H",
            "a:/b",
            "a:../b",
            "a:private",
            "a:b:ro",
            "a::ro",
            "a:",
            "a\\:b",
        ] {
            assert!(list(&text(bad), &specifiers).is_err(), "{bad}");
        }
    }
}
