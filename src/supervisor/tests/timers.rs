//! Timers: when they elapse, by which clock, and what follows from somebody's setting it.

use super::{
    fixture::{UnitPlan, daily, service, spans, target, timer},
    play::{Exited, Play},
};
use crate::{
    supervisor::{Event, Instant, Trigger},
    table::{Kind, Micros, ServiceType, Timer, TimerBase},
    wire::Request,
};

const A: &str = "a.service";
const T: &str = "a.timer";
/// A second of the kernel's clock in `Play::at`, and a day.
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// 2 March 2026, 00:00:00 UTC, in seconds.
const MARCH: u64 = 1_772_409_600;

/// A target that wants a.timer, which starts a.service.
fn play(change: impl FnOnce(&mut Timer<'static>)) -> Play {
    let mut units = [target("t.target"), timer(T, 2, change), service(A)];
    units[0].wants = std::vec![1];
    units[2].after = std::vec![1];
    Play::new(&units)
}

/// The same, at work since midnight of a day when somebody had set the clock.
fn by_the_clock(change: impl FnOnce(&mut Timer<'static>)) -> Play {
    let mut t = play(change);
    t.clock(MARCH, false).boot();
    t
}

const fn seconds(seconds: u64) -> Micros {
    Micros::from_secs(seconds)
}

#[test]
fn spans_count_from_the_start_of_the_timer_of_pid_1_and_of_the_kernel() {
    for (base, at) in [(TimerBase::Active, 5), (TimerBase::Startup, 5), (TimerBase::Boot, 3)] {
        let mut t = play(|t| t.spans = spans(&[(base, seconds(5))]));
        t.event(Event::Boot { random: 1, until: None, kernel_age: seconds(2), machine: 0, target: None });
        assert_eq!(t.state(T), "active/waiting/success");
        t.at(at * SECOND - 1).expect("").at(at * SECOND).expect("start a.service");
        assert_eq!(t.state(T), "active/running/success");
        t.main(A, Exited(0)).expect("kill 15 a.service all");
        assert_eq!(t.state(T), "active/elapsed/success", "{base:?} comes once");
    }
}

#[test]
fn a_timer_that_has_elapsed_for_good_may_go_and_starts_anew() {
    let mut t = play(|t| {
        t.spans = spans(&[(TimerBase::Active, seconds(1))]);
        t.remain_after_elapse = false;
    });
    t.boot().at(SECOND).expect("start a.service").main(A, Exited(0)).expect("kill 15 a.service all");
    assert_eq!(t.state(T), "inactive/dead/success");
    t.at(10 * SECOND).ask(1, Request::Start { name: T }).expect("reply 1 done");
    t.at(11 * SECOND - 1).expect("").at(11 * SECOND).expect("start a.service");
}

#[test]
fn what_counts_from_the_unit_goes_on_and_on() {
    let mut t = play(|t| {
        t.spans = spans(&[(TimerBase::Startup, seconds(1)), (TimerBase::UnitActive, seconds(10))]);
    });
    t.boot().at(SECOND).expect("start a.service").at(3 * SECOND).main(A, Exited(0));
    t.expect("kill 15 a.service all")
        .at(11 * SECOND - 1)
        .expect("")
        .at(11 * SECOND)
        .expect("start a.service");
    // It runs for longer than that: nothing is missed, nothing is done twice.
    t.at(30 * SECOND).expect("").main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(30 * SECOND).expect("start a.service");
}

#[test]
fn the_time_without_work_counts_from_its_end_whoever_started_it() {
    let mut t = play(|t| t.spans = spans(&[(TimerBase::UnitInactive, seconds(10))]));
    t.boot().at(HOUR).expect("");
    assert_eq!(t.state(T), "active/elapsed/success", "the unit has never run");
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.at(HOUR + 5 * SECOND).main(A, Exited(1)).expect("kill 15 a.service all");
    assert_eq!(t.state(T), "active/waiting/success");
    t.at(HOUR + 15 * SECOND - 1).expect("").at(HOUR + 15 * SECOND).expect("start a.service");
}

#[test]
fn no_timer_elapses_without_a_pause() {
    let mut t = play(|t| {
        t.spans = spans(&[(TimerBase::Active, Micros::ZERO), (TimerBase::UnitInactive, Micros::ZERO)]);
    });
    t.boot().at(0).expect("start a.service").main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(99).expect("").at(101).expect("start a.service");
}

#[test]
fn a_calendar_goes_by_the_wall_clock() {
    let mut t = by_the_clock(|t| t.calendars = daily(3));
    t.at(3 * HOUR - 1).expect("").at(3 * HOUR).expect("start a.service");
    t.main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(DAY + 3 * HOUR - 1).expect("").at(DAY + 3 * HOUR).expect("start a.service");
}

#[test]
fn a_clock_set_forward_over_the_time_makes_up_for_it_once() {
    let mut t = by_the_clock(|t| t.calendars = daily(3));
    t.at(HOUR).clock(MARCH + 48 * 3_600, true).expect("start a.service").main(A, Exited(0));
    t.expect("kill 15 a.service all").at(3 * HOUR - 1).expect("").at(3 * HOUR).expect("start a.service");
}

#[test]
fn a_clock_set_back_brings_the_time_again() {
    let mut t = by_the_clock(|t| t.calendars = daily(3));
    t.at(3 * HOUR).expect("start a.service").main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(4 * HOUR).clock(MARCH - 2 * 3_600, true).expect(""); // 02:00 again
    t.at(5 * HOUR - 1).expect("").at(5 * HOUR).expect("start a.service");
}

#[test]
fn a_time_that_comes_again_counts_however_it_comes() {
    let mut t = by_the_clock(|t| t.calendars = daily(3));
    t.at(3 * HOUR).expect("start a.service").main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(4 * HOUR).clock(MARCH - 2 * 3_600, true).expect(""); // 02:00 again
    t.clock(MARCH, true).expect("start a.service"); // and at once 04:00
}

#[test]
fn what_was_due_when_somebody_set_the_clock_back_is_done() {
    let mut t = by_the_clock(|t| t.calendars = daily(3));
    let one = (MARCH + 3_600) * 1_000_000;
    t.only_hears(3 * HOUR, Event::Clock { wall: one, set: true });
    t.event(Event::Deadline).expect("start a.service");
}

#[test]
fn a_clock_set_back_beyond_the_timers_own_start_does_not_make_it_wait_for_that_day() {
    let mut t = by_the_clock(|t| t.calendars = daily(3));
    t.at(HOUR).clock(MARCH - 16 * 86_400, true).expect(""); // 01:00, sixteen days before
    t.at(3 * HOUR - 1).expect("").at(3 * HOUR).expect("start a.service");
}

#[test]
fn a_clock_that_nobody_had_set_has_no_past() {
    let mut t = play(|t| t.calendars = daily(3));
    t.clock(0, false).boot().at(10 * SECOND).clock(MARCH, true).expect("");
    assert_eq!(t.state(T), "active/waiting/success");
    t.at(3 * HOUR - 1).expect("").at(3 * HOUR).expect("start a.service");
    // Nor has one in which it elapsed in 1970.
    let mut t = play(|t| t.calendars = daily(3));
    t.clock(0, false).boot().at(3 * HOUR).expect("start a.service").main(A, Exited(0));
    t.expect("kill 15 a.service all").at(4 * HOUR).clock(MARCH, true).expect("");
    t.at(DAY + 3 * HOUR - 1).expect("").at(DAY + 3 * HOUR).expect("start a.service");
}

#[test]
fn who_is_started_by_a_timer_is_told_when_it_elapsed() {
    let mut t = by_the_clock(|t| t.spans = spans(&[(TimerBase::Active, seconds(5))]));
    t.at(5 * SECOND).expect("start a.service");
    let elapsed = Some((Instant(5_000_000), (MARCH + 5) * 1_000_000));
    let trigger = Trigger { unit: t.id(T), watch: None, elapsed };
    assert_eq!(t.spawns.last().expect("a process").trigger, Some(trigger));
}

#[test]
fn spans_do_not_care_for_the_wall_clock() {
    let mut t = play(|t| t.spans = spans(&[(TimerBase::Active, seconds(10))]));
    t.clock(0, false).boot().at(5 * SECOND).clock(MARCH, true).expect("");
    assert_eq!(t.supervisor.next_wall_deadline(), None);
    t.at(10 * SECOND).expect("start a.service");
}

#[test]
fn a_timer_may_elapse_because_somebody_sets_the_clock() {
    let mut t = play(|t| t.on_clock_change = true);
    t.clock(0, false).boot().expect("");
    assert!(t.supervisor.next_wall_deadline().is_some(), "it wants to be told");
    t.clock(MARCH, false).expect("").clock(MARCH + 1, true).expect("start a.service");
    t.clock(MARCH + 2, true).expect("").main(A, Exited(0)).expect("kill 15 a.service all");
    t.clock(MARCH + 3, true).expect("start a.service");
}

#[test]
fn what_was_missed_while_the_machine_was_off_is_made_up_for() {
    let mut t = play(|t| (t.calendars, t.persistent) = (daily(3), true));
    t.stamp = (MARCH - 40 * 3_600) * 1_000_000;
    t.clock(MARCH, false).boot().expect("stamp? a.timer");
    t.at(0).expect("start a.service; stamp a.timer").main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(3 * HOUR - 1).expect("").at(3 * HOUR).expect("stamp a.timer; start a.service");
}

#[test]
fn what_was_not_missed_is_not_made_up_for() {
    for stamp in [MARCH - 3_600, MARCH + 3_600, MARCH + 10 * 86_400, 0] {
        let mut t = play(|t| (t.calendars, t.persistent) = (daily(3), true));
        t.stamp = stamp * 1_000_000;
        t.clock(MARCH, false).boot().expect("stamp? a.timer").at(3 * HOUR - 1).expect("");
        t.at(3 * HOUR).expect("start a.service; stamp a.timer");
    }
}

#[test]
fn what_was_missed_is_made_up_for_with_its_delay() {
    let mut t = play(|t| {
        (t.calendars, t.persistent) = (daily(3), true);
        (t.randomized_delay, t.fixed_delay) = (seconds(3_600), 7);
    });
    t.stamp = (MARCH - 40 * 3_600) * 1_000_000;
    t.clock(MARCH, false).boot().expect("stamp? a.timer").at(0).expect("");
    t.at(HOUR).expect("start a.service; stamp a.timer");
}

#[test]
fn a_clock_that_shows_1970_for_a_while_does_not_bring_the_past_again() {
    let mut t = play(|t| (t.calendars, t.persistent) = (daily(3), true));
    t.stamp = (MARCH - 3_600) * 1_000_000;
    t.clock(MARCH, false).boot().expect("stamp? a.timer");
    t.at(HOUR).clock(0, true).expect("").clock(MARCH, true).expect("").at(3 * HOUR - 1).expect("");
    t.at(3 * HOUR).expect("start a.service; stamp a.timer");
}

#[test]
fn a_stamp_of_the_future_counts_once_the_clock_is_set() {
    let mut t = play(|t| (t.calendars, t.persistent) = (daily(3), true));
    t.stamp = (MARCH - 40 * 3_600) * 1_000_000;
    t.clock(0, false).boot().expect("stamp? a.timer").at(SECOND).expect("");
    t.clock(MARCH, true).expect("start a.service; stamp a.timer");
}

#[test]
fn a_random_delay_is_within_its_bounds_and_a_fixed_one_is_the_machines() {
    let elapses = |machine: u64, fixed_delay: u64| {
        let mut t = play(|t| {
            t.spans = spans(&[(TimerBase::Active, seconds(1))]);
            (t.randomized_delay, t.fixed_delay) = (seconds(1000), fixed_delay);
        });
        t.event(Event::Boot { random: 7, until: None, kernel_age: Micros::ZERO, machine, target: None });
        t.supervisor.next_deadline().expect("a time").0
    };
    let (one, same, other) = (elapses(1, 9), elapses(1, 9), elapses(2, 9));
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert_ne!(elapses(1, 8), one, "another timer");
    for at in [one, other, elapses(1, 0)] {
        assert!((1_000_000..=1_001_000_001).contains(&at), "{at}");
    }
}

#[test]
fn timers_that_may_be_late_share_one_wake_up() {
    let late = |name: &str, starts, span: u64| {
        timer(name, starts, |t| {
            t.spans = spans(&[(TimerBase::Startup, seconds(span))]);
            t.accuracy = seconds(60);
        })
    };
    let mut units: [UnitPlan; 5] = [
        target("t.target"),
        late("a.timer", 3, 10),
        late("b.timer", 4, 50),
        service(A),
        service("b.service"),
    ];
    units[0].wants = std::vec![1, 2];
    let mut t = Play::new(&units);
    t.boot().at(70 * SECOND - 1).expect("").at(70 * SECOND).expect("start a.service; start b.service");
    assert_eq!(t.supervisor.next_deadline(), None);
}

#[test]
fn a_unit_that_is_up_already_is_not_started_again() {
    let mut t = play(|t| t.spans = spans(&[(TimerBase::Active, seconds(1))]));
    t.boot().ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.at(SECOND).expect("");
    assert_eq!(t.state(T), "active/running/success");
    t.main(A, Exited(0)).expect("kill 15 a.service all");
    assert_eq!(t.state(T), "active/elapsed/success");
}

#[test]
fn a_timer_that_is_stopped_elapses_no_more() {
    let mut t = by_the_clock(|t| {
        t.calendars = daily(3);
        t.spans = spans(&[(TimerBase::Active, seconds(5))]);
    });
    t.ask(1, Request::Stop { name: T }).expect("reply 1 done");
    assert_eq!(t.state(T), "inactive/dead/success");
    assert_eq!((t.supervisor.next_deadline(), t.supervisor.next_wall_deadline()), (None, None));
    t.at(DAY).clock(MARCH + 7, true).expect("");
}

#[test]
fn time_that_the_unit_was_busy_may_not_count() {
    for (defer, again) in [(false, true), (true, false)] {
        let mut t = by_the_clock(|t| (t.calendars, t.defer_reactivation) = (daily(3), defer));
        t.at(3 * HOUR).expect("start a.service").at(DAY + 4 * HOUR).expect("").main(A, Exited(0));
        t.expect("kill 15 a.service all").at(DAY + 4 * HOUR);
        t.expect(if again { "start a.service" } else { "" });
    }
}

#[test]
fn a_failed_start_does_not_stop_the_timer() {
    let mut units = [target("t.target"), timer(T, 2, |_| {}), service(A), service("b.service")];
    units[0].wants = std::vec![1];
    units[2].requires = std::vec![3];
    units[2].after = std::vec![3];
    if let Some(Kind::Timer(timer)) = &mut units[1].trigger {
        timer.spans = spans(&[(TimerBase::Active, seconds(1)), (TimerBase::UnitActive, seconds(5))]);
    }
    let b = units[3].clone().with(|b| b.service_type = ServiceType::Oneshot);
    units[3] = b;
    let mut t = Play::new(&units);
    t.boot()
        .at(SECOND)
        .expect("start b.service")
        .main("b.service", Exited(1))
        .expect("kill 15 b.service all");
    assert_eq!(t.state(T), "active/waiting/success");
    t.at(6 * SECOND).expect("start b.service");
}

#[test]
fn a_new_program_goes_on_with_every_timer_and_knows_whether_somebody_set_the_clock() {
    let change: fn(&mut Timer<'static>) = |t| {
        t.calendars = daily(3);
        t.on_clock_change = true;
    };
    let mut units = [target("t.target"), timer(T, 2, change), service(A)];
    units[0].wants = std::vec![1];
    units[2].after = std::vec![1];
    let mut t = by_the_clock(change);
    t.at(HOUR).replaced(&units);
    let now = Instant(HOUR * 1_000);
    let wall = (MARCH + 3_600) * 1_000_000;
    assert!(!t.supervisor.clock_was_set(now, wall + 500_000), "half a second is nobody's doing");
    assert!(t.supervisor.clock_was_set(now, wall + 5_000_000));
    assert!(t.supervisor.clock_was_set(now, wall - 5_000_000));
    t.clock(MARCH, false).expect(""); // as it was: nothing has happened to it
    t.at(3 * HOUR - 1).expect("");
    t.at(3 * HOUR).expect("start a.service");
}
