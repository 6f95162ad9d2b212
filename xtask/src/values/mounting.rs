//! What is mounted for one service: bind mounts, temporary file systems, paths with prefixes (systemd.exec(5),
//! "Sandboxing"; facts from load-fragment.c, `config_parse_bind_paths`, `config_parse_temporary_filesystems` and
//! `config_parse_namespace_path_strv`).

use super::{path, specifier::Specifiers, word, wrong};
use crate::{diag::Diagnostic, read::Text};

/// A path of `ReadWritePaths=` and its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Absolute, simplified.
    pub path: String,
    /// `-`: it may be missing.
    pub optional: bool,
    /// `+`: it is below `RootDirectory=`.
    pub in_root: bool,
}

/// A path that is shown at another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Absolute, simplified.
    pub source: String,
    /// Absolute, simplified.
    pub destination: String,
    /// `-`: the source may be missing.
    pub optional: bool,
    /// With what is mounted below it.
    pub recursive: bool,
}

/// An empty file system in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// Absolute, simplified.
    pub path: String,
    /// Options for tmpfs(5), as written; may be empty.
    pub options: String,
}

/// A list of paths with prefixes.
pub fn wishes(text: &Text, specifiers: &Specifiers) -> Result<Vec<Wish>, Diagnostic> {
    let one = |word: &Text| {
        let (optional, rest) = prefix(word, '-');
        let (in_root, rest) = prefix(&rest, '+');
        if rest.as_str().starts_with('-') && in_root {
            return Err(wrong(word, format!("{:?}: - stands before +", word.as_str())));
        }
        Ok(Wish { path: path::absolute(&specifiers.expand(&rest)?)?, optional, in_root })
    };
    word::list(text)?.iter().map(one).collect()
}

/// A list of `[-]SOURCE[:DESTINATION[:OPTIONS]]`.
pub fn binds(text: &Text, specifiers: &Specifiers) -> Result<Vec<Bind>, Diagnostic> {
    word::list(text)?.iter().map(|word| bind(word, specifiers)).collect()
}

fn bind(word: &Text, specifiers: &Specifiers) -> Result<Bind, Diagnostic> {
    let (optional, rest) = prefix(word, '-');
    let mut parts = parts(&rest).into_iter();
    let source = path::absolute(&specifiers.expand(&parts.next().unwrap_or_else(|| rest.clone()))?)?;
    let destination = match parts.next() {
        Some(part) if !part.is_empty() => path::absolute(&specifiers.expand(&part)?)?,
        Some(_) | None => source.clone(),
    };
    let options = parts.next();
    if let Some(more) = parts.next() {
        return Err(wrong(&more, format!("{:?}: nothing follows the options", more.as_str())));
    }
    let recursive = match options.as_ref().map_or("", Text::as_str) {
        "" | "rbind" => true,
        "norbind" => false,
        other => {
            let part = options.as_ref().unwrap_or(word);
            let problem = wrong(part, format!("{other:?} is no option of a bind mount: rbind | norbind"));
            return Err(problem.did_you_mean(other, ["rbind", "norbind"]));
        }
    };
    Ok(Bind { source, destination, optional, recursive })
}

/// A list of `PATH[:OPTIONS]`.
pub fn temporaries(text: &Text, specifiers: &Specifiers) -> Result<Vec<Temporary>, Diagnostic> {
    let one = |word: &Text| {
        let colon = word.as_str().find(':').unwrap_or(word.len());
        let path = path::absolute(&specifiers.expand(&word.slice(0..colon))?)?;
        let options = specifiers.expand(&word.slice((colon + 1).min(word.len())..word.len()))?;
        Ok(Temporary { path, options: options.as_str().to_owned() })
    };
    word::list(text)?.iter().map(one).collect()
}

/// The parts between colons; `\:` is a colon.
fn parts(text: &Text) -> Vec<Text> {
    let mut parts = Vec::new();
    let mut part: Option<Text> = None;
    let mut start = 0;
    let add = |part: &mut Option<Text>, piece: Text| match part {
        Some(whole) => whole.push(&piece),
        None => *part = Some(piece),
    };
    let bytes = text.as_str().as_bytes();
    for at in 0..text.len() {
        if bytes[at] != b':' {
            continue;
        }
        if at > start && bytes[at - 1] == b'\\' {
            add(&mut part, text.slice(start..at - 1));
            start = at;
            continue;
        }
        add(&mut part, text.slice(start..at));
        parts.extend(part.take());
        start = at + 1;
    }
    add(&mut part, text.slice(start..text.len()));
    parts.extend(part);
    parts
}

fn prefix(text: &Text, mark: char) -> (bool, Text) {
    match text.as_str().starts_with(mark) {
        true => (true, text.slice(1..text.len())),
        false => (false, text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{tests::text, unit_name::UnitName};

    fn specifiers() -> Specifiers {
        Specifiers { unit: UnitName::new("x.service").expect("a name"), root_shell: None }
    }

    #[test]
    fn paths_have_prefixes() {
        let shown = |written: &str| {
            let list = wishes(&text(written), &specifiers()).expect(written);
            list.iter()
                .map(|w| {
                    format!(
                        "{}{}{}",
                        w.path,
                        if w.optional { " -" } else { "" },
                        if w.in_root { " +" } else { "" }
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown("/a//b -/c +/d -+/e \"/f g\" /%N"),
            ["/a/b", "/c -", "/d +", "/e - +", "/f g", "/x"]
        );
        for (bad, column) in [("/a b", 4), ("+-/a", 1), ("--/a", 2), ("/a/..", 1), ("-", 2), ("!/a", 1)] {
            let problem = wishes(&text(bad), &specifiers()).expect_err(bad);
            assert_eq!(problem.place.expect("a place").column, column, "{bad}");
        }
    }

    #[test]
    fn bind_mounts_have_a_source_a_destination_and_options() {
        let bind = |source: &str, destination: &str, optional, recursive| Bind {
            source: source.to_owned(),
            destination: destination.to_owned(),
            optional,
            recursive,
        };
        for (written, expected) in [
            ("/a", bind("/a", "/a", false, true)),
            ("-/a:/b", bind("/a", "/b", true, true)),
            ("/a/:/b:norbind", bind("/a", "/b", false, false)),
            ("/a::rbind", bind("/a", "/a", false, true)),
            ("/%p:/run/%p", bind("/x", "/run/x", false, true)),
            (r"/a\:b:/c", bind("/a:b", "/c", false, true)),
            ("\"/a b\":/c", bind("/a b", "/c", false, true)),
        ] {
            assert_eq!(binds(&text(written), &specifiers()), Ok(vec![expected]), "{written}");
        }
        for (bad, column, width) in [
            ("a:/b", 1, 1),
            ("/a:b", 4, 1),
            ("/a:/b:ro", 7, 2),
            ("/a:/b:rbind:x", 13, 1),
            ("/x /a:/..", 7, 3),
        ] {
            let problem = binds(&text(bad), &specifiers()).expect_err(bad);
            assert_eq!((problem.place.expect("a place").column, problem.width), (column, width), "{bad}");
        }
    }

    #[test]
    fn temporary_file_systems_have_options() {
        let list = temporaries(&text("/var:ro,mode=0700 /srv/%N"), &specifiers()).expect("good");
        let shown: Vec<_> = list.iter().map(|one| (one.path.as_str(), one.options.as_str())).collect();
        assert_eq!(shown, [("/var", "ro,mode=0700"), ("/srv/x", "")]);
        assert!(temporaries(&text("var"), &specifiers()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_mounts_or_an_error(written in "[-+/ab:. \\\\\"]{0,16}") {
            let _ = binds(&text(&written), &specifiers());
            let _ = wishes(&text(&written), &specifiers());
            let _ = temporaries(&text(&written), &specifiers());
        }
    }
}
