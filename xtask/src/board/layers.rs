//! The files that a board is made of: its board.toml and those it inherits from, one over the other. Owns the reading and
//! merging; knows one key by name, `inherit`.
//!
//! A later file's key wins, tables are merged key by key, and of arrays of tables (`[[user]]`) a later file adds to what
//! is there. The files are kept as if they were one text: a value of the merged table carries its place in that.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::boards_dir;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::{self, FILE_BYTES_MAX, Source, Text},
};

/// Boards from the first to the last that one inherits from.
const DEPTH_MAX: usize = 8;
/// The key that names the board to inherit from.
const INHERIT: &str = "inherit";

/// One board.toml.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The folder it lies in, beside units/ and rootfs/.
    pub dir: PathBuf,
    source: Arc<Source>,
    /// Where it begins in the text of all.
    base: usize,
}

/// A board's files. The first is the one that the others build on; the last is the board's own.
#[derive(Clone, Debug, Default)]
pub struct Layers(Vec<Layer>);

impl Layers {
    /// Them, the first first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Layer> {
        self.0.iter()
    }

    /// What stands at `span` of the text of all, as far as it lies in one file.
    pub fn text(&self, span: Range<usize>) -> Option<Text> {
        let layer = self.0.iter().rev().find(|layer| layer.base <= span.start)?;
        let end = layer.source.text().len();
        let [start, last] = [span.start, span.end].map(|at| (at - layer.base).min(end));
        layer.source.text().get(start..last.max(start))?;
        Some(Text::of(&layer.source, start..last.max(start)))
    }

    /// Where the board's own file begins: for what is written nowhere.
    pub fn beginning(&self) -> Option<Text> {
        self.0.last().map(|layer| Text::of(&layer.source, 0..0))
    }

    /// Reads `text`, the board.toml at `file`, and all it inherits from. What is wrong goes to `sink`.
    pub fn read(text: String, file: &Path, sink: &mut Diagnostics) -> Self {
        let mut layers = Vec::new();
        let mut next = Some((text, file.to_owned()));
        while let Some((text, file)) = next.take() {
            let source = Arc::new(Source::new(&file, text));
            sink.add_source(&source);
            let dir = file.parent().map(Path::to_owned).unwrap_or_default();
            let named = inherited(&source, sink);
            layers.push(Layer { dir, source, base: 0 });
            if let Some(named) = named {
                next = base_of(&named, &layers, sink);
            }
        }
        layers.reverse();
        let mut base = 0;
        for layer in &mut layers {
            layer.base = base;
            base += layer.source.text().len() + 1; // the end of one is not the beginning of the next
        }
        Self(layers)
    }

    /// All files as one table. What is no TOML goes to `sink`.
    pub fn merged(&self, sink: &mut Diagnostics) -> Spanned<DeTable<'_>> {
        let mut whole = DeTable::new();
        let mut span = 0..0;
        for layer in &self.0 {
            let (table, errors) = DeTable::parse_recoverable(layer.source.text());
            for error in errors {
                let at = error.span().unwrap_or_default();
                let text = Text::of(&layer.source, at.clone());
                let problem = Diagnostic::error(Code::BoardSyntax, format!("no TOML: {}", error.message()));
                sink.push(problem.on(&text, 0..text.len()));
            }
            span = moved(table.span(), layer.base);
            merge(&mut whole, rebased(table.into_inner(), layer.base));
        }
        whole.remove(INHERIT);
        Spanned::new(span, whole)
    }
}

/// The board that `source` says it inherits from.
fn inherited(source: &Arc<Source>, sink: &mut Diagnostics) -> Option<Text> {
    let (table, _) = DeTable::parse_recoverable(source.text());
    let (key, value) = table.get_ref().get_key_value(INHERIT)?;
    let inside = value.span().start + 1..value.span().end.saturating_sub(1);
    match value.get_ref().as_str() {
        Some(name) if source.text().get(inside.clone()) == Some(name) => Some(Text::of(source, inside)),
        Some(_) | None => {
            let key = Text::of(source, key.span());
            let problem = Diagnostic::error(Code::InheritUnknown, "inherit: no name of a board");
            sink.push(problem.on(&key, 0..key.len()).help("such as inherit = \"qemu\""));
            None
        }
    }
}

/// Text and path of the board.toml that the last of `layers` says it inherits from, as `named`.
fn base_of(named: &Text, layers: &[Layer], sink: &mut Diagnostics) -> Option<(String, PathBuf)> {
    let name = named.as_str();
    let mut wrong = |code, message: String, help: Option<String>| {
        let problem = Diagnostic::error(code, message).on(named, 0..named.len());
        sink.push(help.into_iter().fold(problem, Diagnostic::help));
    };
    let own = &layers.last()?.dir;
    let beside = own.join("..").join(name); // a folder of boards anywhere
    let dir = if name.contains('/') {
        own.join(name)
    } else if beside.join("board.toml").exists() {
        tidy(&beside)
    } else {
        boards_dir().join(name)
    };
    let file = dir.join("board.toml");
    let Some(found) = dir.canonicalize().ok().filter(|_| file.exists()) else {
        let boards = super::folders().unwrap_or_default();
        let near = crate::diag::closest(name, boards.iter().map(String::as_str));
        let help = near.map(|near| format!("did you mean \"{near}\"?"));
        let message = format!("no board {name} to inherit from: {} does not exist", file.display());
        wrong(Code::InheritUnknown, message, help);
        return None;
    };
    let again = layers.iter().any(|layer| {
        let dir = if layer.dir.as_os_str().is_empty() { Path::new(".") } else { &layer.dir };
        dir.canonicalize().is_ok_and(|dir| dir == found)
    });
    if again || layers.len() >= DEPTH_MAX {
        let names =
            layers.iter().filter_map(|layer| layer.dir.file_name()).map(|name| name.to_string_lossy());
        let path = names.chain([name.into()]).collect::<Vec<_>>().join(" -> ");
        let message = match again {
            true => format!("boards that inherit from each other: {path}"),
            false => format!("more than {DEPTH_MAX} boards that inherit from each other: {path}"),
        };
        wrong(Code::InheritLoop, message, None);
        return None;
    }
    match read::bytes(&file, FILE_BYTES_MAX).map(String::from_utf8) {
        Ok(Ok(text)) => Some((text, file)),
        Ok(Err(_)) => {
            wrong(Code::NotUtf8, format!("{}: not UTF-8", file.display()), None);
            None
        }
        Err(error) => {
            wrong(Code::Unreadable, format!("cannot read {}: {error}", file.display()), None);
            None
        }
    }
}

/// `a/b/../c` as `a/c`, where that is the same.
fn tidy(path: &Path) -> PathBuf {
    let (Some(name), Some(above)) = (path.file_name(), path.parent().and_then(Path::parent)) else {
        return path.to_owned();
    };
    match above.parent() {
        Some(parent) if above.file_name().is_some() => parent.join(name),
        Some(_) | None => path.to_owned(),
    }
}

fn moved(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// `table`, whose spans are `by` further on.
fn rebased(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let entry = |(key, value): (Spanned<_>, _)| {
        (Spanned::new(moved(key.span(), by), key.into_inner()), rebased_value(value, by))
    };
    table.into_iter().map(entry).collect()
}

fn rebased_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = moved(value.span(), by);
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(rebased(table, by)),
        DeValue::Array(array) => {
            DeValue::Array(array.into_iter().map(|element| rebased_value(element, by)).collect())
        }
        plain => plain,
    };
    Spanned::new(span, inner)
}

/// Lays `over` over `under`.
fn merge<'i>(under: &mut DeTable<'i>, over: DeTable<'i>) {
    for (key, value) in over {
        let name = key.get_ref().to_string();
        let Some((_, old)) = under.remove_entry(name.as_str()) else {
            under.insert(key, value);
            continue;
        };
        let span = value.span();
        let both = match (old.into_inner(), value.into_inner()) {
            (DeValue::Table(mut old), DeValue::Table(new)) => {
                merge(&mut old, new);
                DeValue::Table(old)
            }
            (DeValue::Array(old), DeValue::Array(new)) if are_tables(&old) && are_tables(&new) => {
                DeValue::Array(old.into_iter().chain(new).collect())
            }
            (_, new) => new,
        };
        under.insert(key, Spanned::new(span, both));
    }
}

fn are_tables(elements: &[Spanned<DeValue<'_>>]) -> bool {
    elements.iter().all(|element| element.get_ref().is_table())
}
