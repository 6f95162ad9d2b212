//! How values of the model are written for people and programs: as in a unit file, so that they can be put into one.

use serde::Serializer;
use tomte::table::{Micros, StartLimit};

use crate::values::time;

/// Writes a span.
pub fn span<S: Serializer>(span: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time::shown(*span))
}

/// Writes a span, if there is one.
pub fn maybe_span<S: Serializer>(span: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_some(&time::shown(*span)),
        None => serializer.serialize_none(),
    }
}

/// Writes an access mode.
pub fn mode<S: Serializer>(mode: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{mode:04o}"))
}

/// Writes a limit of events in a time.
pub fn limit<S: Serializer>(limit: &StartLimit, serializer: S) -> Result<S::Ok, S::Error> {
    match limit.interval {
        Micros::ZERO => serializer.serialize_str("none"),
        interval => serializer.serialize_str(&format!("{} in {}", limit.burst, time::shown(interval))),
    }
}

/// Whether a value is as nobody has set it.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
