//! What is wrong with a server's certificate, in words that say what to do about it.

use std::io;

use jiff::tz::TimeZone;
use rustls::CertificateError;
use rustls_pki_types::UnixTime;

use crate::mail::date;

/// The same error, with plain words where there are some. A board without a battery clock believes in a day long past
/// until it has heard the time: what is then not valid yet is mostly the clock.
pub(in crate::net) fn plain(error: io::Error) -> io::Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls.and_then(words) {
        Some(words) => io::Error::new(error.kind(), words),
        None => error,
    }
}

fn words(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(reason) = error else { return None };
    match reason {
        CertificateError::NotValidYetContext { time, not_before } => Some(format!(
            "its certificate counts from {} on, but the clock of this box says {}: set the clock",
            day(*not_before),
            day(*time)
        )),
        CertificateError::ExpiredContext { time, not_after } => Some(format!(
            "its certificate counted until {}, and the clock of this box says {}",
            day(*not_after),
            day(*time)
        )),
        CertificateError::UnknownIssuer => Some(
            "its certificate comes from no authority known here; one of the provider's own making is trusted when its \
             authority is in the file of tls.ca_file"
                .into(),
        ),
        _ => None,
    }
}

fn day(time: UnixTime) -> String {
    let ms = i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000);
    date::rfc5322(ms, &TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(reason: CertificateError) -> String {
        let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(reason));
        plain(error).to_string()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_clock_that_was_never_set_is_named() {
        let text = said(CertificateError::NotValidYetContext { time: at(60), not_before: at(1_790_000_000) });
        assert_eq!(
            text,
            "its certificate counts from Mon, 21 Sep 2026 14:13:20 +0000 on, but the clock of this box says \
             Thu, 1 Jan 1970 00:01:00 +0000: set the clock"
        );
        let text = said(CertificateError::ExpiredContext { time: at(1_790_000_000), not_after: at(1_780_000_000) });
        assert!(text.starts_with("its certificate counted until Thu, 28 May 2026"), "{text}");
    }

    #[test]
    fn other_errors_stay() {
        assert!(said(CertificateError::Revoked).contains("evoked"));
        assert_eq!(plain(io::Error::other("no")).to_string(), "no");
    }
}
