//! Lists of processors or memory nodes: `0-3,8 10` (systemd.exec(5), "CPUAffinity="; facts from cpu-set-util.c).

use std::collections::BTreeSet;

use super::{scalar::decimal, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// One more than the highest number: no kernel has more processors (cpu-set-util.c).
const COUNT_MAX: u64 = 8192;

/// The numbers that `text` names: single ones and ranges, with commas or blanks between.
pub fn parse(text: &Text) -> Result<BTreeSet<u16>, Diagnostic> {
    let mut set = BTreeSet::new();
    for word in word::list(text)? {
        let mut at = 0;
        for item in word.as_str().split(',') {
            if !item.is_empty() {
                set.extend(range(&word.slice(at..at + item.len()))?);
            }
            at += item.len() + 1;
        }
    }
    Ok(set)
}

fn range(text: &Text) -> Result<std::ops::RangeInclusive<u16>, Diagnostic> {
    match text.as_str().find('-') {
        None => one(text).map(|number| number..=number),
        Some(dash) => {
            let (first, last) = (one(&text.slice(0..dash))?, one(&text.slice(dash + 1..text.len()))?);
            if first > last {
                return Err(wrong(text, Code::Number, format!("{:?} ends before it begins", text.as_str())));
            }
            Ok(first..=last)
        }
    }
}

fn one(text: &Text) -> Result<u16, Diagnostic> {
    let number = decimal(text.as_str()).filter(|number| *number < COUNT_MAX);
    number.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| {
        let message = format!(
            "{:?}: expected a number from 0 to {} or a range such as 0-3",
            text.as_str(),
            COUNT_MAX - 1
        );
        wrong(text, Code::Number, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn numbers_and_ranges_make_a_set() {
        for (written, numbers) in [
            ("", &[][..]),
            ("3", &[3]),
            ("0-3", &[0, 1, 2, 3]),
            ("0,2 4, 6", &[0, 2, 4, 6]),
            ("1-2 \"4-5\",,7", &[1, 2, 4, 5, 7]),
            ("5-5 3 3", &[3, 5]),
            ("8191", &[8191]),
        ] {
            let expected: BTreeSet<u16> = numbers.iter().copied().collect();
            assert_eq!(parse(&text(written)), Ok(expected), "{written}");
        }
        for (bad, column) in [("0 3-1", 3), ("0,x", 3), ("0-", 3), ("-3", 1), ("0-8192", 3), ("1 2,3-x", 7)] {
            let problem = parse(&text(bad)).expect_err(bad);
            assert_eq!(problem.place.expect("a place").column, column, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_out_reads_back(set in proptest::collection::btree_set(0_u16..8192, 0..40)) {
            let written: Vec<_> = set.iter().map(u16::to_string).collect();
            proptest::prop_assert_eq!(parse(&text(&written.join(","))), Ok(set));
        }
    }
}
