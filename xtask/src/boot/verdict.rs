//! What follows from a good boot and from sick ones, as units: the ladder from a reboot over the other slot to the safe
//! target. (The rungs below are the supervisor's: a service's own `Restart=`, and all vital units together.) Which rung is next, a file that outlives the reset says: how many boots there have been since the last good
//! one.

use tomte::table::{Call, CommandKind};

use super::{
    keys::BootVerdict,
    made::{Maker, STANDS_FOR_CALLS, attempt, call, literal},
};
use crate::model::Relation;

/// Started when the boot is good.
pub(super) const GOOD: &str = "tomte-boot-good.service";
/// Started when the machine is sick.
pub(super) const SICK: &str = "tomte-boot-sick.service";
const COUNT: &str = "tomte-boot-count.service";
const LADDER: &str = "tomte-boot-ladder.service";
const OTHER_SLOT: &str = "tomte-boot-other-slot.service";
const SAFE: &str = "tomte-boot-safe.service";

/// Past every count.
const ENDLESS: u32 = 4_000_000_000;

/// The units of the ladder.
pub(super) fn units(verdict: &BootVerdict, maker: &mut Maker<'_>) {
    let counter = verdict.counter.as_ref().map_or("", |counter| counter.get_ref());
    let start = |line: &Option<toml::Spanned<String>>| {
        line.as_ref().map_or_else(String::new, |line| format!("ExecStart={}\n", literal(line.get_ref())))
    };
    let forget = (CommandKind::Start, attempt(Call::Count, counter, &["forget"]));
    let text = format!(
        "[Unit]\nDescription=Mark the Boot as Good\nDefaultDependencies=no\nRequires=boot-complete.target\n\
         After=boot-complete.target\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=90\nExecStart={STANDS_FOR_CALLS}\n{}",
        start(&verdict.mark_good)
    );
    maker.oneshot(GOOD, &text, vec![forget]);
    let text = format!(
        "[Unit]\nDescription=Reboot of a Sick Machine\nDefaultDependencies=no\nSuccessAction=reboot\n\
         FailureAction=reboot\n[Service]\nType=oneshot\nExecStart={STANDS_FOR_CALLS}\n"
    );
    maker.oneshot(SICK, &text, vec![(CommandKind::Start, call(Call::Count, "", &["0", "0"]))]);
    if !counter.is_empty() {
        let safe = verdict.safe_target.as_ref().map(|target| target.get_ref().as_str());
        let ladder = Ladder {
            counter,
            tries: u32::from(verdict.tries),
            other_slot: &start(&verdict.other_slot),
            safe,
        };
        ladder.units(maker);
    }
}

/// What is done at boot about the boots before.
struct Ladder<'v> {
    counter: &'v str,
    tries: u32,
    /// `ExecStart=` of what takes the other slot, or empty.
    other_slot: &'v str,
    safe: Option<&'v str>,
}

impl Ladder<'_> {
    /// The counts at which the machine is to boot as ever: from, to, from, to.
    fn allowed(&self) -> Vec<String> {
        let (tries, slot) = (self.tries, !self.other_slot.is_empty());
        let mut allowed = vec![0, tries];
        if slot {
            allowed.extend([tries + 2, 2 * tries + 1]);
        }
        if self.safe.is_none() {
            // Nobody is left to help: it goes on trying.
            allowed.extend([if slot { 2 * tries + 2 } else { tries + 1 }, ENDLESS]);
        }
        allowed.into_iter().map(|count| count.to_string()).collect()
    }

    fn units(&self, maker: &mut Maker<'_>) {
        let on_failure =
            |unit: Option<&str>| unit.map_or_else(String::new, |unit| format!("OnFailure={unit}\n"));
        let (slot, safe) = (!self.other_slot.is_empty(), self.safe.map(|_| SAFE));
        // Counted once a boot, which always turns out well; looked at as often as somebody pulls in what has failed.
        let early = |description: &str, general: &str| {
            format!(
                "[Unit]\nDescription={description}\nDefaultDependencies=no\nRequiresMountsFor={}\n\
                 After=local-fs.target\nBefore=sysinit.target\n{general}\
                 [Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=90\nExecStart={STANDS_FOR_CALLS}\n",
                literal(self.counter)
            )
        };
        let text = early("Count of Boots since the Last Good One", "");
        let calls = vec![(CommandKind::Start, attempt(Call::Count, self.counter, &["add"]))];
        maker.oneshot(COUNT, &text, calls).relations.imply(Relation::WantedBy, "sysinit.target");
        let failed = on_failure(if slot { Some(OTHER_SLOT) } else { safe });
        let text = early("What Follows from the Boots before", &format!("After={COUNT}\n{failed}"));
        let allowed = self.allowed();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        let calls = vec![(CommandKind::Start, call(Call::Count, self.counter, &allowed))];
        maker.oneshot(LADDER, &text, calls).relations.imply(Relation::WantedBy, "sysinit.target");
        if slot {
            let text = format!(
                "[Unit]\nDescription=Boot from the Other Slot\nDefaultDependencies=no\nSuccessAction=reboot\n{}\
                 [Service]\nType=oneshot\nTimeoutStartSec=90\nExecStart={STANDS_FOR_CALLS}\n{}",
                on_failure(safe),
                self.other_slot
            );
            let turn = (self.tries + 1).to_string();
            let is_turn = call(Call::Count, self.counter, &[&turn, &turn]);
            maker.oneshot(OTHER_SLOT, &text, vec![(CommandKind::Start, is_turn)]);
        }
        if let Some(target) = self.safe {
            let text = format!(
                "[Unit]\nDescription=Safe Target after Sick Boots\nDefaultDependencies=no\n\
                 [Service]\nType=oneshot\nExecStart=@{STANDS_FOR_CALLS} tomte isolate {target}\n"
            );
            maker.unit(SAFE, &text).relations.imply(Relation::Wants, target);
        }
    }
}
