//! Single words with a fixed set of meanings: booleans, enumerations, numbers, modes.

use super::wrong;
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// `yes` and its synonyms (systemd's parse-util.c, `parse_boolean`).
pub fn boolean(text: &Text) -> Result<bool, Diagnostic> {
    match text.as_str().to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(expected(text, &["yes", "no"])),
    }
}

/// The value that `text` names among `choices`.
pub fn choice<T: Copy>(text: &Text, choices: &[(&str, T)]) -> Result<T, Diagnostic> {
    let found = choices.iter().find(|(name, _)| *name == text.as_str());
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| expected(text, &choices.iter().map(|(name, _)| *name).collect::<Vec<_>>()))
}

/// "`text` is none of `names`".
pub fn expected(text: &Text, names: &[&str]) -> Diagnostic {
    let message = format!("{:?}: expected {}", text.as_str(), names.join(" | "));
    wrong(text, Code::Word, message).did_you_mean(text.as_str(), names.iter().copied())
}

/// Digits as a number, without leading zeros: systemd would take those for octal.
pub fn decimal(digits: &str) -> Option<u64> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}

/// A decimal number.
pub fn number(text: &Text) -> Result<u32, Diagnostic> {
    let value = decimal(text.as_str()).and_then(|value| u32::try_from(value).ok());
    value.ok_or_else(|| {
        wrong(text, Code::Number, format!("{:?}: expected a number from 0 to {}", text.as_str(), u32::MAX))
    })
}

/// A share among neighbours, 1 to 10000 (cgroup-v2, "Weights").
pub fn weight(text: &Text) -> Result<u64, Diagnostic> {
    let weight = decimal(text.as_str()).filter(|weight| (1..=10_000).contains(weight));
    weight.ok_or_else(|| {
        wrong(text, Code::Number, format!("{:?}: expected a weight from 1 to 10000", text.as_str()))
    })
}

/// An access mode in octal, at most `max`.
pub fn mode(text: &Text, max: u16) -> Result<u16, Diagnostic> {
    let octal = !text.is_empty() && text.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let value = octal.then(|| u16::from_str_radix(text.as_str(), 8).ok()).flatten();
    value.filter(|mode| *mode <= max).ok_or_else(|| {
        wrong(
            text,
            Code::AccessMode,
            format!("{:?}: expected an access mode in octal, at most {max:04o}", text.as_str()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn words_have_their_meanings_and_no_others() {
        for (word, meaning) in
            [("yes", Some(true)), ("ON", Some(true)), ("0", Some(false)), ("", None), ("maybe", None)]
        {
            assert_eq!(boolean(&text(word)).ok(), meaning, "{word}");
        }
        for (word, value) in
            [("0750", Some(0o750)), ("0", Some(0)), ("1777", None), ("8", None), ("", None), ("+7", None)]
        {
            assert_eq!(mode(&text(word), 0o777).ok(), value, "{word}");
        }
        for (word, value) in
            [("5", Some(5)), ("4294967295", Some(u32::MAX)), ("4294967296", None), ("-1", None), ("+1", None)]
        {
            assert_eq!(number(&text(word)).ok(), value, "{word}");
        }
    }

    #[test]
    fn weights_have_bounds() {
        for (word, value) in
            [("1", Some(1)), ("10000", Some(10_000)), ("0", None), ("10001", None), ("idle", None)]
        {
            assert_eq!(weight(&text(word)).ok(), value, "{word}");
        }
    }

    #[test]
    fn a_near_miss_is_named() {
        let problem = choice(&text("allways"), &[("no", 0), ("always", 1)]).expect_err("no such word");
        assert_eq!(problem.message, "\"allways\": expected no | always");
        assert_eq!(problem.help, ["did you mean \"always\"?"]);
    }
}
