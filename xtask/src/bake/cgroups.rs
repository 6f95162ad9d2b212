//! Records of slices and of units' cgroups.

use anyhow::{Context, Result};
use bumpalo::Bump;
use tomte::table::{Cgroup, Devices, FilterId, Hook, List, Slice, StrList};

use super::record::{Shared, list, strings};
use crate::{
    cgroup::{Cgroups, settings::Setting},
    model::Unit,
};

/// The board's slices.
pub(super) fn slices<'a>(arena: &'a Bump, cgroups: &Cgroups) -> Result<List<'a, Slice<'a>>> {
    let record = |(path, slice): (&String, &crate::cgroup::Slice)| {
        Ok(Slice {
            path: arena.alloc_str(path),
            settings: settings(arena, &slice.settings)?,
            controllers: strings(arena, names_to_enable(&slice.controllers.asked))?,
            usual_controllers: strings(arena, names_to_enable(&slice.controllers.usual))?,
        })
    };
    let records: Vec<Slice<'_>> = cgroups.slices.iter().map(record).collect::<Result<_>>()?;
    Ok(list(arena, &records))
}

fn names_to_enable(names: &std::collections::BTreeSet<&'static str>) -> Vec<String> {
    names.iter().map(|name| format!("+{name}")).collect()
}

/// The cgroup of `unit`.
pub(super) fn of<'a>(arena: &'a Bump, unit: &Unit, shared: Shared<'_>) -> Result<Cgroup<'a>> {
    let group = shared.cgroups.of(unit)?.context("a unit without processes")?;
    // Programs stand behind the filters of system calls.
    let id_of = |place: usize| u16::try_from(shared.filters.programs.len() + place).map(FilterId);
    let devices = group.devices.as_ref().map(|(filter, place)| {
        let program = id_of(*place)?;
        let late = strings(arena, &filter.late)?;
        let fixed = u16::try_from(filter.fixed)?;
        anyhow::Ok(Devices { program, fixed, late, needed: filter.needed })
    });
    let hook = |(traffic, place): &(_, usize)| Ok(Hook { traffic: *traffic, program: id_of(*place)? });
    let network: Vec<Hook> = group.network.iter().map(hook).collect::<Result<_>>()?;
    Ok(Cgroup {
        slice: arena.alloc_str(&group.slice),
        settings: settings(arena, &group.settings)?,
        delegate: group.delegate,
        subgroup: arena.alloc_str(&group.subgroup),
        devices: devices.transpose()?,
        network: list(arena, &network),
    })
}

fn settings<'a>(arena: &'a Bump, settings: &[Setting]) -> Result<StrList<'a>> {
    strings(arena, settings.iter().flat_map(|one| [one.file, &one.device, &one.text]))
}
