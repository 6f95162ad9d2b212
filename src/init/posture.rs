//! What was really applied of the settings that narrow a unit: `tomte posture` and the report.
//!
//! The table says what each setting takes, the children say what the kernel lacked, the supervisor says at which step a
//! start failed. A service runs only if everything was applied or left out with the board's consent.

use core::fmt::{self, Write};

use crate::{
    linux::{Errno, errno::Text, feature::Feature, step::Step},
    supervisor::Supervisor,
    table::{Table, UnitId, limits::UNITS_MAX},
    wire::{ActiveState, See, Setting},
};

use super::log;

/// Bytes of a reason: "step ", the longest name, ": ", the longest text of an error.
const WHY_BYTES_MAX: usize = 80;

/// What the units' processes go without.
pub(super) struct Lacking {
    /// By unit: bits of [`Feature`].
    pub(super) units: [u32; UNITS_MAX],
    /// What has been said already.
    said: u32,
}

impl Lacking {
    pub(super) const NOTHING: Self = Self { units: [0; UNITS_MAX], said: 0 };

    /// A new main process of `unit` is made: what the last one went without says nothing of it.
    pub(super) fn forget(&mut self, unit: UnitId) {
        if let Some(lacking) = self.units.get_mut(unit.index()) {
            *lacking = 0;
        }
    }

    /// `unit` goes without `feature`. The log says so once for each feature.
    pub(super) fn note(&mut self, unit: UnitId, feature: Feature, errno: Errno) {
        if let Some(lacking) = self.units.get_mut(unit.index()) {
            *lacking |= feature.bit();
        }
        if self.said & feature.bit() == 0 {
            self.said |= feature.bit();
            let name = Feature::name_of(feature as u32);
            log::warn_of(errno, format_args!("the kernel has no {name}, services go without"));
        }
    }

    /// Shows every setting of `id` that narrows it to `see`.
    pub(super) fn each(
        &self,
        table: &Table<'_>,
        supervisor: &Supervisor<'_>,
        id: UnitId,
        see: See<'_>,
    ) -> fmt::Result {
        let (Some(unit), Some(status)) = (table.unit(id), supervisor.status(id)) else { return Ok(()) };
        let Some(service) = unit.service() else { return Ok(()) };
        let runs =
            matches!(status.active, ActiveState::Active | ActiveState::Reloading) || status.main_pid != 0;
        let lacking = self.units.get(id.index()).copied().unwrap_or_default();
        for held in service.exec.posture.iter() {
            let mut why = heapless::String::<WHY_BYTES_MAX>::new();
            let mut columns = held.split('\t');
            let setting = columns.next().unwrap_or_default();
            let mut number = || columns.next().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
            let (needs, steps) = (number(), number());
            let missing = needs & u64::from(lacking);
            let state = match status.failure {
                _ if runs && missing == 0 => "applied",
                _ if runs => {
                    write!(
                        why.as_mut_view(),
                        "the kernel has no {}",
                        Feature::name_of(missing.trailing_zeros())
                    )?;
                    "degraded"
                }
                Some(failure) if steps >> failure.step & 1 != 0 => {
                    let step = Step::from_index(failure.step).map_or("?", Step::name);
                    let cause = Text(Errno::from_raw_os_error(i32::from(failure.errno)));
                    write!(why.as_mut_view(), "step {step}: {cause}")?;
                    "refused"
                }
                Some(_) | None => "inactive",
            };
            see(&Setting { unit: status.name, setting, state, why: &why })?;
        }
        Ok(())
    }
}
