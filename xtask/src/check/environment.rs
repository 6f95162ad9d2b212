//! What the directives of systemd.exec(5) do that are about environment variables, besides `Environment=` itself.

use tomte::table::LoginEnvironment;

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    read::{Assignment, Text},
    values::{environment, path, scalar, word, wrong},
};

type Done = Result<(), Diagnostic>;

/// `EnvironmentFile=`: adds a file, or takes all back.
pub fn files(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let files = &mut d.exec().environment_files;
    if a.value.is_empty() {
        files.clear();
        return Ok(());
    }
    let (optional, written) = match a.value.as_str().starts_with('-') {
        true => ("-", a.value.slice(1..a.value.len())),
        false => ("", a.value.clone()),
    };
    let file = path::absolute(&cx.specifiers.expand(&written)?)?;
    if file.rsplit_once('/').is_some_and(|(folder, _)| folder.contains(['*', '?', '['])) {
        let message = format!("{file:?}: only the last part of the path can be a pattern in this tomte");
        return Err(wrong(&written, Code::Path, message));
    }
    files.push(format!("{optional}{file}"));
    Ok(())
}

fn bad_name(word: &Text) -> Diagnostic {
    let message = format!("{:?} is no variable: letters, digits and _, no digit first", word.as_str());
    wrong(word, Code::Variable, message)
}

/// `PassEnvironment=`: adds names, or takes all back.
pub fn pass(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let names = &mut d.exec().pass_environment;
    if a.value.is_empty() {
        names.clear();
    }
    for word in word::list(&a.value)? {
        let name = cx.specifiers.expand(&word)?;
        match environment::is_name(name.as_str()) {
            true => names.push(name.as_str().to_owned()),
            false => return Err(bad_name(&word)),
        }
    }
    Ok(())
}

/// `UnsetEnvironment=`: adds names or assignments, or takes all back.
pub fn unset(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let list = &mut d.exec().unset_environment;
    if a.value.is_empty() {
        list.clear();
    }
    for word in word::list(&a.value)? {
        let what = cx.specifiers.expand(&word)?;
        let name = what.as_str().split('=').next().unwrap_or_default();
        match environment::is_name(name) {
            true => list.push(what.as_str().to_owned()),
            false => return Err(bad_name(&word)),
        }
    }
    Ok(())
}

/// `ExecSearchPath=`: adds directories, or takes all back.
pub fn search_path(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let directories = &mut d.exec().search_path;
    if a.value.is_empty() {
        directories.clear();
        return Ok(());
    }
    let expanded = cx.specifiers.expand(&a.value)?;
    let mut at = 0;
    for directory in expanded.as_str().split(':') {
        if directory.is_empty() {
            at += 1;
            continue;
        }
        directories.push(path::absolute(&expanded.slice(at..at + directory.len()))?);
        at += directory.len() + 1;
    }
    Ok(())
}

/// `SetLoginEnvironment=`.
pub fn login(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().login_environment = match a.value.is_empty() {
        true => LoginEnvironment::IfUser,
        false => match scalar::boolean(&a.value)? {
            true => LoginEnvironment::Always,
            false => LoginEnvironment::Never,
        },
    };
    Ok(())
}
