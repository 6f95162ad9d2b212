//! [Timer] and [Path]: units that start another one (systemd.timer(5), systemd.path(5)).

use serde::Serialize;
use tomte::table::{Micros, StartLimit};

use super::Located;
use crate::values::calendar::Calendar;

/// What a span of a timer is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TimerBase {
    /// The timer's own start.
    Active,
    /// The kernel's start.
    Boot,
    /// PID 1's start.
    Startup,
    /// The last start of the unit it starts.
    UnitActive,
    /// The last end of the unit it starts.
    UnitInactive,
}

/// When a timer elapses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Elapse {
    /// So long after something happened.
    Span(TimerBase, Micros),
    /// By the clock.
    Calendar(Calendar),
}

/// [Timer].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Timer {
    pub elapses: Vec<Located<Elapse>>,
    /// What it starts.
    pub unit: Located<String>,
    pub on_clock_change: bool,
    pub on_timezone_change: bool,
    /// Within this span after the time it may elapse together with others.
    pub accuracy: Micros,
    /// Up to this much later, at random each time.
    pub randomized_delay: Micros,
    /// The same random delay every time.
    pub fixed_random_delay: bool,
    /// Starts at once what it missed while the machine was off.
    pub persistent: bool,
    pub wake_system: bool,
    /// Stays when it will not elapse again.
    pub remain_after_elapse: bool,
    pub defer_reactivation: bool,
}

/// What a path unit watches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PathEvent {
    Exists,
    ExistsGlob,
    Changed,
    Modified,
    DirectoryNotEmpty,
}

/// [Path].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Path {
    pub watches: Vec<(PathEvent, Located<String>)>,
    /// What it starts.
    pub unit: Located<String>,
    pub make_directory: bool,
    pub directory_mode: u16,
    /// Starts of the unit before this one fails; an interval of 0 is no limit.
    #[serde(skip)]
    pub trigger_limit: StartLimit,
}
