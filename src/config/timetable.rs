//! Which Connections the schedule starts at a minute, and whether mail goes at once then. Pure: asked minute by minute.
//!
//! Daylight saving: what happens every so many minutes follows the clock on the wall, so an hour left out has no starts
//! and an hour that comes twice has them twice. What happens once a day happens once: in an hour left out, at the minute
//! after it; in an hour that comes twice, the first time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::schedule::minute_of_day;
use super::{Config, ConnectTo, Connection, ScheduleItem, lower};

/// Minutes looked ahead for the next start: all of a week, and a day that was cut short.
const AHEAD: i64 = 8 * 24 * 60;

/// One minute, as the clock on the wall has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// 0 is Monday.
    day: u8,
    /// Of the day.
    minute: u16,
    /// The clock went forward just before: the first minute of this day that it left out.
    left_out: Option<u16>,
    /// This minute of this day has been before: what happens once has happened.
    pub again: bool,
}

impl Moment {
    /// `minute` counts from the beginning of 1970. `None` for times no calendar has.
    pub fn at(minute: i64, zone: &TimeZone) -> Option<Moment> {
        let now = Timestamp::from_second(minute.checked_mul(60)?).ok()?;
        let before = Timestamp::from_second(minute.checked_sub(1)?.checked_mul(60)?).ok()?;
        let wall = zone.to_datetime(now);
        let expected = of_day(zone.to_datetime(before)).map(|minute| minute + 1)?;
        let minute = of_day(wall)?;
        let same_day = zone.to_datetime(before).date() == wall.date();
        let left_out = if same_day { expected } else { 0 };
        let again = match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Fold { before, after } => before != after && zone.to_offset(now) == after,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => false,
        };
        let day = u8::try_from(wall.weekday().to_monday_zero_offset()).ok()?;
        Some(Moment { day, minute, left_out: (left_out < minute).then_some(left_out), again })
    }
}

fn of_day(wall: DateTime) -> Option<u16> {
    u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).ok()
}

/// The schedule, ready to be asked.
#[derive(Clone, Debug)]
pub struct Timetable {
    zone: TimeZone,
    paused: bool,
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
struct Item {
    denies: bool,
    starts: Vec<u32>,
    when: When,
    /// One bit a day, the lowest is Monday.
    days: u8,
    send_immediately: bool,
}

#[derive(Clone, Copy, Debug)]
enum When {
    Every { minutes: u16, from: u16, until: u16 },
    OnceAt(u16),
}

impl Config {
    /// What local times are told by: that of General, else that of the system.
    pub fn time_zone(&self) -> TimeZone {
        match self.general.time_zone.as_str() {
            "" => TimeZone::system(),
            name => TimeZone::get(name).unwrap_or_else(|_| TimeZone::system()),
        }
    }

    /// Connections that are switched off or paused are not in it.
    pub fn timetable(&self) -> Timetable {
        let enabled = self.schedule.items.iter().filter(|item| item.enabled);
        Timetable {
            zone: self.time_zone(),
            paused: self.schedule.paused,
            items: enabled.filter_map(|item| self.item(item)).collect(),
        }
    }

    fn item(&self, item: &ScheduleItem) -> Option<Item> {
        let is_meant = |connection: &&Connection| match item.connect_to {
            ConnectTo::DefaultConnections => connection.default,
            ConnectTo::TheseConnections => item.connections.iter().any(|name| lower(name) == lower(&connection.name)),
            ConnectTo::DenyConnection => false,
        };
        let runs = |connection: &&Connection| connection.enabled && !connection.paused;
        let when = match item.once_at.as_str() {
            "" => When::Every {
                minutes: u16::try_from(item.every).ok().filter(|every| *every > 0)?,
                from: minute_of_day(&item.from)?,
                until: minute_of_day(&item.until)?,
            },
            at => When::OnceAt(minute_of_day(at)?),
        };
        Some(Item {
            denies: item.connect_to == ConnectTo::DenyConnection,
            starts: self.connections.iter().filter(is_meant).filter(runs).map(|connection| connection.id).collect(),
            when,
            days: item.days.iter().fold(0, |days, day| days | (1 << (*day as u8))),
            send_immediately: item.send_immediately,
        })
    }
}

impl Item {
    fn counts_on(&self, day: u8) -> bool {
        self.days & (1 << day) != 0
    }

    fn is_due(&self, moment: Moment) -> bool {
        let is_time = match self.when {
            When::Every { minutes, .. } => {
                self.is_open(moment) && self.since_from(moment.minute).is_some_and(|since| since % minutes == 0)
            }
            When::OnceAt(at) => {
                let first = moment.left_out.unwrap_or(moment.minute);
                !moment.again && (first..=moment.minute).contains(&at)
            }
        };
        is_time && self.counts_on(moment.day)
    }

    /// Within the item's time of day; never for what happens once.
    fn is_open(&self, moment: Moment) -> bool {
        match self.when {
            When::Every { from, until, .. } => (from..=until).contains(&moment.minute) && self.counts_on(moment.day),
            When::OnceAt(_) => false,
        }
    }

    fn since_from(&self, minute: u16) -> Option<u16> {
        match self.when {
            When::Every { from, .. } => minute.checked_sub(from),
            When::OnceAt(_) => None,
        }
    }
}

impl Timetable {
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The Connections that start at this minute, in their order. None while the schedule is paused or an item denies.
    pub fn starts(&self, moment: Moment) -> Vec<u32> {
        self.collect(moment, |item| item.is_due(moment))
    }

    /// The Connections that would have started before this minute today, had the box been there: those it starts first
    /// after it came up, or after they were set up.
    pub fn overdue(&self, moment: Moment) -> Vec<u32> {
        self.collect(moment, |item| item.is_open(moment))
    }

    fn collect(&self, moment: Moment, is_meant: impl Fn(&Item) -> bool) -> Vec<u32> {
        if self.paused || self.items.iter().any(|item| item.denies && item.is_due(moment)) {
            return Vec::new();
        }
        let meant = self.items.iter().filter(|item| is_meant(item));
        let mut starts: Vec<u32> = meant.flat_map(|item| item.starts.iter().copied()).collect();
        let mut seen = std::collections::HashSet::new();
        starts.retain(|connection| seen.insert(*connection));
        starts
    }

    /// Whether outgoing mail of this Connection goes at once at this minute, without waiting for a run.
    pub fn sends_at_once(&self, connection: u32, moment: Moment) -> bool {
        let sends = |item: &Item| item.send_immediately && item.is_open(moment) && item.starts.contains(&connection);
        !self.paused && self.items.iter().any(sends)
    }

    /// The first minute after `minute` at which this Connection starts; `None` when it does not within a week.
    pub fn next(&self, connection: u32, minute: i64) -> Option<i64> {
        if self.paused || !self.items.iter().any(|item| item.starts.contains(&connection)) {
            return None;
        }
        (minute.checked_add(1)?..minute.checked_add(AHEAD)?).find(|minute| {
            Moment::at(*minute, &self.zone).is_some_and(|moment| self.starts(moment).contains(&connection))
        })
    }
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
