//! Credentials by name (systemd.exec(5), "Credentials"; facts from creds-util.c).

use super::{path, wrong};
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

/// `PATTERN[:PREFIX]`: a name that may end in `*`, and what the names get instead of what the pattern says.
pub fn import(text: &Text) -> Result<(), Diagnostic> {
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
    if colon < text.len() {
        name(&text.slice(colon + 1..text.len()))?;
    }
    Ok(())
}

/// `NAME:VALUE`: the value as written.
pub fn set(text: &Text) -> Result<(String, String), Diagnostic> {
    match text.as_str().find(':') {
        Some(colon) => Ok((name(&text.slice(0..colon))?, text.as_str()[colon + 1..].to_owned())),
        None => Err(wrong(
            text,
            Code::CredentialName,
            format!("{:?}: expected a name, a colon and the value", text.as_str()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn credentials_have_names_sources_and_values() {
        assert_eq!(load(&text("a.b:/etc/x//y")), Ok(("a.b".into(), Some("/etc/x/y".into()))));
        assert_eq!(load(&text("a:other")), Ok(("a".into(), Some("other".into()))));
        assert_eq!(load(&text("a")), Ok(("a".into(), None)));
        assert_eq!(set(&text("a:b:c")), Ok(("a".into(), "b:c".into())));
        for good in ["a", "a.*", "*", "a*:b"] {
            assert_eq!(import(&text(good)), Ok(()), "{good}");
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
        assert!(set(&text("a")).is_err() && set(&text("a/b:c")).is_err());
    }
}
