//! Lists inside a record: borrowed from the table, decoded one element at a time, no heap.

use core::{fmt, marker::PhantomData};

use serde::{Serialize, Serializer};

use super::UnitId;
use crate::record::{Read, Reader};

/// Strings one after the other, each ended by NUL: argv and envp pointers aim straight into the table.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct StrList<'t>(&'t [u8]);

impl<'t> StrList<'t> {
    /// No string.
    pub const EMPTY: Self = Self(&[]);

    /// Takes `bytes` as a list: empty, or UTF-8 whose last byte is NUL.
    pub fn new(bytes: &'t [u8]) -> Option<Self> {
        let whole = bytes.is_empty() || bytes.last() == Some(&0);
        (whole && core::str::from_utf8(bytes).is_ok()).then_some(Self(bytes))
    }

    /// The strings with their NULs, as the kernel wants them.
    pub const fn as_bytes(self) -> &'t [u8] {
        self.0
    }

    /// Whether there is no string at all (one empty string is not nothing).
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// How many strings there are.
    pub fn count(self) -> usize {
        self.0.iter().filter(|byte| **byte == 0).count()
    }

    /// The strings without their NULs, in order.
    pub fn iter(self) -> impl Iterator<Item = &'t str> + Clone {
        // `new` checked the bytes, so the fallback is never taken.
        let text = core::str::from_utf8(self.0).unwrap_or_default();
        text.split_terminator('\0')
    }
}

impl fmt::Debug for StrList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for StrList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'t> Read<'t> for StrList<'t> {
    #[inline(always)]
    fn empty() -> Self {
        Self(&[])
    }

    #[inline(never)]
    fn fill(&mut self, from: &mut Reader<'t>) {
        *self = Self::new(Read::read(from)).unwrap_or_else(|| {
            from.fail();
            Self::default()
        });
    }
}

/// Unit ids, two little-endian bytes each.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct IdList<'t>(&'t [u8]);

impl<'t> IdList<'t> {
    /// No units.
    pub const NONE: IdList<'static> = IdList(&[]);

    /// Takes `bytes` as a list if their count is even.
    pub const fn new(bytes: &'t [u8]) -> Option<Self> {
        if bytes.len().is_multiple_of(2) { Some(Self(bytes)) } else { None }
    }

    /// The ids, in order.
    pub fn iter(self) -> impl Iterator<Item = UnitId> + Clone + 't {
        self.0.chunks_exact(2).map(|pair| match pair {
            [low, high] => UnitId(u16::from_le_bytes([*low, *high])),
            _ => UnitId(u16::MAX), // chunks_exact(2) yields pairs only
        })
    }

    /// Whether `id` is in the list.
    pub fn contains(self, id: UnitId) -> bool {
        self.iter().any(|other| other == id)
    }

    /// Whether the list has no ids.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for IdList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|id| id.0)).finish()
    }
}

impl Serialize for IdList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'t> Read<'t> for IdList<'t> {
    #[inline(always)]
    fn empty() -> Self {
        Self(&[])
    }

    #[inline(never)]
    fn fill(&mut self, from: &mut Reader<'t>) {
        *self = Self::new(Read::read(from)).unwrap_or_else(|| {
            from.fail();
            Self::default()
        });
    }
}

/// Records one after the other, each a postcard encoding of `T`, decoded as the iterator goes.
pub struct List<'t, T> {
    bytes: &'t [u8],
    element: PhantomData<fn() -> T>,
}

impl<'t, T> List<'t, T> {
    /// Takes `bytes` as a list; [`List::count`] tells whether they are one.
    pub const fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, element: PhantomData }
    }

    /// Whether the list has no records.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl<'t, T: Read<'t>> List<'t, T> {
    /// The records, in order. Ends early where the bytes are no record; `open` has refused such a table.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'t, T> {
        let mut from = Reader::new(self.bytes);
        core::iter::from_fn(move || {
            let left = from.left();
            let record = T::read(&mut from);
            from.has_gone_on(left).then_some(record)
        })
    }

    /// The records, each with its bytes.
    pub fn pieces(&self) -> impl Iterator<Item = (T, &'t [u8])> + use<'t, T> {
        let mut from = Reader::new(self.bytes);
        core::iter::from_fn(move || {
            let rest = from.rest()?;
            let record = T::read(&mut from);
            if !from.has_gone_on(rest.len()) {
                return None;
            }
            Some((record, rest.get(..rest.len() - from.left())?))
        })
    }

    /// Whether the bytes are a whole number of records, `most` at most, and `sound` takes each.
    pub fn are_all(&self, most: usize, mut sound: impl FnMut(&T) -> bool) -> bool {
        read_all(self.bytes, most, &mut |from| sound(&T::read(from)))
    }

    /// How many records there are, or `None` if the bytes are not a whole number of them.
    pub fn count(&self) -> Option<usize> {
        let mut count = 0_usize;
        let whole = read_all(self.bytes, usize::MAX, &mut |from| {
            T::read(from);
            count = count.saturating_add(1);
            true
        });
        whole.then_some(count)
    }
}

/// Whether `read` takes `bytes` to their end, in `most` calls at most and by a byte or more in each. It is asked for more
/// than the rest says, too, and answers what it likes then.
fn read_all<'t>(bytes: &'t [u8], most: usize, read: &mut dyn FnMut(&mut Reader<'t>) -> bool) -> bool {
    let mut reader = Reader::new(bytes);
    let (mut left, mut room) = (bytes.len(), most);
    while left > 0 {
        let sound = read(&mut reader);
        let now = reader.rest().map_or(left, <[u8]>::len);
        let Some(less) = room.checked_sub(1) else { return false };
        if !sound || now == left {
            return false;
        }
        (left, room) = (now, less);
    }
    true
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl<T> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<'t, T: Read<'t> + fmt::Debug> fmt::Debug for List<'t, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes)
    }
}

impl<'t, T> Read<'t> for List<'t, T> {
    #[inline(always)]
    fn empty() -> Self {
        Self::new(&[])
    }

    fn fill(&mut self, from: &mut Reader<'t>) {
        self.bytes.fill(from);
    }
}
