//! A last try before this program gives itself up: somebody gets once more what it works on, wherever it was.

#![expect(unsafe_code, reason = "whoever has failed cannot hand over what he works on")]

use core::{
    mem, ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

static HELD: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
static ACT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// From here on [`run`] calls `act` with what is `held`. It has to stay where it is: the frame that it lies in is never left.
pub fn prepare<T>(held: &mut T, act: fn(&mut T)) {
    ACT.store(act as *mut (), Ordering::Relaxed);
    HELD.store(ptr::from_mut(held).cast(), Ordering::Relaxed);
}

/// Nothing is left to be saved.
pub fn forget() {
    HELD.store(ptr::null_mut(), Ordering::Relaxed);
}

/// Calls what was prepared, once. Whoever works on the same at this moment never goes on: this is called by what has
/// failed, or by the handler of its fault.
pub fn run() {
    let held = HELD.swap(ptr::null_mut(), Ordering::Relaxed);
    if held.is_null() {
        return;
    }
    // SAFETY: `prepare` stored a function and what it takes, and the caller keeps that where it is. Pointers and references
    // to sized types are passed alike.
    let act = unsafe { mem::transmute::<*mut (), fn(*mut ())>(ACT.load(Ordering::Relaxed)) };
    act(held);
}
