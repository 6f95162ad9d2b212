//! Running a program in a test: its output is shown as it comes and kept.

use std::{
    cell::Cell,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result};

use crate::progress;

thread_local! {
    /// Whose programs this thread runs; 0 where nobody runs others at the same time.
    static LANE: Cell<usize> = const { Cell::new(0) };
}

/// From now on, lines of this thread's programs have the number `lane` before them.
pub fn say_as(lane: usize) {
    LANE.set(lane);
}

/// What stands before a program's lines.
fn mark() -> String {
    match LANE.get() {
        0 => " ".into(),
        lane => lane.to_string(),
    }
}

/// How a program ended and what it printed, stdout and stderr in the order they came.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub lines: Vec<String>,
}

/// Prints `command`, runs it, shows and keeps its output.
pub fn run(command: &mut Command) -> Result<Finished> {
    start(command)?.finish()
}

/// A program that runs.
pub struct Running {
    pub child: std::process::Child,
    reader: thread::JoinHandle<Vec<String>>,
    shown: String,
}

/// Starts `command` with both outputs in one pipe, so that their lines keep their order.
pub fn start(command: &mut Command) -> Result<Running> {
    start_watched(command, |_| {})
}

/// [`start`], with every line given to `each` as it comes.
pub fn start_watched(command: &mut Command, each: impl Fn(&str) + Send + 'static) -> Result<Running> {
    let shown = progress::shown(command);
    let mark = mark();
    println!("{}+ {shown}", mark.trim());
    let (ours, theirs) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(theirs.try_clone()?).stderr(theirs);
    let child = command.spawn().with_context(|| format!("cannot run {shown}"))?;
    // The command keeps copies of the pipe's other end; without them the reader sees the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let reader = thread::spawn(move || read(ours, &mark, each));
    Ok(Running { child, reader, shown })
}

impl Running {
    /// Waits for its end.
    pub fn finish(mut self) -> Result<Finished> {
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.shown))?;
        let lines = self.reader.join().unwrap_or_default();
        Ok(Finished { status, lines })
    }
}

fn read(pipe: impl Read, mark: &str, each: impl Fn(&str)) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while pipe.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        let _ = writeln!(std::io::stdout(), "{mark} | {line}");
        each(&line);
        lines.push(line);
        bytes.clear();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_kept_in_their_order() {
        let finished =
            run(Command::new("sh").args(["-c", "echo one; echo two >&2; echo three; exit 3"])).unwrap();
        assert_eq!(finished.lines, ["one", "two", "three"]);
        assert_eq!(finished.status.code(), Some(3));
    }
}
