//! Who may ask PID 1 for more than the state of units: `[[allow]]` of board.toml. What root may, and everybody, is the
//! supervisor's business.

use super::StrList;

record! {
    /// One rule. There is none that takes anything away.
    #[derive(Eq)]
    pub struct Allow<'t> {
        /// How `number` is meant.
        pub who: Who,
        /// A user, a group, or the place of a name in [`super::Board::identities`].
        pub number: u32,
        /// What they may: a bit for each [`crate::wire::Verb`].
        pub verbs: u32,
        /// Names of units, with `*` and `?`; none stands for every unit and for what is about no unit.
        pub units: StrList<'t>,
    }
}

choice! {
    /// Whom a rule is for.
    pub enum Who {
        /// Processes of this user.
        User,
        /// Processes of this group, be it their own or one of their supplementary groups.
        Group,
        /// Processes of the unit that has the dynamic user of this name now.
        DynamicUser,
        /// The same for a group.
        DynamicGroup,
    }
}

/// Whether `text` is what `pattern` stands for: `*` any bytes, `?` any one, others themselves.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Behind the last star, and where the text was then: that star takes one byte more whenever the rest does not fit.
    let mut star = None;
    loop {
        match (pattern.get(at), text.get(seen)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                at += 1;
                star = Some((at, seen));
            }
            (Some(wanted), Some(found)) if *wanted == b'?' || wanted == found => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((behind, from)) if from < text.len() => {
                    (at, seen) = (behind, from + 1);
                    star = Some((behind, from + 1));
                }
                Some(_) | None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_bytes_and_a_question_mark_for_one() {
        for (pattern, text) in [
            ("web.service", "web.service"),
            ("*", ""),
            ("web@*.service", "web@a.b.service"),
            ("*.service", "a.service.service"),
            ("we?.*", "web.service"),
            ("*a*b", "xaxbxb"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("web.service", "web.service2"),
            ("web.service", "web.servic"),
            ("web@*.service", "web@.socket"),
            ("?", ""),
            ("*a*b", "xaxbxc"),
            ("", "x"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
