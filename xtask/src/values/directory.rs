//! Names of `RuntimeDirectory=` and its kind (systemd.exec(5); facts from load-fragment.c,
//! `config_parse_exec_directories`).

use super::{path, specifier::Specifiers, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// The directories in `text`, normalised and relative, as written.
pub fn list(text: &Text, specifiers: &Specifiers) -> Result<Vec<String>, Diagnostic> {
    word::list(text)?.iter().map(|word| one(&specifiers.expand(word)?)).collect()
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
    if name.contains([':', '\\']) {
        let message =
            format!("{name:?}: symbolic links and options behind a colon are not supported by this tomte");
        return Err(wrong(text, Code::DirectoryName, message));
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
        let expected = ["x/y", "a", "b c", "a-b", "privates"].map(str::to_owned);
        assert_eq!(names.as_deref(), Ok(&expected[..]));
        for bad in ["/run/x", "../x", "x/../y", "private", "private/x", "./private", ".", "\"\"", "a:b", "%H"]
        {
            assert!(list(&text(bad), &specifiers).is_err(), "{bad}");
        }
    }
}
