//! Numbers as text, without the formatting machinery: a listing of 10,000 messages is 20,000 of them.

/// In decimal digits.
pub fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// In eight hexadecimal digits.
pub fn hex(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&std::array::from_fn::<u8, 8, _>(|place| {
        let digit = (number >> (28 - 4 * place) & 15) as u8;
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    }));
}

/// Reads decimal digits and nothing else.
pub fn parse(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            decimal(number, &mut out);
            assert_eq!(out, number.to_string().into_bytes());
        }
        for number in [0, 9, 10, 0xdead_beef, u32::MAX] {
            let mut out = Vec::new();
            hex(number, &mut out);
            assert_eq!(out, format!("{number:08x}").into_bytes());
        }
    }

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(parse(b"0010"), Some(10));
        for bad in [&b""[..], b"+1", b"-1", b" 1", b"1 ", b"4294967296", b"x"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
