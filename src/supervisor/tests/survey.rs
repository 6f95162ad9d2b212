//! Mounts and swaps that come and go by hand.

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Play},
};
use crate::{
    supervisor::{Event, UnitSet},
    table::{CommandKind, Relation, ServiceType},
    wire::{Power, Request},
};

const M: &str = "data.mount";
const A: &str = "a.service";

/// data.mount, which is up after boot, and a.service, which comes after it and has more to do with it as `change` says.
fn mounted(change: impl FnOnce(&mut [UnitPlan; 3])) -> Play {
    let mut units = [target("t.target"), mount(), service(A)];
    units[0].wants = std::vec![1, 2];
    units[2].after = std::vec![1];
    change(&mut units);
    let mut t = Play::new(&units);
    t.boot().main(M, Exited(0)).expect("start data.mount; start a.service");
    t
}

fn mount() -> UnitPlan {
    service(M).with(|plan| {
        plan.service_type = ServiceType::Oneshot;
        plan.remain_after_exit = true;
        plan.commands = [CommandKind::Start, CommandKind::Stop].map(|kind| (kind, false)).to_vec();
    })
}

/// Something has changed; who looks finds at `millis` that data.mount is `there` or not.
fn seen(t: &mut Play, millis: u64, there: bool) -> &mut Play {
    t.event(Event::MountsChanged).expect("survey");
    answer(t, millis, there)
}

fn answer(t: &mut Play, millis: u64, there: bool) -> &mut Play {
    let (mut one, none) = (UnitSet::EMPTY, UnitSet::EMPTY);
    one.insert(t.id(M));
    let (there, gone) = if there { (one, none) } else { (none, one) };
    t.at(millis).event(Event::Surveyed { there, gone })
}

#[test]
fn a_mount_that_is_taken_away_is_down_and_who_only_requires_it_stays() {
    let mut t = mounted(|units| units[2].requires = std::vec![1]);
    t.expect_log("started t.target; boot; started data.mount; started a.service");
    seen(t.at(10), 60, false).expect("").expect_log("stopped data.mount");
    assert_eq!(t.state(M), "inactive/dead/success");
    assert_eq!(t.state(A), "active/running/success");
    // What is started next brings it back.
    t.ask(1, Request::Restart { name: A }).expect("kill 15 a.service all");
    t.main(A, Exited(0))
        .expect("start data.mount")
        .main(M, Exited(0))
        .expect("start a.service; reply 1 done");
}

#[test]
fn who_is_bound_to_a_mount_goes_with_it() {
    let mut t = mounted(|units| {
        units[2].requires = std::vec![1];
        units[1].related = std::vec![(Relation::BoundBy, 2)];
    });
    seen(t.at(10), 60, false).expect("kill 15 a.service all");
    assert_eq!(t.state(M), "inactive/dead/success");
}

#[test]
fn a_mount_that_is_made_by_hand_is_up_and_takes_along_what_need_not_come_first() {
    let mut t = mounted(|units| {
        units[1].requires = std::vec![2];
        units[2].after = std::vec![];
        units[0].wants = std::vec![1];
    });
    t.at(10).ask(1, Request::Stop { name: M }).expect("stop data.mount");
    t.at(20).control(M, Exited(0)).expect("kill 15 data.mount all; reply 1 done");
    t.ask(1, Request::Stop { name: A })
        .expect("kill 15 a.service all")
        .main(A, Exited(0))
        .expect("reply 1 done");
    seen(t.at(30), 80, true).expect("start a.service");
    assert_eq!(t.state(M), "active/mounted/success");
}

#[test]
fn a_mount_that_is_made_by_hand_does_not_bring_what_should_have_come_first() {
    let mut units = [target("t.target"), mount(), service(A)];
    (units[1].requires, units[1].after) = (std::vec![2], std::vec![2]);
    let mut t = Play::new(&units);
    t.boot().expect("");
    seen(t.at(10), 60, true).expect("");
    assert_eq!(t.state(M), "active/mounted/success");
    assert_eq!(t.state(A), "inactive/dead/success");
}

/// systemd's `retroactively_start_dependencies` asks only whether the unit was up.
#[test]
fn a_mount_that_has_failed_and_is_made_by_hand_takes_along_what_one_that_could_not_go_does_not() {
    let pulls = |units: &mut [UnitPlan; 3]| {
        units[1].requires = std::vec![2];
        units[2].after = std::vec![];
    };
    let stop_a = |t: &mut Play| {
        t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
        t.main(A, Exited(0)).expect("reply 1 done");
    };
    let mut t = mounted(pulls);
    t.at(10).ask(1, Request::Stop { name: M }).expect("stop data.mount");
    t.at(20).control(M, Exited(32)).expect("kill 15 data.mount all; reply 1 done; survey");
    stop_a(&mut t);
    answer(&mut t, 70, true).expect("");
    assert_eq!(t.state(M), "active/mounted/success");

    seen(t.at(80), 130, false).expect("");
    t.at(140).ask(1, Request::Start { name: M }).expect("start data.mount; start a.service");
    t.at(150).main(M, Exited(32)).expect("kill 15 data.mount all; reply 1 failed; survey");
    stop_a(&mut t);
    answer(&mut t, 200, true).expect("start a.service");
    assert_eq!(t.state(M), "active/mounted/success");
}

#[test]
fn who_changes_while_somebody_looks_is_looked_at_again() {
    let mut t = mounted(|_| {});
    t.at(10).event(Event::MountsChanged).expect("survey");
    t.at(20).ask(1, Request::Stop { name: M }).expect("stop data.mount");
    t.at(30).control(M, Exited(0)).expect("kill 15 data.mount all; reply 1 done");
    // It was still there when he looked.
    answer(&mut t, 60, true).expect("survey");
    assert_eq!(t.state(M), "inactive/dead/success");
    answer(&mut t, 120, false).expect("");
}

#[test]
fn who_is_on_his_way_is_looked_at_when_he_is_there() {
    let mut t = mounted(|_| {});
    t.at(10).ask(1, Request::Stop { name: M }).expect("stop data.mount");
    seen(t.at(20), 70, false).expect("");
    t.at(80).control(M, Exited(0)).expect("kill 15 data.mount all; reply 1 done; survey");
}

#[test]
fn there_is_one_look_at_a_time_and_none_during_shutdown() {
    let mut t = mounted(|_| {});
    t.at(10).event(Event::MountsChanged).expect("survey");
    t.event(Event::MountsChanged).event(Event::MountsChanged).expect("");
    answer(&mut t, 60, true).expect("survey");
    t.shutdown(Power::PowerOff).expect("kill 15 a.service all");
    answer(&mut t, 120, false).expect("");
    t.event(Event::MountsChanged).expect("");
}

#[test]
fn the_answer_to_another_programs_question_is_heard_by_nobody() {
    let mut t = mounted(|_| {});
    t.at(10).ask(1, Request::Stop { name: M }).expect("stop data.mount");
    t.at(20).control(M, Exited(0)).expect("kill 15 data.mount all; reply 1 done");
    let units = [target("t.target"), mount(), service(A)];
    t.replaced(&units).expect("");
    answer(&mut t, 30, true).expect("");
    assert_eq!(t.state(M), "inactive/dead/success");
}

#[test]
fn a_mount_that_could_not_be_taken_away_is_up_again_when_somebody_has_looked() {
    let mut t = mounted(|_| {});
    t.at(10).ask(1, Request::Stop { name: M }).expect("stop data.mount");
    t.at(20).control(M, Exited(32)).expect("kill 15 data.mount all; reply 1 done; survey");
    assert_eq!(t.state(M), "failed/failed/exit-code");
    answer(&mut t, 70, true).expect("");
    assert_eq!(t.state(M), "active/mounted/success");
}

#[test]
fn a_mount_that_goes_while_it_is_mounted_anew_is_down_after_that() {
    let mut units = [target("t.target"), mount()];
    units[0].wants = std::vec![1];
    units[1].service.as_mut().expect("one").commands.push((CommandKind::Reload, false));
    let mut t = Play::new(&units);
    t.boot().main(M, Exited(0)).expect("start data.mount");
    t.at(10).ask(1, Request::Reload { name: M }).expect("reload data.mount");
    seen(t.at(20), 70, false).expect("");
    t.at(80).control(M, Exited(0)).expect("reply 1 done; survey");
    answer(&mut t, 130, false).expect("");
    assert_eq!(t.state(M), "inactive/dead/success");
}
