//! Timetables: what the supervisor does when.

#[path = "../../../tests/sim/fixture.rs"]
mod fixture;
mod play;

mod life;
