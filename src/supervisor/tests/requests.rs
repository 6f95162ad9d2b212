//! Who may ask what, and who is answered.

use super::{
    fixture::service,
    play::{Exited, Play},
};
use crate::{
    supervisor::{ClientId, Event, WAITING_MAX},
    wire::{Power, Request},
};

fn one() -> Play {
    let mut t = Play::new(&[service("a.service")]);
    t.boot().expect("start a.service");
    t
}

#[test]
fn only_root_is_heard() {
    let mut t = one();
    for request in [Request::Manager, Request::Stop { name: "a.service" }, Request::Shutdown(Power::Halt)] {
        t.event(Event::Request { client: ClientId(3), peer_uid: 1000, request }).expect("reply 3 denied");
    }
    assert_eq!(t.state("a.service"), "active/running/success");
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
