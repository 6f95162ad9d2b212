//! Counting what passed, failed and was skipped, and saying so as it happens.

use std::{collections::VecDeque, sync::Mutex, thread};

use anyhow::Result;

use super::program;

/// How one case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// Why.
    Failed(String),
    /// Why it cannot run here.
    Skipped(String),
}

/// What a case does: an error is a failure.
type Case = Box<dyn FnOnce() -> Result<()> + Send>;

/// Cases that do not disturb each other, in the order in which they begin.
#[derive(Default)]
pub struct Cases(VecDeque<(String, Case)>);

impl Cases {
    /// One more.
    pub fn add(&mut self, name: impl Into<String>, case: impl FnOnce() -> Result<()> + Send + 'static) {
        self.0.push_back((name.into(), Box::new(case)));
    }
}

/// The count so far.
#[derive(Debug, Default)]
pub struct Tally {
    passed: usize,
    skipped: usize,
    /// Names of failed cases, for the end.
    failed: Vec<String>,
    /// A case runs only if its name has this in it.
    only: String,
}

impl Tally {
    /// Nothing counted; cases run whose names have `only` in them.
    pub fn of(only: &str) -> Self {
        Self { only: only.to_owned(), ..Self::default() }
    }

    /// Counts one case and says how it went.
    pub fn add(&mut self, name: &str, outcome: Outcome) {
        match outcome {
            Outcome::Passed => {
                self.passed += 1;
                println!("ok       {name}");
            }
            Outcome::Failed(why) => {
                println!("FAILED   {name}\n         {}", why.replace('\n', "\n         "));
                self.failed.push(name.to_owned());
            }
            Outcome::Skipped(why) => {
                self.skipped += 1;
                println!("skipped  {name}: {}", why.replace('\n', "; "));
            }
        }
    }

    /// Whether nothing is `lacking` for the cases called `name`; otherwise they are skipped, or have failed.
    pub fn has_all(&mut self, name: &str, lacking: Result<Vec<String>>) -> bool {
        match lacking {
            Ok(lacking) if lacking.is_empty() => return true,
            Ok(lacking) => self.add(name, Outcome::Skipped(lacking.join("; "))),
            Err(error) => self.add(name, Outcome::Failed(format!("{error:#}"))),
        }
        false
    }

    /// Counts `cases` of which the `differences` failed.
    pub fn add_many(&mut self, name: &str, cases: usize, differences: &[String]) {
        for difference in differences {
            self.add(name, Outcome::Failed(difference.clone()));
        }
        let passed = cases.saturating_sub(differences.len());
        self.passed += passed;
        println!("ok       {name}: {passed} of {cases}");
    }

    /// Runs one case, if it is asked for: an error is a failure.
    pub fn case(&mut self, name: &str, case: impl FnOnce() -> Result<()>) {
        if !name.contains(&self.only) {
            return;
        }
        self.always(name, case);
    }

    /// Runs a case that the others build on.
    pub fn always(&mut self, name: &str, case: impl FnOnce() -> Result<()>) {
        self.add(name, outcome(case));
    }

    /// Runs those that are asked for, as many at once as there are processors. What their programs say is told apart by a
    /// number before each line.
    pub fn side_by_side(&mut self, cases: Cases) {
        let mut asked_for = cases.0;
        asked_for.retain(|(name, _)| name.contains(&self.only));
        let lanes = thread::available_parallelism().map_or(1, usize::from).min(asked_for.len());
        let (queue, tally) = (Mutex::new(asked_for), &Mutex::new(self));
        let next = || queue.lock().ok()?.pop_front();
        thread::scope(|scope| {
            for lane in 1..=lanes {
                scope.spawn(move || {
                    program::say_as(lane);
                    while let Some((name, case)) = next() {
                        let outcome = outcome(case);
                        if let Ok(mut tally) = tally.lock() {
                            tally.add(&name, outcome);
                        }
                    }
                });
            }
        });
    }

    /// Whether anything was counted.
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed.len() + self.skipped == 0
    }

    /// Whether nothing failed.
    pub fn all_well(&self) -> bool {
        self.failed.is_empty()
    }

    /// The last line, after the names of what failed.
    pub fn summary(&self) -> String {
        let names: String = self.failed.iter().map(|name| format!("failed: {name}\n")).collect();
        format!("{names}{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped)
    }
}

fn outcome(case: impl FnOnce() -> Result<()>) -> Outcome {
    case().map_or_else(|error| Outcome::Failed(format!("{error:#}")), |()| Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_side_by_side_are_each_counted_if_they_are_asked_for() {
        let mut cases = Cases::default();
        for number in 0..20 {
            cases.add(format!("a {number}"), move || match number {
                7 => anyhow::bail!("broken"),
                _ => Ok(()),
            });
        }
        cases.add("b", || anyhow::bail!("not asked for"));
        let mut tally = Tally::of("a");
        tally.side_by_side(cases);
        assert_eq!(tally.summary(), "failed: a 7\n19 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn the_summary_counts_every_case_once_and_names_failures() {
        let mut tally = Tally::default();
        tally.add("a", Outcome::Passed);
        tally.case("b", || anyhow::bail!("broken"));
        tally.add("c", Outcome::Skipped("no machine".into()));
        tally.add_many("d", 10, &["row 3".into()]);
        assert!(!tally.all_well());
        assert_eq!(tally.summary(), "failed: b\nfailed: d\n10 passed, 2 failed, 1 skipped");
    }
}
