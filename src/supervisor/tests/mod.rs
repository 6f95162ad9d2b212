//! Timetables: what the supervisor does when.

#[path = "../../../tests/sim/fixture.rs"]
mod fixture;
mod play;

mod chains;
mod conditions;
mod device;
mod fairness;
mod fork;
mod golden;
mod graph;
mod keep;
mod killing;
mod life;
mod memory;
mod modes;
mod notify;
mod numbers;
mod relations;
mod reload;
mod requests;
mod slots;
mod survey;
mod switch;
mod timers;
mod triggers;
mod types;
mod vital;

use crate::table::{Arch, Service, Table, UnitId};

pub(super) use fixture::ServicePlan;

/// Hands the record of a service to `test`.
pub(super) fn some_service(change: impl FnOnce(&mut ServicePlan), test: impl FnOnce(&Service<'_>)) {
    let bytes = fixture::bake(
        &[fixture::service("x.service").with(change)],
        play::RANGE,
        4,
        &fixture::Watched::default(),
    );
    let table = Table::open(&bytes, Some(Arch::X86_64)).expect("a sound table");
    test(&table.unit(UnitId(0)).and_then(|unit| unit.service).expect("a service"));
}
