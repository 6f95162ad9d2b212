//! Cgroups, worked out where there is time for it: from systemd.resource-control(5) to the files of each group and what
//! PID 1's children write there (facts from systemd 257's cgroup.c and unit.c, and the kernel's
//! Documentation/admin-guide/cgroup-v2.rst).
//!
//! | file | owns |
//! | --- | --- |
//! | `settings` | what one unit's settings come to, and the controllers that they need |
//! | `devices` | programs that decide which devices may be used |
//! | `network` | programs that decide about packets and about what sockets are bound to |
//! | `instruction` | what such programs are made of |
//!
//! Slices are no units on the target: those that units are in are made at boot, and stay.

pub mod devices;
mod instruction;
pub mod network;
pub mod settings;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, ensure};
use tomte::table::{OomPolicy, Privilege, Traffic, limits::FILTER_BYTES_MAX};

use crate::{
    model::{Delegate, Kind, Resources, Unit},
    order::Graph,
    values::{
        size::{Amount, Permyriad},
        unit_name::{self, UnitName},
    },
};
use devices::Filter;
use instruction::Instruction;
use settings::{Controllers, Setting, Unsaid};

/// Where services without `Slice=` are.
const SYSTEM: &str = "system.slice";
/// The slice of all slices.
const ROOT: &str = "-.slice";
/// `DefaultTasksMax=`.
const TASKS_MAX: Amount = Amount::Share(Permyriad(1500));

/// All groups of a board.
#[derive(Clone, Debug, Default)]
pub struct Cgroups {
    /// By path: each comes after the one that it is in.
    pub slices: BTreeMap<String, Slice>,
    /// Programs that decide about devices and the network. Units with the same policy share one.
    pub programs: Vec<Vec<u8>>,
    /// Slice units.
    files: Vec<Unit>,
}

/// As `tomte::table::Slice`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub settings: Vec<Setting>,
    /// What the groups in it need.
    pub controllers: Controllers,
}

/// As `tomte::table::Cgroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The slice's path.
    pub slice: String,
    pub settings: Vec<Setting>,
    pub delegate: bool,
    pub subgroup: String,
    /// The filter, and the place of its program.
    pub devices: Option<(Filter, usize)>,
    /// What is decided about the network, and the places of the programs.
    pub network: Vec<(Traffic, usize)>,
}

impl Cgroups {
    /// Those of the units of `graph`. `slices` are the slice units that there are files of; `at_run_time`: other units come
    /// when the machine runs.
    ///
    /// # Errors
    /// If something that narrows cannot be enforced.
    pub fn new(graph: &Graph, slices: &[Unit], at_run_time: bool) -> Result<Self> {
        let mut cgroups = Self { files: slices.to_vec(), ..Self::default() };
        cgroups.slices.insert(String::new(), Slice::default());
        if at_run_time {
            cgroups.need(&chain(SYSTEM), Controllers::default());
        }
        for unit in graph.nodes.iter().map(|node| &node.unit) {
            let Some(resources) = unit.kind.resources() else { continue };
            let chain = chain(&slice_of(&unit.name, resources));
            cgroups.need(&chain, settings::controllers(resources));
            let devices = device_filter(unit).map(|filter| filter.program);
            let network = network::programs(resources, &above(&chain, slices));
            // PID 1 makes sockets, and packets are judged by who made theirs.
            ensure!(
                network.is_empty() || !listens(unit),
                "{}: what its slice denies is not enforced for sockets by this tomte: give it another Slice=",
                unit.name
            );
            for program in devices.into_iter().chain(network.into_iter().map(|(_, program)| program)) {
                if !cgroups.programs.contains(&program) {
                    cgroups.programs.push(program);
                }
            }
        }
        Ok(cgroups)
    }

    /// The group of `unit`. `None` for one without processes.
    ///
    /// # Errors
    /// If it needs a program that no unit of the table has.
    pub fn of(&self, unit: &Unit) -> Result<Option<Group>> {
        let Some(resources) = unit.kind.resources() else { return Ok(None) };
        let chain = chain(&slice_of(&unit.name, resources));
        let oom_group = unit.kind.service().is_some_and(|service| service.oom_policy == OomPolicy::Kill);
        let unsaid = Unsaid { tasks_max: Some(TASKS_MAX), oom_group, ..inherited(&chain, &self.files) };
        let place_of = |wanted: &Vec<u8>| {
            let (count, most) = (wanted.len() / Instruction::BYTES, FILTER_BYTES_MAX / Instruction::BYTES);
            ensure!(
                count <= most,
                "its rules for devices, addresses or ports are a program of {count} instructions; the kernel takes {most}"
            );
            let place = self.programs.iter().position(|program| program == wanted);
            place.context("it needs a filter of its own")
        };
        let devices = device_filter(unit).map(|filter| {
            let place = place_of(&filter.program)?;
            anyhow::Ok((filter, place))
        });
        let network = network::programs(resources, &above(&chain, &self.files));
        let network = network.iter().map(|(traffic, program)| Ok((*traffic, place_of(program)?)));
        Ok(Some(Group {
            slice: path_of(&chain),
            settings: settings::of(resources, &unsaid),
            delegate: resources.delegate != Delegate::No,
            subgroup: resources.delegate_subgroup.clone(),
            devices: devices.transpose()?,
            network: network.collect::<Result<_>>()?,
        }))
    }

    /// Whether services without a slice of their own have `controller` because a unit asks for it.
    pub fn divides(&self, controller: &str) -> bool {
        self.slices.get(SYSTEM).is_some_and(|slice| slice.controllers.asked.contains(controller))
    }

    /// Makes the slices of `chain`, the last of which has something in it that needs `controllers`.
    fn need(&mut self, chain: &[String], mut controllers: Controllers) {
        for (place, name) in chain.iter().enumerate().rev() {
            let own = resources_of(name, &self.files);
            if let Some(own) = own {
                controllers.disable(&own.disable_controllers);
            }
            let slice = self.slices.entry(path_of(&chain[..=place])).or_default();
            slice.controllers.add(&controllers);
            // The root has no files for settings; the kernel has others for the whole machine.
            if let Some(own) = own.filter(|_| place > 0) {
                slice.settings = settings::of(own, &inherited(&chain[..place], &self.files));
                controllers.add(&settings::controllers(own));
            }
        }
    }
}

/// What `unit` may do with devices. `ProtectClock=` lets clocks be read, whose number every start would have to look for among
/// the thousand of /proc/devices; that is left out where no process of the unit has a node of one: /dev is the unit's own,
/// nothing of the host's is bound into it, and no command runs outside of the sandbox.
fn device_filter(unit: &Unit) -> Option<Filter> {
    let (resources, exec) = (unit.kind.resources()?, unit.kind.exec()?);
    let mut protect = exec.protect;
    if protect.devices
        && exec
            .view
            .binds
            .iter()
            .all(|bind| !Path::new(&bind.source).starts_with("/dev") && bind.source != "/")
        && let Some(service) = unit.kind.service()
        && service.commands.iter().all(|(_, command)| command.privilege != Privilege::Full)
    {
        protect.clock = false;
    }
    devices::filter(resources, protect)
}

/// Whether `unit` is a socket that packets of IP come to.
fn listens(unit: &Unit) -> bool {
    matches!(&unit.kind, Kind::Socket(socket) if socket.listen.iter().any(|one| one.value.is_ip()))
}

/// The slice that a unit is in (unit.c, `unit_set_default_slice`): instances of a template share one of their own.
fn slice_of(unit: &str, resources: &Resources) -> String {
    if let Some(slice) = &resources.slice {
        return slice.value.clone();
    }
    match UnitName::new(unit) {
        Ok(UnitName { prefix, instance: Some(_), .. }) => {
            format!("system-{}.slice", unit_name::escape(&prefix))
        }
        Ok(_) | Err(_) => SYSTEM.to_owned(),
    }
}

/// The slices that `name` is a part of, the root first, and itself: each dash leads further down.
fn chain(name: &str) -> Vec<String> {
    let root = [ROOT.to_owned()].into_iter();
    if name == ROOT {
        return root.collect();
    }
    let stem = name.strip_suffix(".slice").unwrap_or(name);
    let ends = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
    root.chain(ends.map(|end| format!("{}.slice", &stem[..end]))).collect()
}

/// Where the last of `chain` is below the root: `a.slice/a-b.slice`.
fn path_of(chain: &[String]) -> String {
    chain[1..].join("/")
}

/// What the file of the slice `name` says, if there is one.
fn resources_of<'u>(name: &str, slices: &'u [Unit]) -> Option<&'u Resources> {
    slices.iter().find(|unit| unit.name == name).and_then(|unit| unit.kind.resources())
}

/// `DefaultMemoryMin=` and `DefaultMemoryLow=` of the nearest of `chain` that has them.
fn inherited(chain: &[String], slices: &[Unit]) -> Unsaid {
    let above = above(chain, slices);
    Unsaid {
        memory_min: above.iter().find_map(|slice| slice.default_memory_min),
        memory_low: above.iter().find_map(|slice| slice.default_memory_low.always),
        ..Unsaid::default()
    }
}

/// What the files of the slices of `chain` say, from the last up to the root.
fn above<'u>(chain: &[String], slices: &'u [Unit]) -> Vec<&'u Resources> {
    chain.iter().rev().filter_map(|name| resources_of(name, slices)).collect()
}
