//! DIRECTIVES.md: the table of directives, for people.

use std::{io::Write as _, process::ExitCode};

use anyhow::{Result, bail};

use super::{Directive, Lack, Page, SECTIONS, Standing};
use crate::diag::closest;

/// `cargo xtask directives`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only these keys, in every section that has them.
    keys: Vec<String>,
}

/// Prints DIRECTIVES.md, or what it has on some keys.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut text = if args.keys.is_empty() { markdown() } else { String::new() };
    for key in &args.keys {
        let key = key.trim_end_matches('=');
        let known = text.len();
        for (section, _) in SECTIONS {
            if let Some(directive) = super::find(section, key) {
                let note =
                    if directive.note.is_empty() { String::new() } else { format!(": {}", directive.note) };
                text += &format!("[{section}] {key}= {}{note}\n", word(directive));
            }
        }
        if text.len() == known {
            let keys =
                SECTIONS.iter().flat_map(|(section, _)| super::of(section)).map(|directive| directive.key);
            let meant =
                closest(key, keys).map_or_else(String::new, |meant| format!("; did you mean {meant}=?"));
            bail!("systemd 257 has no {key}={meant}");
        }
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

const INTRODUCTION: &str = "\
# Directives

Every directive of unit files that systemd 257 knows, and what tomte does about it. Made from the table in
`xtask/src/check/directives/`; a test keeps the two the same.

- **supported**: does what systemd does.
- **checked**: read and checked, but PID 1 cannot do it yet. `cargo xtask bake` makes no table for a unit that asks for
  a protection or a function of this kind, and warns where the unit does without it (*warning*).
- **inert**: accepted; its effect cannot be missed here.
- **refused**: an error that names the way out, unless the value asks for nothing.

A directive that narrows what a process may do (**N**) is never inert.
";

/// The text of the file.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut pages: Vec<(&Page, Vec<&str>)> = Vec::new();
    for (section, of_section) in SECTIONS {
        for page in *of_section {
            match pages.iter_mut().find(|(known, _)| std::ptr::eq(*known, *page)) {
                Some((_, sections)) => sections.push(section),
                None => pages.push((page, vec![section])),
            }
        }
    }
    for (page, sections) in pages {
        if page.directives.is_empty() {
            continue;
        }
        let sections: Vec<String> = sections.iter().map(|section| format!("[{section}]")).collect();
        text += &format!(
            "\n## {}: {}\n\n| directive | | | |\n| --- | --- | --- | --- |\n",
            page.manual,
            sections.join(" ")
        );
        page.directives.iter().for_each(|directive| text += &row(directive));
    }
    text
}

fn row(directive: &Directive) -> String {
    let narrows = if directive.narrows { "**N**" } else { "" };
    let standing = word(directive);
    format!("| `{}=` | {narrows} | {standing} | {} |\n", directive.key, directive.note.replace('|', "\\|"))
}

const fn word(directive: &Directive) -> &'static str {
    match directive.standing {
        Standing::Checked(_, Lack::Extra) => "checked (warning)",
        other => other.as_str(),
    }
}
