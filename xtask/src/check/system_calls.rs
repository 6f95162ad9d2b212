//! What the directives about system calls do: systemd.exec(5), "System Call Filtering", and those that are enforced in
//! the same way.

use std::collections::BTreeSet;

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic, closest},
    read::{Assignment, Text},
    seccomp::{
        Abi, groups,
        policy::{CallList, Denial, Families, Policy},
    },
    values::{errno, family, namespace, scalar, word, wrong},
};

/// linux/personality.h.
const PER_LINUX: u32 = 0;

type Done = Result<(), Diagnostic>;

fn policy(d: &mut Draft) -> &mut Policy {
    &mut d.exec().system_calls
}

/// A directive that is on or off.
pub fn switch(d: &mut Draft, a: &Assignment, of: impl FnOnce(&mut Policy) -> &mut bool) -> Done {
    *of(policy(d)) = scalar::boolean(&a.value)?;
    Ok(())
}

/// `LockPersonality=`: the kernel's own, unless `Personality=` says otherwise.
pub fn lock_personality(d: &mut Draft, a: &Assignment) -> Done {
    policy(d).personality = scalar::boolean(&a.value)?.then_some(PER_LINUX);
    Ok(())
}

/// `SystemCallFilter=`: the first line decides what kind of list it is, later ones add and take away.
pub fn filter(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if a.value.is_empty() {
        policy(d).calls = None;
        return Ok(());
    }
    let (inverted, words) = inverted(&a.value);
    let list = policy(d).calls.get_or_insert_with(|| CallList::filter(!inverted));
    for word in word::unquoted(&words) {
        let (name, denial) = match word.as_str().split_once(':') {
            None => (word, None),
            Some((name, denial)) => {
                let denial = word.slice(word.len() - denial.len()..word.len());
                (word.slice(0..name.len()), Some(denial))
            }
        };
        let own = denial.as_ref().map(denial_of).transpose()?;
        match denial.filter(|_| !inverted) {
            None => add(list, &name, inverted, own, cx),
            Some(denial) => {
                let message = format!("{:?} is denied and allowed at once: left out", name.as_str());
                let problem =
                    Diagnostic::warning(Code::AllowedWithError, message).on(&denial, 0..denial.len());
                cx.problems.push(problem.help("an error goes with calls behind a ~"));
            }
        }
    }
    Ok(())
}

/// `SystemCallLog=`.
pub fn log(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if a.value.is_empty() {
        policy(d).log = None;
        return Ok(());
    }
    let (inverted, words) = inverted(&a.value);
    let list = policy(d).log.get_or_insert_with(|| CallList::new(!inverted));
    for word in word::unquoted(&words) {
        add(list, &word, inverted, None, cx);
    }
    Ok(())
}

fn inverted(value: &Text) -> (bool, Text) {
    match value.as_str().strip_prefix('~') {
        Some(_) => (true, value.slice(1..value.len())),
        None => (false, value.clone()),
    }
}

/// A call or a group. One that nobody knows is left out with a warning, as systemd does: it may be newer, or of another
/// architecture.
fn add(list: &mut CallList, name: &Text, inverted: bool, denial: Option<Denial>, cx: &mut Cx) {
    let written = name.as_str();
    if let Some(calls) = groups::calls(written) {
        list.add_group(calls, inverted, denial);
    } else if let Some(call) = groups::call(written) {
        list.add(call, inverted, denial);
    } else {
        let what = if written.starts_with('@') { "group of system calls" } else { "system call" };
        let problem = Diagnostic::warning(Code::SystemCall, format!("{written:?} is no {what}: left out"))
            .on(name, 0..name.len());
        cx.problems.push(problem.did_you_mean(written, groups::names().chain(groups::all_calls())));
    }
}

fn denial_of(text: &Text) -> Result<Denial, Diagnostic> {
    match text.as_str() {
        "kill" => Ok(Denial::Kill),
        _ => errno::parse(text).map(Denial::Errno),
    }
}

/// `SystemCallErrorNumber=`.
pub fn error_number(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    policy(d).denial = match a.value.as_str() {
        "" => Denial::Kill,
        _ => match denial_of(&a.value)? {
            Denial::Errno(0) => {
                return Err(wrong(&a.value, Code::Word, "0 is no error: the call would seem to succeed"));
            }
            denial => denial,
        },
    };
    Ok(())
}

/// Architectures that systemd has a word for and tomte no board.
const FOREIGN: [&str; 14] = [
    "loongarch64",
    "mips",
    "mips-le",
    "mips64",
    "mips64-le",
    "mips64-le-n32",
    "mips64-n32",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64-le",
    "s390",
    "s390x",
];

/// `SystemCallArchitectures=`: the kernel's own is always open.
pub fn architectures(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    if a.value.is_empty() {
        policy(d).architectures = None;
        return Ok(());
    }
    for word in word::unquoted(&a.value) {
        let name = word.as_str();
        let abi = Abi::ALL.into_iter().find(|abi| abi.name() == name);
        if abi.is_none() && name != "native" && !FOREIGN.contains(&name) {
            let known = || Abi::ALL.map(Abi::name).into_iter().chain(["native"]);
            let problem = wrong(&word, Code::Word, format!("{name:?} is no architecture"));
            return Err(match closest(name, known().chain(FOREIGN)) {
                Some(_) => problem.did_you_mean(name, known().chain(FOREIGN)),
                None => problem.help(format!("tomte's are {}", known().collect::<Vec<_>>().join(", "))),
            });
        }
        policy(d).architectures.get_or_insert_with(BTreeSet::new).extend(abi);
    }
    Ok(())
}

/// `RestrictAddressFamilies=` (load-fragment.c, `config_parse_address_families`).
pub fn address_families(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let families = &mut policy(d).families;
    match a.value.as_str() {
        "" => *families = None,
        "none" => *families = Some(Families { allow: true, families: BTreeSet::new() }),
        _ => {
            let (inverted, words) = inverted(&a.value);
            let list = families.get_or_insert(Families { allow: !inverted, families: BTreeSet::new() });
            for word in word::list(&words)? {
                let family = u32::from(family::parse(&word)?);
                if inverted != list.allow {
                    list.families.insert(family);
                } else {
                    list.families.remove(&family);
                }
            }
        }
    }
    Ok(())
}

/// `RestrictNamespaces=`.
pub fn namespaces(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let kept = &mut policy(d).namespaces;
    *kept = namespace::merge(&a.value, *kept)?;
    Ok(())
}
