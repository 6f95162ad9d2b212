//! Plain `cargo test` runs a few worlds; `cargo xtask sim` runs many.

#[path = "mod.rs"]
mod sim;

#[test]
fn a_few_hundred_worlds_come_to_rest_and_break_no_rule() {
    let tally = sim::run_many(0..300, None).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.events > 10_000, "the worlds are alive: {tally:?}");
}
