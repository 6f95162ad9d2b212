//! Credentials by name (systemd.exec(5), "Credentials"; facts from creds-util.c).

use super::{path, specifier::Specifiers, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// A name: that of a file in the credentials' directory (creds-util.c, `credential_name_valid`).
pub fn name(text: &Text) -> Result<String, Diagnostic> {
    let name = text.as_str();
    let valid = !name.is_empty()
        && name.len() <= 255
        && name != "."
        && name != ".."
        && !name.chars().any(|c| c == '/' || c == ':' || c.is_control());
    match valid {
        true => Ok(name.to_owned()),
        false => Err(wrong(
            text,
            Code::CredentialName,
            format!(
                "{name:?} is no credential's name: that of a file, without slash and colon, at most 255 bytes"
            ),
        )),
    }
}

/// `NAME[:PATH]`: where it is loaded from, or nothing for one that was handed on to PID 1.
pub fn load(text: &Text) -> Result<(String, Option<String>), Diagnostic> {
    let Some(colon) = text.as_str().find(':') else { return Ok((name(text)?, None)) };
    let source = text.slice(colon + 1..text.len());
    let source = match source.as_str().starts_with('/') {
        true => path::absolute(&source)?,
        false => name(&source)?,
    };
    Ok((name(&text.slice(0..colon))?, Some(source)))
}

/// `PATTERN[:PREFIX]`: a name that may end in `*`, and what the names get instead of what the pattern says before it.
/// Answers with the name without its `*`, whether it had one, and what is put in its place.
pub fn import(text: &Text) -> Result<(String, bool, String), Diagnostic> {
    let colon = text.as_str().find(':').unwrap_or(text.len());
    let pattern = text.slice(0..colon);
    let stem = pattern.as_str().strip_suffix('*').unwrap_or(pattern.as_str());
    if stem.contains(['*', '?', '[']) {
        let message = format!("{:?}: only a * at the end is allowed", pattern.as_str());
        return Err(wrong(&pattern, Code::CredentialName, message));
    }
    if !stem.is_empty() || pattern.is_empty() {
        name(&pattern.slice(0..stem.len()))?;
    }
    let stem = stem.to_owned();
    let renamed = match colon < text.len() {
        true => name(&text.slice(colon + 1..text.len()))?,
        false => stem.clone(),
    };
    Ok((stem, pattern.as_str().ends_with('*'), renamed))
}

/// `NAME:VALUE`: the value with its escapes replaced. Specifiers are for the name alone.
pub fn set(text: &Text, specifiers: &Specifiers) -> Result<(String, Vec<u8>), Diagnostic> {
    match text.as_str().find(':') {
        Some(colon) => Ok((
            name(&specifiers.expand(&text.slice(0..colon))?)?,
            word::bytes(&text.slice(colon + 1..text.len()))?,
        )),
        None => Err(wrong(
            text,
            Code::CredentialName,
            format!("{:?}: expected a name, a colon and the value", text.as_str()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::values::{tests::text, unit_name::UnitName};

    #[test]
    fn credentials_have_names_sources_and_values() {
        assert_eq!(load(&text("a.b:/etc/x//y")), Ok(("a.b".into(), Some("/etc/x/y".into()))));
        assert_eq!(load(&text("a:other")), Ok(("a".into(), Some("other".into()))));
        assert_eq!(load(&text("a")), Ok(("a".into(), None)));
        let specifiers =
            Specifiers { unit: UnitName::new("u.service").expect("a name"), image: Arc::default() };
        assert_eq!(set(&text(r"%p:b:%p\n"), &specifiers), Ok(("u".into(), b"b:%p\n".to_vec())));
        for (good, stem, several, renamed) in
            [("a", "a", false, "a"), ("a.*", "a.", true, "a."), ("*", "", true, ""), ("a*:b", "a", true, "b")]
        {
            assert_eq!(import(&text(good)), Ok((stem.into(), several, renamed.into())), "{good}");
        }
        for (bad, column, width) in
            [("", 1, 1), ("a/b", 1, 3), ("..", 1, 2), (":/x", 1, 1), ("a:/../x", 3, 5), ("a:", 3, 1)]
        {
            let problem = load(&text(bad)).expect_err(bad);
            assert_eq!((problem.place.expect("a place").column, problem.width), (column, width), "{bad}");
        }
        for bad in ["", "a*b", "a?", "a*:b/c", ":x"] {
            assert!(import(&text(bad)).is_err(), "{bad}");
        }
        for bad in ["a", "a/b:c", r"a:\q"] {
            assert!(set(&text(bad), &specifiers).is_err(), "{bad}");
        }
    }
}
