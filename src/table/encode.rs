//! Writing a table: what xtask, the simulation and tests do. Beside the decoder, so that both change together.

use alloc::{vec, vec::Vec};

use serde::Serialize;

use super::{
    Arch, Board, CHECKSUM_AT, FilterId, HEADER_BYTES, IdentityId, Kind, LENGTH_AT, List, Lists, MAGIC,
    OpenError, Relation, SCHEMA, Unit, UnitId, checksum,
    limits::{TABLE_BYTES_MAX, UNITS_MAX},
};
use crate::record;

/// The blob for `arch` with `board` and `units`. `inputs` is the hash of all that they were made from.
///
/// # Errors
/// [`OpenError::TooLarge`] names the limit that was exceeded.
pub fn encode(
    arch: Arch,
    inputs: [u8; 16],
    board: &Board<'_>,
    units: &[Unit<'_>],
) -> Result<Vec<u8>, OpenError> {
    let count = u16::try_from(units.len()).ok().filter(|count| usize::from(*count) <= UNITS_MAX);
    let count = count.ok_or(OpenError::TooLarge("UNITS_MAX"))?;
    let mut bytes = vec![0; HEADER_BYTES + 4 * (1 + units.len())];
    units.iter().for_each(|unit| bytes.extend(fingerprint(board, units, unit).to_le_bytes()));
    let mut append = |n: usize, record: Vec<u8>| -> Option<()> {
        let at = u32::try_from(bytes.len()).ok()?;
        bytes.get_mut(HEADER_BYTES + 4 * n..)?.get_mut(..4)?.copy_from_slice(&at.to_le_bytes());
        bytes.extend(record);
        (bytes.len() <= TABLE_BYTES_MAX).then_some(())
    };
    append(0, bytes_of(board)).ok_or(OpenError::TooLarge("TABLE_BYTES_MAX"))?;
    for (n, unit) in units.iter().enumerate() {
        append(n + 1, bytes_of(unit)).ok_or(OpenError::TooLarge("TABLE_BYTES_MAX"))?;
    }
    let mut put = |at: usize, field: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + field.len()) {
            place.copy_from_slice(field);
        }
    };
    put(0, &MAGIC);
    put(8, &SCHEMA.to_le_bytes());
    put(10, &[arch as u8]);
    put(12, &count.to_le_bytes());
    put(24, &inputs);
    seal(&mut bytes);
    Ok(bytes)
}

/// [`super::Table::fingerprint`]. What is a number in the record that stands for something else is replaced by that.
fn fingerprint(board: &Board<'_>, units: &[Unit<'_>], unit: &Unit<'_>) -> u32 {
    let mut service = unit.service;
    let mut beside = Vec::new();
    if let Some(service) = &mut service {
        let exec = &mut service.exec;
        let same_group = exec.group_identity == exec.user_identity;
        beside.extend(bytes_of(&(same_group, board.environment, board.log)));
        for identity in [&mut exec.user_identity, &mut exec.group_identity] {
            *identity = identity.map(|_| IdentityId(0)); // its name is in the record
        }
        let devices = exec.cgroup.devices.as_mut().map(|devices| &mut devices.program);
        for filter in exec.filter.as_mut().into_iter().chain(devices) {
            beside.extend(bytes_of(&board.filter(*filter)));
            *filter = FilterId(0);
        }
        for hook in exec.cgroup.network.iter() {
            beside.extend(bytes_of(&(hook.traffic, board.filter(hook.program))));
        }
        exec.cgroup.network = List::default();
        // It has their descriptors.
        unit.each(
            Lists::of(Relation::TriggeredBy),
            &mut |id| match units.get(id.index()).map(|one| one.kind) {
                Some(socket @ Kind::Socket(_)) => beside.extend(bytes_of(&socket)),
                Some(Kind::Target | Kind::Service | Kind::Path(_) | Kind::Timer(_) | Kind::Device(_))
                | None => {}
            },
        );
    }
    let sum = record::checksum([&bytes_of(&(unit.kind, service)), &beside]);
    (sum ^ sum >> 32) as u32
}

/// Enters the length and the checksum of a blob, whatever is in it. A blob that ends before them stays as it is.
pub fn seal(blob: &mut [u8]) {
    let length = u32::try_from(blob.len()).unwrap_or(u32::MAX);
    if let Some(place) = blob.get_mut(LENGTH_AT..LENGTH_AT + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let sum = checksum(blob);
    if let Some(place) = blob.get_mut(CHECKSUM_AT..HEADER_BYTES) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

/// The bytes of a [`super::List`] of `records`.
pub fn list<T: Serialize>(records: &[T]) -> Vec<u8> {
    records.iter().flat_map(|one| bytes_of(one)).collect()
}

/// The bytes of a [`super::StrList`] of `strings`. A NUL inside one would end it early: the reader refuses such values.
pub fn strings<S: AsRef<str>>(strings: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for string in strings {
        bytes.extend_from_slice(string.as_ref().as_bytes());
        bytes.push(0);
    }
    bytes
}

/// The bytes of a [`super::IdList`] of `ids`.
pub fn ids(ids: impl IntoIterator<Item = UnitId>) -> Vec<u8> {
    ids.into_iter().flat_map(|UnitId(id)| id.to_le_bytes()).collect()
}

fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    // The records have nothing that postcard cannot write, and a Vec takes any length: `encode` checks it.
    postcard::to_extend(value, Vec::new()).unwrap_or_default()
}
