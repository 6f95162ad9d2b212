//! What units that are made at run time are put together from: pieces of records that the baker has made, so that
//! `tomte run` need not know what any setting does.

use super::{IdentityId, List, UnitId, limits::SLOTS_MAX};

record! {
    /// Everything about them. A board without slots has none of it.
    pub struct Transient<'t> {
        /// How many there can be at a time.
        pub slots: u8,
        /// The name that `DynamicUser=` of the first one goes by; the others' follow.
        pub identity: IdentityId,
        /// The record of a service without settings, in parts: one after the other they are the record.
        pub parts: List<'t, Part<'t>>,
        /// Which part is the unit's name.
        pub name: u8,
        /// Which part is `ExecStart=`.
        pub start: u8,
        /// The settings it may have.
        pub settings: List<'t, Setting<'t>>,
    }
}

record! {
    /// One field of a record.
    pub struct Part<'t> {
        /// What comes of it if several settings change it.
        pub merge: Merge,
        /// As it is without any.
        pub bytes: &'t [u8],
    }
}

choice! {
    /// What comes of a part that several settings change.
    pub enum Merge {
        /// They have to agree.
        Same,
        /// A list of strings: every one of them, in the order of the alphabet.
        Strings,
        /// A list of mounts: every one of them, by path.
        Mounts,
        /// The bits that all of them leave set.
        Both,
    }
}

record! {
    /// One setting.
    pub struct Setting<'t> {
        /// Its name.
        pub name: &'t str,
        /// How its value is written.
        pub form: Form,
        /// Of a setting of a cgroup: the file. Of a limit: the kernel's number of it, one byte. Of one that is refused: why.
        pub key: &'t str,
        /// The parts that the value becomes.
        pub values: &'t [u8],
        /// What each word changes; with a value, what any value changes besides.
        pub words: List<'t, Word<'t>>,
    }
}

choice! {
    /// How the value of a [`Setting`] is written.
    pub enum Form {
        /// One of its words.
        Words,
        /// A span of time.
        Time,
        /// The same; 0 is for ever.
        TimeOrForever,
        /// A text that is taken as it is.
        Text,
        /// A user or group: a name or a number.
        User,
        /// An absolute path.
        Path,
        /// `Nice=`.
        Nice,
        /// An assignment, `NAME=value`; every one counts.
        Assignment,
        /// `CPUWeight=`.
        Weight,
        /// `CPUQuota=`: whole percents of a processor.
        Share,
        /// `MemoryMax=` and the like: a number with a letter, whole percents of what there is, or for ever.
        Amount,
        /// `LimitNOFILE=` and the like: one number or two.
        Limit,
        /// The same of bytes.
        LimitBytes,
        /// It cannot be set.
        Refused,
    }
}

impl Form {
    /// Whether the value goes to others in a list of its field.
    pub(super) const fn adds(self) -> bool {
        matches!(
            self,
            Self::Assignment | Self::Weight | Self::Share | Self::Amount | Self::Limit | Self::LimitBytes
        )
    }
}

record! {
    /// One word that a setting can have.
    pub struct Word<'t> {
        /// It.
        pub word: &'t str,
        /// What it changes.
        pub changes: List<'t, Change<'t>>,
    }
}

record! {
    /// What a part is instead.
    pub struct Change<'t> {
        /// Which.
        pub part: u8,
        /// Its bytes.
        pub bytes: &'t [u8],
    }
}

impl Transient<'_> {
    /// No such units.
    pub const NONE: Self = Self {
        slots: 0,
        identity: IdentityId(0),
        parts: List::new(&[]),
        name: 0,
        start: 0,
        settings: List::new(&[]),
    };

    /// Whether the names are there, and all lists are whole.
    pub(super) fn is_sound(&self, identities: usize) -> bool {
        let slots = usize::from(self.slots);
        slots <= SLOTS_MAX
            && (slots == 0 || self.identity.index() + slots <= identities)
            && self.parts.count().is_some_and(|count| count <= usize::from(u8::MAX))
            && self.settings.count().is_some()
    }

    /// The name of the unit in slot `slot`.
    pub(super) const fn identity_of(&self, slot: UnitId) -> IdentityId {
        IdentityId(self.identity.0.saturating_add(slot.0))
    }
}
