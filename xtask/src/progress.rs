//! What a person sees while waiting: a spinner on a terminal, plain lines elsewhere; and every command that is run.
//!
//! All of it goes to stderr, so that stdout stays the verb's answer.

use std::{
    io::IsTerminal,
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// One thing that takes time. Ends when dropped.
pub struct Step {
    bar: ProgressBar,
}

/// Starts to show that `what` is being done.
pub fn step(what: impl Into<String>) -> Step {
    let what = what.into();
    if !std::io::stderr().is_terminal() {
        eprintln!("{what} …");
        return Step { bar: ProgressBar::hidden() };
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    Step { bar }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for `what`, which comes to this many bytes: with the rate and the time that is left.
pub fn bytes(what: impl Into<String>, length: u64) -> ProgressBar {
    let what = what.into();
    if !std::io::stderr().is_terminal() {
        eprintln!("{what} ({length} bytes) …");
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length).with_message(what);
    let parts = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(parts) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// `command` as a person would type it.
pub fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
        }
    }
    words.push(quoted(&command.get_program().to_string_lossy()));
    words.extend(command.get_args().map(|word| quoted(&word.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs `command` quietly and gives what it printed; when it fails, the error carries what it said.
pub fn capture(command: &mut Command) -> Result<Output> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", shown(command)))?;
    if !output.status.success() {
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        bail!("{}: {}\n{}", shown(command), output.status, said.join("\n").trim());
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_typed_again() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'a b'", ""]);
        assert_eq!(shown(&command), r"sh -c 'echo '\''a b'\''' ''");
    }
}
