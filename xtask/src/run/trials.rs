//! A folder of somebody's tests: each program in it runs as a oneshot unit, one after the other, and says how it went by
//! its exit status or in TAP. What they say comes back on the console, each line with the test's name before it.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::report::Report;

/// Where the programs are in the image.
const FOLDER: &str = "opt/tomte-tests";
/// What runs one of them: `$1` is its name.
const RUNNER: &str = "\
#!/bin/sh
# Runs one test of cargo xtask run --tests, and writes what it says to the console, line by line between two more: others write there, too.
mkdir -p /run/tomte-tests
out=/run/tomte-tests/$1
\"/opt/tomte-tests/$1\" > \"$out\" 2>&1 < /dev/null
code=$?
{
    echo
    echo \"-----BEGIN TOMTE TEST $1 $code-----\"
    while IFS= read -r line || [ -n \"$line\" ]; do printf '|%s| %s\\n' \"$1\" \"$line\"; done < \"$out\"
    echo \"-----END TOMTE TEST $1-----\"
} > /dev/console
rm -f \"$out\"
exit $code
";
/// How long one test may take.
const TIMEOUT: &str = "5min";

/// Units and files of the tests, as a board has them.
#[derive(Debug)]
pub struct Trials {
    folder: TempDir,
    names: Vec<String>,
}

/// How one test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The test program's name, or that and the TAP line's words.
    pub name: String,
    /// Why it failed; `None` if it did not.
    pub failure: Option<String>,
    /// Why it was skipped.
    pub skipped: Option<String>,
    /// What the program said, for a failure.
    pub output: String,
}

impl Trials {
    /// Reads the folder at `from`: every executable file in it is a test; other files come along.
    pub fn new(from: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the tests")?;
        let (programs, units) = (folder.path().join("rootfs").join(FOLDER), folder.path().join("units"));
        fs::create_dir_all(&programs)?;
        fs::create_dir_all(&units)?;
        let mut entries: Vec<_> = fs::read_dir(from)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .with_context(|| format!("cannot read the tests in {}", from.display()))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let found = entry.path().metadata()?;
            if !found.is_file() {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            fs::copy(entry.path(), programs.join(&name))?;
            if found.permissions().mode() & 0o111 == 0 {
                continue;
            }
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            ensure!(plain, "{}: a test's name has letters, digits, -, _ and . only", entry.path().display());
            fs::write(units.join(unit(&name)), text(&name, names.last().map(String::as_str)))?;
            names.push(name);
        }
        ensure!(!names.is_empty(), "{}: no executable file, so no test", from.display());
        let runner = programs.join(".run");
        fs::write(&runner, RUNNER)?;
        fs::set_permissions(&runner, fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder, names })
    }

    /// The folder that has `units/` and `rootfs/`.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The units' names.
    pub fn units(&self) -> Vec<String> {
        self.names.iter().map(|name| unit(name)).collect()
    }

    /// How they went, by what the console and the report say.
    pub fn results(&self, console: &[String], report: &Report) -> Vec<Trial> {
        self.names.iter().flat_map(|name| results_of(name, console, report)).collect()
    }
}

fn unit(name: &str) -> String {
    format!("test-{name}.service")
}

fn text(name: &str, before: Option<&str>) -> String {
    let after = before.map_or_else(String::new, |before| format!("After={}\n", unit(before)));
    format!(
        "[Unit]\nDescription=Test {name}\n{after}\n[Service]\nType=oneshot\nTimeoutStartSec={TIMEOUT}\n\
         ExecStart=/bin/sh /{FOLDER}/.run {name}\n\n[Install]\nWantedBy=multi-user.target\n"
    )
}

fn results_of(name: &str, console: &[String], report: &Report) -> Vec<Trial> {
    let begin = format!("-----BEGIN TOMTE TEST {name} ");
    let end = format!("-----END TOMTE TEST {name}-----");
    let failed = |why: String, output: String| Trial {
        name: name.to_owned(),
        failure: Some(why),
        skipped: None,
        output,
    };
    let Some(first) = console.iter().position(|line| line.contains(&begin)) else {
        let result = report.unit(&unit(name)).and_then(|unit| unit.result.clone());
        let why = match result.as_deref() {
            Some("success") | None => "it never ran, or what it said was lost".to_owned(),
            Some(other) => format!("it did not end: {other}"),
        };
        return vec![failed(why, String::new())];
    };
    let code = console[first].split(&begin).nth(1).unwrap_or_default().trim_end().trim_end_matches('-');
    let rest = &console[first + 1..];
    let length = rest.iter().position(|line| line.contains(&end)).unwrap_or(rest.len());
    let own = format!("|{name}| ");
    let lines: Vec<&str> = rest[..length]
        .iter()
        .filter_map(|line| Some(line.split_once(&own)?.1.trim_end_matches('\r')))
        .collect();
    let output = lines.join("\n");
    let mut trials: Vec<Trial> = lines.iter().filter_map(|line| tap(name, line)).collect();
    let planned =
        lines.iter().find_map(|line| line.trim().strip_prefix("1..")?.split(' ').next()?.parse().ok());
    if let Some(planned) = planned.filter(|planned: &usize| *planned != trials.len()) {
        trials.push(failed(format!("{planned} results were planned, {} came", trials.len()), output.clone()));
    }
    match (code, trials.is_empty()) {
        ("0", true) => {
            trials.push(Trial { name: name.to_owned(), failure: None, skipped: None, output: String::new() });
        }
        ("0", false) => {}
        (code, _) => trials.push(failed(format!("exit status {code}"), output.clone())),
    }
    for trial in trials.iter_mut().filter(|trial| trial.failure.is_some()) {
        trial.output.clone_from(&output);
    }
    trials
}

/// A line of the Test Anything Protocol: `ok 1 - words # SKIP why`, `not ok 2 - words # TODO why`.
fn tap(name: &str, line: &str) -> Option<Trial> {
    let line = line.trim_end();
    let (well, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let (words, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
    let words = words.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim();
    let words = words.trim_start_matches("- ");
    let upper = directive.to_ascii_uppercase();
    let skipped = (upper.starts_with("SKIP") || upper.starts_with("TODO")).then(|| directive.to_owned());
    let failure = (!well && skipped.is_none()).then(|| "not ok".to_owned());
    let name = if words.is_empty() { name.to_owned() } else { format!("{name}: {words}") };
    Some(Trial { name, failure, skipped, output: String::new() })
}

/// The results as JUnit's XML.
pub fn junit(board: &str, trials: &[Trial]) -> String {
    let count = |one: &dyn Fn(&Trial) -> bool| trials.iter().filter(|trial| one(trial)).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        escaped(board),
        trials.len(),
        count(&|trial| trial.failure.is_some()),
        count(&|trial| trial.skipped.is_some()),
    );
    for trial in trials {
        let _ = write!(xml, "  <testcase classname=\"{}\" name=\"{}\"", escaped(board), escaped(&trial.name));
        let inside = match (&trial.failure, &trial.skipped) {
            (Some(why), _) => {
                format!("<failure message=\"{}\">{}</failure>", escaped(why), escaped(&trial.output))
            }
            (None, Some(why)) => format!("<skipped message=\"{}\"/>", escaped(why)),
            (None, None) => String::new(),
        };
        let _ = match inside.is_empty() {
            true => writeln!(xml, "/>"),
            false => writeln!(xml, ">{inside}</testcase>"),
        };
    }
    xml + "</testsuite>\n"
}

/// Text of an XML 1.0 document: characters that it cannot have become question marks.
fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\n' | '\t' => c.to_string(),
        c if c < ' ' || c == '\u{7f}' => "?".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Ended;

    fn trials(files: &[(&str, u32)]) -> (TempDir, Result<Trials>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in files {
            fs::write(folder.path().join(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(*mode)).unwrap();
        }
        let trials = Trials::new(folder.path());
        (folder, trials)
    }

    #[test]
    fn executable_files_are_tests_in_the_order_of_their_names() {
        let (_folder, made) = trials(&[("b", 0o755), ("a", 0o755), ("data", 0o644)]);
        let made = made.unwrap();
        assert_eq!(made.units(), ["test-a.service", "test-b.service"]);
        let text = fs::read_to_string(made.path().join("units/test-b.service")).unwrap();
        assert!(text.contains("After=test-a.service\n"), "{text}");
        assert!(made.path().join("rootfs/opt/tomte-tests/data").exists());
        assert!(trials(&[("data", 0o644)]).1.is_err(), "no test at all");
        assert!(trials(&[("a b", 0o755)]).1.is_err(), "a blank");
    }

    #[test]
    fn exit_codes_and_tap_both_count() {
        let (_folder, made) = trials(&[("code", 0o755), ("lost", 0o755), ("tap", 0o755), ("well", 0o755)]);
        let console = "[ 1.0] x\n-----BEGIN TOMTE TEST code 3-----\n|code| bad luck\ntomte: Started other.service.\n\
             half a line|code| | and more\n-----END TOMTE TEST code-----\n\
             -----BEGIN TOMTE TEST tap 0-----\n|tap| 1..4\n|tap| ok 1 - one\nok 9 - of somebody else\n\
             |tap| not ok 2 - two\n|tap| okay\n|tap| ok 3 # SKIP no network\n\
             -----END TOMTE TEST tap-----\n-----BEGIN TOMTE TEST well 0-----\n-----END TOMTE TEST well-----\n";
        let console: Vec<String> = console.lines().map(str::to_owned).collect();
        let report = Report::undelivered("b", "arm", Ended::Idle);
        let results = made.unwrap().results(&console, &report);
        let short: Vec<_> = results
            .iter()
            .map(|trial| {
                (trial.name.as_str(), trial.failure.as_deref().unwrap_or("-"), trial.skipped.is_some())
            })
            .collect();
        assert_eq!(
            short,
            [
                ("code", "exit status 3", false),
                ("lost", "it never ran, or what it said was lost", false),
                ("tap: one", "-", false),
                ("tap: two", "not ok", false),
                ("tap", "-", true),
                ("tap", "4 results were planned, 3 came", false),
                ("well", "-", false),
            ]
        );
        assert_eq!(results[0].output, "bad luck\n| and more");
        let xml = junit("b<", &results);
        assert!(xml.contains("<testsuite name=\"b&lt;\" tests=\"7\" failures=\"4\" skipped=\"1\">"), "{xml}");
        assert!(xml.contains("<failure message=\"exit status 3\">bad luck\n| and more</failure>"), "{xml}");
    }
}
