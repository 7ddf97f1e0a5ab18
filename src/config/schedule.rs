//! Connectors > Connector Schedule (spec connectors-and-smtp §3.1, §3.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When Connections run by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// No Connection runs by itself, and mail waits with them; runs started by hand, incoming mail and LAN forwarding go on.
    pub paused: bool,
    /// What starts Connections, and when.
    pub items: Vec<ScheduleItem>,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { paused: false, items: vec![ScheduleItem::default()] }
    }
}

/// What an item of the schedule starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectTo {
    /// Every Connection designated as a default one.
    #[default]
    DefaultConnections,
    /// Those listed in `connections`.
    TheseConnections,
    /// Nothing: at a minute at which this item is due, no other item starts anything.
    DenyConnection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// In the order of the week, as a calendar of the trade counts it (ISO 8601).
    pub const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
}

/// At local time (General > time zone).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleItem {
    /// A name for displays.
    pub name: String,
    /// Off: as if the item were not there.
    pub enabled: bool,
    /// What the item starts.
    pub connect_to: ConnectTo,
    /// Names of the Connections to start, with `connect_to = "these-connections"`.
    pub connections: Vec<String>,
    /// Connect every so many minutes, counted from `from`.
    #[schemars(title = "Connect every", range(min = 1, max = 1440), extend("x-unit" = "minutes"))]
    pub every: u32,
    /// First minute of the time of day in which it connects, HH:MM.
    pub from: String,
    /// Last minute of it, HH:MM. It is not before `from`: for a night, make an item up to 23:59 and one from 0:00.
    pub until: String,
    /// Connect only once a day at this time, HH:MM, instead of every so many minutes. Empty: periodically.
    #[schemars(title = "Only once at")]
    pub once_at: String,
    /// Days of the week on which the item counts.
    pub days: Vec<Weekday>,
    /// Outgoing mail that arrives between `from` and `until` is sent at once instead of waiting for the next run. Off
    /// everywhere, mail goes out in runs only, which together with the limits of a sender limits messages per hour.
    #[schemars(title = "If outgoing mail arrives whilst online, send immediately")]
    pub send_immediately: bool,
}

impl Default for ScheduleItem {
    fn default() -> ScheduleItem {
        ScheduleItem {
            name: "Connect".into(),
            enabled: true,
            connect_to: ConnectTo::default(),
            connections: Vec::new(),
            every: 5,
            from: "00:00".into(),
            until: "23:59".into(),
            once_at: String::new(),
            days: Weekday::ALL.to_vec(),
            send_immediately: true,
        }
    }
}

/// `H:MM` or `HH:MM` as the minute of the day.
pub(super) fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 || !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        for (text, expected) in [("0:00", Some(0)), ("9:05", Some(545)), ("09:05", Some(545)), ("23:59", Some(1439))] {
            assert_eq!(minute_of_day(text), expected, "{text}");
        }
        for bad in ["", "24:00", "9:60", "9:5", "9", "009:00", "+9:00", " 9:00", "9:00 ", "-1:00", "9:00:00", "٩:00"] {
            assert_eq!(minute_of_day(bad), None, "{bad}");
        }
    }
}
