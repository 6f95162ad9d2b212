//! What units need of each other besides an order: circles of units that need each other, and units that need one that
//! they exclude.

use std::collections::BTreeMap;

use tomte::table::UnitId;

use super::{
    Edge, Mention,
    cycle::{self, Edges},
    edge,
};
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::{Place, Relation, Unit},
};

/// Looks at all `mentions` of units that `ids` has.
pub(super) fn check(mentions: &[Mention], ids: &BTreeMap<String, UnitId>, diagnostics: &mut Diagnostics) {
    let mut needs: BTreeMap<(UnitId, UnitId), &Mention> = BTreeMap::new();
    for mention in mentions {
        let (Some(unit), Some(other)) = (ids.get(&mention.unit), ids.get(&mention.other)) else { continue };
        if let Some((Edge::Requires, inverse)) = edge(mention.relation)
            && unit != other
        {
            let pair = if inverse { (*other, *unit) } else { (*unit, *other) };
            needs.entry(pair).or_insert(mention);
        }
    }
    let mut edges = Edges::new();
    for (from, to) in needs.keys() {
        edges.entry(*from).or_default().push(*to);
    }
    let names: BTreeMap<UnitId, &str> = ids.iter().map(|(name, id)| (*id, name.as_str())).collect();
    let name = |id: UnitId| names[&id];
    for path in cycle::cycles(edges).0 {
        let (text, pairs) = cycle::shown(&path, name);
        let message = format!("units that need each other: {text}");
        let mut problem = Diagnostic::note(Code::NeedEachOther, message);
        for (from, to) in pairs {
            let (why, place) = cycle::line(&needs[&(from, to)].origin);
            problem.place = problem.place.or_else(|| place.cloned());
            problem = problem.help(format!("{} needs {}: {why}", name(from), name(to)));
        }
        diagnostics.push(problem);
    }
}

/// Looks at each unit alone: it cannot run together with what it excludes, and not without what it needs.
pub(super) fn contradictions<'u>(units: impl Iterator<Item = &'u Unit>, diagnostics: &mut Diagnostics) {
    for unit in units {
        let mut needed: BTreeMap<&str, (Relation, Option<&Place>)> = BTreeMap::new();
        for (relation, name) in unit.relations.iter() {
            if matches!(relation, Relation::Requires | Relation::BindsTo | Relation::Requisite) {
                needed.insert(&name.value, (relation, name.place.as_ref()));
            }
        }
        for (relation, name) in unit.relations.iter().filter(|(relation, _)| *relation == Relation::Conflicts)
        {
            let Some((need, place)) = needed.get(name.value.as_str()) else { continue };
            let message = format!(
                "{}={}: {} cannot run without it, and not together with it",
                relation.setting(),
                name.value,
                unit.name
            );
            let mut problem = Diagnostic::error(Code::NeedsWhatItExcludes, message).at(name.place.clone());
            problem = problem.wide(name.value.chars().count());
            if let Some(place) = place {
                let line = format!("{}:{}:{}", place.file.display(), place.line, place.column);
                problem = problem.help(format!("{line}: {}={}", need.setting(), name.value));
            }
            diagnostics.push(problem);
        }
    }
}
