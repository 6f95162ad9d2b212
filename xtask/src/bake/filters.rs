//! The filters of system calls: one for each set of settings that some unit has.

use anyhow::{Context, Result};
use tomte::table::{Arch, FilterId, limits::FILTERS_MAX};

use crate::{
    order::Graph,
    seccomp::{self, Program, policy::Policy},
};

/// The board's filters.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// By id.
    pub programs: Vec<Program>,
    /// What each policy is enforced by; `None` if it restricts nothing.
    by_policy: Vec<(Policy, Option<FilterId>)>,
}

impl Filters {
    /// Compiles those of all units of `graph` for `arch`.
    ///
    /// # Errors
    /// If the kernel would not take one of them.
    pub(super) fn new(graph: &Graph, arch: Arch) -> Result<Self> {
        let mut filters = Self::default();
        for unit in graph.nodes.iter().map(|node| &node.unit) {
            if let Some(service) = unit.kind.service() {
                filters.add(&service.exec.system_calls, arch).with_context(|| unit.name.clone())?;
            }
        }
        Ok(filters)
    }

    /// Compiles another one.
    ///
    /// # Errors
    /// If the kernel would not take it.
    pub(super) fn add(&mut self, policy: &Policy, arch: Arch) -> Result<()> {
        if self.by_policy.iter().any(|(other, _)| other == policy) {
            return Ok(());
        }
        let id = match seccomp::compile(policy, arch)? {
            None => None,
            Some(program) => {
                let place = self.programs.iter().position(|other| *other == program);
                let place = place.unwrap_or_else(|| {
                    self.programs.push(program);
                    self.programs.len() - 1
                });
                anyhow::ensure!(
                    place < FILTERS_MAX,
                    "more filters of system calls than FILTERS_MAX, {FILTERS_MAX}"
                );
                Some(FilterId(u16::try_from(place)?))
            }
        };
        self.by_policy.push((policy.clone(), id));
        Ok(())
    }

    /// Whether `policy` was compiled, or restricts nothing.
    pub(super) fn knows(&self, policy: &Policy) -> bool {
        *policy == Policy::default() || self.by_policy.iter().any(|(other, _)| other == policy)
    }

    /// The filter that enforces `policy`.
    pub fn of(&self, policy: &Policy) -> Option<FilterId> {
        self.by_policy.iter().find(|(other, _)| other == policy).and_then(|(_, id)| *id)
    }
}
