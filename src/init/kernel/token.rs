//! What stands in an event of epoll.

/// What a ready descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::init) enum Token {
    Signals,
    Timer,
    WallClock,
    Initctl,
    Listener,
    Notify,
    Client(u16),
    /// A process's place.
    Report(u16),
    /// A unit.
    Group(u16),
    /// The place of a process that PID 1 has not made.
    Ended(u16),
    /// A unit whose processes want more memory than there is.
    Memory(u16),
    /// The place of a descriptor that is held for a unit.
    Held(u16),
    /// logd has read something to its end.
    Log,
    /// Mounts or swaps have changed.
    Mounts,
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        let (kind, index) = match token {
            Token::Signals => (0, 0),
            Token::Timer => (1, 0),
            Token::Listener => (2, 0),
            Token::Client(index) => (3, index),
            Token::Report(index) => (4, index),
            Token::Group(index) => (5, index),
            Token::Ended(index) => (6, index),
            Token::Notify => (7, 0),
            Token::Memory(index) => (8, index),
            Token::Held(index) => (9, index),
            Token::WallClock => (10, 0),
            Token::Initctl => (11, 0),
            Token::Log => (12, 0),
            Token::Mounts => (13, 0),
        };
        kind << 16 | Self::from(index)
    }
}

impl Token {
    pub(super) const fn from_u64(value: u64) -> Option<Self> {
        let index = (value & 0xffff) as u16;
        match value >> 16 {
            0 => Some(Self::Signals),
            1 => Some(Self::Timer),
            2 => Some(Self::Listener),
            3 => Some(Self::Client(index)),
            4 => Some(Self::Report(index)),
            5 => Some(Self::Group(index)),
            6 => Some(Self::Ended(index)),
            7 => Some(Self::Notify),
            8 => Some(Self::Memory(index)),
            9 => Some(Self::Held(index)),
            10 => Some(Self::WallClock),
            11 => Some(Self::Initctl),
            12 => Some(Self::Log),
            13 => Some(Self::Mounts),
            _ => None,
        }
    }
}
