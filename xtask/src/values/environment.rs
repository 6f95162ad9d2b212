//! `Environment=`: words `NAME=value` (systemd.exec(5); facts from env-util.c).

use super::{
    specifier::Specifiers,
    word::{self, Escapes},
};
use crate::{
    diag::{Code, Diagnostic, Severity},
    read::Text,
};

/// One assignment of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Letters, digits and `_`.
    pub name: String,
    /// Without control characters but tab and newline.
    pub value: String,
}

impl Variable {
    /// `NAME=value`.
    pub fn assignment(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

/// Whether a variable may be called `name`: letters, digits, `_`, no digit first.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The assignments in `value`. As in systemd, a word that is no assignment is left out with a warning, and one that
/// does not end, or holds an unknown escape, takes the rest of the line with it.
pub fn parse(value: &Text, specifiers: &Specifiers, warnings: &mut Vec<Diagnostic>) -> Vec<Variable> {
    let mut variables = Vec::new();
    let mut at = 0;
    loop {
        let word = match word::next(value, at, Escapes::Strict) {
            Ok(Some(word)) => word,
            Ok(None) => return variables,
            Err(mut problem) => {
                problem.message.push_str("; the line is ignored from here on");
                warnings.push(Diagnostic { severity: Severity::Warning, ..problem });
                return variables;
            }
        };
        at = word.next;
        let text = match specifiers.expand(&word.text) {
            Ok(text) => text,
            Err(problem) => {
                warnings.push(problem); // an error: what the variable should hold is not known
                continue;
            }
        };
        match variable(text.as_str()) {
            Ok(variable) => variables.push(variable),
            Err(why) => {
                let message = format!("{:?} is ignored: {why}", text.as_str());
                warnings.push(Diagnostic::warning(Code::Variable, message).on(value, word.range));
            }
        }
    }
}

fn variable(text: &str) -> Result<Variable, &'static str> {
    let (name, value) = text.split_once('=').ok_or("an assignment is NAME=value")?;
    if !is_name(name) {
        return Err("a name has letters, digits and _, and no digit first");
    }
    if value.chars().any(|c| c.is_ascii_control() && c != '\t' && c != '\n') {
        return Err("the value holds a control character");
    }
    Ok(Variable { name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{tests::text, unit_name::UnitName};

    #[test]
    fn assignments_are_unquoted_and_bad_ones_left_out() {
        let unit = UnitName::new("x.service").expect("a name");
        let specifiers = Specifiers { unit, image: std::sync::Arc::default() };
        for (value, variables, count) in [
            ("A=b", &["A=b"][..], 0),
            ("A=b \"C=d e\" F='g h'", &["A=b", "C=d e", "F=g h"], 0),
            ("A= B=\"\"", &["A=", "B="], 0),
            (r"A=b\nc D=$E F=%n", &["A=b\nc", "D=$E", "F=x.service"], 0),
            ("A", &[], 1),
            ("1A=x A.B=c =d B=ok", &["B=ok"], 3),
            ("A=x B=it's C=y", &["A=x"], 1),
            (r"A=\x01 B=y", &["B=y"], 1),
            (r"A=\q B=y", &[], 1),
            ("A=%H B=y", &["B=y"], 1),
        ] {
            let mut warnings = Vec::new();
            let found: Vec<_> =
                parse(&text(value), &specifiers, &mut warnings).iter().map(Variable::assignment).collect();
            assert_eq!(
                (found.as_slice(), warnings.len()),
                (variables.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>().as_slice(), count),
                "{value}"
            );
        }
    }
}
