//! `docs`: man pages and shell completions of the target's command line, made from the lines that `tomte help` shows
//! (src/ctl/verbs.txt), and board.toml(5), made from [`board_toml::KEYS`].

mod board_toml;
mod pages;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::{Shell, generate_to};

/// Verb, operands, what it does, one a line.
const VERBS: &str = include_str!("../../../src/ctl/verbs.txt");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where they go: man/ and completions/ in this folder.
    #[arg(short, long, value_name = "DIR", default_value = "target/docs")]
    output: PathBuf,
}

/// Switches of all verbs: letter, name, what it does.
const SWITCHES: [(Option<char>, &str, &str); 11] = [
    (None, "json", "JSON, for programs"),
    (Some('q'), "quiet", "say nothing where the exit status says it"),
    (None, "no-block", "do not wait for the job to end"),
    (Some('l'), "full", "do not cut lines to the width of the terminal"),
    (Some('w'), "watch", "look again every second, on a terminal"),
    (None, "value", "values without names"),
    (None, "failed", "list only what has failed"),
    (None, "no-legend", "list rows and nothing else"),
    (None, "plain", "list without marks"),
    (None, "now", "enable, disable, mask: start or stop it, too"),
    (None, "wait", "start, stop, restart: until it is down again; is-system-running: until boot is over"),
];

/// Options that have a value.
const VALUED: [(char, &str, &str, &str); 4] = [
    ('p', "property", "PROPERTY", "show only these"),
    ('s', "signal", "SIGNAL", "which one; TERM without"),
    ('t', "type", "TYPE", "list only units of these types, with commas between"),
    ('n', "lines", "LINES", "so many lines of the log below a status"),
];

/// What only `logs` has of its own: letter, name, what stands for its value or nothing, what it does. Those whose letters
/// mean something else to other verbs (-u, -n, -p, -t) are in its usage.
const OF_LOGS: [(Option<char>, &str, &str, &str); 12] = [
    (Some('f'), "follow", "", "go on with what is said from now on"),
    (Some('k'), "dmesg", "", "what the kernel said"),
    (Some('e'), "pager-end", "", "the last 1000 lines"),
    (Some('r'), "reverse", "", "the newest first"),
    (Some('b'), "boot", "BOOT", "0 is this boot, -1 the one before, of which there is but text"),
    (Some('S'), "since", "TIME", "not before; a span back (90s, 2h), today, yesterday, or a moment of UTC"),
    (Some('U'), "until", "TIME", "not after"),
    (
        Some('g'),
        "grep",
        "PATTERN",
        "what has this in its text; . * ^ $ and \\ of regular expressions are known",
    ),
    (Some('o'), "output", "FORMAT", "how a line is shown: short, short-iso, short-monotonic, cat, json"),
    (None, "identifier", "IDENTIFIER", "of programs that are called so"),
    (None, "events", "", "what PID 1 did, and was asked for"),
    (None, "list-boots", "", "the boots of which there is something"),
];

/// The command line as clap knows it: nothing is parsed with it.
fn command() -> Command {
    let switch = |(letter, name, about): (Option<char>, &'static str, &'static str)| {
        let arg = Arg::new(name).long(name).help(about).action(ArgAction::SetTrue).global(true);
        letter.map_or(arg.clone(), |letter| arg.short(letter))
    };
    let valued = |(letter, name, value, about): (char, &'static str, &'static str, &'static str)| {
        Arg::new(name).short(letter).long(name).value_name(value).help(about).global(true)
    };
    let verbs = VERBS.lines().map(|line| {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        let (name, operands, about) = (column(), column(), column());
        let verb = Command::new(name).about(about);
        if operands.is_empty() {
            return verb;
        }
        let hint = if takes_units(operands) { UNITS } else { ValueHint::Other };
        let operand = Arg::new("operands").value_name(operands).num_args(0..).value_hint(hint);
        let own = OF_LOGS.into_iter().filter(|_| name == "logs").map(|(letter, name, value, about)| {
            let arg = Arg::new(name).long(name).help(about);
            let arg = if value.is_empty() { arg.action(ArgAction::SetTrue) } else { arg.value_name(value) };
            let words = ["short", "short-iso", "short-monotonic", "cat", "json"];
            let arg = if name == "output" { arg.value_parser(words) } else { arg };
            letter.map_or(arg.clone(), |letter| arg.short(letter))
        });
        verb.override_usage(format!("tomte {name} [OPTION...] {operands}")).args(own).arg(operand)
    });
    Command::new("tomte")
        .version(env!("CARGO_PKG_VERSION"))
        .about("see and control the services of a system whose PID 1 is tomte")
        .disable_help_subcommand(true)
        .args(SWITCHES.into_iter().map(switch))
        .args(VALUED.into_iter().map(valued))
        .subcommands(verbs)
}

/// What stands for names of units where clap knows no such thing.
const UNITS: ValueHint = ValueHint::Hostname;

/// Whether a verb with these operands is about units.
fn takes_units(operands: &str) -> bool {
    operands.split(' ').any(|word| matches!(word.trim_matches(['[', ']']).trim_end_matches("..."), "UNIT"))
}

/// Has a shell ask for the names of units where a verb is about such: what clap makes knows words and options alone.
fn with_units(shell: Shell, made: String) -> String {
    let verbs = VERBS.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let verbs: Vec<&str> = verbs
        .filter_map(|line| Some((*line.first()?, *line.get(1)?)))
        .filter(|line| takes_units(line.1))
        .map(|line| line.0)
        .collect();
    let names = "tomte list-units 2> /dev/null | sed -n 's/^[* ] \\([^ ]*\\.[a-z]*\\) .*/\\1/p'";
    match shell {
        Shell::Bash => format!(
            "{made}
_tomte_or_units() {{
    _tomte \"$@\"
    local word now=\"${{COMP_WORDS[COMP_CWORD]}}\"
    [[ $now == -* ]] && return
    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do
        case $word in
        {}) mapfile -t COMPREPLY < <(compgen -W \"$({names})\" -- \"$now\"); return ;;
        esac
    done
}}
complete -F _tomte_or_units tomte
",
            verbs.join("|")
        ),
        Shell::Zsh => {
            let function = format!("_tomte_units() {{\n    compadd -- ${{(f)\"$({names})\"}}\n}}\n");
            let (first, rest) = made.split_once('\n').unwrap_or((&made, ""));
            format!("{first}\n{function}{}", rest.replace(":_hosts", ":_tomte_units"))
        }
        _ => format!(
            "{made}complete -c tomte -n \"__fish_seen_subcommand_from {}\" -f -a \"({})\"\n",
            verbs.join(" "),
            names.replace("2> /dev/null", "2>/dev/null").replace('\\', "\\\\")
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
        assert_eq!(complete("tomte poweroff w"), "");
        assert_eq!(complete("tomte logs --list-b"), "--list-boots");
        let zsh = fs::read_to_string(folder.path().join("completions/_tomte")).unwrap();
        assert!(zsh.contains(":_tomte_units'") && !zsh.contains("_hosts"), "{zsh}");
    }
}
