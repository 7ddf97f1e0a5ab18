//! The log of suspicious events: a line an event, for other programs (spec connectors-and-smtp §8.9).

use std::net::IpAddr;

use super::event::Event;

/// Longest text in place of `%D`, characters.
const LONGEST_DATA: usize = 256;

/// A line by its template. What a client has said cannot begin a new line.
pub(super) fn line(format: &str, time: &str, client: IpAddr, event: Event, data: &str) -> String {
    let mut line = String::with_capacity(format.len() + 64);
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            line.push(c);
            continue;
        }
        match rest.next() {
            Some('T') => line.push_str(time),
            Some('I') => line.push_str(&client.to_string()),
            Some('e') => line.push_str(&event.number().to_string()),
            Some('E') => line.push_str(event.text()),
            Some('D') => line.extend(data.chars().map(|c| if c.is_control() { '?' } else { c }).take(LONGEST_DATA)),
            Some('%') => line.push('%'),
            Some(other) => line.extend(['%', other]),
            None => line.push('%'),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced() {
        let made =
            |format: &str| line(format, "T", IpAddr::from([192, 0, 2, 1]), Event::RelayDenied, "x@y.example\r\nz");
        assert_eq!(made("%T %I %e %E: %D"), "T 192.0.2.1 1 Relay denied: x@y.example??z");
        assert_eq!(made("100%% %q %"), "100% %q %");
        let long = line("%D", "", IpAddr::from([192, 0, 2, 1]), Event::SyntaxError, &"é".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST_DATA);
    }
}
