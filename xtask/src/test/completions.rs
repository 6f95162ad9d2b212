//! The completions of fish and zsh, asked as a person asks them; bash is everywhere, and a test beside `docs` asks it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::tally::{Outcome, Tally};
use crate::progress;

/// What is typed, and what comes of it at a machine with web.service and wiki.target.
const ASKED: [(&str, &str); 10] = [
    ("tomte stop web.service wi", "wiki.target"),
    ("tomte logs -u we", "web.service"),
    ("tomte logs -o short-i", "short-iso"),
    ("tomte logs -f -p warn", "warning"),
    ("tomte kill -s HU", "HUP"),
    ("tomte kill --kill-whom cont", "control"),
    ("tomte show -p NRes", "NRestarts"),
    ("tomte start --job-mode tri", "triggering"),
    ("tomte resta", "restart"),
    ("tomte list-units --fu", "--full"),
];
/// Stands in for the tomte of such a machine.
const TOMTE: &str =
    "#!/bin/sh\nprintf '%s\\n' '  UNIT LOAD' '  web.service loaded' '* wiki.target loaded' '2 units.'\n";
/// A terminal for zsh: types `$2` and a tab, and waits until `$3` is there.
const ZSH: &str = r#"zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($1/completions \$fpath); autoload -Uz compinit; compinit -u -D; echo REA''DY"
zpty -r z said '*READY*'
zpty -n -w z "$2"$'\t'
zpty -r z said "*$3*""#;

/// Asks those that are here.
pub fn run(tally: &mut Tally) {
    for (shell, ask) in [("fish", fish as fn(&Path) -> Result<()>), ("zsh", zsh)] {
        let name = format!("{shell} completes verbs, options and the names of units");
        match Command::new(shell).arg("--version").output() {
            Ok(_) => tally.case(&name, || ask(prepared()?.path())),
            Err(error) => tally.add(&name, Outcome::Skipped(format!("{shell}: {error}"))),
        }
    }
}

/// A folder with everything.
fn prepared() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let mut docs = Command::new(std::env::current_exe()?);
    progress::capture(docs.args(["docs", "-o"]).arg(folder.path()))?;
    let tomte = folder.path().join("tomte");
    fs::write(&tomte, TOMTE)?;
    fs::set_permissions(&tomte, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// A command that finds the tomte in `folder`, and ends.
fn shell(folder: &Path, words: &[&str]) -> Result<String> {
    let path = std::env::var("PATH").context("no PATH")?;
    let mut command = Command::new("timeout");
    command.arg("30").args(words).env("PATH", format!("{}:{path}", folder.display())).env("HOME", folder);
    let output = command.output().context("timeout")?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn fish(folder: &Path) -> Result<()> {
    let file = folder.join("completions/tomte.fish");
    for (typed, wanted) in ASKED {
        let script = format!("source {}; complete -C '{typed}'", file.display());
        let said = shell(folder, &["fish", "-N", "-c", &script])?;
        let offered: Vec<_> = said.lines().filter_map(|line| line.split('\t').next()).collect();
        ensure!(offered == [wanted], "{typed}: {offered:?}");
    }
    Ok(())
}

fn zsh(folder: &Path) -> Result<()> {
    for (typed, wanted) in ASKED {
        let folder_word = folder.display().to_string();
        shell(folder, &["zsh", "-f", "-c", ZSH, "zsh", &folder_word, typed, wanted])
            .with_context(|| format!("{typed}: no {wanted}"))?;
    }
    Ok(())
}
