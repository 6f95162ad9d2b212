//! The machine's health: the verdict on the boot, and what the watchdog hears of it.

use std::{format, vec, vec::Vec};

use super::{
    ServicePlan,
    fixture::{UnitPlan, Watched, service, target},
    play::{Exited, Play},
};
use crate::{
    supervisor::Event,
    table::{Micros, Restart},
    wire::Power,
};

const DELAY: Micros = Micros::from_secs(3600);

fn vital() -> Watched {
    Watched { vital: vec![1], ..Watched::default() }
}

/// `boot.target` wants `app.service`, which stays down for an hour when it fails; the other two are nobody's.
fn plans() -> Vec<UnitPlan> {
    let slow = |plan: &mut ServicePlan| {
        plan.restart = Restart::Always;
        plan.restart_delay = DELAY;
    };
    vec![
        UnitPlan { wants: vec![1], ..target("boot.target") },
        service("app.service").with(slow),
        target("good.target"),
        target("sick.target"),
    ]
}

/// Whether nobody is woken before the end of time.
fn is_quiet(t: &Play) -> bool {
    t.supervisor.next_deadline().is_none_or(|at| at.0 == u64::MAX)
}

#[test]
fn a_boot_is_good_when_all_vital_units_have_been_up_for_long_enough() {
    let mut t = Play::watched(&plans(), &Watched { on_good: Some(2), ..vital() });
    t.boot()
        .expect("start app.service")
        .at(4_999)
        .expect_log("started boot.target; started app.service; boot");
    t.at(5_000).expect_log("healthy; started good.target");
    t.at(60_000).expect_log("");
    assert!(is_quiet(&t), "nobody is woken for it any more");
}

#[test]
fn a_vital_unit_that_comes_and_goes_makes_no_good_boot() {
    let mut t = Play::watched(&plans(), &Watched { on_good: Some(2), ..vital() });
    t.boot()
        .at(3_000)
        .main("app.service", Exited(1))
        .at(12_999)
        .expect("start app.service; kill 15 app.service all");
    assert_eq!(t.state("good.target"), "inactive/dead/success");
}

#[test]
fn a_vital_unit_that_is_down_for_too_long_makes_the_machine_sick_once() {
    let mut t = Play::watched(&plans(), &Watched { on_sick: Some(3), ..vital() });
    t.boot().at(7_000).expect_log("started boot.target; started app.service; boot; healthy");
    t.main("app.service", Exited(1)).at(16_999);
    t.expect_log("main app.service exited 1; failed app.service exit-code");
    t.at(17_000).expect_log("sick app.service; started sick.target").at(100_000).expect_log("");
}

#[test]
fn a_vital_unit_that_never_starts_makes_the_machine_sick() {
    let mut plans = plans();
    plans[0].wants.clear();
    let mut t = Play::watched(&plans, &Watched { on_sick: Some(3), ..vital() });
    t.boot().at(9_999).expect_log("started boot.target; boot");
    t.at(10_000).expect_log("sick app.service; started sick.target");
}

#[test]
fn a_watchdog_is_fed_as_long_as_all_is_well() {
    let mut t = Play::watched(&plans(), &Watched { watchdog: true, ..vital() });
    t.boot().expect("start app.service; feed and probe");
    t.event(Event::Probed).at(1_999).expect("").at(2_000).expect("feed and probe");
    t.event(Event::Probed).at(6_000).expect("feed and probe; feed and probe");
}

#[test]
fn a_watchdog_is_not_fed_while_the_machine_is_sick_and_again_when_it_is_not() {
    let mut t = Play::watched(&plans(), &Watched { watchdog: true, ..vital() });
    t.boot().main("app.service", Exited(1));
    for second in 1..10 {
        t.at(second * 1_000).event(Event::Probed);
    }
    t.expect(&format!(
        "start app.service; feed and probe; kill 15 app.service all{}",
        "; feed and probe".repeat(4)
    ));
    t.at(10_000).expect("");
    t.event(Event::Probed).at(30_000).expect("");
    t.expect_log(
        "started boot.target; started app.service; boot; main app.service exited 1; failed app.service exit-code; \
         sick app.service; starving app.service",
    );
    t.event(Event::Probed).ask(1, crate::wire::Request::Restart { name: "app.service" });
    t.expect("start app.service; reply 1 done").at(32_000).expect("feed and probe");
}

#[test]
fn a_machine_whose_sickness_is_taken_care_of_is_fed() {
    let mut t = Play::watched(&plans(), &Watched { watchdog: true, on_sick: Some(3), ..vital() });
    t.boot().main("app.service", Exited(1));
    t.expect("start app.service; feed and probe; kill 15 app.service all");
    for second in 1..=14 {
        t.at(second * 1_000).event(Event::Probed);
    }
    t.expect(&["feed and probe"; 7].join("; "));
}

#[test]
fn a_root_file_system_that_does_not_answer_starves_the_watchdog() {
    let mut t = Play::watched(&plans(), &Watched { watchdog: true, ..vital() });
    t.boot().at(5_999).expect("start app.service; feed and probe; feed and probe; feed and probe");
    t.expect_log("started boot.target; started app.service; boot; healthy");
    t.at(20_000).expect("").expect_log("starving all");
    t.event(Event::Probed).at(22_000).expect("feed and probe");
}

#[test]
fn a_shutdown_that_hangs_is_ended_by_the_watchdog() {
    let mut t = Play::watched(&plans(), &Watched { watchdog: true, ..vital() });
    t.boot().expect("start app.service; feed and probe");
    t.at(1_000).shutdown(Power::Reboot).expect("kill 15 app.service all");
    t.at(60_999);
    t.expect(&["feed"; 30].join("; "));
    t.at(89_000).expect("");
}

#[test]
fn without_a_watchdog_and_vital_units_nobody_is_woken() {
    let mut t = Play::new(&plans());
    t.boot().expect("start app.service");
    assert!(is_quiet(&t));
}

#[test]
fn a_boot_that_fails_gives_the_console_to_somebody() {
    let mut plans = plans();
    plans[0].requires = vec![1];
    plans[0].after = vec![1];
    plans[1].service.as_mut().expect("a service").restart = Restart::No;
    let mut t = Play::watched(&plans, &Watched { rescue: Some(3), ..Watched::default() });
    t.spawn_fails = true;
    t.boot()
        .expect_log("failed app.service resources; dependency boot.target app.service; started sick.target");
}

#[test]
fn the_target_of_the_command_line_is_what_boot_starts() {
    let mut t = Play::new(&plans());
    let target = Some(t.id("good.target"));
    t.event(Event::Boot { random: 1, until: None, kernel_age: Micros::ZERO, machine: 0, target });
    t.expect("").expect_log("started good.target; boot");
}
