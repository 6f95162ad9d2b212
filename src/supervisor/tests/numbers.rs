//! Numbers for dynamic users: candidates, sharing, the way back.

use std::{vec, vec::Vec};

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Play, RANGE},
};
use crate::{
    supervisor::{Event, Slot},
    table::{IdentityId, KillMode, Micros, Preserve, Restart},
    wire::Request,
};

fn user(name: &str, identity: u16) -> UnitPlan {
    service(name).with(|s| (s.user, s.group) = (Some(identity), Some(identity)))
}

fn all(mut units: Vec<UnitPlan>) -> Play {
    let mut first = target("t.target");
    first.wants = (1..=u16::try_from(units.len()).expect("few")).collect();
    units.insert(0, first);
    units.iter_mut().for_each(|unit| unit.start_limit.interval = Micros::ZERO);
    let mut t = Play::new(&units);
    t.boot();
    t
}

fn identified(t: &mut Play, name: &str, uid: u32) {
    let (unit, pid) = (t.id(name), t.pid(name, Slot::Main).expect("a main process"));
    t.event(Event::Identified { unit, pid, uid, gid: uid });
}

fn unfit(t: &mut Play, name: &str, identity: u16, suggestion: Option<u32>) {
    let (unit, pid) = (t.id(name), t.pid(name, Slot::Main).expect("a main process"));
    t.event(Event::Unfit { unit, pid, identity: IdentityId(identity), suggestion });
    t.main(name, Exited(217));
}

#[test]
fn a_number_goes_back_only_when_it_is_clean_and_is_kept_over_restarts() {
    let mut t = all(vec![user("a.service", 0).with(|s| s.restart = Restart::OnFailure)]);
    t.expect("start a.service as 100");
    identified(&mut t, "a.service", 100);
    t.main("a.service", Exited(1)).at(100).expect("kill 15 a.service all; start a.service as 100");
    assert!(!t.spawns.last().expect("a spawn").fresh, "its own objects are no stranger's");
    t.cleans = false;
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    t.expect("kill 15 a.service all; clean a.service u100");
    assert_eq!(t.state("a.service"), "deactivating/final-sigkill/success");
    t.ask(2, Request::Start { name: "a.service" }).expect("reply 1 canceled");
    let unit = t.id("a.service");
    t.event(Event::Cleaned { unit, clean: true }).expect("start a.service as 100; reply 2 done");
}

#[test]
fn a_stop_that_comes_while_the_janitor_works_ends_the_restart() {
    let mut t = all(vec![service("a.service").with(|s| {
        s.restart = Restart::OnFailure;
        s.runtime_directory = true;
    })]);
    t.expect("start a.service");
    t.cleans = false;
    t.main("a.service", Exited(1)).expect("kill 15 a.service all; clean a.service dirs");
    t.ask(1, Request::Stop { name: "a.service" }).expect("");
    let unit = t.id("a.service");
    t.event(Event::Cleaned { unit, clean: true }).expect("reply 1 done");
    t.at(60_000).expect("");
    assert_eq!(t.state("a.service"), "inactive/dead/exit-code");
}

#[test]
fn what_could_not_be_cleaned_is_never_anybody_elses() {
    let mut t = all(vec![user("a.service", 0), user("b.service", 1)]);
    t.expect("start a.service as 100; start b.service as 101");
    t.cleans = false;
    identified(&mut t, "a.service", 100);
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    let unit = t.id("a.service");
    t.event(Event::Cleaned { unit, clean: false }).expect_log(
        "started t.target; started a.service; started b.service; boot; not cleaned a.service; stopped a.service",
    );
    t.expect("kill 15 a.service all; clean a.service u100; reply 1 done");
    unfit(&mut t, "b.service", 1, Some(100));
    t.expect("start b.service as 101");
    assert!(!t.spawns.last().expect("a spawn").suggest, "declined: the child takes its directories over");
    t.ask(1, Request::Start { name: "a.service" }).expect("start a.service as 100; reply 1 done");
}

#[test]
fn a_suggestion_is_taken_if_it_is_free_and_in_the_range() {
    let mut t = all(vec![user("a.service", 0), user("b.service", 1)]);
    t.expect("start a.service as 100; start b.service as 101");
    unfit(&mut t, "a.service", 0, Some(104));
    t.expect("start a.service as 104");
    unfit(&mut t, "b.service", 1, Some(104));
    t.expect("start b.service as 101");
    assert_eq!(t.state("b.service"), "active/running/success");
    assert_eq!(t.status("b.service").restarts, 0);
}

#[test]
fn an_unfit_number_gives_way_to_the_next_candidate() {
    let mut t = all(vec![user("a.service", 0)]);
    t.expect("start a.service as 100");
    unfit(&mut t, "a.service", 0, None);
    t.expect("start a.service as 105"); // the hashed one
    unfit(&mut t, "a.service", 0, None);
    let third = t.spawns.last().and_then(|spawn| spawn.uid).expect("a number");
    assert!(RANGE.contains(third) && third != 105 && third != 100);
}

#[test]
fn a_hundred_unfit_numbers_are_enough() {
    let mut t = all(vec![user("a.service", 0)]);
    for _ in 0..200 {
        if t.pid("a.service", Slot::Main).is_none() {
            break;
        }
        unfit(&mut t, "a.service", 0, None);
    }
    assert_eq!(t.state("a.service"), "failed/failed/resources");
    assert!(t.spawns.len() <= 101, "{} tries", t.spawns.len());
}

#[test]
fn who_asks_for_another_number_again_and_again_is_given_up() {
    let mut t = all(vec![user("a.service", 0)]);
    let mut tries = |count: usize| {
        for _ in 0..count {
            if t.pid("a.service", Slot::Main).is_some() {
                unfit(&mut t, "a.service", 0, Some(104));
            }
        }
        let (state, suggest) = (t.state("a.service"), t.spawns.last().expect("a spawn").suggest);
        t.ask(1, Request::Restart { name: "a.service" });
        t.main("a.service", Exited(0));
        (state, suggest, t.spawns.last().expect("a spawn").suggest)
    };
    let running = std::string::String::from("active/running/success");
    assert_eq!(tries(60), (running.clone(), false, true), "a start asks once, and the next one again");
    assert_eq!(tries(60), (running, false, true), "every start has its own tries");
    assert_eq!(tries(200).0, "failed/failed/resources");
}

/// `name` takes one number after the other and leaves all of them unclean, the last one as its own.
fn spoil_all(t: &mut Play, name: &str) {
    let unit = t.id(name);
    for _ in 0..6 {
        if t.pid(name, Slot::Main).is_none() {
            break;
        }
        let uid = t.spawns.iter().rev().find(|spawn| spawn.unit == unit).and_then(|spawn| spawn.uid);
        identified(t, name, uid.expect("a number"));
        t.ask(1, Request::Stop { name }).main(name, Exited(0));
        t.event(Event::Cleaned { unit, clean: false }).ask(1, Request::Start { name });
        unfit(t, name, 0, None); // objects are left
    }
    t.event(Event::Cleaned { unit, clean: false });
}

#[test]
fn without_a_free_number_there_is_no_service() {
    // Six numbers, of which one name takes one after the other and leaves all of them unclean.
    let mut t = all(vec![user("a.service", 0), user("b.service", 1)]);
    t.cleans = false;
    spoil_all(&mut t, "a.service");
    assert_eq!(t.state("a.service"), "failed/failed/resources");
    assert_eq!(t.state("b.service"), "active/running/success");
}

/// Seed 2049474: with `RestartSec=0` nothing else had its turn.
#[test]
fn who_finds_no_free_number_looks_for_one_ever_less_often() {
    let mut units = vec![target("t.target"), user("a.service", 0), user("b.service", 1)];
    units[2] = units[2].clone().with(|s| (s.restart, s.restart_delay) = (Restart::Always, Micros::ZERO));
    units.iter_mut().for_each(|unit| unit.start_limit.interval = Micros::ZERO);
    let mut t = Play::new(&units);
    t.cleans = false;
    t.boot().expect("");
    t.ask(1, Request::Start { name: "a.service" });
    spoil_all(&mut t, "a.service");
    t.ask(2, Request::Start { name: "b.service" });
    assert_eq!(t.state("b.service"), "activating/auto-restart/resources");
    let before = t.status("b.service").restarts;
    t.at(600_000);
    let tries = t.status("b.service").restarts - before;
    assert!((20..30).contains(&tries), "{tries} tries");
}

#[test]
fn a_static_user_wins_and_the_number_goes_back_at_once() {
    let mut t = all(vec![user("a.service", 0), user("b.service", 1)]);
    t.expect("start a.service as 100; start b.service as 101");
    identified(&mut t, "a.service", 33);
    assert_eq!(t.status("a.service").uid, Some(33));
    unfit(&mut t, "b.service", 1, Some(100));
    t.expect("start b.service as 100");
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    t.expect("kill 15 a.service all; reply 1 done");
}

#[test]
fn a_number_that_somebody_has_run_under_is_cleaned_though_a_static_user_wins_later() {
    let mut t = all(vec![user("a.service", 0), user("b.service", 0)]);
    t.expect("start a.service as 100");
    identified(&mut t, "a.service", 100);
    t.expect("start b.service as 100");
    identified(&mut t, "b.service", 33); // somebody has added the user to /etc/passwd
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    t.expect("kill 15 a.service all; clean a.service; reply 1 done");
    t.ask(1, Request::Stop { name: "b.service" }).main("b.service", Exited(0));
    t.expect("kill 15 b.service all; clean b.service u100; reply 1 done");
}

#[test]
fn units_of_one_name_share_one_number_until_the_last_is_down() {
    let mut t = all(vec![user("a.service", 0), user("b.service", 0)]);
    t.expect("start a.service as 100"); // the second waits until the number has proved to be fit
    identified(&mut t, "a.service", 100);
    t.expect("start b.service as 100");
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    t.expect("kill 15 a.service all; clean a.service; reply 1 done");
    t.ask(1, Request::Stop { name: "b.service" }).main("b.service", Exited(0));
    t.expect("kill 15 b.service all; clean b.service u100; reply 1 done");
}

#[test]
fn a_number_is_not_cleaned_under_a_child_that_is_about_to_take_it_on() {
    let mut t = all(vec![user("a.service", 0).with(|s| s.kill.mode = KillMode::None)]);
    t.ask(1, Request::Stop { name: "a.service" }).expect("start a.service as 100");
    assert_eq!(t.state("a.service"), "deactivating/final-sigkill/success");
    identified(&mut t, "a.service", 100);
    t.expect("clean a.service u100; reply 1 done");
}

#[test]
fn a_start_waits_for_the_janitor_of_its_name() {
    let mut t = all(vec![user("a.service", 0), user("b.service", 0)]);
    identified(&mut t, "a.service", 100);
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    t.cleans = false;
    t.ask(2, Request::Stop { name: "b.service" }).main("b.service", Exited(0));
    t.expect(
        "start a.service as 100; start b.service as 100; kill 15 a.service all; clean a.service; reply 1 done; \
         kill 15 b.service all; clean b.service u100",
    );
    t.ask(1, Request::Start { name: "a.service" }).expect("");
    let unit = t.id("b.service");
    t.event(Event::Cleaned { unit, clean: true })
        .expect("reply 2 done; start a.service as 100; reply 1 done");
}

#[test]
fn released_numbers_rest_and_the_longest_rested_comes_first() {
    use super::super::uid::{Pool, Taken};
    use crate::table::Identity;
    let identity = |baked| Identity { name: "x", baked, hashed: baked };
    let mut pool = Pool::empty();
    pool.load(RANGE, [None; 4].into_iter());
    let give = |pool: &mut Pool, id: u16, baked: u32| match pool.take(IdentityId(id), &identity(baked)) {
        Taken::Number(number) => number,
        other @ (Taken::Wait | Taken::NoneLeft) => panic!("{other:?}"),
    };
    let take_back = |pool: &mut Pool, id: u16| {
        let number = pool.leave(IdentityId(id));
        pool.left(IdentityId(id));
        number
    };
    // 102, 100, 101 rest in this order; 103 to 105 were never used.
    for number in [102, 100, 101] {
        assert_eq!(give(&mut pool, u16::try_from(number - 100).expect("small"), number), number);
        assert_eq!(take_back(&mut pool, u16::try_from(number - 100).expect("small")), Some(number));
    }
    // A name whose own numbers are out of the range gets the never used ones first, then the longest rested.
    let mut got = vec![];
    for _ in 0..6 {
        got.push(give(&mut pool, 3, 9999));
        assert!(pool.exchange(IdentityId(3), &identity(9999)) || got.len() > 6);
    }
    let mut never_used = got[..3].to_vec();
    never_used.sort_unstable();
    assert_eq!(never_used, [103, 104, 105]);
    assert_eq!(got[3..], [102, 100, 101]);
}

#[test]
fn a_name_that_is_a_number_has_that_one_and_nobody_else_gets_it() {
    use super::super::uid::{Pool, Taken};
    use crate::table::{Identity, UidRange};
    let named = Identity { name: "x", baked: 101, hashed: 101 };
    let number = Identity { name: "101", baked: 101, hashed: 101 };
    let mut pool = Pool::empty();
    pool.load(UidRange { first: 100, last: 101 }, [None, None, number.own_number()].into_iter());
    assert_eq!(pool.take(IdentityId(0), &named), Taken::Number(100));
    assert_eq!(pool.take(IdentityId(1), &named), Taken::NoneLeft, "although 101 is free");
    assert!(!pool.exchange_for(IdentityId(0), 101), "although its directories are 101's");
    for _ in 0..3 {
        assert_eq!(pool.take(IdentityId(2), &number), Taken::Number(101));
        assert!(!pool.exchange(IdentityId(2), &number) && !pool.exchange_for(IdentityId(2), 100));
        assert_eq!(pool.leave(IdentityId(2)), Some(101));
        assert_eq!(pool.take(IdentityId(2), &number), Taken::Wait);
        pool.left(IdentityId(2));
    }
}

#[test]
fn runtime_directories_go_as_preserve_says() {
    for (preserve, restart, stop) in [
        (Preserve::No, "; clean a.service dirs", "; clean a.service dirs"),
        (Preserve::Restart, "", "; clean a.service dirs"),
        (Preserve::Yes, "", ""),
    ] {
        let mut t = all(vec![service("a.service").with(|s| {
            (s.runtime_directory, s.preserve, s.restart) = (true, preserve, Restart::OnFailure);
        })]);
        t.expect("start a.service").main("a.service", Exited(1));
        t.expect(&std::format!("kill 15 a.service all{restart}"));
        t.at(100).expect("start a.service").ask(1, Request::Stop { name: "a.service" });
        t.main("a.service", Exited(0)).expect(&std::format!("kill 15 a.service all{stop}; reply 1 done"));
    }
}
