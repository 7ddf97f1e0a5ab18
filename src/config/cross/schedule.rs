//! The schedule: that its times are times, and that what it starts is there.

use super::Checks;
use crate::config::directory::lower;
use crate::config::schedule::minute_of_day;
use crate::config::{ConnectTo, ScheduleItem};

impl Checks<'_> {
    pub(super) fn schedule(&mut self) {
        let config = self.config;
        for (position, item) in config.schedule.items.iter().enumerate() {
            let path = format!("schedule.items[{position}]");
            self.times(&path, item);
            self.starts(&path, item);
            if item.days.is_empty() {
                self.wrong(format!("{path}.days"), "is empty; to switch the item off, set enabled = false");
            }
        }
    }

    fn times(&mut self, path: &str, item: &ScheduleItem) {
        let mut time = |name: &str, text: &str| {
            let minute = minute_of_day(text);
            if minute.is_none() {
                self.wrong(format!("{path}.{name}"), format!("\"{text}\" is no time of day such as 08:30"));
            }
            minute
        };
        let (from, until) = (time("from", &item.from), time("until", &item.until));
        if !item.once_at.is_empty() {
            time("once_at", &item.once_at);
        }
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            let message = format!(
                "\"{}\" is before \"{}\"; make one item until 23:59 and another one from 0:00",
                item.until, item.from
            );
            self.wrong(format!("{path}.until"), message);
        }
    }

    fn starts(&mut self, path: &str, item: &ScheduleItem) {
        let config = self.config;
        for (position, name) in item.connections.iter().enumerate() {
            if !config.connections.iter().any(|connection| lower(&connection.name) == lower(name)) {
                let message = format!("there is no Connection \"{name}\"");
                self.wrong(format!("{path}.connections[{position}]"), message);
            }
        }
        match (item.connect_to, item.connections.is_empty()) {
            (ConnectTo::TheseConnections, true) => {
                self.wrong(format!("{path}.connections"), "is empty; name the Connections to start");
            }
            (ConnectTo::DefaultConnections | ConnectTo::DenyConnection, false) => {
                let message = "counts only with connect_to = \"these-connections\"; leave it empty";
                self.wrong(format!("{path}.connections"), message);
            }
            _ => {}
        }
    }
}
