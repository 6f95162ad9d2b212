//! Booting as board.toml describes it: the units that do it, and what the table's board record says of it. What can be a
//! child's work at its time is a unit; what PID 1 itself does is in the record.

mod console;
mod disks;
mod early;
mod health;
pub mod keys;
mod made;
pub mod network;
mod rescue;
mod verdict;

#[cfg(test)]
mod tests;

use crate::{board::Config, diag::Diagnostics, model::Unit, values::specifier::Facts};

pub use disks::{fsck_unit, initramfs, volatile};
pub use health::{check, record};

/// Lets the board's safe target be isolated, whatever its file says of `AllowIsolate=`.
pub fn allow_safe_target(config: &Config, units: &mut [Unit]) {
    let safe = config.boot_verdict.as_ref().and_then(|verdict| verdict.safe_target.as_ref());
    let named = |unit: &&mut Unit| safe.is_some_and(|safe| unit.name == *safe.get_ref());
    units.iter_mut().filter(named).for_each(|unit| unit.manners.allow_isolate = true);
}

/// The units that `config` asks for.
pub fn units(config: &Config, facts: &Facts, sink: &mut Diagnostics) -> Vec<Unit> {
    let mut maker = made::Maker { facts, sink, units: Vec::new() };
    if let Some(rescue) = &config.rescue {
        rescue::units(rescue, &mut maker);
    }
    if let Some(verdict) = &config.boot_verdict {
        verdict::units(verdict, &mut maker);
    }
    early::units(config, &mut maker);
    network::units(&config.network, &mut maker);
    disks::units(config, &mut maker);
    if let Some(console) = &config.console {
        console::units(console, &mut maker);
    }
    maker.units
}
