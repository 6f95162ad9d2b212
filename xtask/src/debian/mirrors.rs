//! Which mirrors the machine's apt uses: read from its sources, both forms of sources.list(5). apt itself tells
//! (`apt-get indextargets`) only after an update, which a fresh container has not had.

use std::{fs, path::Path};

/// A source: the mirror's URI and the suite there.
pub type Mirror = (String, String);

/// Every source of this machine.
pub fn of_this_machine() -> Vec<Mirror> {
    let mut mirrors = one_line(&fs::read_to_string("/etc/apt/sources.list").unwrap_or_default());
    let parts = fs::read_dir(Path::new("/etc/apt/sources.list.d")).into_iter().flatten().flatten();
    for path in parts.map(|entry| entry.path()) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => mirrors.extend(one_line(&text)),
            Some("sources") => mirrors.extend(deb822(&text)),
            _ => {}
        }
    }
    mirrors
}

/// `deb [options] URI SUITE COMPONENT...`
fn one_line(text: &str) -> Vec<Mirror> {
    let mirror = |line: &str| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let mut words = rest.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    text.lines().filter_map(mirror).collect()
}

/// Stanzas with `Types:`, `URIs:` and `Suites:`.
fn deb822(text: &str) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for stanza in text.replace("\r\n", "\n").split("\n\n") {
        let words = |key: &str| -> Vec<&str> {
            let value = stanza.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(key).then_some(value)
            });
            value.unwrap_or_default().split_whitespace().collect()
        };
        if !words("Types").contains(&"deb") || words("Enabled") == ["no"] {
            continue;
        }
        for uri in words("URIs") {
            mirrors.extend(words("Suites").iter().map(|suite| (uri.to_owned(), (*suite).to_owned())));
        }
    }
    mirrors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(uri: &str, suite: &str) -> Mirror {
        (uri.into(), suite.into())
    }

    #[test]
    fn lines_are_read_with_and_without_options() {
        let text = "# deb http://no/ x main\ndeb http://a/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/k] http://b/security bookworm-security main\ndeb-src http://a/ x main\n";
        assert_eq!(
            one_line(text),
            [mirror("http://a/debian", "bookworm"), mirror("http://b/security", "bookworm-security")]
        );
    }

    #[test]
    fn stanzas_give_every_suite_of_every_uri_unless_disabled() {
        let text = "Types: deb\n# a comment\nURIs: http://a/debian\nSuites: bookworm bookworm-updates\n\n\
                    Types: deb\nEnabled: no\nURIs: http://c/\nSuites: z\n";
        assert_eq!(
            deb822(text),
            [mirror("http://a/debian", "bookworm"), mirror("http://a/debian", "bookworm-updates")]
        );
    }
}
