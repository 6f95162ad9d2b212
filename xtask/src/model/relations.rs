//! How units speak of other units.

use super::Located;

/// What one unit says of another one (systemd.unit(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Wants,
    Requires,
    Requisite,
    BindsTo,
    PartOf,
    Upholds,
    Conflicts,
    Before,
    After,
    OnFailure,
    OnSuccess,
    PropagatesReloadTo,
    ReloadPropagatedFrom,
    PropagatesStopTo,
    StopPropagatedFrom,
    JoinsNamespaceOf,
    WantedBy,
    RequiredBy,
    UpheldBy,
    /// What a socket, timer or path starts: `Unit=`, `Service=` or its own name.
    Triggers,
    /// `Sockets=`.
    TriggeredBy,
}

impl Relation {
    /// Those that [Unit] and [Install] have keys for.
    pub const ALL: [Self; 19] = [
        Self::Wants,
        Self::Requires,
        Self::Requisite,
        Self::BindsTo,
        Self::PartOf,
        Self::Upholds,
        Self::Conflicts,
        Self::Before,
        Self::After,
        Self::OnFailure,
        Self::OnSuccess,
        Self::PropagatesReloadTo,
        Self::ReloadPropagatedFrom,
        Self::PropagatesStopTo,
        Self::StopPropagatedFrom,
        Self::JoinsNamespaceOf,
        Self::WantedBy,
        Self::RequiredBy,
        Self::UpheldBy,
    ];

    /// The key that says so.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Wants => "Wants",
            Self::Requires => "Requires",
            Self::Requisite => "Requisite",
            Self::BindsTo => "BindsTo",
            Self::PartOf => "PartOf",
            Self::Upholds => "Upholds",
            Self::Conflicts => "Conflicts",
            Self::Before => "Before",
            Self::After => "After",
            Self::OnFailure => "OnFailure",
            Self::OnSuccess => "OnSuccess",
            Self::PropagatesReloadTo => "PropagatesReloadTo",
            Self::ReloadPropagatedFrom => "ReloadPropagatedFrom",
            Self::PropagatesStopTo => "PropagatesStopTo",
            Self::StopPropagatedFrom => "StopPropagatedFrom",
            Self::JoinsNamespaceOf => "JoinsNamespaceOf",
            Self::WantedBy => "WantedBy",
            Self::RequiredBy => "RequiredBy",
            Self::UpheldBy => "UpheldBy",
            Self::Triggers => "Unit",
            Self::TriggeredBy => "Sockets",
        }
    }

    /// How [Install] of the other unit says it; itself if there is no such key.
    pub const fn installed(self) -> Self {
        match self {
            Self::Wants => Self::WantedBy,
            Self::Requires => Self::RequiredBy,
            Self::Upholds => Self::UpheldBy,
            other => other,
        }
    }

    /// The relation that the key `setting` says.
    pub fn of(setting: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relation| relation.setting() == setting)
    }
}

/// All that one unit says of others, in the order of its files. Full unit names, as written.
#[derive(Clone, Debug, Default)]
pub struct Relations(Vec<(Relation, Located<String>)>);

impl Relations {
    /// Adds one.
    pub fn push(&mut self, relation: Relation, other: Located<String>) {
        self.0.push((relation, other));
    }

    /// Adds one that stands in no file.
    pub fn imply(&mut self, relation: Relation, other: &str) {
        self.push(relation, Located { value: other.to_owned(), place: None });
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Relation, &Located<String>)> {
        self.0.iter().map(|(relation, other)| (*relation, other))
    }

    /// Those of one relation.
    #[cfg(test)]
    pub fn of(&self, relation: Relation) -> impl Iterator<Item = &Located<String>> {
        self.iter().filter(move |(other, _)| *other == relation).map(|(_, name)| name)
    }
}
