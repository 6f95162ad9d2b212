//! Inputs out of seeds: the same corpus and the same number give the same input. Pure.

use std::collections::BTreeSet;

/// Bytes of an input: enough for every limit of a line, a list and a path.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// Characters that mean something to somebody.
const SPECIAL: &[u8] = b"\0\n\r\t \"#$%&'()*+,-./0:;<=>?@[\\]^_`{|}~\x7f\x80\xbf\xc3\xe2\xf0\xff";
/// Numbers at the edge of something, as text.
const NUMBERS: [&str; 10] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999999",
];

/// The words of text that stand in `corpus`: what is made out of it knows its language.
pub fn words(corpus: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./@".contains(byte);
    let words = corpus.iter().flat_map(|input| input.split(|byte| !is_letter(byte)));
    let words: BTreeSet<&[u8]> = words.filter(|word| (2..40).contains(&word.len())).collect();
    words.into_iter().map(<[u8]>::to_vec).chain(NUMBERS.map(|number| number.into())).collect()
}

/// The input of `seed`: one of `corpus`, changed in one to eight places.
pub fn input(corpus: &[Vec<u8>], words: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut input = random.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..1 << random.u32(0..4) {
        change(&mut input, corpus, words, &mut random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

/// Changes one place.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(..=input.len());
    match random.u32(0..12) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.u32(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = special(random);
            }
        }
        2 => input.insert(at, special(random)),
        3 => {
            let end = (at + random.usize(1..32)).min(input.len());
            input.drain(at..end);
        }
        4 => input.truncate(at),
        5 | 6 => {
            let word = random.choice(words).cloned().unwrap_or_default();
            let end = end_of_word(input, at);
            input.splice(at..end, word);
        }
        7 => {
            let word = random.choice(words).cloned().unwrap_or_default();
            input.splice(at..at, word);
        }
        8 => repeat(input, at, random),
        9 => {
            let other = random.choice(corpus).map_or(&[][..], Vec::as_slice);
            let from = random.usize(..=other.len());
            let to = (from + random.usize(..256)).min(other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
        10 => swap_lines(input, random),
        _ => {
            let end = (at + 4).min(input.len());
            let number = random.choice([0_u32, 1, 0x7f, 0x80, 0xff, 0xffff, i32::MAX as u32, u32::MAX]);
            input.splice(at..end, number.unwrap_or_default().to_le_bytes());
        }
    }
}

fn special(random: &mut fastrand::Rng) -> u8 {
    random.choice(SPECIAL).copied().unwrap_or_default()
}

/// Where the word that begins at `at` ends.
fn end_of_word(input: &[u8], at: usize) -> usize {
    let length = input[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    at + length
}

/// Writes a piece several times over, now and then often enough to meet a limit.
fn repeat(input: &mut Vec<u8>, at: usize, random: &mut fastrand::Rng) {
    let end = (at + random.usize(1..16)).min(input.len());
    let times = if random.u32(0..32) == 0 { random.usize(64..4096) } else { random.usize(1..8) };
    let piece = input[at..end].repeat(times);
    input.splice(at..at, piece);
}

fn swap_lines(input: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() > 1 {
        let (one, other) = (random.usize(..lines.len()), random.usize(..lines.len()));
        lines.swap(one, other);
        *input = lines.concat();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_makes_the_same_input_and_others_make_others() {
        let corpus = vec![b"[Service]\nExecStart=/bin/true\n".to_vec(), b"[Unit]\nAfter=a.target\n".to_vec()];
        let words = words(&corpus);
        assert!(
            words.iter().any(|word| word == b"ExecStart") && words.iter().any(|word| word == b"/bin/true")
        );
        let made: Vec<_> = (0..500).map(|seed| input(&corpus, &words, seed)).collect();
        let again: Vec<_> = (0..500).map(|seed| input(&corpus, &words, seed)).collect();
        assert!(made == again && made.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
        let distinct: BTreeSet<_> = made.iter().collect();
        assert!(distinct.len() > 400, "{}", distinct.len());
        assert!(input(&[], &[], 0).len() < 5000, "without a corpus there is still an input");
    }
}
