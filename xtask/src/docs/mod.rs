//! `docs`: man pages and shell completions of the target's command line, made from the lines that `tomte help` shows
//! (src/ctl/verbs.txt), and board.toml(5), made from [`board_toml::KEYS`].

mod board_toml;
mod options;
mod pages;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Arg, Command, ValueHint};
use clap_complete::{Shell, generate_to};

/// Verb, operands, what it does, one a line.
const VERBS: &str = include_str!("../../../src/ctl/verbs.txt");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where they go: man/ and completions/ in this folder.
    #[arg(short, long, value_name = "DIR", default_value = "target/docs")]
    output: PathBuf,
}

/// The command line as clap knows it: nothing is parsed with it.
fn command() -> Command {
    let verbs = VERBS.lines().map(|line| {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        let (name, operands, about) = (column(), column(), column());
        let verb = Command::new(name).about(about).args(options::of(name));
        if operands.is_empty() {
            return verb;
        }
        let hint = if takes_units(operands) { options::UNITS } else { ValueHint::Other };
        let operand = Arg::new("operands").value_name(operands).num_args(0..).value_hint(hint);
        verb.override_usage(format!("tomte {name} [OPTION...] {operands}")).arg(operand)
    });
    Command::new("tomte")
        .version(env!("CARGO_PKG_VERSION"))
        .about("see and control the services of a system whose PID 1 is tomte")
        .disable_help_subcommand(true)
        .subcommands(verbs)
}

/// Whether a verb with these operands is about units.
fn takes_units(operands: &str) -> bool {
    let last = operands.rsplit(' ').next().unwrap_or_default();
    matches!(last.trim_matches(['[', ']']).trim_end_matches("..."), "UNIT")
}

/// Has a shell ask for the names of units where a verb is about such: what clap makes knows words and options alone.
fn with_units(shell: Shell, made: String) -> String {
    let lines = VERBS.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let all: Vec<(&str, &str)> = lines.filter_map(|line| Some((*line.first()?, *line.get(1)?))).collect();
    let verbs: Vec<&str> = all.iter().filter(|line| takes_units(line.1)).map(|line| line.0).collect();
    let names = "tomte list-units 2> /dev/null | sed -n 's/^[* ] \\([^ ]*\\.[a-z]*\\) .*/\\1/p'";
    let fish = names.replace("2> /dev/null", "2>/dev/null").replace('\\', "\\\\");
    match shell {
        Shell::Bash => {
            let before = |units| {
                let words: Vec<_> =
                    all.iter().flat_map(|line| options::before_value(line.0, units)).collect();
                words.join("|")
            };
            let verbs: Vec<_> = verbs.iter().map(|verb| format!("\"{verb} \"*")).collect();
            let (units, others, verbs) = (before(true), before(false), verbs.join("|"));
            format!(
                "{made}
_tomte_or_units() {{
    local word verb now=\"$2\" before=\"$3\"
    [[ $now == = ]] && now=
    [[ $before == = ]] && before=\"${{COMP_WORDS[COMP_CWORD-2]}}\"
    [[ ${{COMP_WORDS[COMP_CWORD]}} == = ]] && before=\"${{COMP_WORDS[COMP_CWORD-1]}}\"
    _tomte \"$1\" \"$now\" \"$before\"
    [[ $now == -* ]] && return
    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do
        [[ $word == -* ]] || {{ verb=$word; break; }}
    done
    case \"$verb $before\" in
    {units}) ;;
    {others}) return ;;
    {verbs}) ;;
    *) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W \"$({names})\" -- \"$now\")
}}
complete -F _tomte_or_units tomte
"
            )
        }
        Shell::Zsh => {
            let function = format!("_tomte_units() {{\n    compadd -- ${{(f)\"$({names})\"}}\n}}\n");
            let (first, rest) = made.split_once('\n').unwrap_or((&made, ""));
            format!("{first}\n{function}{}", rest.replace(":_hosts", ":_tomte_units"))
        }
        _ => format!(
            "{}complete -c tomte -n \"__fish_seen_subcommand_from {}\" -f -a \"({fish})\"\n",
            made.replace("(__fish_print_hostnames)", &format!("({fish})")),
            verbs.join(" "),
        ),
    }
}

/// Writes everything and prints where it is.
pub fn run(args: &Args) -> Result<()> {
    for path in write(&args.output)? {
        println!("{}", path.display());
    }
    Ok(())
}

fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    for folder in [&man, &completions] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut written = Vec::new();
    for (name, text) in [
        ("tomte.1", pages::tomte(&command())?),
        ("tomte.8", pages::pid_1()),
        ("board.toml.5", board_toml::page()),
    ] {
        let path = man.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        written.push(path);
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let path = generate_to(shell, &mut command(), "tomte", &completions)?;
        let made = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, with_units(shell, made)).with_context(|| path.display().to_string())?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_the_manual_and_in_the_completions_of_every_shell() {
        let folder = tempfile::tempdir().unwrap();
        let written = write(folder.path()).unwrap();
        assert_eq!(written.len(), 6);
        command().debug_assert();
        for path in
            written.iter().filter(|path| !path.ends_with("tomte.8") && !path.ends_with("board.toml.5"))
        {
            let text = fs::read_to_string(path).unwrap().replace("\\-", "-");
            for verb in VERBS.lines().filter_map(|line| line.split('\t').next()) {
                assert!(text.contains(verb), "{}: {verb}", path.display());
            }
        }
    }

    #[test]
    fn bash_knows_the_names_of_units_where_a_verb_is_about_them() {
        let folder = tempfile::tempdir().unwrap();
        let bash =
            write(folder.path()).unwrap().into_iter().find(|path| path.ends_with("tomte.bash")).unwrap();
        let complete = |words: &str| {
            let script = format!(
                "source {}; tomte() {{ printf '%s\\n' '  UNIT LOAD' '  web.service loaded' '* wiki.target loaded' '2 units.'; }}
                 COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
                 _tomte_or_units tomte \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[*]}}\"",
                bash.display()
            );
            let said = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            String::from_utf8(said.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(complete("tomte start w"), "web.service wiki.target");
        assert_eq!(complete("tomte stop web.service wi"), "wiki.target");
        assert_eq!(complete("tomte resta"), "restart");
        assert_eq!(complete("tomte logs -u we"), "web.service");
        assert_eq!(complete("tomte logs --unit = we"), "web.service");
        assert_eq!(complete("tomte logs we"), "");
        assert_eq!(complete("tomte logs -o short-i"), "short-iso");
        assert_eq!(complete("tomte logs --output = short-i"), "short-iso");
        assert_eq!(complete("tomte logs --output ="), "short short-iso short-monotonic cat json");
        assert_eq!(complete("tomte logs -n w"), "w");
        assert_eq!(complete("tomte kill -s HU"), "HUP");
        assert_eq!(complete("tomte kill -s HUP we"), "web.service");
        assert_eq!(complete("tomte list-units -t sw"), "swap");
        assert_eq!(complete("tomte start --job-mode = repl"), "replace replace-irreversibly");
        assert_eq!(complete("tomte poweroff w"), "");
        assert_eq!(complete("tomte logs --list-b"), "--list-boots");
        let zsh = fs::read_to_string(folder.path().join("completions/_tomte")).unwrap();
        assert!(zsh.contains(":_tomte_units'") && !zsh.contains("_hosts"), "{zsh}");
    }
}
