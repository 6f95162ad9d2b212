//! `[[allow]]` of board.toml: who may ask PID 1 for more than the state of units. Names become numbers when the table is
//! baked: PID 1 reads no file to know who somebody is.

use std::fmt;

use anyhow::{Result, bail};
use serde::{Deserialize, Deserializer, de::Error as _};
use tomte::{
    table::{Who, limits::ALLOW_MAX, matches},
    wire::Verb,
};

use crate::{diag::closest, values::unit_name::SUFFIXES};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rule {
    whom: Whom,
    verbs: Vec<VerbName>,
    /// Names of units, with `*` and `?`; none stands for all.
    pub units: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Whom {
    group: bool,
    id: Id,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u32),
    Name(String),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.group { "group " } else { "user " })?;
        match &self.id {
            Id::Number(number) => number.fmt(f),
            Id::Name(name) => name.fmt(f),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    user: Option<Id>,
    group: Option<Id>,
    verbs: Vec<VerbName>,
    #[serde(default)]
    units: Vec<String>,
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let whom = match (written.user, written.group) {
            (Some(id), None) => Whom { group: false, id },
            (None, Some(id)) => Whom { group: true, id },
            _ => return Err("a rule is for one user or one group: `user = …` or `group = …`".into()),
        };
        if written.verbs.is_empty() {
            return Err("a rule without verbs allows nothing".into());
        }
        for pattern in &written.units {
            let suffixed = SUFFIXES.iter().any(|suffix| pattern.ends_with(&format!(".{suffix}")));
            if !suffixed && !pattern.ends_with('*') {
                return Err(format!(
                    "`{pattern}` is no unit's full name, such as web.service or web@*.service"
                ));
            }
        }
        Ok(Self { whom, verbs: written.verbs, units: written.units })
    }
}

/// A verb that a rule may have: neither what everybody may, nor what would be as good as being root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct VerbName(Verb);

impl<'de> Deserialize<'de> for VerbName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let grantable = |verb: &&Verb| !matches!(verb, Verb::Status | Verb::Rule);
        let found = Verb::ALL.iter().filter(grantable).find(|verb| verb.as_str() == written);
        if let Some(verb) = found {
            return Ok(Self(*verb));
        }
        let verbs: Vec<&str> = Verb::ALL.iter().filter(grantable).map(|verb| verb.as_str()).collect();
        Err(match written.as_str() {
            "run" | "reexec" | "switch-table" => {
                D::Error::custom(format!("`{written}` is as good as being root: no rule can allow it"))
            }
            "status" => D::Error::custom("everybody may see the state of units: `status` needs no rule"),
            _ => match closest(&written, verbs.iter().copied()) {
                Some(meant) => {
                    D::Error::custom(format!("`{written}` is no verb of a rule (did you mean `{meant}`?)"))
                }
                None => D::Error::custom(format!(
                    "`{written}` is no verb of a rule; they are {}",
                    verbs.join(", ")
                )),
            },
        })
    }
}

/// Static users and groups of an image: `/etc/passwd` and `/etc/group`, and `[[user]]` and `[[group]]`.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Names and numbers.
    pub users: Vec<(String, u32)>,
    pub groups: Vec<(String, u32)>,
}

impl Rule {
    /// The verbs as `tomte::table::Allow` has them.
    pub fn bits(&self) -> u32 {
        self.verbs.iter().fold(0, |bits, VerbName(verb)| bits | 1 << *verb as u32)
    }

    /// Whose processes it is for: a static name wins over a dynamic one, as everywhere.
    ///
    /// # Errors
    /// If the name is nobody's.
    pub fn resolve(&self, dynamic: &[&str], known: &Known) -> Result<(Who, u32)> {
        let (fixed, names) = match self.whom.group {
            true => ((Who::Group, Who::DynamicGroup), &known.groups),
            false => ((Who::User, Who::DynamicUser), &known.users),
        };
        let name = match &self.whom.id {
            Id::Number(number) => return Ok((fixed.0, *number)),
            Id::Name(name) => name,
        };
        if let Some((_, number)) = names.iter().find(|(one, _)| one == name) {
            return Ok((fixed.0, *number));
        }
        if let Some(place) = dynamic.iter().position(|one| one == name) {
            return Ok((fixed.1, u32::try_from(place)?));
        }
        let all = names.iter().map(|(one, _)| one.as_str()).chain(dynamic.iter().copied());
        let meant = closest(name, all).map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
        bail!(
            "board.toml: [[allow]] for {}: neither a static nor a dynamic one has this name{meant}; a number needs no name",
            self.whom
        )
    }
}

/// Whether the rules fit the units: each pattern is there for at least one.
///
/// # Errors
/// Naming the pattern that is not.
pub fn check(rules: &[Rule], units: &[&str]) -> Result<()> {
    if rules.len() > ALLOW_MAX {
        bail!("board.toml: {} [[allow]] rules, the most is {ALLOW_MAX}", rules.len());
    }
    for rule in rules {
        for pattern in &rule.units {
            if !units.iter().any(|unit| matches(pattern, unit)) {
                let meant = closest(pattern, units.iter().copied());
                let meant = meant.map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
                bail!("board.toml: [[allow]] for {}: there is no unit {pattern}{meant}", rule.whom);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        allow: Vec<Rule>,
    }

    fn rules(text: &str) -> Result<Vec<Rule>, String> {
        toml::from_str::<File>(text).map(|file| file.allow).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_rule_names_a_user_or_group_its_verbs_and_units() {
        let text = "[[allow]]\nuser = \"web\"\nverbs = [\"restart\", \"start\"]\nunits = [\"a*.service\"]\n\
                    [[allow]]\ngroup = 27\nverbs = [\"shutdown\"]\n[[allow]]\nuser = \"app\"\nverbs = [\"kill\"]";
        let rules = rules(text).unwrap();
        let known = Known { users: vec![("web".into(), 33)], groups: Vec::new() };
        let resolved: Vec<_> =
            rules.iter().map(|rule| rule.resolve(&["web", "app"], &known).unwrap()).collect();
        assert_eq!(resolved, [(Who::User, 33), (Who::Group, 27), (Who::DynamicUser, 1)]);
        assert_eq!(rules[0].bits(), 1 << Verb::Restart as u32 | 1 << Verb::Start as u32);
        check(&rules, &["abc.service"]).unwrap();
        let wrong = check(&rules, &["b.service"]).unwrap_err().to_string();
        assert!(wrong.contains("user web: there is no unit a*.service"), "{wrong}");
        let nobody = rules[2].resolve(&["apps"], &known).unwrap_err().to_string();
        assert!(nobody.contains("did you mean apps?"), "{nobody}");
    }

    #[test]
    fn what_makes_no_rule_is_said() {
        for (lines, message) in [
            ("verbs = [\"stop\"]", "one user or one group"),
            ("user = 1\ngroup = 2\nverbs = [\"stop\"]", "one user or one group"),
            ("user = 1\nverbs = []", "allows nothing"),
            ("user = 1\nverbs = [\"run\"]", "as good as being root"),
            ("user = 1\nverbs = [\"status\"]", "needs no rule"),
            ("user = 1\nverbs = [\"restrt\"]", "did you mean `restart`?"),
            ("user = 1\nverbs = [\"stop\"]\nunits = [\"web\"]", "full name"),
        ] {
            let error = rules(&format!("[[allow]]\n{lines}")).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
