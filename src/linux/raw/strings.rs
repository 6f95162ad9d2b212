//! argv and envp as the kernel wants them: pointers to C strings, ended by a null.

use core::{
    ffi::{CStr, c_char},
    marker::PhantomData,
    mem::MaybeUninit,
    ptr,
};

use rustix::io::Errno;

const NULL: MaybeUninit<*const c_char> = MaybeUninit::new(ptr::null());

/// At most `SLOTS - 1` C strings of lifetime `'s`, always ended by a null pointer. What follows that is never written, for
/// pages of it would be.
pub struct CStrings<'s, const SLOTS: usize> {
    slots: [MaybeUninit<*const c_char>; SLOTS],
    count: usize,
    strings: PhantomData<&'s CStr>,
}

impl<'s, const SLOTS: usize> CStrings<'s, SLOTS> {
    /// No strings.
    pub const fn new() -> Self {
        const { assert!(SLOTS > 0, "the null needs a slot") };
        let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
        slots[0] = NULL;
        Self { slots, count: 0, strings: PhantomData }
    }

    /// Appends `string`. E2BIG if only the slot of the null is left.
    pub fn push(&mut self, string: &'s CStr) -> Result<(), Errno> {
        let [slot, end, ..] = self.slots.get_mut(self.count..).unwrap_or_default() else {
            return Err(Errno::TOOBIG);
        };
        (*slot, *end) = (MaybeUninit::new(string.as_ptr()), NULL);
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Puts `string` in the place of the one at `index`; nothing happens if there is none.
    pub fn replace(&mut self, index: usize, string: &'s CStr) {
        if let Some(slot) = self.slots.get_mut(..self.count).and_then(|slots| slots.get_mut(index)) {
            *slot = MaybeUninit::new(string.as_ptr());
        }
    }

    /// Takes out the one at `index`; the last one comes to its place.
    pub fn remove(&mut self, index: usize) {
        let Some(last) = self.count.checked_sub(1).filter(|&last| index <= last) else { return };
        self.slots.swap(index, last);
        if let Some(slot) = self.slots.get_mut(last) {
            *slot = NULL;
        }
        self.count = last;
    }

    /// The strings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'s CStr> {
        #[expect(unsafe_code, reason = "pointers become references again")]
        // SAFETY: `push` and `replace` alone fill slots below `count`, from `&'s CStr`.
        self.slots.iter().take(self.count).map(|&slot| unsafe { CStr::from_ptr(slot.assume_init()) })
    }

    /// Where the pointers start; a null follows the last one: whoever changes `count` writes it.
    pub(in crate::linux) const fn as_ptr(&self) -> *const *const c_char {
        self.slots.as_ptr().cast()
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
        assert!(ends_in_null(&strings));
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
        assert!(ends_in_null(&strings));
        strings.remove(0);
        assert!(strings.iter().next().is_none() && ends_in_null(&strings));
    }

    /// Whether the kernel would find the end.
    fn ends_in_null<const SLOTS: usize>(strings: &CStrings<'_, SLOTS>) -> bool {
        #[expect(unsafe_code, reason = "as in `iter`")]
        // SAFETY: `new` and whoever changes `count` have written it.
        unsafe { strings.slots[strings.count].assume_init() }.is_null()
    }
}
