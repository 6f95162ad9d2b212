//! The last step: the words, the program, execve.

use rustix::io::Errno;

use super::{Work, environment::search_path};
use crate::linux::{
    expand::expand,
    raw::{CStrings, process::execve},
};

/// Words of one command line after expansion, and the null. More fail with E2BIG.
const WORD_SLOTS: usize = 512;

/// Becomes the program. Returns only to say why not.
pub(super) fn execute(work: &mut Work<'_>) -> Result<(), Errno> {
    let command = work.plan.command;
    let mut words = CStrings::<WORD_SLOTS>::new();
    if command.expand {
        expand(command.argv, |name| work.variables.value(name), &mut work.arena, &mut words)?;
    } else {
        for word in command.argv.iter() {
            words.push(word)?;
        }
    }
    if words.iter().next().is_none() {
        return Err(Errno::INVAL); // all of it was variables that are not set
    }
    Err(match command.path {
        "" => Errno::NOENT,
        path if path.contains('/') => run(work, &words, [path, "", ""]),
        name => search(work, &words, name),
    })
}

/// Tries every directory of the default path. The answer is EACCES if there was a program that may not be run.
fn search(work: &mut Work<'_>, words: &CStrings<'_, WORD_SLOTS>, name: &str) -> Errno {
    let mut answer = Errno::NOENT;
    for directory in search_path(work).split(':') {
        match run(work, words, [directory, "/", name]) {
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => answer = Errno::ACCESS,
            errno => return errno,
        }
    }
    answer
}

fn run(work: &mut Work<'_>, words: &CStrings<'_, WORD_SLOTS>, path: [&str; 3]) -> Errno {
    match work.arena.join(&path.map(str::as_bytes)) {
        Ok(path) => execve(path, words, work.variables.strings()),
        Err(errno) => errno,
    }
}
