//! Directives of services that PID 1 cannot do yet: their values are read as systemd reads them and then dropped, so
//! that a mistake is found today (facts from load-fragment.c).

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    model::{Located, Relation},
    read::Assignment,
    values::{log, path, scalar, unit_name, word, wrong},
};

type Done = Result<(), Diagnostic>;

/// `LogExtraFields=`.
pub fn log_fields(_: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    for word in word::list(&a.value)? {
        log::field(&cx.specifiers.expand(&word)?)?;
    }
    Ok(())
}

/// `SyslogFacility=`.
pub fn log_facility(_: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    if a.value.is_empty() { Ok(()) } else { log::facility(&a.value).map(drop) }
}

/// `OpenFile=`: `PATH[:NAME[:OPTIONS]]`.
pub fn open_file(_: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let parts: Vec<&str> = a.value.as_str().splitn(3, ':').collect();
    if a.value.is_empty() {
        return Ok(());
    }
    path::absolute(&cx.specifiers.expand(&a.value.slice(0..parts[0].len()))?)?;
    let Some(options) = parts.get(2) else { return Ok(()) };
    let mut at = a.value.len() - options.len();
    for option in options.split(',') {
        let here = a.value.slice(at..at + option.len());
        at += option.len() + 1;
        let known = [("read-only", ()), ("append", ()), ("truncate", ()), ("graceful", ())];
        scalar::choice(&here, &known)?;
    }
    Ok(())
}

/// `Sockets=`: the sockets whose descriptors the service is given. They are started along, and first.
pub fn sockets(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    for word in word::list(&a.value)? {
        let text = cx.specifiers.expand(&word)?;
        let name = unit_name::parse(&text)?;
        if name.suffix != "socket" {
            return Err(wrong(&word, Code::UnitName, format!("{:?} is no socket", name.full)));
        }
        for relation in [Relation::TriggeredBy, Relation::Wants, Relation::After] {
            let place = Some(text.place(0));
            d.unit.relations.push(relation, Located { value: name.full.clone(), place });
        }
    }
    Ok(())
}

/// `BusName=`: words of letters, digits, `_` and `-` with dots between, two at least (the D-Bus specification, "Bus
/// names").
pub fn bus_name(_: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let text = cx.specifiers.expand(&a.value)?;
    let name = text.as_str();
    let word = |word: &str| {
        !word.is_empty()
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let valid = name.is_empty() || (name.contains('.') && name.len() <= 255 && name.split('.').all(word));
    match valid {
        true => Ok(()),
        false => Err(wrong(&text, Code::Word, format!("{name:?} is no bus name, such as org.example.Name"))),
    }
}
