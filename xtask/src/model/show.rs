//! How values of the model are written for people and programs: as in a unit file, so that they can be put into one.

use serde::Serializer;
use tomte::table::{Micros, StartLimit};

/// A span in the largest unit that it is a whole number of.
pub fn span_text(span: Micros) -> String {
    match span {
        Micros::FOREVER => "infinity".to_owned(),
        Micros(micros) if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        Micros(micros) if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        Micros(micros) => format!("{micros}us"),
    }
}

/// Writes a span.
pub fn span<S: Serializer>(span: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&span_text(*span))
}

/// Writes a span, if there is one.
pub fn maybe_span<S: Serializer>(span: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_some(&span_text(*span)),
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
        interval => serializer.serialize_str(&format!("{} in {}", limit.burst, span_text(interval))),
    }
}

/// Whether a value is as nobody has set it.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
