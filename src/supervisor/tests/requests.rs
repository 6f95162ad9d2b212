//! Who may ask what, and who is answered.

use super::{
    fixture::service,
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::{ClientId, Event, Peer, Slot, WAITING_MAX},
    table::JobMode,
    wire::{Power, Request, Verb, Whom},
};

fn one() -> Play {
    let mut t = Play::new(&[service("a.service")]);
    t.boot().expect("start a.service");
    t
}

#[test]
fn questions_are_answered_at_once() {
    let mut t = one();
    t.ask(1, Request::Manager).ask(2, Request::Units { from: 0 }).ask(3, Request::Unit { name: "a.service" });
    t.expect("reply 1 manager; reply 2 units { from: 0 }; reply 3 unit a.service");
    t.ask(1, Request::Unit { name: "b" })
        .ask(2, Request::Start { name: "b" })
        .ask(3, Request::ResetFailed { name: "b" });
    t.expect("reply 1 nosuchunit; reply 2 nosuchunit; reply 3 nosuchunit");
    t.ask(1, Request::Start { name: "a.service" }).expect("reply 1 done");
    t.ask(1, Request::Posture { id: 0 }).ask(2, Request::Posture { id: 99 });
    t.expect("reply 1 posture a.service; reply 2 nosuchunit");
}

#[test]
fn a_unit_is_known_by_its_other_names_too() {
    let mut t = one();
    t.ask(1, Request::Unit { name: "x.service" }).expect("reply 1 unit a.service");
    t.ask(1, Request::Stop { name: "x.service" }).ask(2, Request::Wait { name: "x.service" });
    t.expect("kill 15 a.service all")
        .main("a.service", Exited(0))
        .expect("reply 1 done; reply 2 unit a.service");
    t.ask(1, Request::Start { name: "x.service" }).expect("start a.service; reply 1 done");
    t.ask(1, Request::Start { name: "masked.service" }).expect("reply 1 nosuchunit");
    // What it means is not there, on this board.
    t.ask(1, Request::Unit { name: "a-alias.service" }).expect("reply 1 nosuchunit");
}

#[test]
fn a_flood_is_turned_away_and_the_patient_are_answered() {
    let mut t = one();
    for _ in 0..WAITING_MAX {
        t.ask(1, Request::Stop { name: "a.service" });
    }
    t.expect("kill 15 a.service all");
    t.ask(2, Request::Stop { name: "a.service" })
        .ask(2, Request::Manager)
        .expect("reply 2 busy; reply 2 busy");
    t.main("a.service", Exited(0)).expect(&["reply 1 done"; WAITING_MAX].join("; "));
    t.ask(2, Request::Manager).expect("reply 2 manager");
}

#[test]
fn nobody_is_answered_who_is_gone() {
    let mut t = one();
    t.ask(1, Request::Stop { name: "a.service" }).ask(2, Request::Stop { name: "a.service" });
    t.event(Event::ClientGone { client: ClientId(1) }).main("a.service", Exited(0));
    t.expect("kill 15 a.service all; reply 2 done");
}

#[test]
fn a_shutdown_is_accepted_before_it_begins() {
    let mut t = one();
    t.ask(1, Request::Shutdown(Power::Reboot)).expect("reply 1 accepted; kill 15 a.service all");
    assert_eq!(t.supervisor.manager().state, "stopping");
}

#[test]
fn a_signal_goes_to_the_processes_that_there_are() {
    let mut t = one();
    t.ask(1, Request::Kill { name: "a.service", whom: Whom::All, signal: 1 });
    t.expect("reply 1 accepted; kill 1 a.service all");
    t.ask(1, Request::Kill { name: "a.service", whom: Whom::Main, signal: 9 });
    t.expect("reply 1 accepted; kill 9 a.service main");
    assert_eq!(t.woken(), [false, false], "only what was asked for is sent");
    t.ask(1, Request::Kill { name: "a.service", whom: Whom::Control, signal: 9 }).expect("reply 1 invalid");
    t.ask(1, Request::Kill { name: "b.service", whom: Whom::All, signal: 9 }).expect("reply 1 nosuchunit");
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Killed(15));
    t.expect("kill 15 a.service all; reply 1 done");
    t.ask(1, Request::Kill { name: "a.service", whom: Whom::All, signal: 9 }).expect("reply 1 accepted");
}

#[test]
fn who_is_not_root_waits_for_one_thing_at_a_time() {
    let mut t = one();
    let peer = Peer { uid: 1001, ..NOBODY };
    for request in
        [Request::Stop { name: "a.service" }, Request::Wait { name: "a.service" }, Request::Manager]
    {
        t.event(Event::Request { client: ClientId(5), peer, request });
    }
    t.expect("kill 15 a.service all; reply 5 busy; reply 5 busy").main("a.service", Exited(0));
    t.expect("reply 5 done");
    t.event(Event::Request { client: ClientId(5), peer, request: Request::Manager })
        .expect("reply 5 manager");
}

/// In no group, and no rule is for it.
const NOBODY: Peer<'_> = Peer { uid: 65534, gid: 65534, groups: &[] };

/// `a.service` runs under a user and a group of its own, with these numbers; nobody is `b.service`.
fn dynamic() -> (Play, [u32; 2]) {
    let plan = service("a.service").with(|s| (s.user, s.group) = (Some(0), Some(1)));
    let mut t = Play::new(&[plan, service("b.service")]);
    t.boot();
    let (unit, pid) = (t.id("a.service"), t.pid("a.service", Slot::Main).expect("a main process"));
    t.event(Event::Identified { unit, pid, uid: 100, gid: 101 });
    (t, [100, 101])
}

/// Every verb, about `name`, which is unit `id`.
fn verbs(name: &str, id: u16) -> [(Verb, Request<'_>); 18] {
    let start = |mode| Request::Job { verb: Verb::Start, mode, name };
    [
        (Verb::Status, Request::Manager),
        (Verb::Status, Request::Units { from: 0 }),
        (Verb::Status, Request::Unit { name }),
        (Verb::Start, Request::Start { name }),
        (Verb::Stop, Request::Stop { name }),
        (Verb::Restart, Request::Restart { name }),
        (Verb::Reload, Request::Reload { name }),
        (Verb::Isolate, Request::Isolate { name }),
        (Verb::Start, start(JobMode::Fail)),
        // What takes others down, or calls them off, is more than a start.
        (Verb::Isolate, start(JobMode::Isolate)),
        (Verb::Isolate, start(JobMode::Flush)),
        (Verb::Stop, Request::Job { verb: Verb::Stop, mode: JobMode::Fail, name }),
        (Verb::ResetFailed, Request::ResetFailed { name }),
        (Verb::Kill, Request::Kill { name, whom: Whom::All, signal: 1 }),
        (Verb::Posture, Request::Posture { id }),
        (Verb::Rule, Request::Run { name }),
        (Verb::Rule, Request::Reexec),
        (Verb::Shutdown, Request::Shutdown(Power::Halt)),
    ]
}

/// Users, verbs and units, each with each: allowed is what the rules of the fixture say, and nothing else.
#[test]
fn a_peer_may_what_a_rule_says_and_nothing_else() {
    let (t, [user, group]) = dynamic();
    let peers = [
        ("root", Peer::ROOT),
        ("nobody", NOBODY),
        ("user", Peer { uid: 1001, ..NOBODY }),
        ("group", Peer { gid: 50, ..NOBODY }),
        ("supplementary", Peer { groups: &[7, 50], ..NOBODY }),
        ("dynamic user", Peer { uid: user, ..NOBODY }),
        ("dynamic group", Peer { gid: group, ..NOBODY }),
        ("crossed", Peer { uid: 50, gid: 1001, groups: &[1001, user] }),
        ("root's group", Peer { gid: 0, groups: &[0], ..NOBODY }),
    ];
    for (who, peer) in peers {
        // A rule is about units, whichever of their names they are asked for by.
        for (id, unit, name) in [
            (0, "a.service", "a.service"),
            (0, "a.service", "x.service"),
            (1, "b.service", "b.service"),
            (1, "b.service", "a-alias.service"),
        ] {
            for (verb, request) in verbs(name, id) {
                let expected = match (who, verb) {
                    ("root", _) | (_, Verb::Status) => true,
                    ("user", Verb::Start | Verb::Stop) => unit == "a.service",
                    ("group" | "supplementary", Verb::Restart) | ("dynamic group", Verb::Kill) => true,
                    ("dynamic user", Verb::Reload) => unit == "b.service",
                    _ => false,
                };
                assert_eq!(t.supervisor.may(&peer, &request), expected, "{who} {verb} {name}");
            }
        }
    }
}

#[test]
fn a_name_without_a_number_is_nobody_s() {
    let (mut t, [user, _]) = dynamic();
    let peer = Peer { uid: user, ..NOBODY };
    assert!(t.supervisor.may(&peer, &Request::Reload { name: "b.service" }));
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    assert!(!t.supervisor.may(&peer, &Request::Reload { name: "b.service" }));
}
