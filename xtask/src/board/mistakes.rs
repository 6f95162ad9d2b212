//! What is wrong with a board.toml, said as what is wrong with a unit file is: file, line, column, and what was meant.
//! All mistakes of a board are found in one go: what is wrong is said, taken out, and the rest read again.

use std::ops::Range;

use serde::Deserialize as _;
use toml::{
    Deserializer, Spanned,
    de::{DeArray, DeTable, DeValue, Error},
};

use super::{Config, layers::Layers};
use crate::diag::{Code, Diagnostic, Diagnostics, closest};

/// Mistakes that are looked for: each costs a reading of the whole.
const MISTAKES_MAX: usize = 50;

/// `table` as a board's configuration; `None` if anything is wrong, which `sink` has been told.
pub fn config(table: &Spanned<DeTable<'_>>, layers: &Layers, sink: &mut Diagnostics) -> Option<Config> {
    let mut left = table.clone();
    for mistakes in 0..MISTAKES_MAX {
        let error = match Config::deserialize(Deserializer::from(left.clone())) {
            Ok(config) => return (mistakes == 0).then_some(config),
            Err(error) => error,
        };
        let missing = error.message().starts_with("missing field");
        if missing && mistakes > 0 {
            return None; // it may be what was taken out
        }
        sink.push(problem(&error, layers));
        let span = error.span().unwrap_or_default();
        if missing || !take_out(left.get_mut(), &span) {
            return None;
        }
    }
    None
}

/// Where the value of element `index` of the array of tables `array` stands.
pub fn element(table: &DeTable<'_>, array: &str, index: usize) -> Option<Range<usize>> {
    Some(table.get(array)?.get_ref().as_array()?.get(index)?.span())
}

/// serde's words in ours.
fn problem(error: &Error, layers: &Layers) -> Diagnostic {
    let message = error.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (written, known) = quoted.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    let (code, text, kind) = if message.starts_with("unknown field") {
        (Code::BoardKey, format!("unknown key \"{written}\""), "the keys here are")
    } else if message.starts_with("unknown variant") {
        (Code::BoardValue, format!("unknown word \"{written}\""), "expected one of")
    } else if message.starts_with("missing field") {
        (Code::BoardKeyMissing, format!("the key \"{written}\" is missing"), "")
    } else {
        (Code::BoardValue, message.replace('`', "\""), "")
    };
    let mut problem = Diagnostic::error(code, text);
    if let Some(text) = layers.text(error.span().unwrap_or_default()) {
        let text = if code == Code::BoardKeyMissing { text.slice(0..0) } else { text };
        problem = problem.on(&text, 0..text.len());
    }
    match closest(written, known.iter().copied()) {
        Some(meant) if !kind.is_empty() => problem.help(format!("did you mean \"{meant}\"?")),
        _ if !kind.is_empty() && !known.is_empty() => problem.help(format!("{kind} {}", known.join(", "))),
        _ => problem,
    }
}

/// Removes what stands at `span`: a key with its value, or the element of an array. Whether there was such a thing.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let at =
        |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| key.span() == *span || value.span() == *span;
    let found = table.iter().find(|entry| at(*entry)).map(|(key, _)| key.get_ref().to_string());
    if let Some(key) = found {
        return table.remove(key.as_str()).is_some();
    }
    table.iter_mut().any(|(_, value)| match value.get_mut() {
        DeValue::Table(below) => take_out(below, span),
        DeValue::Array(below) => take_out_of(below, span),
        _ => false,
    })
}

fn take_out_of(array: &mut DeArray<'_>, span: &Range<usize>) -> bool {
    let found = array.iter().position(|element| element.span() == *span);
    if let Some(found) = found {
        let rest = array.iter().enumerate().filter(|(index, _)| *index != found);
        *array = rest.map(|(_, element)| element.clone()).collect();
        return true;
    }
    array.iter_mut().any(|element| match element.get_mut() {
        DeValue::Table(below) => take_out(below, span),
        DeValue::Array(below) => take_out_of(below, span),
        _ => false,
    })
}
