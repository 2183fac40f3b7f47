//! Crockford's base32 in groups of four, for what people copy by hand: no I, L, O or U; read case-insensitively, with I and
//! L for 1 and O for 0.

use zeroize::Zeroizing;

use super::recovery_code::NotARecoveryCode;

const GROUP: usize = 4;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The value of each symbol in `text`, dashes and white space left out.
pub(crate) fn read(text: &str) -> Result<Zeroizing<Vec<u8>>, NotARecoveryCode> {
    let mut symbols = Zeroizing::new(Vec::with_capacity(text.len()));
    for (index, letter) in text.chars().enumerate() {
        if letter == '-' || letter.is_whitespace() {
            continue;
        }
        symbols.push(read_symbol(letter).ok_or(NotARecoveryCode::Symbol(index + 1))?);
    }
    Ok(symbols)
}

/// Text with a dash between groups.
pub(crate) fn write(symbols: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(symbols.len() * 2));
    for (index, symbol) in symbols.iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(*symbol)]));
    }
    text
}

/// Five bytes for every eight symbols.
pub(crate) fn pack<const BYTES: usize>(symbols: &[u8]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (five, eight) in bytes.chunks_exact_mut(5).zip(symbols.chunks_exact(8)) {
        let bits = eight
            .iter()
            .fold(0_u64, |bits, symbol| bits << 5 | u64::from(*symbol));
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    bytes
}

/// Eight symbols for every five bytes.
pub(crate) fn unpack(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut symbols = Zeroizing::new(vec![0; bytes.len() / 5 * 8]);
    for (eight, five) in symbols.chunks_exact_mut(8).zip(bytes.chunks_exact(5)) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for (index, place) in eight.iter_mut().enumerate() {
            *place = (bits >> (35 - 5 * index) & 31) as u8;
        }
    }
    symbols
}

fn read_symbol(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|known| char::from(*known) == letter)?;
    u8::try_from(place).ok()
}
