//! argv and envp as the kernel wants them: pointers to C strings, ended by a null.

use core::{
    ffi::{CStr, c_char},
    marker::PhantomData,
    ptr,
};

use rustix::io::Errno;

/// At most `SLOTS - 1` C strings of lifetime `'s`, always ended by a null pointer.
pub struct CStrings<'s, const SLOTS: usize> {
    slots: [*const c_char; SLOTS],
    count: usize,
    strings: PhantomData<&'s CStr>,
}

impl<'s, const SLOTS: usize> CStrings<'s, SLOTS> {
    /// No strings.
    pub const fn new() -> Self {
        const { assert!(SLOTS > 0, "the null needs a slot") };
        Self { slots: [ptr::null(); SLOTS], count: 0, strings: PhantomData }
    }

    /// Appends `string`. E2BIG if only the slot of the null is left.
    pub fn push(&mut self, string: &'s CStr) -> Result<(), Errno> {
        if self.count.saturating_add(1) >= SLOTS {
            return Err(Errno::TOOBIG);
        }
        let slot = self.slots.get_mut(self.count).ok_or(Errno::TOOBIG)?;
        *slot = string.as_ptr();
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Puts `string` in the place of the one at `index`; nothing happens if there is none.
    pub fn replace(&mut self, index: usize, string: &'s CStr) {
        if let Some(slot) = self.slots.get_mut(..self.count).and_then(|slots| slots.get_mut(index)) {
            *slot = string.as_ptr();
        }
    }

    /// Takes out the one at `index`; the last one comes to its place.
    pub fn remove(&mut self, index: usize) {
        let Some(last) = self.count.checked_sub(1).filter(|&last| index <= last) else { return };
        self.slots.swap(index, last);
        if let Some(slot) = self.slots.get_mut(last) {
            *slot = ptr::null();
        }
        self.count = last;
    }

    /// The strings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'s CStr> {
        #[expect(unsafe_code, reason = "pointers become references again")]
        // SAFETY: `push` and `replace` alone fill slots, from `&'s CStr`.
        self.slots.iter().take(self.count).map(|&slot| unsafe { CStr::from_ptr(slot) })
    }

    /// Where the pointers start; a null follows the last one, as nothing but `push` fills slots and it spares one.
    pub(in crate::linux) const fn as_ptr(&self) -> *const *const c_char {
        self.slots.as_ptr()
    }
}

impl<const SLOTS: usize> Default for CStrings<'_, SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_last_slot_stays_null() {
        let mut strings = CStrings::<3>::new();
        assert_eq!(strings.push(c"a"), Ok(()));
        assert_eq!(strings.push(c"b"), Ok(()));
        assert_eq!(strings.push(c"c"), Err(Errno::TOOBIG));
        assert!(strings.slots[2].is_null());
        assert_eq!(strings.iter().collect::<Vec<_>>(), [c"a", c"b"]);
    }

    #[test]
    fn only_strings_that_are_there_can_be_replaced() {
        let mut strings = CStrings::<3>::new();
        assert_eq!(strings.push(c"a"), Ok(()));
        strings.replace(0, c"x");
        strings.replace(1, c"y");
        strings.replace(2, c"z");
        assert_eq!(strings.iter().collect::<Vec<_>>(), [c"x"]);
        assert!(strings.slots[1].is_null());
    }
}
