//! Static users and groups of an image: `[[user]]` and `[[group]]` of board.toml, merged into the image's passwd and
//! group. Pure: texts in, texts out.
//!
//! Formats: passwd(5) and group(5). The users of a board are for services: no password, no home, no shell.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{allow::Known, board::Config, diag::Code, values::user};

/// What `values::user::is_strict` asks for, in words.
pub const STRICT_NAME: &str =
    "a name starts with a letter or _, goes on with letters, digits, _ and -, and has at most 31 bytes";

/// An image's passwd and group with the board's entries in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub passwd: String,
    pub group: String,
}

/// What the entries of a board and of an image's file have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry<'a> {
    name: &'a str,
    number: u32,
    /// The user's group; a group's own number.
    gid: u32,
}

/// The static users and groups of `config` and of the images below `roots`: a later one comes before an earlier one.
pub fn known(config: &Config, roots: &[PathBuf]) -> Known {
    let mut known = Known::default();
    for (list, file, own) in
        [(&mut known.users, "etc/passwd", users(config)), (&mut known.groups, "etc/group", groups(config))]
    {
        list.extend(own.into_iter().map(|entry| (entry.name.to_owned(), entry.number)));
        for root in roots.iter().rev() {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            list.extend(entries(&text, 2).into_iter().map(|entry| (entry.name.to_owned(), entry.number)));
        }
    }
    known
}

/// What a users table of Buildroot's has whoever makes the image add to it (its manual, "Makeusers syntax documentation"):
/// a line each of user, number, group, number, password, home, shell, further groups and comment. The user may be `-`. A number
/// that is chosen later, -1 or -2, is `u32::MAX` here, which is nobody's (chown(2)).
///
/// # Errors
/// A line with fewer than eight fields, or with a number that is none.
pub fn table(text: &str) -> Result<Known> {
    let mut accounts = Known::default();
    let number = |field: &str| match field {
        "-1" | "-2" => Ok(u32::MAX),
        field => field.parse::<u32>().with_context(|| format!("`{field}` is no number")),
    };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    for (at, line) in lines {
        let place = || format!("line {at}: {line:?}");
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [user, uid, group, gid, _password, _home, _shell, further, ..] = fields[..] else {
            bail!("{}: a users table has eight fields and a comment", place());
        };
        if user != "-" {
            accounts.users.push((user.to_owned(), number(uid).with_context(place)?));
        }
        // Without a group of its own, a user gets one of its name.
        let group = if group == "-" { user } else { group };
        accounts.groups.push((group.to_owned(), number(gid).with_context(place)?));
        let further = further.split(',').filter(|name| *name != "-");
        accounts.groups.extend(further.map(|name| (name.to_owned(), u32::MAX)));
    }
    Ok(accounts)
}

/// What is wrong with one of a board's entries.
#[derive(Clone, Debug)]
pub struct Mistake {
    pub code: Code,
    pub message: String,
    /// `user` or `group`.
    pub array: &'static str,
    /// Which of them, from 0.
    pub index: usize,
}

/// Entries of `config` that contradict each other, the dynamic range, or the rules for names and numbers; each mistake
/// names what is in conflict.
pub fn check(config: &Config) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (array, entries) in [("user", users(config)), ("group", groups(config))] {
        let mut names = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        for (index, Entry { name, number, .. }) in entries.into_iter().enumerate() {
            let mut wrong = |(code, message)| mistakes.push(Mistake { code, message, array, index });
            entry_problem(config, array, name, number).into_iter().for_each(&mut wrong);
            if names.insert(name, number).is_some() {
                wrong((Code::AccountTwice, format!("{array} {name} is there twice")));
            } else if let Some(other) = numbers.insert(number, name) {
                let message = format!("{array}s {other} and {name} have the same number, {number}");
                wrong((Code::AccountTwice, message));
            }
        }
    }
    mistakes
}

fn entry_problem(config: &Config, kind: &str, name: &str, number: u32) -> Option<(Code, String)> {
    let range = &config.uids;
    if !user::is_strict(name) {
        return Some((Code::UserName, format!("{kind} {name:?}: {STRICT_NAME}")));
    }
    if (range.first..=range.last).contains(&number) {
        let (first, last) = (range.first, range.last);
        let message = format!("{kind} {name}: {number} is in the range of the dynamic users, {first}-{last}");
        return Some((Code::DynamicRange, message));
    }
    match number {
        0 => Some((Code::Number, format!("{kind} {name}: 0 is root"))),
        65535 | u32::MAX => Some((Code::Number, format!("{kind} {name}: {number} stands for no number"))),
        _ => None,
    }
}

/// Adds the board's users and groups to an image's `passwd` and `group`. An entry that is there already, with the same
/// numbers, stays as it is.
///
/// # Errors
/// All names and numbers that belong to somebody else already, each naming both; a user without a group, a member that
/// does not exist.
pub fn merge(passwd: &str, group: &str, config: &Config) -> Result<Merged> {
    let mut problems = Vec::new();
    let (old_users, old_groups) = (entries(passwd, 3), entries(group, 2));
    let new_users = missing("user", &old_users, users(config), &mut problems);
    let new_groups = missing("group", &old_groups, groups(config), &mut problems);

    let has_group =
        |gid| old_groups.iter().any(|old| old.number == gid) || config.group.iter().any(|one| one.gid == gid);
    for user in config.user.iter().filter(|user| !has_group(user.gid)) {
        problems.push(format!("user {}: there is no group with the number {}", user.name, user.gid));
    }
    let has_user = |name: &str| {
        old_users.iter().any(|old| old.name == name) || config.user.iter().any(|one| one.name == name)
    };
    for group in &config.group {
        for member in group.members.iter().filter(|member| !has_user(member)) {
            problems.push(format!("group {}: there is no user {member}", group.name));
        }
    }
    stop_at(problems)?;

    let mut merged = Merged { passwd: whole_lines(passwd), group: whole_lines(group) };
    for Entry { name, number, gid } in new_users {
        merged.passwd += &format!("{name}:x:{number}:{gid}::/:/sbin/nologin\n");
    }
    for Entry { name, number, .. } in new_groups {
        let members = config.group.iter().find(|one| one.name == name).map_or(&[][..], |one| &one.members);
        merged.group += &format!("{name}:x:{number}:{}\n", members.join(","));
    }
    Ok(merged)
}

/// Those of `new` that are not in `old` yet.
fn missing<'a>(
    kind: &str,
    old: &[Entry<'_>],
    new: Vec<Entry<'a>>,
    problems: &mut Vec<String>,
) -> Vec<Entry<'a>> {
    let mut missing = Vec::new();
    for entry in new {
        let Entry { name, number, gid } = entry;
        let same_name = old.iter().find(|other| other.name == name);
        let same_number = old.iter().find(|other| other.number == number);
        match (same_name, same_number) {
            (Some(other), _) if (other.number, other.gid) == (number, gid) => {}
            (Some(other), _) => problems.push(format!(
                "{kind} {name}: the board says {number} (group {gid}), the image has {} (group {})",
                other.number, other.gid
            )),
            (None, Some(other)) => {
                problems.push(format!("{kind} {name}: {number} is the image's {} already", other.name));
            }
            (None, None) => missing.push(entry),
        }
    }
    missing
}

fn users(config: &Config) -> Vec<Entry<'_>> {
    config.user.iter().map(|user| Entry { name: &user.name, number: user.uid, gid: user.gid }).collect()
}

fn groups(config: &Config) -> Vec<Entry<'_>> {
    config.group.iter().map(|group| Entry { name: &group.name, number: group.gid, gid: group.gid }).collect()
}

/// The entries of a passwd or group text; the group's number is in field `gid_field`. Lines that are none are skipped,
/// as the C libraries do.
fn entries(text: &str, gid_field: usize) -> Vec<Entry<'_>> {
    let entry = |line: &'_ str| {
        let number = |n: usize| line.split(':').nth(n)?.parse::<u32>().ok();
        Some((number(2)?, number(gid_field)?))
    };
    let named = text.lines().filter_map(|line| Some((line.split(':').next()?, entry(line)?)));
    named.map(|(name, (number, gid))| Entry { name, number, gid }).collect()
}

fn whole_lines(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}

fn stop_at(problems: Vec<String>) -> Result<()> {
    match problems.is_empty() {
        true => Ok(()),
        false => bail!("{}", problems.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false";
    const GROUP: &str = "root:x:0:\ndaemon:x:1:\n# a comment\n+nis\n";

    #[test]
    fn a_users_table_names_users_and_groups_that_come_later() {
        let text = "# mosquitto's\nmosquitto -1 mosquitto -1 * - - - Mosquitto user\n\n- -1 input 104 * - - -\n\
                    www 33 www-data 33 * /var /bin/false video,audio Web\n";
        let accounts = table(text).unwrap();
        let named =
            |list: &[(&str, u32)]| list.iter().map(|(name, id)| ((*name).into(), *id)).collect::<Vec<_>>();
        assert_eq!(accounts.users, named(&[("mosquitto", u32::MAX), ("www", 33)]));
        let groups = [
            ("mosquitto", u32::MAX),
            ("input", 104),
            ("www-data", 33),
            ("video", u32::MAX),
            ("audio", u32::MAX),
        ];
        assert_eq!(accounts.groups, named(&groups));
        for (wrong, said) in [("web -1 web -1 *\n", "eight fields"), ("web x web -1 * - - -\n", "no number")]
        {
            let error = format!("{:#}", table(wrong).unwrap_err());
            assert!(error.contains(said) && error.contains("line 1"), "{error}");
        }
    }

    fn user(name: &str, uid: u32, gid: u32) -> String {
        format!("[[user]]\nname = \"{name}\"\nuid = {uid}\ngid = {gid}\n")
    }

    fn group(name: &str, gid: u32) -> String {
        format!("[[group]]\nname = \"{name}\"\ngid = {gid}\n")
    }

    fn merged(toml: &str) -> Result<Merged, String> {
        let text = format!("arch = \"arm\"\ntarget = \"t\"\n{toml}");
        let config = Config::parse(&text, Path::new("board.toml")).map_err(|error| format!("{error:#}"))?;
        merge(PASSWD, GROUP, &config).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn users_and_groups_follow_those_of_the_image() {
        let toml = user("web", 900, 901) + &group("web", 901) + "members = [\"web\", \"daemon\"]\n";
        let Merged { passwd, group } = merged(&toml).unwrap();
        assert_eq!(passwd, format!("{PASSWD}\nweb:x:900:901::/:/sbin/nologin\n"));
        assert_eq!(group, format!("{GROUP}web:x:901:web,daemon\n"));
    }

    #[test]
    fn merging_twice_changes_nothing() {
        let toml = user("web", 900, 900) + &group("web", 900);
        let config =
            Config::parse(&format!("arch = \"arm\"\ntarget = \"t\"\n{toml}"), Path::new("x")).unwrap();
        let once = merge("", "", &config).unwrap();
        assert_eq!(merge(&once.passwd, &once.group, &config).unwrap(), once);
    }

    #[test]
    fn conflicts_name_both_sides() {
        let web = user("web", 900, 900) + &group("web", 900);
        let cases = [
            (user("a", 7, 1) + &user("b", 7, 1), "users a and b have the same number, 7"),
            (user("a", 7, 1) + &user("a", 8, 1), "user a is there twice"),
            (group("a", 7) + &group("b", 7), "groups a and b have the same number, 7"),
            (user("daemon", 7, 1), "user daemon: the board says 7 (group 1), the image has 1 (group 1)"),
            (user("d", 1, 1), "user d: 1 is the image's daemon already"),
            (group("g", 1), "group g: 1 is the image's daemon already"),
            (user("a", 7, 7), "user a: there is no group with the number 7"),
            (web.clone() + "members = [\"nobody\"]\n", "group web: there is no user nobody"),
            (user("a", 61184, 1), "user a: 61184 is in the range of the dynamic users, 61184-65519"),
            (group("a", 65519), "group a: 65519 is in the range of the dynamic users, 61184-65519"),
            (user("a", 0, 0), "user a: 0 is root"),
            (user("a", 65535, 1), "user a: 65535 stands for no number"),
        ];
        for (toml, expected) in cases {
            let error = merged(&toml).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(merged(&user("a.b", 7, 1)).unwrap_err().contains("user \"a.b\": a name starts with"));
        let both = merged(&(user("d", 1, 1) + &user("e", 9, 9))).unwrap_err();
        assert_eq!(both.split("; ").count(), 2, "all problems are said: {both}");
    }
}
