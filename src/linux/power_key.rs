//! The machine's power key: an input device that has one.

use rustix::{
    fs::{Mode, OFlags, open, openat},
    io::{Errno, read},
    process::{Pid, Signal, kill_process},
};

use super::{AsFd, OwnedFd, raw::input, tree::each_entry};

/// KEY_POWER of linux/input-event-codes.h, and the type of a key's events.
const POWER: u16 = 116;
const KEY: u16 = 1;
/// struct input_event: a time, which has the size of two longs, then type, code and value.
const EVENT_BYTES: usize = 2 * size_of::<usize>() + 8;
/// Events that are read at once.
const EVENTS_MAX: usize = 16;
/// Devices with a power key that are listened to: a button, and some keyboards and remote controls.
pub const DEVICES_MAX: usize = 8;

/// The input devices with a power key, opened so that nothing else of them is heard. What cannot be opened has just gone.
///
/// # Errors
/// open(2)'s for /dev/input, unless there is none.
pub fn devices() -> Result<heapless::Vec<OwnedFd, DEVICES_MAX>, Errno> {
    let mut devices = heapless::Vec::new();
    let folder =
        match open(c"/dev/input", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(devices),
            folder => folder?,
        };
    each_entry(folder.as_fd(), &mut |name| {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if name.to_bytes().starts_with(b"event")
            && let Ok(device) = openat(folder.as_fd(), name, flags, Mode::empty())
            && input::has_key(device.as_fd(), POWER) == Ok(true)
        {
            let _ = input::hear_only(device.as_fd(), POWER); // or more is read, and dropped
            let _ = devices.push(device); // one more than that is not listened to
        }
        Ok(())
    })?;
    Ok(devices)
}

/// Whether the key has been pressed, as far as can be read of `device` at once.
///
/// # Errors
/// read(2)'s: ENODEV when the device is gone.
pub fn is_pressed(device: &OwnedFd) -> Result<bool, Errno> {
    let mut events = [0; EVENT_BYTES * EVENTS_MAX];
    let length = match read(device, &mut events) {
        Err(Errno::AGAIN | Errno::INTR) => 0,
        length => length?,
    };
    Ok(has_press(events.get(..length).unwrap_or_default()))
}

/// Whether one of `events` is that the key went down; a key that is held down goes on saying so with another value.
fn has_press(events: &[u8]) -> bool {
    events.chunks_exact(EVENT_BYTES).any(|event| {
        let mut said = event.get(EVENT_BYTES - 8..).unwrap_or_default().chunks_exact(2);
        let mut next = || said.next().and_then(|two| two.try_into().ok()).map_or(0, u16::from_ne_bytes);
        (next(), next(), next(), next()) == (KEY, POWER, 1, 0)
    })
}

/// Asks PID 1 to power off, or to reboot: SIGUSR2 and SIGTERM as other inits have them.
///
/// # Errors
/// kill(2)'s.
pub fn ask_for_the_end(reboot: bool) -> Result<(), Errno> {
    kill_process(Pid::INIT, if reboot { Signal::TERM } else { Signal::USR2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u16, code: u16, value: u32) -> std::vec::Vec<u8> {
        let mut event = std::vec![0xff; EVENT_BYTES - 8];
        event.extend(kind.to_ne_bytes());
        event.extend(code.to_ne_bytes());
        event.extend(value.to_ne_bytes());
        event
    }

    #[test]
    fn only_the_press_of_the_power_key_counts() {
        assert!(has_press(&[event(4, 4, 116), event(1, 116, 1), event(0, 0, 0)].concat()));
        for other in [event(1, 116, 0), event(1, 116, 2), event(1, 30, 1), event(4, 116, 1)] {
            assert!(!has_press(&other));
        }
        assert!(!has_press(&event(1, 116, 1)[1..]) && !has_press(b""));
    }
}
