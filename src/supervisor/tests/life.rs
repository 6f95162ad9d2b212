//! A service's life: up, running, down.

use super::{
    fixture::{service, target},
    play::{Exited, Play},
};
use crate::wire::Power;

#[test]
fn boots_restarts_and_shuts_down() {
    let mut multi_user = target("multi-user.target");
    multi_user.wants = std::vec![1, 2];
    multi_user.after = std::vec![1, 2];
    let a = service("a.service").with(|s| s.restart = crate::table::Restart::OnFailure);
    let mut b = service("b.service");
    b.after = std::vec![1];
    let mut t = Play::new(&[multi_user, a, b]);
    t.boot().expect("start a.service; start b.service");
    t.expect_log("started a.service; started b.service; started multi-user.target; boot");
    assert_eq!(t.state("a.service"), "active/running/success");
    t.at(1000).main("a.service", Exited(1)).expect("kill 15 a.service all");
    t.expect_log("main a.service exited 1; failed a.service exit-code");
    assert_eq!(t.state("a.service"), "activating/auto-restart/exit-code");
    t.at(1099).expect("");
    t.at(1100).expect("start a.service");
    t.expect_log("restart a.service 1; started a.service");
    t.at(2000).shutdown(Power::Reboot).expect("kill 15 b.service all");
    t.main("b.service", Exited(0)).expect("kill 15 a.service all");
    t.main("a.service", Exited(0)).expect("leave reboot");
    t.expect_log("shutting down reboot; stopped multi-user.target; stopped b.service; stopped a.service");
}
