//! Units for tests, made by hand.

use tomte::table::{CommandKind, Micros, Privilege, StartLimit};

use crate::{
    check,
    model::{Command, Install, Kind, Service, Unit},
};

/// A plain service that starts `/bin/NAME`, changed by `change`.
pub fn service(name: &str, change: impl FnOnce(&mut Service)) -> Unit {
    let start = Command {
        place: None,
        path: format!("/bin/{name}"),
        argv: vec![format!("/bin/{name}"), "--word with blank".into()],
        ignore_failure: false,
        expand: true,
        privilege: Privilege::Restricted,
    };
    let mut service = check::default_service();
    service.commands = vec![(CommandKind::Start, start)];
    change(&mut service);
    Unit {
        name: name.to_owned(),
        file: Some(format!("units/{name}").into()),
        description: String::new(),
        default_dependencies: true,
        wants: Vec::new(),
        requires: Vec::new(),
        after: Vec::new(),
        before: Vec::new(),
        start_limit: StartLimit { interval: Micros::from_secs(10), burst: 5 },
        install: Install::default(),
        kind: Kind::Service(Box::new(service)),
    }
}
