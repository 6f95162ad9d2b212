//! State that outlives the program: what one PID 1 writes, the next one reads.
//!
//! One walk over the fields does both, so that the two cannot differ: a [`Keeper`] that saves leaves every value as it
//! is, one that loads puts another in its place. Numbers are written as in the table (postcard's varints), strings with
//! their length before them. As with [`Reader`], whatever is wrong shows once, at the end.

use heapless::{String, Vec};

use super::Reader;

/// Ids that a [`Keeper`] can translate.
pub(crate) const IDS_MAX: usize = 256;

/// Saves to bytes or loads from them.
#[derive(Debug)]
pub struct Keeper<'b> {
    /// Loads from here; saves if there is none.
    from: Option<Reader<'b>>,
    /// What is not written yet.
    to: &'b mut [u8],
    full: bool,
    /// The unit that took the place of each unit of the program before, by its id there.
    units: Vec<u16, IDS_MAX>,
}

impl<'b> Keeper<'b> {
    /// Saves to `bytes`.
    pub const fn save(bytes: &'b mut [u8]) -> Self {
        Self { from: None, to: bytes, full: false, units: Vec::new() }
    }

    /// Loads from `bytes`.
    pub const fn load(bytes: &'b [u8]) -> Self {
        Self { from: Some(Reader::new(bytes)), to: &mut [], full: false, units: Vec::new() }
    }

    /// Whether values are loaded.
    pub(crate) const fn loads(&self) -> bool {
        self.from.is_some()
    }

    /// How many bytes are left: of the room when saving, of the bytes when loading. `None` if the room was too small, or
    /// anything that was read is not what it should be.
    pub fn left(&self) -> Option<usize> {
        match &self.from {
            Some(reader) => reader.rest().map(<[u8]>::len),
            None if self.full => None,
            None => Some(self.to.len()),
        }
    }

    /// What was loaded makes no sense.
    pub(crate) fn fail(&mut self) {
        match &mut self.from {
            Some(reader) => reader.fail(),
            None => self.full = true,
        }
    }

    #[inline(never)]
    fn put(&mut self, byte: u8) {
        match core::mem::take(&mut self.to).split_first_mut() {
            Some((place, rest)) => {
                *place = byte;
                self.to = rest;
            }
            None => self.full = true,
        }
    }

    /// Saves `value`, or loads a number of up to `max`.
    #[inline(never)]
    pub(crate) fn number(&mut self, mut value: u64, max: u64) -> u64 {
        if let Some(reader) = &mut self.from {
            return reader.number(max);
        }
        let saved = value;
        while value >= 0x80 {
            self.put(value as u8 | 0x80);
            value >>= 7;
        }
        self.put(value as u8);
        saved
    }

    /// Saves `value`, or loads a number below `count`.
    #[inline(never)]
    pub(crate) fn place(&mut self, value: usize, count: usize) -> usize {
        self.number(value as u64, count as u64 - 1) as usize
    }

    /// Saves `bytes`, or loads others.
    #[inline(never)]
    pub(crate) fn bytes<'x>(&mut self, bytes: &'x [u8]) -> &'x [u8]
    where
        'b: 'x,
    {
        if let Some(reader) = &mut self.from {
            return super::Read::read(reader);
        }
        self.number(bytes.len() as u64, u64::MAX);
        bytes.iter().for_each(|byte| self.put(*byte));
        bytes
    }

    /// Saves `text`, or loads another.
    pub(crate) fn text<'x>(&mut self, text: &'x str) -> &'x str
    where
        'b: 'x,
    {
        core::str::from_utf8(self.bytes(text.as_bytes())).unwrap_or_else(|_| {
            self.fail();
            ""
        })
    }

    /// Unit `id` of the program that loads has the place of the next unit of the one that saved; none has with an id
    /// that no unit has.
    pub(crate) fn takes_place(&mut self, id: u16) {
        if self.units.push(id).is_err() {
            self.fail();
        }
    }

    /// Saves the id of a unit, or loads the one that has its place: `u16::MAX` if there is none.
    #[inline(never)]
    pub(crate) fn unit(&mut self, id: u16) -> u16 {
        let id = self.number(u64::from(id), u64::from(u16::MAX)) as u16;
        if self.loads() { self.now(usize::from(id)) } else { id }
    }

    /// What has the place of unit `id` of the program that saved.
    pub(crate) fn now(&self, id: usize) -> u16 {
        self.units.get(id).copied().unwrap_or(u16::MAX)
    }
}

/// What state is made of.
pub(crate) trait Keep: Sized {
    /// What is there before it is loaded.
    fn blank() -> Self;

    /// Saves the value, or puts what is loaded in its place.
    fn keep(&mut self, with: &mut Keeper<'_>);
}

impl Keep for bool {
    fn blank() -> Self {
        false
    }

    #[inline(never)]
    fn keep(&mut self, with: &mut Keeper<'_>) {
        *self = with.place(usize::from(*self), 2) == 1;
    }
}

macro_rules! number {
    ($($type:ty)+) => {$(
        impl Keep for $type {
            fn blank() -> Self {
                0
            }

            #[inline(never)]
            fn keep(&mut self, with: &mut Keeper<'_>) {
                *self = with.number(u64::from(*self), u64::from(Self::MAX)) as Self;
            }
        }
    )+};
}

number!(u8 u16 u32 u64);

impl<T: Keep> Keep for Option<T> {
    fn blank() -> Self {
        None
    }

    #[inline(never)]
    fn keep(&mut self, with: &mut Keeper<'_>) {
        match with.place(usize::from(self.is_some()), 2) {
            0 => *self = None,
            _ => self.get_or_insert_with(T::blank).keep(with),
        }
    }
}

impl<A: Keep, B: Keep> Keep for (A, B) {
    fn blank() -> Self {
        (A::blank(), B::blank())
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        self.0.keep(with);
        self.1.keep(with);
    }
}

impl<T: Keep, const N: usize> Keep for [T; N] {
    fn blank() -> Self {
        core::array::from_fn(|_| T::blank())
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        self.iter_mut().for_each(|one| one.keep(with));
    }
}

impl<T: Keep, const N: usize> Keep for Vec<T, N> {
    fn blank() -> Self {
        Self::new()
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        let count = with.place(self.len(), N + 1);
        for at in 0..count {
            if with.loads() {
                let _ = self.push(T::blank()); // N at most
            }
            if let Some(one) = self.get_mut(at) {
                one.keep(with);
            }
        }
    }
}

impl<const N: usize> Keep for String<N> {
    fn blank() -> Self {
        Self::new()
    }

    fn keep(&mut self, with: &mut Keeper<'_>) {
        if with.loads() {
            let text = with.text("");
            self.clear();
            if self.push_str(text).is_err() {
                with.fail();
            }
        } else {
            with.text(self);
        }
    }
}

/// Defines a struct or an enum that is kept field by field.
macro_rules! kept {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$doc:meta])* $fvis:vis $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$doc])* $fvis $field: $type,)+ }

        keep_struct!($name { $($field,)+ });
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident($fvis:vis $type:ty);) => {
        $(#[$meta])*
        $vis struct $name($fvis $type);

        impl crate::record::Keep for $name {
            #[inline(always)]
fn blank() -> Self {
 Self(crate::record::Keep::blank())
}

            #[inline(always)]
            fn keep(&mut self, with: &mut crate::record::Keeper<'_>) {
                crate::record::Keep::keep(&mut self.0, with);
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident $({ $($(#[$fdoc:meta])* $field:ident: $type:ty),+ $(,)? })? $(($inner:ty))?,)+
    }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$doc])* $variant $({ $($(#[$fdoc])* $field: $type,)+ })? $(($inner))?,)+ }

        keep_enum!($name { $($variant $({ $($field: $type,)+ })? $(($inner))?,)+ });
    };
}

/// Says how a struct is kept: its fields, one after the other.
macro_rules! keep_struct {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl crate::record::Keep for $name {
            #[inline(always)]
fn blank() -> Self {
 Self { $($field: crate::record::Keep::blank(),)+ }
}

            #[inline(never)]
            fn keep(&mut self, with: &mut crate::record::Keeper<'_>) {
                $(crate::record::Keep::keep(&mut self.$field, with);)+
            }
        }
    };
}

/// Says how an enum is kept: the place of its variant, then the variant's fields.
macro_rules! keep_enum {
    (@name $name:ident $inner:ty) => { $name };
    (@blank $inner:ty) => { <$inner as crate::record::Keep>::blank() };
    ($name:ident { $($variant:ident $({ $($field:ident: $type:ty),+ $(,)? })? $(($inner:ty))?,)+ }) => {
        impl crate::record::Keep for $name {
            #[inline(always)]
fn blank() -> Self {
 [$(Self::$variant $({ $($field: keep_enum!(@blank $type),)+ })? $((keep_enum!(@blank $inner)))?,)+][0]
}

            #[inline(never)]
            fn keep(&mut self, with: &mut crate::record::Keeper<'_>) {
                enum Place { $($variant,)+ }
                let is = match self { $(Self::$variant { .. } => Place::$variant as usize,)+ };
                let place = with.place(is, [$(Place::$variant as usize,)+].len());
                if with.loads() {
                    $(if place == Place::$variant as usize {
                        *self = Self::$variant $({ $($field: keep_enum!(@blank $type),)+ })? $((keep_enum!(@blank $inner)))?;
                    })+
                }
                match self {
                    $(Self::$variant $({ $($field,)+ })? $((keep_enum!(@name inner $inner)))? => {
                        $($(crate::record::Keep::keep($field, with);)+)?
                        $(<$inner as crate::record::Keep>::keep(inner, with);)?
                    })+
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::vec::Vec as Bytes;

    use proptest::prelude::*;

    use super::*;

    kept! {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Shape {
        Nothing,
        Circle { radius: u32, name: Option<u8>, },
        Square(u64),
    }
    }

    kept! {
    #[derive(Clone, Debug, PartialEq)]
    struct Picture {
        shapes: Vec<Shape, 3>,
        title: String<8>,
        framed: bool,
        size: (u16, u16),
    }
    }

    fn saved(value: &mut impl Keep) -> Bytes<u8> {
        let mut room = [0; 200];
        let mut keeper = Keeper::save(&mut room);
        value.keep(&mut keeper);
        let left = keeper.left().expect("there is room");
        room[..200 - left].to_vec()
    }

    fn loaded<T: Keep>(bytes: &[u8]) -> Option<T> {
        let mut keeper = Keeper::load(bytes);
        let mut value = T::blank();
        value.keep(&mut keeper);
        keeper.left().filter(|left| *left == 0).map(|_| value)
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Nothing),
            (any::<u32>(), any::<Option<u8>>()).prop_map(|(radius, name)| Shape::Circle { radius, name }),
            any::<u64>().prop_map(Shape::Square),
        ]
    }

    proptest! {
        #[test]
        fn what_is_saved_is_loaded(shapes in prop::collection::vec(shape(), 0..=3), title in "[a-zä]{0,4}", framed: bool,
                                   size: (u16, u16)) {
            let mut picture = Picture {
                shapes: shapes.into_iter().collect(),
                title: String::try_from(title.as_str()).expect("short"),
                framed,
                size,
            };
            let bytes = saved(&mut picture);
            prop_assert_eq!(loaded::<Picture>(&bytes), Some(picture.clone()));
            for cut in 0..bytes.len() {
                prop_assert_eq!(loaded::<Picture>(&bytes[..cut]), None);
            }
        }

        #[test]
        fn any_bytes_are_loaded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = loaded::<Picture>(&bytes);
        }
    }

    #[test]
    fn saving_changes_nothing_and_says_when_there_is_no_room() {
        let mut shape = Shape::Square(1 << 40);
        let mut room = [0; 4];
        let mut keeper = Keeper::save(&mut room);
        shape.keep(&mut keeper);
        assert_eq!(keeper.left(), None);
        assert_eq!(shape, Shape::Square(1 << 40));
    }

    #[test]
    fn a_unit_is_the_one_that_has_its_place() {
        let mut room = [0; 8];
        let mut keeper = Keeper::save(&mut room);
        assert_eq!([keeper.unit(0), keeper.unit(1), keeper.unit(9)], [0, 1, 9]);
        let mut keeper = Keeper::load(&room);
        keeper.takes_place(7);
        keeper.takes_place(u16::MAX);
        assert_eq!([keeper.unit(0), keeper.unit(0), keeper.unit(0)], [7, u16::MAX, u16::MAX]);
    }
}
