//! A record as its fields: the bytes of each, and what it is called.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible, SerializeSeq, SerializeStruct, SerializeTuple},
};
use tomte::table;

/// One field that has no fields itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The names from the record down, with dots between them.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// The fields of `record`: their bytes, one after the other, are the record's.
pub(super) fn of(record: &impl Serialize) -> Vec<Leaf> {
    let mut leaves = Leaves { leaves: Vec::new(), path: Vec::new() };
    match record.serialize(&mut leaves) {
        Ok(()) => leaves.leaves,
        Err(error) => unreachable!("records have what a table has: {error}"),
    }
}

struct Leaves {
    leaves: Vec<Leaf>,
    path: Vec<&'static str>,
}

/// What no record has.
#[derive(Debug)]
struct Foreign(String);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Foreign {}

impl ser::Error for Foreign {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Leaves {
    fn add(&mut self, bytes: Vec<u8>) -> Result<(), Foreign> {
        self.leaves.push(Leaf { path: self.path.join("."), bytes });
        Ok(())
    }
}

macro_rules! whole {
    ($($method:ident($type:ty))+) => {
        $(fn $method(self, value: $type) -> Result<(), Foreign> {
            self.add(table::list(&[value]))
        })+
    };
}

macro_rules! foreign {
    ($($method:ident($($type:ty),*) -> $result:ty;)+) => {
        $(fn $method(self, $(_: $type),*) -> Result<$result, Foreign> {
            Err(Foreign(stringify!($method).to_owned()))
        })+
    };
}

/// A list: one field, whatever is in it.
struct List<'l> {
    leaves: &'l mut Leaves,
    count: u64,
    bytes: Vec<u8>,
}

impl SerializeSeq for List<'_> {
    type Ok = ();
    type Error = Foreign;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Foreign> {
        self.count += 1;
        self.bytes.extend(table::list(&[value]));
        Ok(())
    }

    fn end(self) -> Result<(), Foreign> {
        let mut bytes = table::list(&[self.count]);
        bytes.extend(self.bytes);
        self.leaves.add(bytes)
    }
}

impl<'l> Serializer for &'l mut Leaves {
    type Ok = ();
    type Error = Foreign;
    type SerializeSeq = List<'l>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), Foreign>;
    type SerializeTupleVariant = Impossible<(), Foreign>;
    type SerializeMap = Impossible<(), Foreign>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), Foreign>;

    whole! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char) serialize_str(&str)
    }

    foreign! {
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Foreign> {
        let mut bytes = table::list(&[value.len() as u64]);
        bytes.extend_from_slice(value);
        self.add(bytes)
    }

    // Whether there is something, and what, are one field: settings change both or neither. But a unit that has processes
    // has fields of theirs.
    fn serialize_none(self) -> Result<(), Foreign> {
        self.add(vec![0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Foreign> {
        if self.path == ["service"] {
            self.add(vec![1])?;
            return value.serialize(self);
        }
        let mut bytes = vec![1];
        bytes.extend(table::list(&[value]));
        self.add(bytes)
    }

    fn serialize_unit_variant(self, _: &'static str, place: u32, _: &'static str) -> Result<(), Foreign> {
        self.add(table::list(&[place]))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Foreign> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        place: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Foreign> {
        self.add(table::list(&[place]))?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'l>, Foreign> {
        Ok(List { leaves: self, count: 0, bytes: Vec::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Foreign> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Foreign> {
        Ok(self)
    }
}

impl SerializeTuple for &mut Leaves {
    type Ok = ();
    type Error = Foreign;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Foreign> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Foreign> {
        Ok(())
    }
}

impl SerializeStruct for &mut Leaves {
    type Ok = ();
    type Error = Foreign;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Foreign> {
        self.path.push(key);
        value.serialize(&mut **self)?;
        self.path.pop();
        Ok(())
    }

    fn end(self) -> Result<(), Foreign> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_one_after_the_other_are_the_record() {
        let limit = table::Rlimit { resource: 7, soft: 1 << 20, hard: u64::MAX };
        let leaves = of(&limit);
        let paths: Vec<&str> = leaves.iter().map(|leaf| leaf.path.as_str()).collect();
        assert_eq!(paths, ["resource", "soft", "hard"]);
        let bytes: Vec<u8> = leaves.into_iter().flat_map(|leaf| leaf.bytes).collect();
        assert_eq!(bytes, table::list(&[limit]));
    }
}
