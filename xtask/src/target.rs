//! Names and numbers that the target's room `linux` owns and xtask uses: one definition for both.

#[path = "../../src/linux/feature.rs"]
#[allow(dead_code, reason = "what the target does with a feature's number is not xtask's business")]
pub mod feature;
#[path = "../../src/linux/passwd/lines.rs"]
#[allow(dead_code, reason = "fuzzed only")]
pub mod lines;
#[path = "../../src/linux/step.rs"]
#[allow(dead_code, reason = "what the target does with a step's index is not xtask's business")]
pub mod step;
