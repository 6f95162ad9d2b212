//! Picks the face by pid and argv\[0\].
#![no_std]
#![no_main]
