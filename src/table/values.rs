//! Small values that records are made of. Each is right by construction or says what was wrong.

use core::fmt;

use serde::{Serialize, Serializer};

use super::limits::UNIT_NAME_BYTES_MAX;
use crate::record::{Keep, Keeper, Read, Reader};

/// A unit's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UnitId(pub u16);

impl Read<'_> for UnitId {
    #[inline(always)]
    fn empty() -> Self {
        Self(0)
    }

    fn fill(&mut self, from: &mut Reader<'_>) {
        self.0.fill(from);
    }
}

impl Keep for UnitId {
    fn blank() -> Self {
        Self(u16::MAX)
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        self.0 = with.unit(self.0);
    }
}

impl UnitId {
    /// The id as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A dynamic name's place in the board's list of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct IdentityId(pub u16);

impl Read<'_> for IdentityId {
    #[inline(always)]
    fn empty() -> Self {
        Self(0)
    }

    fn fill(&mut self, from: &mut Reader<'_>) {
        self.0.fill(from);
    }
}

impl IdentityId {
    /// The id as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A filter's place in the board's list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FilterId(pub u16);

impl Read<'_> for FilterId {
    #[inline(always)]
    fn empty() -> Self {
        Self(0)
    }

    fn fill(&mut self, from: &mut Reader<'_>) {
        self.0.fill(from);
    }
}

impl FilterId {
    /// The id as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A unit name with its suffix, such as `sshd.service`: 1 to 255 bytes of `[A-Za-z0-9:_.\-@]` and backslash
/// (systemd's unit-name.c, `VALID_CHARS`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'t>(&'t str);

impl<'t> Name<'t> {
    /// Checks `text`.
    pub fn new(text: &'t str) -> Option<Self> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b":_.-@\\".contains(&byte);
        let sized = (1..=UNIT_NAME_BYTES_MAX).contains(&text.len());
        (sized && text.bytes().all(valid)).then_some(Self(text))
    }

    /// The name as written.
    pub const fn as_str(self) -> &'t str {
        self.0
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'t> Read<'t> for Name<'t> {
    #[inline(always)]
    fn empty() -> Self {
        Self("")
    }

    fn read(from: &mut Reader<'t>) -> Self {
        Self::new(<&str>::read(from)).unwrap_or_else(|| {
            from.fail();
            Self("")
        })
    }
}

/// A span of time in microseconds. `FOREVER` is systemd's `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Micros(pub u64);

impl Read<'_> for Micros {
    #[inline(always)]
    fn empty() -> Self {
        Self::ZERO
    }

    fn fill(&mut self, from: &mut Reader<'_>) {
        self.0.fill(from);
    }
}

impl Keep for Micros {
    fn blank() -> Self {
        Self::ZERO
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        self.0.keep(with);
    }
}

impl Micros {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// `infinity`: a timeout that never fires.
    pub const FOREVER: Self = Self(u64::MAX);

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }
}

record! {
    /// Numbers that dynamic users are given, both ends included.
    #[derive(Eq)]
    pub struct UidRange {
        /// Lowest number.
        pub first: u32,
        /// Highest number.
        pub last: u32,
    }
}

impl UidRange {
    /// systemd's range (meson_options.txt, `dynamic-uid-min` and `dynamic-uid-max`).
    pub const DYNAMIC: Self = Self { first: 61184, last: 65519 };

    /// How many numbers there are; at least 1 in a valid range.
    #[expect(clippy::len_without_is_empty, reason = "a valid range is never empty")]
    pub const fn len(self) -> u32 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// Whether `uid` is one of them.
    pub const fn contains(self, uid: u32) -> bool {
        self.first <= uid && uid <= self.last
    }

    /// Whether the range can be given out: in order, and free of root, nobody (65534) and the two "no number" values.
    pub const fn is_valid(self) -> bool {
        self.first <= self.last
            && self.first > 0
            && self.last < u32::MAX
            && !self.contains(65534)
            && !self.contains(65535)
    }
}

record! {
    /// Exit codes and signals, as in `SuccessExitStatus=`.
    #[derive(Default, Eq)]
    pub struct ExitSet {
        /// Bit `code % 64` of word `code / 64`.
        pub codes: [u64; 4],
        /// Bit `signal - 1`, as in the kernel's sigset.
        pub signals: u64,
    }
}

impl ExitSet {
    /// Whether exit code `code` is in the set.
    pub fn has_code(&self, code: u8) -> bool {
        self.codes.get(usize::from(code / 64)).is_some_and(|word| word & (1 << (code % 64)) != 0)
    }

    /// Adds exit code `code`.
    pub fn add_code(&mut self, code: u8) {
        if let Some(word) = self.codes.get_mut(usize::from(code / 64)) {
            *word |= 1 << (code % 64);
        }
    }

    /// Whether `signal` (1 to 64) is in the set.
    pub const fn has_signal(&self, signal: u8) -> bool {
        matches!(signal, 1..=64) && self.signals & (1 << (signal - 1)) != 0
    }

    /// Adds `signal` (1 to 64; others are no signals and are ignored).
    pub const fn add_signal(&mut self, signal: u8) {
        if matches!(signal, 1..=64) {
            self.signals |= 1 << (signal - 1);
        }
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
