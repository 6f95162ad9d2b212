//! What the directives of systemd.timer(5) and systemd.path(5) do, and what such a finished unit has to be (facts from
//! load-fragment.c, timer.c and path.c).

use tomte::table::Micros;

use super::{
    directives,
    draft::{Cx, Draft},
    finish::on_header,
};
use crate::{
    diag::{Code, Diagnostic},
    model::{Elapse, Kind, Located, PathEvent, TimerBase},
    read::Assignment,
    values::{calendar, path, time, unit_name::UnitName, wrong},
};

type Done = Result<(), Diagnostic>;

/// `On…Sec=` and `OnCalendar=`: adds one, or takes all back, of whatever kind.
pub fn elapse(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if a.value.is_empty() {
        d.timer().elapses.clear();
        return Ok(());
    }
    let text = cx.specifiers.expand(&a.value)?;
    let span = |base| time::span(&text).map(|span| Elapse::Span(base, span));
    let value = match a.key.as_str() {
        "OnActiveSec" => span(TimerBase::Active)?,
        "OnBootSec" => span(TimerBase::Boot)?,
        "OnStartupSec" => span(TimerBase::Startup)?,
        "OnUnitActiveSec" => span(TimerBase::UnitActive)?,
        "OnUnitInactiveSec" => span(TimerBase::UnitInactive)?,
        _ => Elapse::Calendar(calendar::parse(&text)?),
    };
    if let Elapse::Calendar(calendar) = &value
        && calendar.next(0).is_none()
    {
        let problem = Diagnostic::warning(Code::NeverElapses, format!("{:?} never comes", text.as_str()));
        cx.problems.push(problem.on(&a.value, 0..a.value.len()));
    }
    d.timer().elapses.push(Located { value, place: Some(a.value.place(0)) });
    Ok(())
}

/// `AccuracySec=`: nothing is finer than a microsecond.
pub fn accuracy(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.timer().accuracy = time::span(&a.value)?.max(Micros(1));
    Ok(())
}

/// `Unit=` of [Timer] and [Path]. The first one holds, as in systemd.
pub fn unit(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let own = d.unit.kind.suffix();
    let mut names = Vec::new();
    directives::units(a, cx, |name| names.push(name))?;
    let slot = match &mut d.unit.kind {
        Kind::Timer(timer) => &mut timer.unit,
        Kind::Path(path) => &mut path.unit,
        Kind::Target
        | Kind::Service(_)
        | Kind::Socket(_)
        | Kind::Mount(_)
        | Kind::Swap(_)
        | Kind::Slice(_)
        | Kind::Device(_) => unreachable!("a directive of [Timer] and [Path]"),
    };
    if a.value.is_empty() {
        return Err(wrong(&a.value, Code::Trigger, "no unit"));
    }
    for name in names {
        if name.value.ends_with(&format!(".{own}")) {
            return Err(wrong(
                &a.value,
                Code::Trigger,
                format!("{:?}: a {own} cannot start another {own}", name.value),
            ));
        }
        if slot.value.is_empty() {
            *slot = name;
        } else {
            let message = format!("{:?} is ignored: {} is started already", name.value, slot.value);
            cx.problems.push(Diagnostic::warning(Code::Trigger, message).on(&a.value, 0..a.value.len()));
        }
    }
    Ok(())
}

/// `PathExists=` and its kind: adds one, or takes all back, of whatever kind.
pub fn watch(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let watches = &mut d.path().watches;
    if a.value.is_empty() {
        watches.clear();
        return Ok(());
    }
    let event = match a.key.as_str() {
        "PathExists" => PathEvent::Exists,
        "PathExistsGlob" => PathEvent::ExistsGlob,
        "PathChanged" => PathEvent::Changed,
        "PathModified" => PathEvent::Modified,
        _ => PathEvent::DirectoryNotEmpty,
    };
    let value = path::absolute(&cx.specifiers.expand(&a.value)?)?;
    watches.push((event, Located { value, place: Some(a.value.place(0)) }));
    Ok(())
}

/// The unit that is started if none is named, and what has to be there.
pub fn finish(d: &mut Draft, name: &UnitName, cx: &mut Cx) {
    let default = || Located::implied(format!("{}.service", name.stem()));
    let (message, help) = match &mut d.unit.kind {
        Kind::Timer(timer) => {
            if timer.unit.value.is_empty() {
                timer.unit = default();
            }
            if !timer.elapses.is_empty() || timer.on_clock_change {
                return;
            }
            ("no On…= setting, so the timer never elapses", "add OnCalendar= or its kind to [Timer]")
        }
        Kind::Path(path) => {
            if path.unit.value.is_empty() {
                path.unit = default();
            }
            if !path.watches.is_empty() {
                return;
            }
            ("no Path…= setting, so there is nothing to watch", "add PathExists= or its kind to [Path]")
        }
        Kind::Target
        | Kind::Service(_)
        | Kind::Socket(_)
        | Kind::Mount(_)
        | Kind::Swap(_)
        | Kind::Slice(_)
        | Kind::Device(_) => return,
    };
    if !cx.failed {
        let problem = on_header(Diagnostic::error(Code::NothingToWaitFor, message), d, cx);
        cx.problems.push(problem.help(help));
    }
}
