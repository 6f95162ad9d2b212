//! Devices that units name: each is a unit that is up as long as its node in /dev is there (systemd.device(5)).

use tomte::table::{Manners, Micros};

use super::Mention;
use crate::{
    check,
    model::{Kind, Relation, Unit},
    values::unit_name::{UnitName, path_of},
};

/// How long the start of a unit waits for a device: `DefaultDeviceTimeoutSec=`, systemd-system.conf(5).
const TIMEOUT: Micros = Micros::from_secs(90);

/// The unit of the device that `mention` is about, if it is one with a node. Who is only ordered after a device does not wait
/// for it, as nobody asks for it.
pub(super) fn of(mention: &Mention) -> Option<Unit> {
    if matches!(mention.relation, Relation::After | Relation::Before | Relation::Conflicts) {
        return None;
    }
    let node = node(&mention.other)?;
    let mut unit = Unit::new(&mention.other, Kind::Device(node.clone()), check::START_LIMIT);
    unit.description = node;
    unit.manners = Manners {
        refuse_manual_stop: true, // it has no stop at all
        ignore_on_isolate: true,
        job_running_timeout: TIMEOUT,
        ..unit.manners
    };
    Some(unit)
}

/// The node that the device unit `name` stands for. Other devices, such as network interfaces, have none.
fn node(name: &str) -> Option<String> {
    let name = UnitName::new(name).ok().filter(|name| name.suffix == "device")?;
    path_of(&name).filter(|path| path.starts_with("/dev/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_devices_with_a_node_can_be_waited_for() {
        assert_eq!(node("dev-ttyUSB0.device").as_deref(), Some("/dev/ttyUSB0"));
        assert_eq!(node(r"dev-disk-by\x2dlabel-data.device").as_deref(), Some("/dev/disk/by-label/data"));
        assert_eq!(node("sys-subsystem-net-devices-eth0.device"), None);
        assert_eq!(node("dev.device"), None);
        assert_eq!(node("dev-sda1.mount"), None);
    }
}
