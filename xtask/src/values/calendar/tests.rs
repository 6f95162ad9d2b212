//! Calendar expressions against what systemd-analyze(1) says of them, and what is said of wrong ones.

use proptest::prelude::*;

use super::*;
use crate::values::tests::text;

const GOLDEN: &str = include_str!("../../../../tests/golden/calendar.tsv");

/// A repetition from second 0 on names midnight too, which systemd 252 passes over when it comes from the day before.
const MIDNIGHT: (&str, &str, &str) = ("*-*-* *:*:00/7,3", "1709251200", "1709251203");

#[test]
fn normal_forms_and_next_moments_are_systemds() {
    for line in GOLDEN.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let &[written, normal, after, next] = columns.as_slice() else { panic!("four columns: {line}") };
        let Ok(calendar) = parse(&text(written)) else {
            assert_eq!(normal, "-", "{written}: refused, but good for systemd");
            continue;
        };
        assert_eq!(calendar.to_string(), normal, "{written}");
        let after: u64 = after.parse().expect("seconds");
        let moment =
            calendar.next(after * 1_000_000).map_or("never".to_owned(), |at| (at / 1_000_000).to_string());
        if moment != next {
            assert_eq!((written, moment.as_str(), next), MIDNIGHT, "after {after}");
        }
        assert!(calendar.compile().record().is_sound(), "{written}");
    }
}

#[test]
fn a_wrong_expression_is_shown_at_the_characters_that_are_wrong() {
    for (written, at, message, help) in [
        ("Mon *-*-* 25:00", "25", "25 is no hour: expected 0 to 23", None),
        ("*-13-1", "13", "13 is no month: expected 1 to 12", None),
        ("*-*-0", "0", "0 is no day: expected 1 to 31", None),
        ("*-2~29", "29", "29 is no day from the month's end: expected 1 to 28", None),
        ("1969-1-1", "1969", "1969 is no year: expected 1970 to 2199", None),
        ("6:0:60", "60", "60 is no second: expected 0 or more, below 60", None),
        ("*:0/60", "60", "0 and every 60 from there: there is no second one", None),
        ("*:5/0", "0", "a repetition of 0", None),
        ("9..5:0", "9..5", "the range ends before it begins", None),
        (
            "*/2:00",
            "/",
            "'/' behind *: a * stands alone",
            Some("a repetition begins at a number, such as 0/5"),
        ),
        ("daly", "daly", "\"daly\" is no day of the week", Some("did you mean \"daily\"?")),
        ("Mon,Tus 6:00", "Tus", "\"Tus\" is no day of the week", Some("did you mean \"Tue\"?")),
        (
            "Fri..Mon",
            "Mon",
            "Monday comes before Friday: the week begins on Monday",
            Some("write Fri..Sun,Mon"),
        ),
        (
            "3",
            "3",
            "neither a date nor a time",
            Some("a date is such as 12-24 or *-*-1, a time such as 6:00 or *:0/15"),
        ),
        ("6:00 ", " ", "' ': expected : and a second behind the minute, or the end", None),
        (
            "6:00 Europe/Berlin",
            "Europe/Berlin",
            "\"Europe/Berlin\" is not supported: of time zones tomte only knows UTC",
            Some("a target has no time-zone data; its local time is UTC"),
        ),
        (
            "@7258118400",
            "7258118400",
            "expected whole seconds since 1970 behind the @, before the year 2200",
            None,
        ),
        ("99999999999:0", "99999999999", "99999999999 is too large", None),
    ] {
        let problem = parse(&text(written)).expect_err(written);
        assert_eq!(problem.message, message, "{written}");
        let column = written.rfind(at).expect("a part") + 1;
        let place = problem.place.expect("a place");
        assert_eq!((place.column, problem.width as usize), (column, at.len()), "{written}");
        assert_eq!(problem.help.first().map(String::as_str), help, "{written}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_calendar_or_an_error(written in "[MonFriSu*0-9:.,/~@ TZUC-]{0,20}") {
        let _ = parse(&text(&written));
    }

    #[test]
    fn a_normal_form_is_its_own_normal_form_and_means_the_same(
        days in "(|Mon |Tue,Thu..Sat |Mon..Fri,Sun )",
        date in "(|[*]-[*]-[*] |[*]-0?[1-9]~(0?[1-9]|1[0-9](/[1-8])?) |(19|20)[7-9][0-9](/[1-9])?-[1-9],1[0-2]-[12]?[1-9]([.][.]3[01](/[1-9])?)? )",
        time in "([*]|1?[0-9](,2[0-3])?|0/[1-9]):([*]|[0-5]?[0-9](/[1-2])?)(|:[0-4]?[0-9]([.][0-9]{1,8})?(/[1-9]([.][0-9]{1,6})?)?)",
        zone in "(| UTC)",
        after in 0_u64..7_000_000_000_000_000,
    ) {
        let written = format!("{days}{date}{time}{zone}");
        let calendar = parse(&text(&written));
        prop_assume!(calendar.is_ok());
        let calendar = calendar.expect("checked");
        let again = parse(&text(&calendar.to_string()));
        prop_assert_eq!(again.as_ref(), Ok(&calendar));
        prop_assert!(calendar.compile().record().is_sound());
        prop_assert_eq!(again.expect("checked").next(after), calendar.next(after));
    }
}
