//! `outmessage.lua`: asked about each mail that is added to the outgoing queue, before the commit that adds it (spec
//! lua-hooks §9). A script that fails, or says nothing, changes nothing.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Intake;
use crate::config::Config;
use crate::hooks::datum::{NumberOrText, Raw};
use crate::hooks::scripts::outmessage::{NewMessage, NewMessageActions};
use crate::hooks::{Script, local_time};
use crate::mail::Header;
use crate::mail::header::lines;
use crate::store::{BodyHandle, Hold, NewQueueEntry};

/// Furthest that a script may put something off, milliseconds: ten years.
const LONGEST: i64 = 10 * 366 * 86_400_000;

/// `header`: the block as received. `at`: Unix milliseconds.
pub(super) async fn consult(
    intake: &Intake,
    config: &Config,
    mut entry: NewQueueEntry,
    header: &[u8],
    body: &BodyHandle,
    at: i64,
) -> NewQueueEntry {
    let Some(mut script) = intake.hooks.open(Script::OutMessage, None, ()).await else { return entry };
    if !script.defines::<NewMessage>() {
        return entry;
    }
    let zone = config.time_zone();
    let message = match body {
        BodyHandle::Inline(bytes) => bytes.to_vec(),
        BodyHandle::File { .. } => header.to_vec(),
    };
    let hold_seconds = match entry.hold {
        Hold::Until(time) => (time - at).max(0) / 1000,
        Hold::No => 0,
        Hold::ByAdministrator => LONGEST / 1000,
    };
    let back = script.call(NewMessage {
        authenticated_sender: entry.auth_user.clone().unwrap_or_default(),
        return_path: entry.return_path().map(ToString::to_string).unwrap_or_default(),
        creation_date: local_time(at, &zone),
        subject: Header::of(header).first("Subject").map(|field| field.decoded()).unwrap_or_default(),
        sender_ip_address: entry.client.map(|client| client.to_string()).unwrap_or_default(),
        file_length: i64::try_from(body.size()).unwrap_or(i64::MAX),
        priority: i64::from(entry.priority),
        headers: lines(header),
        message: Raw(message),
        hold_seconds,
        delete_after_seconds: entry.delete_after.map_or(0, |time| (time - at).max(0) / 1000),
    });
    if let Some(actions) = back.await.actions {
        apply(&mut entry, actions, at, &zone);
    }
    entry
}

fn apply(entry: &mut NewQueueEntry, actions: NewMessageActions, at: i64, zone: &TimeZone) {
    if let Some(priority) = actions.priority {
        // Never outside of what an administrator may give.
        entry.priority = u8::try_from(priority.clamp(1, 100)).unwrap_or(entry.priority);
    }
    match actions.hold.as_deref() {
        Some("hold") => entry.hold = Hold::ByAdministrator,
        Some(_) => entry.hold = Hold::No,
        None => {}
    }
    if let Some(time) = actions.hold_until.and_then(|time| moment(time, at, zone)) {
        entry.hold = time.filter(|time| *time > at).map_or(Hold::No, Hold::Until);
    }
    if let Some(time) = actions.delete_after.and_then(|time| moment(time, at, zone)) {
        entry.delete_after = time;
    }
}

/// Outer `None`: not understood, nothing changes. Inner `None`: never.
fn moment(time: NumberOrText, at: i64, zone: &TimeZone) -> Option<Option<i64>> {
    let time = match time {
        NumberOrText::Number(seconds) if seconds.is_nan() => return None,
        NumberOrText::Number(seconds) if seconds <= 0.0 => return Some(None),
        // Cut to what is bounded below.
        NumberOrText::Number(seconds) => at.saturating_add((seconds * 1000.0) as i64),
        NumberOrText::Text(text) if text.trim().eq_ignore_ascii_case("none") => return Some(None),
        NumberOrText::Text(text) => date(text.trim(), zone)?,
    };
    Some(Some(time.min(at.saturating_add(LONGEST))))
}

/// ISO 8601 or `YYYYMMDDHHMMSS`; without an offset, of the office's time zone.
fn date(text: &str, zone: &TimeZone) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time = DateTime::strptime("%Y%m%d%H%M%S", text).ok().or_else(|| text.parse().ok())?;
    Some(zone.to_ambiguous_zoned(time).compatible().ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_507_920_000;

    #[test]
    fn times_in_all_their_forms() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let of = |time| moment(time, AT, &berlin);
        let text = |text: &str| of(NumberOrText::Text(text.into()));
        assert_eq!(of(NumberOrText::Number(60.0)), Some(Some(AT + 60_000)));
        assert_eq!(of(NumberOrText::Number(0.0)), Some(None));
        assert_eq!(of(NumberOrText::Number(f64::NAN)), None);
        assert_eq!(of(NumberOrText::Number(f64::INFINITY)), Some(Some(AT + LONGEST)));
        assert_eq!(text("None"), Some(None));
        for same in ["20261124091200", "2026-11-24T09:12:00", "2026-11-24 09:12:00", "2026-11-24T08:12:00Z"] {
            assert_eq!(text(same), Some(Some(AT)), "{same}");
        }
        assert_eq!(text("tomorrow"), None);
    }

    #[test]
    fn what_a_script_may_change() {
        let apply = |actions| {
            let mut entry = NewQueueEntry::now(crate::mail::Envelope::default(), AT);
            super::apply(&mut entry, actions, AT, &TimeZone::UTC);
            (entry.priority, entry.hold, entry.delete_after)
        };
        let none = NewMessageActions::default;
        assert_eq!(apply(none()), (50, Hold::No, None));
        assert_eq!(apply(NewMessageActions { priority: Some(900), ..none() }).0, 100);
        assert_eq!(apply(NewMessageActions { hold: Some("hold".into()), ..none() }).1, Hold::ByAdministrator);
        let until = NewMessageActions { hold_until: Some(NumberOrText::Number(5.0)), ..none() };
        assert_eq!(apply(until).1, Hold::Until(AT + 5000));
        let until = NewMessageActions { hold_until: Some(NumberOrText::Text("1999-01-01T00:00:00Z".into())), ..none() };
        assert_eq!(apply(until).1, Hold::No);
        let delete = NewMessageActions { delete_after: Some(NumberOrText::Number(9.0)), ..none() };
        assert_eq!(apply(delete).2, Some(AT + 9000));
    }
}
