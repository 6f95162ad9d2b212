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

fn with_a_group() -> Watched {
    Watched { vital: vec![1, 2], group_patience: 4_000_000, on_sick: Some(4), ..Watched::default() }
}

/// `app.service` fails and stays down for an hour; `data.service`, which it requires not, and `page.service`, which requires
/// it, are well.
fn group() -> Vec<UnitPlan> {
    let mut plans = plans();
    plans[0].wants.extend([2, 3]);
    plans.splice(
        2..,
        [
            service("data.service"),
            UnitPlan { requires: vec![1], after: vec![1], ..service("page.service") },
            target("sick.target"),
        ],
    );
    plans
}

/// A second after boot `app.service` fails; ten seconds later it has been down for too long.
fn failed_for_too_long() -> Play {
    let mut t = Play::watched(&group(), &with_a_group());
    t.boot().at(1_000).expect("start app.service; start data.service; start page.service");
    t.main("app.service", Exited(1)).at(10_999).expect("kill 15 app.service all");
    t.expect_log(
        "started boot.target; started app.service; started data.service; started page.service; boot; \
         main app.service exited 1; failed app.service exit-code",
    );
    t.at(11_000)
        .expect("kill 15 data.service all; kill 15 page.service all")
        .expect_log("regrouped app.service");
    t
}

/// `app.service` and who requires it, restarted.
const TOGETHER: &str = "stopped page.service; stopped app.service; started app.service; started page.service";

#[test]
fn when_a_vital_unit_is_down_for_too_long_all_are_restarted_with_who_requires_them_once_before_each_good_verdict()
 {
    let mut t = failed_for_too_long();
    t.main("page.service", Exited(0)).main("data.service", Exited(0));
    t.expect("start app.service; start page.service; start data.service");
    t.at(15_999).expect("").expect_log(&format!("{TOGETHER}; stopped data.service; started data.service"));
    t.at(16_000).expect_log("healthy");
    t.main("app.service", Exited(1)).at(26_000);
    t.expect_log("main app.service exited 1; failed app.service exit-code; regrouped app.service");
}

#[test]
fn a_machine_is_sick_when_not_even_that_brings_all_up() {
    let mut t = failed_for_too_long();
    t.main("page.service", Exited(0))
        .at(14_999)
        .expect_log(TOGETHER)
        .at(15_000)
        .expect_log("sick data.service; started sick.target");
}

#[test]
fn a_unit_that_comes_and_goes_after_that_makes_the_machine_sick_soon() {
    let mut t = failed_for_too_long();
    t.main("page.service", Exited(0)).main("data.service", Exited(0)).at(12_000);
    t.main("app.service", Exited(1)).at(15_999).expect_log(&format!(
        "{TOGETHER}; stopped data.service; started data.service; main app.service exited 1; \
         failed app.service exit-code"
    ));
    t.at(16_000).expect_log("sick app.service; started sick.target");
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
