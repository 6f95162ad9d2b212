//! Init scripts: the LSB header, the line that starts the daemon, and what the script does besides. A script whose
//! start cannot be understood stays what it is: the unit calls it.

mod besides;
mod daemon;
mod lsb;
mod script;
mod service;
mod shell;
mod variables;

use std::collections::BTreeMap;

use super::{
    Input,
    unit::{self, Section, UnitText},
};
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::Text,
};
use script::Script;

/// The units that the scripts `inputs` make.
pub fn import(inputs: &[Input], sink: &mut Diagnostics) -> Vec<UnitText> {
    let mut scripts: Vec<Script> = Vec::new();
    for input in inputs {
        if input.name().starts_with('K') && number(&input.name()).is_some() {
            let message = format!("{}: the script that stops is the one that starts", input.path.display());
            sink.push(Diagnostic::note(Code::KeptOtherwise, message));
            continue;
        }
        scripts.extend(Script::new(input, sink));
    }
    let names = names(&scripts);
    let mut units = Vec::new();
    for script in &scripts {
        let description = match script.header.short_description.as_str() {
            "" => script.variables.value("DESC").unwrap_or_else(|| script.stem.clone()),
            short => short.to_owned(),
        };
        let mut unit = UnitText::new(&script.stem, "service", &description);
        order(script, &scripts, &names, &mut unit);
        service::write(script, &mut unit);
        install(script, &mut unit);
        units.push(unit);
    }
    units
}

/// What scripts call each other, and the units they become.
type Names = BTreeMap<String, String>;

fn names(scripts: &[Script]) -> Names {
    let mut names = Names::new();
    for script in scripts {
        let unit = unit::name(&script.stem, "service");
        for provided in &script.header.provides {
            names.entry(provided.as_str().to_owned()).or_insert_with(|| unit.clone());
        }
        names.insert(script.stem.clone(), unit);
    }
    names
}

/// The number of `S##NAME` or `K##NAME`.
fn number(file: &str) -> Option<u32> {
    file.get(1..3)?.parse().ok().filter(|_| file.starts_with(['S', 'K']) && file.len() > 3)
}

fn order(script: &Script, scripts: &[Script], names: &Names, unit: &mut UnitText) {
    let header = &script.header;
    for (facility, required) in
        header.required.iter().map(|one| (one, true)).chain(header.should.iter().map(|one| (one, false)))
    {
        after(facility, required, script, names, unit);
    }
    for facility in &header.before {
        let name = facility.as_str().trim_start_matches('+');
        match (lsb::facility(name), names.get(name)) {
            (Some(""), _) => {}
            (Some(target), _) => unit.list(Section::Unit, "Before", target),
            (None, Some(other)) => unit.list(Section::Unit, "Before", other),
            (None, None) if name.starts_with('$') => unknown(facility, unit),
            (None, None) => unit.list(Section::Unit, "Before", &unit::name(name, "service")),
        }
    }
    // Buildroot has no headers: the numbers are the order. Those of the number before are enough.
    if !header.present || header.required.is_empty() {
        let numbers = || scripts.iter().filter_map(|other| other.number);
        let before = script.number.and_then(|number| numbers().filter(|other| *other < number).max());
        let earlier = scripts.iter().filter(|other| before.is_some() && other.number == before);
        earlier.for_each(|other| unit.after(&unit::name(&other.stem, "service")));
    }
}

fn after(facility: &Text, required: bool, script: &Script, names: &Names, unit: &mut UnitText) {
    let name = facility.as_str().trim_start_matches('+');
    match (lsb::facility(name), names.get(name)) {
        (Some(""), _) => {}
        (Some(target @ "network-online.target"), _) if required => unit.wants(target),
        (Some(target), _) => unit.after(target),
        (None, Some(other)) if *other == unit::name(&script.stem, "service") => {}
        (None, Some(other)) if required => unit.wants(other),
        (None, Some(other)) => unit.after(other),
        (None, None) if name.starts_with('$') => unknown(facility, unit),
        (None, None) => unit.after(&unit::name(name, "service")),
    }
}

fn unknown(facility: &Text, unit: &mut UnitText) {
    let message = format!("{}: no unit stands for this facility", facility.as_str());
    unit.lost(Diagnostic::warning(Code::NotKept, message).on(facility, 0..facility.len()));
}

fn install(script: &Script, unit: &mut UnitText) {
    for provided in &script.header.provides {
        let name = provided.as_str();
        if !name.starts_with('$') && unit::name(name, "service") != unit.name {
            unit.list(Section::Install, "Alias", &unit::name(name, "service"));
        }
    }
    let Some(levels) = &script.header.default_start else {
        if !script.header.present {
            unit.list(Section::Install, "WantedBy", "multi-user.target");
        }
        return;
    };
    let text = levels.as_str();
    if text.contains(['S', 's']) {
        unit.early();
        unit.after("local-fs.target");
    } else if text.contains(['2', '3', '4']) {
        unit.list(Section::Install, "WantedBy", "multi-user.target");
    } else if text.contains('5') {
        unit.list(Section::Install, "WantedBy", "graphical.target");
    } else if text.contains('1') {
        unit.list(Section::Install, "WantedBy", "rescue.target");
    } else if text.contains(['0', '6']) {
        let problem =
            Diagnostic::warning(Code::NotKept, "nothing is started at shutdown: the unit has no [Install]");
        unit.lost(problem.on(levels, 0..levels.len()));
    }
}
