//! The protocol of nscd, as glibc and musl speak it to /run/nscd/socket: what they ask, and what they understand as an
//! answer. Numbers are 32 bits in the byte order of the machine, strings end in NUL and their lengths count it.
//!
//! Source: musl's src/passwd and glibc's nscd/nscd-client.h. Pure; whoever asks may be anybody.

/// The only version there is.
const VERSION: u32 = 2;
/// Bytes of a request before its key.
const HEAD_BYTES: usize = 12;
/// Longest key, NUL included: longer than any name.
const KEY_BYTES_MAX: usize = 256;
/// Longest request.
pub const REQUEST_BYTES_MAX: usize = HEAD_BYTES + KEY_BYTES_MAX;
/// Longest answer: a line of a group file with as many members as fit, each with its length.
pub const ANSWER_BYTES_MAX: usize = 32 << 10;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An entry of passwd; by its number, or else its name.
    User {
        #[expect(missing_docs, reason = "see above")]
        by_number: bool,
    },
    /// An entry of group, likewise.
    Group {
        #[expect(missing_docs, reason = "see above")]
        by_number: bool,
    },
    /// The groups that have a user among their members.
    Memberships,
}

/// What the bytes that came so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'p> {
    /// The beginning of a request.
    Part,
    /// A request: what is looked for, and its name or its number in decimal digits.
    For(Kind, &'p [u8]),
    /// Nothing that is answered: the asker is to help itself. Requests for a cache in shared memory are such.
    Nothing,
}

/// Reads what came so far.
pub fn parse(bytes: &[u8]) -> Asked<'_> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let (Some(version), Some(kind), Some(length)) = (word(0), word(4), word(8)) else { return Asked::Part };
    let kind = match kind {
        0 | 1 => Kind::User { by_number: kind == 1 },
        2 | 3 => Kind::Group { by_number: kind == 3 },
        15 => Kind::Memberships,
        _ => return Asked::Nothing,
    };
    let length = length as usize;
    if version != VERSION || !(2..=KEY_BYTES_MAX).contains(&length) {
        return Asked::Nothing;
    }
    match bytes.get(HEAD_BYTES..HEAD_BYTES.saturating_add(length)) {
        None => Asked::Part,
        Some([key @ .., 0]) if !key.contains(&0) => Asked::For(kind, key),
        Some(_) => Asked::Nothing,
    }
}

/// An answer that is being made.
#[derive(Debug)]
pub struct Answer<'b> {
    buffer: &'b mut [u8],
    used: usize,
    whole: bool,
}

impl<'b> Answer<'b> {
    /// Nothing yet, in `buffer`.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, used: 0, whole: true }
    }

    /// The bytes of the answer, if they have all found room.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.buffer.get(..self.used).filter(|_| self.whole)
    }

    /// An entry of passwd: name, password, gecos, home, shell, and the numbers.
    pub fn user(&mut self, strings: [&[u8]; 5], uid: u32, gid: u32) {
        let [name, password, rest @ ..] = strings.map(length);
        self.words(&[VERSION, 1, name, password, uid, gid]);
        self.words(&rest);
        strings.into_iter().for_each(|text| self.text(text));
    }

    /// An entry of group.
    pub fn group<'m>(
        &mut self,
        strings: [&[u8]; 2],
        gid: u32,
        members: impl Iterator<Item = &'m [u8]> + Clone,
    ) {
        let [name, password] = strings.map(length);
        let mut count = 0_u32;
        members.clone().for_each(|_| count = count.saturating_add(1));
        self.words(&[VERSION, 1, name, password, gid, count]);
        members.clone().for_each(|member| self.words(&[length(member)]));
        strings.into_iter().for_each(|text| self.text(text));
        members.for_each(|member| self.text(member));
    }

    /// The beginning of a user's groups; each follows with [`Self::membership`].
    pub fn memberships(&mut self) {
        self.words(&[VERSION, 1, 0]);
    }

    /// One more group.
    pub fn membership(&mut self, gid: u32) {
        self.words(&[gid]);
        let count = (self.used / 4).saturating_sub(3) as u32; // ANSWER_BYTES_MAX is far below
        if let Some(place) = self.buffer.get_mut(8..12) {
            place.copy_from_slice(&count.to_ne_bytes());
        }
    }

    /// There is no such user or group. As long an answer as there would be otherwise: that much is read.
    pub fn none(&mut self, kind: Kind) {
        const LONGEST: [u32; 9] = [VERSION, 0, 0, 0, 0, 0, 0, 0, 0];
        let words = match kind {
            Kind::User { .. } => 9,
            Kind::Group { .. } => 6,
            Kind::Memberships => 3,
        };
        self.words(LONGEST.get(..words).unwrap_or_default());
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.put(&word.to_ne_bytes());
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.put(text);
        self.put(&[0]);
    }

    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        match self.buffer.get_mut(self.used..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.used = end;
            }
            None => self.whole = false,
        }
    }
}

/// With the NUL.
fn length(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn request(kind: u32, key: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &word in &[2, kind, key.len() as u32] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(key);
        bytes
    }

    fn words(answer: &[u8], count: usize) -> Vec<u32> {
        answer.chunks(4).take(count).map(|four| u32::from_ne_bytes(four.try_into().expect("four"))).collect()
    }

    #[test]
    fn a_request_is_read_as_soon_as_it_is_whole() {
        let bytes = request(1, b"61184\0");
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Asked::Part);
        }
        assert_eq!(parse(&bytes), Asked::For(Kind::User { by_number: true }, b"61184"));
        assert_eq!(parse(&request(0, b"app\0")), Asked::For(Kind::User { by_number: false }, b"app"));
        assert_eq!(parse(&request(2, b"app\0")), Asked::For(Kind::Group { by_number: false }, b"app"));
        assert_eq!(parse(&request(15, b"app\0")), Asked::For(Kind::Memberships, b"app"));
    }

    #[test]
    fn what_is_not_answered_is_told_at_once() {
        for (kind, key) in [(11, &b"passwd\0"[..]), (12, b"group\0"), (4, b"host\0"), (u32::MAX, b"x\0")] {
            assert_eq!(parse(&request(kind, key)[..12]), Asked::Nothing);
        }
        for key in [&b"\0"[..], b"no end", b"a\0b\0", &[b'x'; 300]] {
            assert_eq!(parse(&request(0, key)), Asked::Nothing);
        }
        let mut swapped = request(0, b"app\0");
        swapped[..4].reverse();
        assert_eq!(parse(&swapped), Asked::Nothing);
    }

    #[test]
    fn answers_are_laid_out_as_both_libraries_read_them() {
        let mut buffer = [0; 256];
        let mut answer = Answer::new(&mut buffer);
        answer.user([b"app", b"x", b"", b"/", b"/sh"], 61184, 61185);
        let bytes = answer.bytes().expect("it fits");
        assert_eq!(words(bytes, 9), [2, 1, 4, 2, 61184, 61185, 1, 2, 4]);
        assert_eq!(&bytes[36..], b"app\0x\0\0/\0/sh\0");

        let mut answer = Answer::new(&mut buffer);
        answer.group([b"adm", b"*"], 4, [&b"a"[..], b"bc"].into_iter());
        let bytes = answer.bytes().expect("it fits");
        assert_eq!(words(bytes, 8), [2, 1, 4, 2, 4, 2, 2, 3]);
        assert_eq!(&bytes[32..], b"adm\0*\0a\0bc\0");

        let mut answer = Answer::new(&mut buffer);
        answer.memberships();
        answer.membership(4);
        answer.membership(27);
        assert_eq!(words(answer.bytes().expect("it fits"), 9), [2, 1, 2, 4, 27]);

        for (kind, count) in [(Kind::User { by_number: true }, 9), (Kind::Memberships, 3)] {
            let mut answer = Answer::new(&mut buffer);
            answer.none(kind);
            let bytes = answer.bytes().expect("it fits");
            assert_eq!((bytes.len(), words(bytes, 2)), (4 * count, [2, 0].to_vec()));
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_none() {
        let mut buffer = [0; 40];
        let mut answer = Answer::new(&mut buffer);
        answer.user([b"a name that is long", b"x", b"", b"/", b"/"], 1, 1);
        assert_eq!(answer.bytes(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Asked::For(_, key) = parse(&bytes) {
                prop_assert!(!key.contains(&0) && !key.is_empty());
            }
        }
    }
}
