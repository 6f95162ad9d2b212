//! Reading records in postcard's format (its "wire format" chapter; `encode` writes with postcard itself).
//!
//! Serde's way, where each of a record's sixty fields may be an error or be missing, is seven kilobytes of code. Here a
//! reader that met something wrong says so once, at the end: until then it gives zeros and empty strings.

#[macro_use]
mod keep;

pub use keep::Keeper;
pub(crate) use keep::{IDS_MAX, Keep};

/// FNV-1a of two pieces of bytes. Each step is a bijection of the state, so any single changed byte changes the sum.
pub(crate) fn checksum(pieces: [&[u8]; 2]) -> u64 {
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    for piece in pieces {
        for byte in piece {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    sum
}

/// Bytes that are read from front to back.
#[derive(Clone, Debug)]
pub struct Reader<'t> {
    rest: &'t [u8],
    failed: bool,
}

impl<'t> Reader<'t> {
    /// Reads `bytes`.
    pub const fn new(bytes: &'t [u8]) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// What is not read yet; `None` if anything that was read is not what it should be.
    pub const fn rest(&self) -> Option<&'t [u8]> {
        if self.failed { None } else { Some(self.rest) }
    }

    /// How many bytes are not read yet.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether a record was read where `before` bytes were left: not at the end, nor where the bytes are no record, nor for
    /// a record of no bytes, which would never end.
    pub(crate) const fn has_gone_on(&self, before: usize) -> bool {
        !self.failed && self.rest.len() < before
    }

    /// What was just read makes no sense.
    pub const fn fail(&mut self) {
        self.failed = true;
        self.rest = &[];
    }

    #[inline(never)]
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else {
            self.fail();
            return 0;
        };
        self.rest = rest;
        *byte
    }

    /// A byte below `count`: a place in a list.
    #[inline(never)]
    pub fn place(&mut self, count: usize) -> usize {
        let place = usize::from(self.byte());
        if place < count {
            return place;
        }
        self.fail();
        0
    }

    /// A number of up to `max`: seven bits a byte, lowest first, the top bit set in all but the last.
    fn number(&mut self, max: u64) -> u64 {
        // Nine of ten are that small, and a start reads hundreds; none of a record's types has a `max` below.
        if let Some((&byte @ ..0x80, rest)) = self.rest.split_first() {
            self.rest = rest;
            return byte.into();
        }
        let mut value = 0;
        let mut shift = 0;
        while shift < u64::BITS {
            let byte = self.byte();
            let part = u64::from(byte & 0x7f);
            value |= part << shift;
            if value >> shift & 0x7f != part || value > max {
                break; // more than fits
            }
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
        self.fail();
        0
    }

    fn bytes(&mut self) -> &'t [u8] {
        let length = self.number(u64::from(u32::MAX)) as usize;
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            self.fail();
            return &[];
        };
        self.rest = rest;
        bytes
    }
}

/// What records are made of. Each type says how it is read or how it is filled.
pub trait Read<'t>: Sized {
    /// What a field holds before it is read.
    fn empty() -> Self;

    /// The next value of this type. After [`Reader::fail`], any value.
    fn read(from: &mut Reader<'t>) -> Self {
        let mut value = Self::empty();
        value.fill(from);
        value
    }

    /// The same in place: a record is hundreds of bytes, and what calls with the field's address need not store it.
    fn fill(&mut self, from: &mut Reader<'t>) {
        *self = Self::read(from);
    }
}

impl Read<'_> for bool {
    #[inline(always)]
    fn empty() -> Self {
        false
    }

    #[inline(never)]
    fn read(from: &mut Reader<'_>) -> Self {
        from.place(2) == 1
    }
}

impl Read<'_> for u8 {
    #[inline(always)]
    fn empty() -> Self {
        0
    }

    fn read(from: &mut Reader<'_>) -> Self {
        from.byte()
    }
}

impl Read<'_> for u16 {
    #[inline(always)]
    fn empty() -> Self {
        0
    }

    #[inline(never)]
    fn read(from: &mut Reader<'_>) -> Self {
        from.number(u64::from(Self::MAX)) as Self
    }
}

impl Read<'_> for u32 {
    #[inline(always)]
    fn empty() -> Self {
        0
    }

    #[inline(never)]
    fn read(from: &mut Reader<'_>) -> Self {
        from.number(u64::from(Self::MAX)) as Self
    }
}

impl Read<'_> for u64 {
    #[inline(always)]
    fn empty() -> Self {
        0
    }

    #[inline(never)]
    fn read(from: &mut Reader<'_>) -> Self {
        from.number(Self::MAX)
    }
}

impl<'t> Read<'t> for &'t [u8] {
    #[inline(always)]
    fn empty() -> Self {
        &[]
    }

    #[inline(never)]
    fn fill(&mut self, from: &mut Reader<'t>) {
        *self = from.bytes();
    }
}

impl<'t> Read<'t> for &'t str {
    #[inline(always)]
    fn empty() -> Self {
        ""
    }

    #[inline(never)]
    fn fill(&mut self, from: &mut Reader<'t>) {
        *self = core::str::from_utf8(from.bytes()).unwrap_or_else(|_| {
            from.fail();
            ""
        });
    }
}

impl<'t, T: Read<'t>> Read<'t> for Option<T> {
    #[inline(always)]
    fn empty() -> Self {
        None
    }

    fn read(from: &mut Reader<'t>) -> Self {
        if bool::read(from) { Some(T::read(from)) } else { None }
    }
}

impl<'t, T: Read<'t>, const N: usize> Read<'t> for [T; N] {
    #[inline(always)]
    fn empty() -> Self {
        core::array::from_fn(|_| T::empty())
    }

    fn read(from: &mut Reader<'t>) -> Self {
        core::array::from_fn(|_| T::read(from))
    }
}

/// Defines a record: its fields stand in it in this order.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident $(<$life:lifetime>)? { $($(#[$doc:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
        pub struct $name $(<$life>)? { $($(#[$doc])* pub $field: $type,)+ }

        impl<'t> crate::record::Read<'t> for $name $(<$life>)? {
            #[inline(always)]
fn empty() -> Self {
 Self { $($field: crate::record::Read::empty(),)+ }
}

            #[inline(never)]
            fn fill(&mut self, from: &mut crate::record::Reader<'t>) {
                $(crate::record::Read::fill(&mut self.$field, from);)+
            }
        }
    };
}

/// Defines a setting with a fixed list of values: one byte in a record, the value's place in the list.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl crate::record::Read<'_> for $name {
            #[inline(always)]
fn empty() -> Self {
 [$(Self::$variant,)+][0]
}

            fn read(from: &mut crate::record::Reader<'_>) -> Self {
                match from.place([$(Self::$variant,)+].len()) {
                    $(place if place == Self::$variant as usize => Self::$variant,)+
                    _ => Self::empty(),
                }
            }
        }

        keep_enum!($name { $($variant,)+ });
    };
}

choice! {
    /// What a job does about others that are in its way, and about those whom it would take along (systemctl(1),
    /// `--job-mode=`): a word of both a table's records and a client's requests, so it is here.
    pub enum JobMode {
        /// They give way.
        Replace,
        /// Nothing is done.
        Fail,
        /// They give way, and whatever a start does not pull in is stopped.
        Isolate,
        /// As `Replace`, but nobody is taken along, and nothing that is missing is in the way.
        IgnoreRequirements,
        /// As `IgnoreRequirements`, and nobody is waited for.
        IgnoreDependencies,
        /// As `Replace`, and what it has to do gives way to nothing but the machine's end.
        ReplaceIrreversibly,
        /// As `Replace`, and every other job is called off.
        Flush,
        /// Of a stop: those that would start the unit again are stopped along.
        Triggering,
        /// Of a start: those that require the unit and are up are restarted.
        RestartDependencies,
    }
}

choice! {
    /// `NotifyAccess=`: whose messages are heard. A word of both a table's records and a service's messages, so it is here.
    pub enum NotifyAccess {
        /// Nobody's.
        None,
        /// The main process's.
        Main,
        /// Those of the processes that PID 1 made for the unit.
        Exec,
        /// Those of all the unit's processes.
        All,
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Reads the whole of `bytes` as one value.
    fn whole<'t, T: Read<'t>>(bytes: &'t [u8]) -> Option<T> {
        let mut reader = Reader::new(bytes);
        let value = T::read(&mut reader);
        reader.rest().filter(|rest| rest.is_empty()).map(|_| value)
    }

    fn written(value: &impl serde::Serialize) -> Vec<u8> {
        postcard::to_extend(value, Vec::new()).expect("a Vec takes all")
    }

    proptest! {
        #[test]
        fn what_postcard_writes_is_read_back(a: u16, b: u32, c: u64, d: Option<u8>, e: bool, text: std::string::String) {
            prop_assert_eq!(whole(&written(&a)), Some(a));
            prop_assert_eq!(whole(&written(&b)), Some(b));
            prop_assert_eq!(whole(&written(&c)), Some(c));
            prop_assert_eq!(whole(&written(&d)), Some(d));
            prop_assert_eq!(whole(&written(&e)), Some(e));
            prop_assert_eq!(whole(&written(&[c, u64::from(b)])), Some([c, u64::from(b)]));
            let bytes = written(&text.as_str());
            prop_assert_eq!(whole(&bytes), Some(text.as_str()));
        }

        #[test]
        fn any_bytes_are_a_number_exactly_if_postcard_says_so(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let theirs = |end: Result<(u64, &[u8]), _>| end.ok().filter(|(_, rest)| rest.is_empty()).map(|(n, _)| n);
            let numbers: Result<_, postcard::Error> = postcard::take_from_bytes(&bytes);
            prop_assert_eq!(whole::<u64>(&bytes), theirs(numbers));
        }
    }

    #[test]
    fn a_number_too_large_for_its_type_is_none() {
        assert_eq!(whole::<u16>(&[0xff, 0xff, 0x03]), Some(u16::MAX));
        assert_eq!(whole::<u16>(&[0x80, 0x80, 0x04]), None);
        assert_eq!(whole::<u64>(&[0xff; 10]), None);
        assert_eq!(whole::<bool>(&[2]), None);
        assert_eq!(whole::<&str>(&[2, b'a']), None);
        assert_eq!(whole::<&str>(&[1, 0xff]), None);
    }

    #[test]
    fn after_a_failure_nothing_is_read_any_more() {
        let mut reader = Reader::new(&[2, 1, 1]);
        assert!(!bool::read(&mut reader));
        assert_eq!(u8::read(&mut reader), 0);
        assert_eq!(reader.rest(), None);
    }
}
