//! Counting what passed, failed and was skipped, and saying so as it happens.

use anyhow::Result;

/// How one case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// Why.
    Failed(String),
    /// Why it cannot run here.
    Skipped(String),
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
        let outcome = case().map_or_else(|error| Outcome::Failed(format!("{error:#}")), |()| Outcome::Passed);
        self.add(name, outcome);
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

#[cfg(test)]
mod tests {
    use super::*;

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
