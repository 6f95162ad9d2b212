//! What the directives of systemd.unit(5) that speak of other units do, and the actions of [Unit].

use tomte::table::{JobMode, Micros, UnitAction};

use super::{
    directives::units,
    draft::{Cx, Draft},
};
use crate::{
    diag::{Code, Diagnostic},
    model::{Located, Relation},
    read::Assignment,
    values::{path, scalar, time, word, wrong},
};

/// The longest word that the kernel takes there.
const REBOOT_ARGUMENT_BYTES_MAX: usize = 255;

type Done = Result<(), Diagnostic>;

/// What `key` says, in the spelling of today.
fn relation_of(key: &str) -> Relation {
    Relation::of(key).unwrap_or_else(|| unreachable!("{key}= is no relation"))
}

/// A relation of [Unit]: adds units. Such lists only grow: an empty value resets nothing.
pub fn related(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let relation = relation_of(a.key.as_str());
    units(a, cx, |other| d.unit.relations.push(relation, other))
}

/// A relation of [Install]: adds units.
pub fn install(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let relation = relation_of(a.key.as_str());
    units(a, cx, |other| d.unit.install.relations.push(relation, other))
}

/// Adds the units that the assignment names to `list`.
pub fn names(list: &mut Vec<Located<String>>, a: &Assignment, cx: &mut Cx) -> Done {
    units(a, cx, |name| list.push(name))
}

/// What the old spelling `key` is called today; `None` if it is no old one.
fn new_spelling(key: &str) -> Option<Relation> {
    match key {
        "BindTo" => Some(Relation::BindsTo),
        "PropagateReloadTo" => Some(Relation::PropagatesReloadTo),
        "PropagateReloadFrom" => Some(Relation::ReloadPropagatedFrom),
        "RequiresOverridable" => Some(Relation::Requires),
        "RequisiteOverridable" => Some(Relation::Requisite),
        _ => None,
    }
}

/// A relation in an old spelling.
pub fn renamed(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let key = a.key.as_str();
    let relation = new_spelling(key).unwrap_or_else(|| unreachable!("{key}= is no old spelling"));
    let problem = Diagnostic::note(Code::OldSpelling, "an old spelling").on(&a.key, 0..a.key.len());
    cx.problems.push(problem.help(format!("today it is {}=", relation.setting())));
    units(a, cx, |other| d.unit.relations.push(relation, other))
}

/// `RequiresMountsFor=` and `WantsMountsFor=`: absolute paths.
pub fn mounts_for(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let relation = if a.key.as_str() == "WantsMountsFor" { Relation::Wants } else { Relation::Requires };
    for word in word::list(&a.value)? {
        let value = path::absolute(&cx.specifiers.expand(&word)?)?;
        d.unit.mounts_for.push((relation, value));
    }
    Ok(())
}

/// `OnFailureJobMode=` and `OnSuccessJobMode=`.
pub fn job_mode(slot: &mut JobMode, a: &Assignment) -> Done {
    let modes = [
        ("fail", Some(JobMode::Fail)),
        ("replace", Some(JobMode::Replace)),
        ("isolate", Some(JobMode::Isolate)),
        ("ignore-requirements", Some(JobMode::IgnoreRequirements)),
        ("replace-irreversibly", Some(JobMode::ReplaceIrreversibly)),
        ("flush", Some(JobMode::Flush)),
        ("ignore-dependencies", Some(JobMode::IgnoreDependencies)),
        ("triggering", None),
        ("restart-dependencies", Some(JobMode::RestartDependencies)),
    ];
    let Some(mode) = scalar::choice(&a.value, &modes)? else {
        let message =
            format!("{}=triggering is about a stop, and what is named there is started", a.key.as_str());
        return Err(wrong(&a.value, Code::Refused, message).help("remove the line, or write replace"));
    };
    *slot = mode;
    Ok(())
}

/// One of `choices`; `None`, and said with what to `use_instead`, for those that PID 1 cannot do yet.
fn choice_so_far<T: Copy>(
    choices: &[(&str, Option<T>)],
    a: &Assignment,
    cx: &mut Cx,
    use_instead: &str,
) -> Result<Option<T>, Diagnostic> {
    let known = scalar::choice(&a.value, choices)?;
    let message = format!("{}={}: PID 1 cannot do that yet", a.key.as_str(), a.value.as_str());
    cx.later(a, known.is_none().then(|| wrong(&a.value, Code::NotYet, message).help(use_instead)));
    Ok(known)
}

/// `FailureAction=` and its kind. A kexec is none of this PID 1's yet: `bake` says so.
pub fn action(slot: &mut UnitAction, a: &Assignment, cx: &mut Cx) -> Done {
    let choices = [
        ("none", Some(UnitAction::None)),
        ("exit", Some(UnitAction::Exit)),
        ("exit-force", Some(UnitAction::ExitForce)),
        ("reboot", Some(UnitAction::Reboot)),
        ("reboot-force", Some(UnitAction::RebootForce)),
        ("reboot-immediate", Some(UnitAction::RebootImmediate)),
        ("poweroff", Some(UnitAction::PowerOff)),
        ("poweroff-force", Some(UnitAction::PowerOffForce)),
        ("poweroff-immediate", Some(UnitAction::PowerOffImmediate)),
        ("halt", Some(UnitAction::Halt)),
        ("halt-force", Some(UnitAction::HaltForce)),
        ("halt-immediate", Some(UnitAction::HaltImmediate)),
        ("soft-reboot", Some(UnitAction::SoftReboot)),
        ("soft-reboot-force", Some(UnitAction::SoftRebootForce)),
        ("kexec", None),
        ("kexec-force", None),
    ];
    *slot = choice_so_far(&choices, a, cx, "use reboot")?.unwrap_or(UnitAction::None);
    Ok(())
}

/// `JobTimeoutSec=` and `JobRunningTimeoutSec=`: the table has zero for what never ends.
pub fn job_timeout(slot: &mut Micros, a: &Assignment) -> Done {
    let span = time::timeout(&a.value)?;
    *slot = if span == Micros::FOREVER { Micros::ZERO } else { span };
    Ok(())
}

/// `RebootArgument=` and `JobTimeoutRebootArgument=`: a word that the kernel hands to the firmware (reboot(2),
/// LINUX_REBOOT_CMD_RESTART2).
pub fn reboot_argument(slot: &mut String, a: &Assignment, cx: &mut Cx) -> Done {
    let text = cx.specifiers.expand(&a.value)?;
    let word = text.as_str();
    if word.len() > REBOOT_ARGUMENT_BYTES_MAX || word.bytes().any(|byte| byte < b' ') {
        let message =
            format!("{word:?}: at most {REBOOT_ARGUMENT_BYTES_MAX} characters, and no control characters");
        return Err(wrong(&text, Code::Word, message));
    }
    word.clone_into(slot);
    Ok(())
}

/// `FailureActionExitStatus=` and `SuccessActionExitStatus=`: 0 to 255, or nothing.
pub fn action_exit_status(slot: &mut Option<u8>, a: &Assignment) -> Done {
    let value = a.value.as_str();
    *slot = value.parse().ok();
    match value.is_empty() || slot.is_some() {
        true => Ok(()),
        false => Err(wrong(
            &a.value,
            Code::ExitStatus,
            format!("{value:?}: expected an exit status from 0 to 255"),
        )),
    }
}
