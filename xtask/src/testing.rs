//! Units for tests, made by hand.

use tomte::table::{Call, CommandKind, Privilege};

use crate::{
    check,
    model::{Command, Kind, Service, Unit},
};

/// A plain service that starts `/bin/NAME`, changed by `change`.
pub fn service(name: &str, change: impl FnOnce(&mut Service)) -> Unit {
    let start = Command {
        place: None,
        call: Call::Execute,
        path: format!("/bin/{name}"),
        argv: vec![format!("/bin/{name}"), "--word with blank".into()],
        ignore_failure: false,
        expand: true,
        privilege: Privilege::Restricted,
    };
    let mut service = check::default_service();
    service.commands = vec![(CommandKind::Start, start)];
    change(&mut service);
    let unit = Unit::new(name, Kind::Service(Box::new(service)), check::START_LIMIT);
    Unit { file: Some(format!("units/{name}").into()), ..unit }
}
