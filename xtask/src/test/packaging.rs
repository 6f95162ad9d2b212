//! What Buildroot's check-package and yocto-check-layer ask of board-configs/buildroot and board-configs/yocto, as far as it
//! can be told without them: rules of their manuals, each with its words. Nobody here builds an image with them.

#![cfg(test)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::build::root_dir;

/// Columns of a help text in a Config.in, behind a tab and two spaces.
const HELP_COLUMNS: usize = 62;
/// Attributes of an entry in a Config.in, in their order.
const ATTRIBUTES: [&[&str]; 5] =
    [&["bool", "prompt", "string"], &["default"], &["depends"], &["select"], &["help"]];
/// What begins in the first column there.
const ENTRIES: [&str; 9] =
    ["choice", "comment", "config", "endchoice", "endif", "endmenu", "if", "menu", "source"];

/// The texts of all files below a folder of board-configs, by their paths there.
fn files(folder: &str) -> BTreeMap<PathBuf, String> {
    let root = root_dir().join("board-configs").join(folder);
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(&root).unwrap().to_owned(), text);
            }
        }
    }
    found
}

/// What is wrong with white space, whatever the file is.
fn white_space(text: &str) -> Option<&'static str> {
    [
        (!text.is_empty() && !text.ends_with('\n'), "it ends without a newline"),
        (text.ends_with("\n\n"), "its last line is empty"),
        (text.contains("\n\n\n"), "two empty lines in a row"),
        (text.lines().any(|line| line.ends_with([' ', '\t'])), "blanks at a line's end"),
    ]
    .into_iter()
    .find_map(|(wrong, what)| wrong.then_some(what))
}

/// What is wrong with a line of a Config.in; `place` is the last attribute's of this entry.
fn config_line(line: &str, place: &mut usize) -> Option<&'static str> {
    if let Some(help) = line.strip_prefix("\t  ") {
        return (help.chars().count() > HELP_COLUMNS).then_some("a help text of more than 62 columns");
    }
    let word = line.split_whitespace().next()?;
    if ENTRIES.contains(&word) {
        *place = 0;
        return line.starts_with([' ', '\t']).then_some("an entry that is indented");
    }
    let Some(at) = ATTRIBUTES.iter().position(|words| words.contains(&word)) else {
        return (!word.starts_with('#')).then_some("a word that is none of Kconfig's");
    };
    let before = std::mem::replace(place, at);
    if !line.strip_prefix('\t').is_some_and(|rest| rest.starts_with(word)) {
        return Some("an attribute that is not behind one tab");
    }
    if line.trim() == "default n" {
        return Some("a default that is the default");
    }
    (before > at).then_some("not in the order type, default, depends on, select, help")
}

/// What is wrong with a package's makefile.
fn makefile(text: &str) -> Option<String> {
    let hashes = "#".repeat(80);
    let lines: Vec<&str> = text.lines().collect();
    let head = [hashes.as_str(), "#", "# tomte", "#", hashes.as_str(), ""];
    if lines[..6] != head {
        return Some("its head is not of 80 hashes".into());
    }
    let (mut inside, mut goes_on) = (false, false);
    for line in &lines[6..] {
        let variable = line.split([' ', '=', ':', '+']).next().unwrap_or_default();
        let set = line.contains('=') && variable.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let defined = line.strip_prefix("define ");
        let wrong = (set && !inside && !variable.starts_with("TOMTE_"))
            || defined.is_some_and(|name| !name.starts_with("TOMTE_"))
            || (!line.starts_with('#') && line.contains("${"))
            || line.ends_with("  \\")
            || line.ends_with("\t\\")
            || (goes_on && line.is_empty());
        let inner = (inside || goes_on) && *line != "endef";
        if wrong || (inner && !line.starts_with('\t')) || (!inner && line.starts_with('\t')) {
            return Some(format!("{line:?}"));
        }
        inside = (inside || defined.is_some()) && *line != "endef";
        goes_on = line.ends_with('\\') && !line.starts_with('#');
    }
    None
}

#[test]
fn the_buildroot_tree_is_written_as_buildroot_wants_it() {
    let files = files("buildroot");
    for (path, text) in &files {
        let name = path.file_name().unwrap().to_string_lossy();
        assert_eq!(white_space(text), None, "{}", path.display());
        if name == "Config.in" || path.starts_with("provides") {
            let mut place = 0;
            for line in text.lines() {
                assert_eq!(config_line(line, &mut place), None, "{}: {line:?}", path.display());
            }
        }
        if path.starts_with("package") && name.ends_with(".mk") {
            assert_eq!(makefile(text), None, "{}", path.display());
        }
        if path.starts_with("configs") {
            assert!(text.contains("BR2_DOWNLOAD_FORCE_CHECK_HASHES=y\n"), "{}", path.display());
        }
        let mode = fs::metadata(root_dir().join("board-configs/buildroot").join(path)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o111 != 0, text.starts_with("#!"), "{}", path.display());
    }
    let init = &files[Path::new("provides/init.in")];
    assert!(init.starts_with("config BR2_INIT_TOMTE\n") && init.contains("\tselect BR2_PACKAGE_TOMTE\n"));
    assert!(files[Path::new("external.desc")].starts_with("name: TOMTE\n"));
}

#[test]
fn what_breaks_a_rule_of_check_package_is_found() {
    assert_eq!(white_space("a\n\n\nb\n"), Some("two empty lines in a row"));
    assert_eq!(white_space("a \n"), Some("blanks at a line's end"));
    for (lines, wrong) in [
        (&["config A", "\tbool", "\tselect B", "\tdefault y"][..], true),
        (&["config A", "\tbool", "\tdefault n"], true),
        (&["config A", "    bool"], true),
        (&["config A", "\tbool \"a\"", "\thelp", "\t  Its text."], false),
    ] {
        let mut place = 0;
        let found = lines.iter().find_map(|line| config_line(line, &mut place));
        assert_eq!(found.is_some(), wrong, "{lines:?}");
    }
    let head = format!("{0}\n#\n# tomte\n#\n{0}\n\n", "#".repeat(80));
    for (text, wrong) in [
        ("TOMTE_VERSION = 1\n", false),
        ("TOMATE_VERSION = 1\n", true),
        ("TOMTE_SITE = ${A}\n", true),
        ("define TOMTE_BUILD_CMDS\n    make\nendef\n", true),
        ("define TOMTE_BUILD_CMDS\n\tmake \\\n\t\tall\nendef\n", false),
        ("\tTOMTE_VERSION = 1\n", true),
    ] {
        assert_eq!(makefile(&format!("{head}{text}")).is_some(), wrong, "{text:?}");
    }
}

#[test]
fn the_licences_that_buildroot_is_told_of_are_these() {
    let hashes = &files("buildroot")[Path::new("package/tomte/tomte.hash")];
    let lines: Vec<&str> = hashes.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let [kind, hash, name] = line.split("  ").collect::<Vec<_>>()[..] else {
            panic!("{line}: three fields")
        };
        let digest = Sha256::digest(fs::read(root_dir().join(name)).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((kind, hash), ("sha256", digest.as_str()), "{name}");
    }
}

#[test]
fn the_yocto_layer_has_what_yocto_check_layer_looks_for() {
    let files = files("yocto");
    for (path, text) in &files {
        assert_eq!(white_space(text), None, "{}", path.display());
    }
    let readme = files[Path::new("README.md")].to_lowercase();
    for word in ["maintainer", "patch", "dependencies"] {
        assert!(readme.contains(word), "README.md says nothing of {word}");
    }
    assert!(!files[Path::new("SECURITY.md")].is_empty());
    let layer = &files[Path::new("conf/layer.conf")];
    for variable in
        ["BBFILE_COLLECTIONS", "BBFILE_PATTERN_tomte", "LAYERDEPENDS_tomte", "LAYERSERIES_COMPAT_tomte"]
    {
        assert!(layer.contains(variable), "conf/layer.conf has no {variable}");
    }
    // Being there changes no build: what it brings counts for those who ask for INIT_MANAGER = "tomte".
    let global = layer.lines().find(|line| line.starts_with("INHERIT") || line.starts_with("IMAGE_"));
    assert_eq!(global, None);
    let inherited = &files[Path::new("conf/distro/include/init-manager-tomte.inc")];
    let class = inherited.lines().find_map(|line| line.strip_prefix("IMAGE_CLASSES:append = \" ")).unwrap();
    let class = format!("classes/{}.bbclass", class.trim_end_matches('"'));
    assert!(files.contains_key(Path::new(&class)), "there is no {class}");
    assert!(!class.contains('-'), "bitbake makes functions of a class's name");
    let recipe = &files[Path::new("recipes-core/tomte/tomte_0.1.0.bb")];
    for variable in ["SUMMARY", "DESCRIPTION", "LICENSE", "LIC_FILES_CHKSUM", "SECTION"] {
        assert!(recipe.lines().any(|line| line.starts_with(variable)), "the recipe has no {variable}");
    }
}
