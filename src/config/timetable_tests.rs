use std::collections::BTreeMap;

use jiff::civil;
use proptest::prelude::*;

use super::*;
use crate::config::Weekday;

/// Connections 1 and 2 (default ones) and 3 (not), with these items.
fn config(items: Vec<ScheduleItem>) -> Config {
    let connection = |id: u32| Connection { id, name: format!("C{id}"), default: id < 3, ..Connection::default() };
    let mut config = Config { connections: (1..=3).map(connection).collect(), ..Config::default() };
    config.schedule.items = items;
    config.general.time_zone = "Europe/Berlin".into();
    config
}

fn table(items: Vec<ScheduleItem>) -> Timetable {
    config(items).timetable()
}

fn every(minutes: u32, from: &str, until: &str) -> ScheduleItem {
    ScheduleItem { every: minutes, from: from.into(), until: until.into(), ..ScheduleItem::default() }
}

fn once(at: &str) -> ScheduleItem {
    ScheduleItem { once_at: at.into(), ..ScheduleItem::default() }
}

fn deny(item: ScheduleItem) -> ScheduleItem {
    ScheduleItem { connect_to: ConnectTo::DenyConnection, ..item }
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// The minute at which a day begins in Berlin.
fn day(year: i16, month: i8, day: i8) -> i64 {
    civil::date(year, month, day).to_zoned(berlin()).unwrap().timestamp().as_second() / 60
}

/// When Connection 1 starts on that day, as the clock on the wall shows it.
fn starts(table: &Timetable, from: i64, until: i64) -> Vec<String> {
    (from..until)
        .filter(|minute| table.starts(Moment::at(*minute, &table.zone).unwrap()).contains(&1))
        .map(|minute| {
            let wall = table.zone.to_datetime(Timestamp::from_second(minute * 60).unwrap());
            format!("{:02}:{:02}", wall.hour(), wall.minute())
        })
        .collect()
}

fn on(table: &Timetable, (year, month, number): (i16, i8, i8)) -> Vec<String> {
    starts(table, day(year, month, number), day(year, month, number + 1))
}

const TUESDAY: (i16, i8, i8) = (2026, 11, 24);
const CLOCK_FORWARD: (i16, i8, i8) = (2026, 3, 29);
const CLOCK_BACK: (i16, i8, i8) = (2026, 10, 25);

#[test]
fn a_new_box_connects_every_five_minutes_around_the_clock() {
    let table = config(Vec::new()).timetable();
    assert_eq!(on(&table, TUESDAY), [""; 0]);
    let table = table_of_a_new_box();
    let all = on(&table, TUESDAY);
    assert_eq!((all.len(), all[0].as_str(), all[287].as_str()), (288, "00:00", "23:55"));
    let moment = Moment::at(day(2026, 11, 24) + 7, table.zone()).unwrap();
    assert!(table.sends_at_once(1, moment));
    assert_eq!(table.overdue(moment), [1, 2]);
}

fn table_of_a_new_box() -> Timetable {
    let mut fresh = config(Vec::new());
    fresh.schedule = crate::config::Schedule::default();
    fresh.timetable()
}

#[test]
fn the_interval_counts_from_the_beginning_of_the_window() {
    assert_eq!(on(&table(vec![every(25, "8:10", "09:25")]), TUESDAY), ["08:10", "08:35", "09:00", "09:25"]);
    assert_eq!(on(&table(vec![every(1440, "23:59", "23:59")]), TUESDAY), ["23:59"]);
    let night = table(vec![every(60, "21:00", "23:59"), every(180, "0:00", "9:00")]);
    assert_eq!(on(&night, TUESDAY), ["00:00", "03:00", "06:00", "09:00", "21:00", "22:00", "23:00"]);
}

#[test]
fn days_and_switches() {
    let friday = ScheduleItem { days: vec![Weekday::Friday, Weekday::Sunday], ..once("12:00") };
    let table = table(vec![friday, ScheduleItem { enabled: false, ..once("13:00") }]);
    let week: Vec<usize> = (23..30).map(|date| on(&table, (2026, 11, date)).len()).collect();
    assert_eq!(week, [0, 0, 0, 0, 1, 0, 1], "Monday to Sunday");
    let noon = Moment::at(day(2026, 11, 27) + 12 * 60, table.zone()).unwrap();
    assert_eq!(table.starts(noon), [1, 2]);
}

#[test]
fn connections_are_named_or_default() {
    let these = ScheduleItem {
        connect_to: ConnectTo::TheseConnections,
        connections: vec!["c3".into(), "C1".into()],
        ..once("12:00")
    };
    let mut config = config(vec![these, once("12:00")]);
    let noon = Moment::at(day(2026, 11, 24) + 12 * 60, &berlin()).unwrap();
    assert_eq!(config.timetable().starts(noon), [1, 3, 2], "each once");
    config.connections[0].paused = true;
    config.connections[1].enabled = false;
    assert_eq!(config.timetable().starts(noon), [3]);
    config.schedule.paused = true;
    assert!(config.timetable().starts(noon).is_empty());
    assert_eq!(config.timetable().next(3, day(2026, 11, 24)), None);
}

#[test]
fn behaviour_03_a_deny_item_at_the_full_hour_removes_exactly_that_minute() {
    let hourly = || deny(every(60, "00:00", "23:59"));
    let with = on(&table(vec![every(5, "00:00", "23:59"), hourly()]), TUESDAY);
    let mut without = on(&table(vec![every(5, "00:00", "23:59")]), TUESDAY);
    without.retain(|time| !time.ends_with(":00"));
    assert_eq!(with, without);
    assert!(with.contains(&"09:55".to_string()) && with.contains(&"10:05".to_string()));
    let off = ScheduleItem { enabled: false, ..hourly() };
    assert!(on(&table(vec![every(5, "00:00", "23:59"), off]), TUESDAY).contains(&"10:00".to_string()));
}

#[test]
fn the_clock_goes_forward() {
    let hours = on(&table(vec![every(60, "00:30", "23:59")]), CLOCK_FORWARD);
    assert_eq!((hours.len(), hours[1].as_str(), hours[2].as_str()), (23, "01:30", "03:30"));
    for at in ["02:00", "02:30", "02:59", "03:00"] {
        assert_eq!(on(&table(vec![once(at)]), CLOCK_FORWARD), ["03:00"], "{at}");
    }
    assert_eq!(on(&table(vec![once("01:59"), once("03:01")]), CLOCK_FORWARD), ["01:59", "03:01"]);
    assert_eq!(on(&table(vec![once("02:30")]), (2026, 3, 30)), ["02:30"]);
}

#[test]
fn the_clock_goes_back() {
    let hours = on(&table(vec![every(60, "00:30", "23:59")]), CLOCK_BACK);
    assert_eq!((hours.len(), &hours[1..5]), (25, &["01:30", "02:30", "02:30", "03:30"].map(String::from)[..]));
    for at in ["02:00", "02:30", "02:59"] {
        assert_eq!(on(&table(vec![once(at)]), CLOCK_BACK), [at]);
    }
    assert_eq!(on(&table(vec![once("01:59"), once("03:00")]), CLOCK_BACK), ["01:59", "03:00"]);
}

#[test]
fn a_midnight_that_does_not_exist() {
    let mut config = config(vec![once("00:15")]);
    config.general.time_zone = "Africa/Cairo".into();
    let table = config.timetable();
    let begin = civil::date(2026, 4, 24).to_zoned(table.zone().clone()).unwrap().timestamp().as_second() / 60;
    assert_eq!(starts(&table, begin - 30, begin + 600), ["01:00"]);
}

#[test]
fn mail_goes_at_once_within_the_window_only() {
    let waiting = ScheduleItem { send_immediately: false, ..every(60, "00:00", "23:59") };
    let table = table(vec![every(30, "08:00", "17:59"), waiting, once("20:00")]);
    let at = |hour: i64| table.sends_at_once(1, Moment::at(day(2026, 11, 24) + hour * 60, table.zone()).unwrap());
    assert_eq!([7, 8, 17, 18, 20].map(at), [false, true, true, false, false]);
}

#[test]
fn the_next_start_is_told() {
    let table = table(vec![ScheduleItem { days: vec![Weekday::Monday], ..once("07:00") }]);
    let monday = day(2026, 11, 30) + 7 * 60;
    assert_eq!(table.next(1, day(2026, 11, 24)), Some(monday));
    assert_eq!(table.next(1, monday), Some(day(2026, 12, 7) + 7 * 60));
    assert_eq!(table.next(3, monday), None);
}

#[test]
fn times_beyond_any_calendar_are_no_moment() {
    for minute in [i64::MIN, i64::MAX, i64::MAX / 60, i64::MIN / 60] {
        assert_eq!(Moment::at(minute, &berlin()), None);
    }
}

fn item() -> impl Strategy<Value = ScheduleItem> {
    let time = || (0u16..1440).prop_map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
    let days = proptest::sample::subsequence(Weekday::ALL.to_vec(), 1..7);
    let connect_to = proptest::sample::select(vec![
        ConnectTo::DefaultConnections,
        ConnectTo::TheseConnections,
        ConnectTo::DenyConnection,
    ]);
    (connect_to, 1u32..1440, time(), time(), proptest::option::of(time()), days).prop_map(
        |(connect_to, every, a, b, once_at, days)| ScheduleItem {
            connect_to,
            connections: vec!["C1".into()],
            every,
            from: a.clone().min(b.clone()),
            until: a.max(b),
            once_at: once_at.unwrap_or_default(),
            days,
            ..ScheduleItem::default()
        },
    )
}

const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "America/St_Johns"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every date has what happens once exactly once, whatever the clock does.
    #[test]
    fn once_a_day_is_once_a_day(zone in proptest::sample::select(ZONES.to_vec()), at in 0u16..1440, start in 0i64..360) {
        let mut config = config(vec![once(&format!("{:02}:{:02}", at / 60, at % 60))]);
        config.general.time_zone = zone.into();
        let table = config.timetable();
        let first = civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(start)).unwrap();
        let begin = |date: civil::Date| date.to_zoned(table.zone().clone()).unwrap().timestamp().as_second() / 60;
        let mut dates: BTreeMap<civil::Date, u32> = BTreeMap::new();
        let days: Vec<civil::Date> = first.series(jiff::Span::new().days(1)).take(8).collect();
        for minute in begin(days[0])..begin(days[7]) {
            if !table.starts(Moment::at(minute, table.zone()).unwrap()).is_empty() {
                *dates.entry(table.zone().to_datetime(Timestamp::from_second(minute * 60).unwrap()).date()).or_default() += 1;
            }
        }
        let expected: BTreeMap<_, _> = days[..7].iter().map(|date| (*date, 1)).collect();
        prop_assert_eq!(dates, expected, "{} in {}", at, zone);
    }

    /// A deny item takes away what starts at its minutes, and nothing else.
    #[test]
    fn deny_takes_away_its_own_minutes_only(items in proptest::collection::vec(item(), 1..5), start in 0i64..525_600) {
        let denies = |item: &ScheduleItem| item.connect_to == ConnectTo::DenyConnection;
        let as_starts: Vec<_> = items.iter().filter(|item| denies(item))
            .map(|item| ScheduleItem { connect_to: ConnectTo::DefaultConnections, ..item.clone() }).collect();
        let others = items.iter().filter(|item| !denies(item)).cloned().collect();
        let (whole, denied, others) = (table(items), table(as_starts), table(others));
        for minute in day(2026, 1, 1) + start..day(2026, 1, 1) + start + 2000 {
            let moment = Moment::at(minute, &berlin()).unwrap();
            let expected = if denied.starts(moment).is_empty() { others.starts(moment) } else { Vec::new() };
            prop_assert_eq!(whole.starts(moment), expected);
        }
    }

    /// What is told as the next start is one, and none lies before it.
    #[test]
    fn next_is_the_next(items in proptest::collection::vec(item(), 1..4), start in 0i64..525_600) {
        let table = table(items);
        let begin = day(2026, 1, 1) + start;
        let is_start = |minute: i64| table.starts(Moment::at(minute, table.zone()).unwrap()).contains(&1);
        match table.next(1, begin) {
            Some(next) => {
                prop_assert!(is_start(next));
                prop_assert!(!(begin + 1..next).any(is_start));
            }
            None => prop_assert!(!(begin + 1..begin + 7 * 1440).any(is_start)),
        }
    }
}
