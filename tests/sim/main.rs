//! Plain `cargo test` runs a few worlds; `cargo xtask sim` runs many.

#[path = "mod.rs"]
mod sim;

#[test]
fn a_few_hundred_worlds_come_to_rest_and_break_no_rule() {
    let tally = sim::run_many(0..300, None).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.events > 10_000, "the worlds are alive: {tally:?}");
}

#[test]
fn a_failure_names_no_fault_that_it_would_happen_without() {
    let faults = sim::Faults { crash: 3, hang: 1, unfit: 60, ..sim::Faults::default() };
    let fewest = faults.fewest(&mut |faults| faults.crash > 0 && faults.unfit > 0);
    assert_eq!(fewest.told(), "crash: 3, unfit: 60");
    assert_eq!(faults.fewest(&mut |_| true).told(), "nothing");
}
