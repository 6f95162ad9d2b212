//! [Timer] and [Path]: units that start another one (systemd.timer(5), systemd.path(5)).

use std::fmt;

use serde::Serialize;
use tomte::table::{Micros, StartLimit};

use super::{Located, show};
use crate::values::{calendar::Calendar, time};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elapse {
    /// So long after something happened.
    Span(TimerBase, Micros),
    /// By the clock.
    Calendar(Calendar),
}

impl fmt::Display for Elapse {
    /// The line of a unit file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(base, span) => write!(f, "On{base:?}Sec={}", time::shown(*span)),
            Self::Calendar(calendar) => write!(f, "OnCalendar={calendar}"),
        }
    }
}

impl Serialize for Elapse {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// [Timer].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Timer {
    pub elapses: Vec<Located<Elapse>>,
    /// What it starts.
    pub unit: Located<String>,
    pub on_clock_change: bool,
    /// Within this span after the time it may elapse together with others.
    #[serde(serialize_with = "show::span")]
    pub accuracy: Micros,
    /// Up to this much later, at random each time.
    #[serde(serialize_with = "show::span")]
    pub randomized_delay: Micros,
    /// The same random delay every time.
    pub fixed_random_delay: bool,
    /// Starts at once what it missed while the machine was off.
    pub persistent: bool,
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
    #[serde(serialize_with = "show::mode")]
    pub directory_mode: u16,
    /// Starts of the unit before this one fails; an interval of 0 is no limit.
    #[serde(serialize_with = "show::limit")]
    pub trigger_limit: StartLimit,
}
