//! The program of the golden command lines: it prints its words and its environment. It is xtask itself under another
//! name, so that nothing has to be compiled or interpreted to run it.

use std::{env, io::Write, path::Path};

use serde_json::json;

/// The file name under which xtask is this program.
pub const NAME: &str = "argv.py";
/// What its lines begin with.
pub const MARK: &str = "ARGV ";

/// Whether this process is it. argv\[0\] may be anything, so the file's own name decides.
pub fn is_this() -> bool {
    env::current_exe().is_ok_and(|exe| exe.file_name().is_some_and(|name| name == NAME))
}

/// Prints one line: the mark, the unit's name, and words and environment as JSON.
pub fn run() {
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let unit = cgroup.trim_end().rsplit('/').next().unwrap_or_default().to_owned();
    let exe = env::current_exe().unwrap_or_default();
    let mut words: Vec<String> = env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    // The golden program is a script: its interpreter puts the file's path where argv[0] was.
    if let Some(first) = words.first_mut() {
        *first = Path::new(&exe).display().to_string();
    }
    let variables: serde_json::Map<String, serde_json::Value> = env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into()))
        .collect();
    let line = format!("{MARK}{unit} {}\n", json!({ "argv": words, "env": variables }));
    // One write, so that lines of several processes do not mix.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
