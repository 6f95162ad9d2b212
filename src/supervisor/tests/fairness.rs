//! Nobody starves: who crashes without end takes no more than his turn.

use std::{boxed::Box, vec::Vec};

use super::{
    fixture::{Watched, bake, service, target},
    play::RANGE,
};
use crate::{
    supervisor::{Action, ClientId, Event, Instant, Peer, Pid, Rooms, Supervisor},
    table::{Arch, Micros, Restart, StartLimit, Table, UnitId},
    wire::{ExitStatus, Request},
};

/// Units that want to start while one crashes.
const OTHERS: u16 = 40;
const CRASHER: UnitId = UnitId(1);

#[test]
fn who_crashes_without_end_holds_nobody_up() {
    let mut units = Vec::from([target("boot.target"), service("crasher.service")]);
    units[0].wants = (1..=OTHERS + 1).collect();
    units[1] = service("crasher.service").with(|s| {
        (s.restart, s.restart_delay) = (Restart::Always, Micros::ZERO);
    });
    units[1].start_limit = StartLimit { interval: Micros::ZERO, burst: 0 };
    units.extend((0..OTHERS).map(|n| service(&std::format!("u{n}.service"))));
    let bytes = bake(&units, RANGE, 1, &Watched::default());
    let mut rooms = Box::new(Rooms::new());
    let table = Table::open(&bytes, Some(Arch::X86_64)).expect("a sound table");
    let mut supervisor = Supervisor::new(table, &mut rooms);
    let now = Instant(1);
    supervisor.handle(
        now,
        Event::Boot { random: 1, until: None, kernel_age: Micros::ZERO, machine: 0, target: None },
    );
    let (mut others, mut crashes, mut answered) = (0, 0_u32, None);
    while others < OTHERS || answered.is_none() {
        let action = supervisor.next_action().expect("there is always something to do");
        if let Action::Reply { .. } = action {
            answered = Some(crashes);
        }
        let Action::Spawn(spawn) = action else { continue };
        let (unit, slot, pid) = (spawn.unit, spawn.slot, Pid(2 + u32::from(spawn.unit.0)));
        supervisor.handle(now, Event::Spawned { unit, slot, pid });
        if unit == CRASHER {
            crashes += 1;
            assert!(crashes <= 5, "more than one turn for one, while {others} of the others had theirs");
            supervisor.handle(now, Event::Exited { unit, pid, status: ExitStatus::Exited(1) });
            supervisor.handle(now, Event::Empty { unit });
            supervisor.handle(now, Event::Deadline);
        } else {
            others += 1;
        }
        if crashes == 3 && answered.is_none() {
            let (client, request) = (ClientId(1), Request::Manager);
            supervisor.handle(now, Event::Request { client, peer: Peer::ROOT, request });
        }
    }
    assert!(answered.is_some_and(|after| after <= 4), "the client waited for {answered:?} crashes");
}
