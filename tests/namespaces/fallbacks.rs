//! Kernels without the calls that came later do the same with those they have.

use std::{env, process::Command};

use rustix::process::geteuid;

use super::harness::OLD_KERNEL;

#[test]
fn every_view_is_the_same_without_the_new_mount_calls() {
    if env::var_os(OLD_KERNEL).is_some() {
        return; // this is the inner run
    }
    if !geteuid().is_root() {
        return println!("SKIPPED: needs root");
    }
    let tests = env::current_exe().expect("this program");
    let run = Command::new(tests)
        // Credentials are refused there. One counts the filters of its children, and this is one more.
        .args([
            "--skip",
            "namespaces::fallbacks",
            "--skip",
            "a_filter_is_loaded",
            "--skip",
            "links_and_renames",
            "--skip",
            "credentials::",
        ])
        .env(OLD_KERNEL, "yes")
        .output()
        .expect("the same tests again");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(!said.contains(" 0 passed"), "{said}");
}
