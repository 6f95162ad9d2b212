//! What is to be done about disks before they are mounted: the check of a file system, and an initramfs' way to the root.

use tomte::table::{Call, CommandKind, UnitId};

use super::{
    keys::Volatile,
    made::{Maker, STANDS_FOR_CALLS, attempt, call},
};
use crate::{board::Config, order::Graph, values::unit_name};

/// What an initramfs starts.
const SWITCH_ROOT: &str = "tomte-switch-root.service";

/// The name of the unit that checks the device `what`: systemd's.
pub fn fsck_unit(what: &str) -> String {
    let stem = unit_name::of_path(what, "service");
    format!("systemd-fsck@{stem}")
}

/// The units that `config` asks for.
pub(super) fn units(config: &Config, maker: &mut Maker<'_>) {
    for line in config.mount.iter().filter(|line| line.pass > 0) {
        let what = line.what.get_ref();
        let kind = line.file_system.as_ref().map_or("", |kind| kind.get_ref());
        let text = format!(
            "[Unit]\nDescription=File System Check on {}\nDefaultDependencies=no\n\
             [Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=infinity\nStandardError=tty\n\
             ExecStart={STANDS_FOR_CALLS}\n",
            super::made::literal(what)
        );
        let check = call(Call::Check, what, &[kind]);
        // logd may have its files on what is checked. If that cannot be used, there is no log to look at.
        maker.oneshot(&fsck_unit(what), &text, vec![(CommandKind::Start, check)]).before_log = true;
    }
    let Some(initramfs) = &config.initramfs else { return };
    let load = |module: &String| attempt(Call::LoadModule, module, &[""]);
    let mut calls: Vec<_> = initramfs.modules.iter().map(load).collect();
    calls.push(attempt(Call::LoadForDevices, "/sys/devices", &[""]));
    let wait = (initramfs.wait.0.0 / 1_000_000).to_string();
    let volatile = volatile(config);
    let over = volatile.iter().map(String::as_str);
    let words: Vec<&str> =
        [&*initramfs.file_system, &initramfs.options, &wait].into_iter().chain(over).collect();
    calls.push(call(Call::Root, &initramfs.root, &words));
    // There is no log in an initramfs, and who waits for a root is told on the console what for.
    let text = format!(
        "[Unit]\nDescription=Switch Root\nDefaultDependencies=no\nSuccessAction=soft-reboot\n\
         [Service]\nType=oneshot\nTimeoutStartSec=infinity\nStandardOutput=tty\nStandardError=tty\n\
         ExecStart={STANDS_FOR_CALLS}\n"
    );
    let calls = calls.into_iter().map(|call| (CommandKind::Start, call)).collect();
    maker.oneshot(SWITCH_ROOT, &text, calls);
}

/// What lies over the root, in the words of `linux::root::lay_over`; none for nothing.
pub fn volatile(config: &Config) -> Vec<String> {
    let Some(root) = &config.root else { return Vec::new() };
    let mut words = match root.volatile {
        Volatile::No => return Vec::new(),
        Volatile::State => vec!["state".to_owned()],
        Volatile::Overlay => vec!["overlay".to_owned()],
    };
    if let (Volatile::Overlay, Some(upper)) = (root.volatile, &root.upper) {
        words.push(upper.clone());
        words.extend(root.upper_type.clone());
    }
    words
}

/// The unit that an initramfs of this board starts.
pub fn initramfs(graph: &Graph) -> Option<UnitId> {
    graph.ids().find(|id| graph.node(*id).unit.name == SWITCH_ROOT)
}
