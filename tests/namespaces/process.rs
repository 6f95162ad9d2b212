//! Ids, groups, capabilities, descriptors, signals, environment, and failures of every step.

use super::harness::*;
use tomte::linux::plan::Identity;
#[test]
fn smoke() {
    if !enter_small_world() {
        return;
    }
    let o = run_script("cat /proc/self/status; env; ls -l /proc/self/fd; pwd", |p| {
        p.identity = Identity { user: "svc", ..Identity::default() }
    });
    println!("{}\n{:?}", o.output, o);
}
