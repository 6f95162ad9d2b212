//! A shell at the console for whoever has to help the machine: rescue.service and emergency.service, as systemd has them
//! but for the question for root's password.

use super::{
    keys::Rescue,
    made::{Maker, literal},
};
use crate::model::Relation;

/// Both units.
pub(super) fn units(rescue: &Rescue, maker: &mut Maker<'_>) {
    for (name, target, description, other, general) in [
        (
            "emergency.service",
            "emergency.target",
            "Emergency Shell",
            "rescue.service",
            "DefaultDependencies=no\n",
        ),
        (
            "rescue.service",
            "rescue.target",
            "Rescue Shell",
            "emergency.service",
            "DefaultDependencies=no\nAfter=sysinit.target\n",
        ),
    ] {
        let text = format!(
            "[Unit]\nDescription={description}\nConflicts={other}\n{general}\
             [Service]\nExecStart=-{}\nEnvironment=HOME=/root\nWorkingDirectory=-/root\n\
             StandardInput=tty\nStandardOutput=inherit\nStandardError=inherit\n\
             KillMode=process\nSendSIGHUP=yes\nRestart=always\nRestartSec=1\n",
            literal(&rescue.shell)
        );
        let unit = maker.unit(name, &text);
        unit.relations.imply(Relation::RequiredBy, target);
        unit.relations.imply(Relation::Before, target);
    }
}
