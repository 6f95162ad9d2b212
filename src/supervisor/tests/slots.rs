//! Units that are made at run time.

use super::{
    fixture::{service, target},
    play::{Exited, Play},
};
use crate::{
    supervisor::Slot,
    table::{Restart, UnitId},
    wire::Request,
};

const NAP: &str = "nap.service";

fn boot() -> Play {
    let mut t = Play::new(&[service("a.service")]);
    t.boot().expect("start a.service");
    t
}

#[test]
fn a_unit_that_is_made_runs_and_goes_like_any_other() {
    let mut t = boot();
    t.run(1, service(NAP)).expect("make 1 for 1; start nap.service; reply 1 done");
    assert_eq!(t.state(NAP), "active/running/success");
    t.ask(1, Request::Wait { name: NAP }).expect("");
    t.main(NAP, Exited(3)).expect("kill 15 nap.service all; reply 1 unit nap.service");
    assert_eq!(t.state(NAP), "failed/failed/exit-code");
    t.ask(1, Request::Wait { name: NAP }).expect("reply 1 unit nap.service");
}

#[test]
fn a_record_that_is_none_or_whose_name_is_taken_is_refused() {
    let mut t = boot();
    t.ask(1, Request::Run { name: NAP }).expect("make 1 for 1; reply 1 invalid");
    for taken in ["a.service", "x.service", "masked.service"] {
        t.run(1, service(taken)).expect("reply 1 invalid");
    }
    t.run(1, target("t.target")).expect("make 1 for 1; reply 1 invalid");
    assert!(t.supervisor.status(UnitId(1)).is_none(), "nothing was made");
}

#[test]
fn places_are_given_again_when_their_units_are_down() {
    let mut t = boot();
    t.run(1, service(NAP)).run(1, service("b.service"));
    t.expect("make 1 for 1; start nap.service; reply 1 done; make 2 for 1; start b.service; reply 1 done");
    t.run(1, service("c.service")).expect("reply 1 busy");
    t.run(1, service(NAP)).expect("reply 1 invalid");
    t.main("b.service", Exited(0)).expect("kill 15 b.service all");
    t.run(1, service("c.service")).expect("make 2 for 1; start c.service; reply 1 done");
    assert_eq!(t.status("c.service").restarts, 0);
}

#[test]
fn the_same_name_comes_to_the_same_place_and_what_failed_is_kept_longest() {
    let mut t = boot();
    t.run(1, service(NAP)).run(1, service("b.service"));
    t.expect("make 1 for 1; start nap.service; reply 1 done; make 2 for 1; start b.service; reply 1 done");
    t.main(NAP, Exited(1)).main("b.service", Exited(0));
    t.expect("kill 15 nap.service all; kill 15 b.service all");
    t.run(1, service("c.service")).expect("make 2 for 1; start c.service; reply 1 done");
    t.run(1, service(NAP)).expect("make 1 for 1; start nap.service; reply 1 done");
    assert!(t.pid(NAP, Slot::Main).is_some());
}

#[test]
fn the_streams_of_who_asks_are_held_until_the_unit_is_down_for_good() {
    let mut t = boot();
    t.gives = true;
    let again = service(NAP).with(|s| s.restart = Restart::OnFailure);
    t.run(1, again).expect("make 1 for 1; start nap.service; reply 1 done");
    t.ask(1, Request::Wait { name: NAP }).expect("");
    t.main(NAP, Exited(1)).expect("kill 15 nap.service all");
    t.at(100).expect("start nap.service");
    t.main(NAP, Exited(0)).expect("kill 15 nap.service all; clean nap.service; reply 1 unit nap.service");
}

#[test]
fn what_is_collected_has_not_failed_when_it_is_down() {
    let mut nap = service(NAP);
    nap.manners.collect_failed = true;
    let mut t = boot();
    t.run(1, nap).expect("make 1 for 1; start nap.service; reply 1 done");
    t.main(NAP, Exited(3)).expect("kill 15 nap.service all");
    assert_eq!(t.state(NAP), "inactive/dead/exit-code");
    assert_eq!(t.supervisor.manager().failed, 0);
}
