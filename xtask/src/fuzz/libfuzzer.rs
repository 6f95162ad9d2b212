//! The other side of `coverage.rs`: this is the xtask with counters, and libFuzzer runs in it.

use std::{
    ffi::{CString, c_char, c_int},
    process::ExitCode,
    sync::OnceLock,
};

use anyhow::{Context as _, Result};

use super::Target;

/// What libFuzzer's inputs are given to.
static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

// Brings libFuzzer, and a panic that ends the process. `one` is what gets its inputs.
libfuzzer_sys::fuzz_target!(|input: &[u8]| one_input(input));

fn one_input(input: &[u8]) {
    if let Some(run) = TARGET.get() {
        run(input);
    }
}

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        count: *mut c_int,
        arguments: *mut *mut *mut c_char,
        run: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

extern "C" fn one(data: *const u8, size: usize) -> c_int {
    // SAFETY: libFuzzer passes `size` readable bytes that stay as they are during this call (libFuzzer's manual,
    // "Fuzz Target"); without any, the pointer is not looked at.
    let input = if size == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(data, size) } };
    one_input(input);
    0
}

/// Runs libFuzzer with `arguments` until it ends.
pub fn run(target: &Target, arguments: &[String]) -> Result<ExitCode> {
    TARGET.set(target.run).ok().context("libFuzzer runs already")?;
    let words: Vec<CString> = std::iter::once("fuzz")
        .chain(arguments.iter().map(String::as_str))
        .map(CString::new)
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    pointers.push(std::ptr::null_mut());
    let mut count = c_int::try_from(words.len())?;
    let mut list = pointers.as_mut_ptr();
    // SAFETY: count and list are an argv of C: `words` keeps the strings until the call is over, a null pointer ends them.
    let status = unsafe { LLVMFuzzerRunDriver(&mut count, &mut list, one) };
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)))
}
