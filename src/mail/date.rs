//! Dates as mail writes them (RFC 5322 §3.3): `Sun, 22 Nov 2026 09:05:07 +0100`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The moment, in Unix milliseconds, as it is called in `zone`. What no calendar reaches becomes the epoch.
pub fn rfc5322(ms: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone.clone());
    at.strftime("%a, %-d %b %Y %H:%M:%S %z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_carry_their_offset() {
        let summer = 1_782_907_507_123;
        assert_eq!(rfc5322(summer, &TimeZone::UTC), "Wed, 1 Jul 2026 12:05:07 +0000");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(rfc5322(summer, &berlin), "Wed, 1 Jul 2026 14:05:07 +0200");
        assert_eq!(rfc5322(i64::MAX, &TimeZone::UTC), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(rfc5322(summer, &TimeZone::fixed(jiff::tz::offset(-4))), "Wed, 1 Jul 2026 08:05:07 -0400");
    }
}
