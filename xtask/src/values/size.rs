//! Sizes, rates and shares (systemd.resource-control(5), systemd.syntax(7); facts from parse-util.c, `parse_size`, and
//! percent-util.c).

use super::{scalar::decimal, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::{Text, is_blank},
};

/// A hundredth of a percent, 0 to 10000 where 100 % is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permyriad(pub u32);

impl std::fmt::Display for Permyriad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}%", self.0 / 100),
            places => write!(f, "{}.{places:02}%", self.0 / 100),
        }
    }
}

impl serde::Serialize for Permyriad {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Permyriad {
    /// All of it.
    pub const ALL: Self = Self(10_000);
}

/// How much of something a unit may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes, tasks or the like.
    Fixed(u64),
    /// A share of what the machine has.
    Share(Permyriad),
    /// `infinity`.
    Unlimited,
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(number) => write!(f, "{number}"),
            Self::Share(share) => write!(f, "{share}"),
            Self::Unlimited => f.write_str("infinity"),
        }
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Letters behind a number, the largest first: terms of a sum come in this order.
const SUFFIXES: [(&str, u32); 8] =
    [("E", 6), ("P", 5), ("T", 4), ("G", 3), ("M", 2), ("K", 1), ("B", 0), ("", 0)];

/// A number of bytes such as `4096`, `64M` or `1G 500M`: letters K to E count in 1024.
pub fn bytes(text: &Text) -> Result<u64, Diagnostic> {
    sum(text, 1024)
}

/// Bytes, where letters K to E count in 1000: rates of input and output.
pub fn bytes_of_rate(text: &Text) -> Result<u64, Diagnostic> {
    sum(text, 1000)
}

/// A size, a percentage or `infinity`.
pub fn amount(text: &Text) -> Result<Amount, Diagnostic> {
    match text.as_str() {
        "infinity" => Ok(Amount::Unlimited),
        written if written.ends_with(['%', '‰', '‱']) => Ok(Amount::Share(share(text)?)),
        _ => Ok(Amount::Fixed(bytes(text)?)),
    }
}

/// A number, a percentage or `infinity`.
pub fn count(text: &Text) -> Result<Amount, Diagnostic> {
    match text.as_str() {
        "infinity" => Ok(Amount::Unlimited),
        written if written.ends_with(['%', '‰', '‱']) => Ok(Amount::Share(share(text)?)),
        written => decimal(written).filter(|number| *number < u64::MAX).map(Amount::Fixed).ok_or_else(|| {
            wrong(
                text,
                Code::Size,
                format!("{written:?}: expected a number, a percentage such as 10% or infinity"),
            )
        }),
    }
}

/// A part of a whole: `50%`, `12.5%`, `5‰`, `3‱`; at most all of it.
pub fn share(text: &Text) -> Result<Permyriad, Diagnostic> {
    let share = share_unbounded(text)?;
    if share > Permyriad::ALL {
        return Err(wrong(text, Code::Size, format!("{:?} is more than all there is", text.as_str())));
    }
    Ok(share)
}

/// The same without a limit: two processors are `200%`.
pub fn share_unbounded(text: &Text) -> Result<Permyriad, Diagnostic> {
    let written = text.as_str();
    let parsed = [("%", 2), ("‰", 1), ("‱", 0)].into_iter().find_map(|(sign, places)| {
        let number = written.strip_suffix(sign)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let plain = number != format!("{whole}.") && fraction.len() <= places;
        let whole = decimal(whole).filter(|_| plain)?;
        let digits = format!("{fraction:0<places$}");
        let fraction = if digits.is_empty() { 0 } else { digits.parse::<u64>().ok()? };
        let scale = 10_u64.pow(u32::try_from(places).ok()?);
        u32::try_from(whole.checked_mul(scale)?.checked_add(fraction)?).ok()
    });
    parsed.map(Permyriad).ok_or_else(|| {
        wrong(text, Code::Size, format!("{written:?}: expected a percentage such as 20% or 12.5%"))
    })
}

/// The terms of `text` added up. Each has a smaller letter than the one before.
fn sum(text: &Text, base: u64) -> Result<u64, Diagnostic> {
    let written = text.as_str();
    let problem = |at: usize, end: usize, message: &str| {
        let found = &written[at..end];
        Err(Diagnostic::error(Code::Size, format!("{found:?}: {message}")).on(text, at..end))
    };
    const EXPECTED: &str = "expected a number of bytes such as 4096, 64K or 1G 500M";
    let skip = |at: usize| written.len() - written[at..].trim_start_matches(is_blank).len();
    let mut at = skip(0);
    if at == written.len() {
        return problem(0, written.len(), EXPECTED);
    }
    let mut total: u64 = 0;
    let mut left = SUFFIXES.as_slice();
    while at < written.len() {
        let start = at;
        let number =
            written[at..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len() - at);
        let digits = &written[at..at + number];
        at = skip(at + number);
        let letters = written[at..].find(|c: char| !c.is_alphabetic()).unwrap_or(written.len() - at);
        let suffix = &written[at..at + letters];
        let end = at + letters;
        let Some(place) = left.iter().position(|(name, _)| *name == suffix) else {
            let known = SUFFIXES.iter().any(|(name, _)| *name == suffix);
            return if known {
                problem(start, end, "the larger part of a sum comes first, and each letter stands once")
            } else if suffix.len() == 2 && suffix.ends_with(['B', 'b']) {
                problem(at, end, "write one letter: K, M, G, T, P or E")
            } else {
                problem(at.min(end), end.max(at), EXPECTED)
            };
        };
        let (_, power) = left[place];
        left = &left[place + 1..];
        let Some(part) = scaled(digits, base.pow(power)) else { return problem(start, end, EXPECTED) };
        let sum = u64::try_from(part).ok().and_then(|part| total.checked_add(part));
        match sum.filter(|total| *total < u64::MAX) {
            Some(sum) => total = sum,
            None => return problem(0, written.len(), "more bytes than there can be"),
        }
        at = skip(end);
    }
    Ok(total)
}

/// A decimal fraction of `unit`, rounded down.
fn scaled(digits: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    if whole.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(12))?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts = number(whole)?.checked_mul(scale)?.checked_add(number(fraction)?)?;
    Some(parts.checked_mul(u128::from(unit))? / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn sizes_have_letters_and_add_up() {
        for (written, size) in [
            ("111", 111),
            ("111.4", 111),
            (" 112 B", 112),
            ("3.5 K", 3584),
            ("3. K", 3072),
            ("3.0 K", 3072),
            (" 4 M 11.5K", (4 << 20) + 11_776),
            ("3.5G3B", (7 << 29) + 3),
            ("4T3G3B", (4 << 40) + (3 << 30) + 3),
            ("12P", 12 << 50),
            ("3E 2P", (3 << 60) + (2 << 50)),
            ("0", 0),
        ] {
            assert_eq!(bytes(&text(written)), Ok(size), "{written}");
        }
        assert_eq!(bytes_of_rate(&text("5M")), Ok(5_000_000));
        assert_eq!(bytes_of_rate(&text("1.5K")), Ok(1500));
        assert_eq!(amount(&text("infinity")), Ok(Amount::Unlimited));
        assert_eq!(amount(&text("12.5%")), Ok(Amount::Share(Permyriad(1250))));
        assert_eq!(amount(&text("64M")), Ok(Amount::Fixed(64 << 20)));
        assert_eq!(count(&text("100")), Ok(Amount::Fixed(100)));
        assert_eq!(count(&text("10%")), Ok(Amount::Share(Permyriad(1000))));
    }

    #[test]
    fn a_wrong_size_is_shown_where_it_is_wrong() {
        for (written, column, width, message) in [
            ("", 1, 1, "expected a number of bytes"),
            ("3. 0 K", 4, 3, "each letter stands once"),
            ("3B3.5G", 3, 4, "the larger part of a sum comes first"),
            ("12P12P", 4, 3, "each letter stands once"),
            ("-1", 1, 1, "expected a number of bytes"),
            ("1.2.3K", 1, 6, "expected a number of bytes"),
            (".7", 1, 2, "expected a number of bytes"),
            ("64MB", 3, 2, "write one letter"),
            ("64 m", 4, 1, "expected a number of bytes"),
            ("20E", 1, 3, "more bytes than there can be"),
            ("99999999999999999999", 1, 20, "more bytes than there can be"),
        ] {
            let problem = bytes(&text(written)).expect_err(written);
            assert!(problem.message.contains(message), "{written}: {}", problem.message);
            assert_eq!((problem.place.expect("a place").column, problem.width), (column, width), "{written}");
        }
    }

    #[test]
    fn percentages_have_up_to_two_places() {
        for (written, share) in [
            ("0%", 0),
            ("50%", 5000),
            ("100%", 10_000),
            ("12.5%", 1250),
            ("0.01%", 1),
            ("5‰", 50),
            ("5.3‰", 53),
            ("3‱", 3),
        ] {
            assert_eq!(super::share(&text(written)), Ok(Permyriad(share)), "{written}");
        }
        for bad in
            ["", "%", "50", "1.234%", "-1%", "1.%", ".5%", "101%", "0x5%", "5.33‰", "1.0‱", "50 %", "01%"]
        {
            assert!(share(&text(bad)).is_err(), "{bad}");
        }
        assert_eq!(share_unbounded(&text("250%")), Ok(Permyriad(25_000)));
        assert!(share_unbounded(&text("99999999%")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_size_or_an_error(written in "[0-9KMGBE. %‰x]{0,12}") {
            let _ = (bytes(&text(&written)), amount(&text(&written)), count(&text(&written)));
        }

        #[test]
        fn a_plain_number_is_itself(number in 0..u64::MAX) {
            proptest::prop_assert_eq!(bytes(&text(&number.to_string())), Ok(number));
        }
    }
}
