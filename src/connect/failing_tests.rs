use super::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// In 2026.
const BEGIN: i64 = 1_795_000_000_000;

/// A Connection with a collector and a sender, and its administrator.
struct Office {
    failing: Failing,
    parts: [Part; 2],
    seconds: u64,
    limits: Option<Limits>,
}

const COLLECTOR: usize = 0;
const SENDER: usize = 1;

impl Office {
    fn new() -> Office {
        let part = |kind, name: &str| Part {
            connection: 1,
            kind,
            name: name.into(),
            words: "No answer.".into(),
            ok: true,
            failures: 0,
            successes: 0,
        };
        let limits = Limits { after: Duration::from_secs(HOUR), again: 86_400_000 };
        Office {
            failing: Failing::default(),
            parts: [part(Kind::Collector(7), "collector"), part(Kind::Sender, "sender")],
            seconds: 0,
            limits: Some(limits),
        }
    }

    fn wall(&self) -> i64 {
        BEGIN + 1000 * self.seconds as i64
    }

    fn look(&mut self) -> Vec<Report> {
        let now = Now { wall: self.wall(), monotonic: Duration::from_secs(self.seconds) };
        self.failing.look(&self.parts, now, self.limits)
    }

    /// Each `every` seconds one more failure, for so long. What is told, with the time.
    fn fails(&mut self, which: usize, every: u64, seconds: u64) -> Vec<(u64, Report)> {
        let mut told = Vec::new();
        for _ in 0..seconds / every {
            self.parts[which].ok = false;
            self.parts[which].failures += 1;
            told.extend(self.look().into_iter().map(|report| (self.seconds, report)));
            self.seconds += every;
        }
        told
    }

    fn works(&mut self, which: usize) -> Vec<Report> {
        self.parts[which].ok = true;
        self.parts[which].successes += 1;
        self.look()
    }
}

fn names(report: &Report) -> Vec<&str> {
    report.failing.iter().map(|part| part.name.as_str()).collect()
}

#[test]
fn told_after_an_hour_then_once_a_day_and_when_it_works_again() {
    let mut office = Office::new();
    assert_eq!(office.look(), []);
    let told = office.fails(COLLECTOR, 5 * MINUTE, 3 * DAY);
    let times: Vec<u64> = told.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [HOUR, HOUR + DAY, HOUR + 2 * DAY]);
    assert!(told.iter().all(|(_, report)| report.since == BEGIN && names(report) == ["collector"]));
    assert_eq!(told[0].1.failing[0].failures, 13);
    assert_eq!(office.works(COLLECTOR), [Report { connection: 1, since: BEGIN, failing: Vec::new() }]);
    assert_eq!(office.works(COLLECTOR), []);
    assert_eq!(office.failing.reported(), []);
}

#[test]
fn short_failures_and_those_not_tried_again_are_not_told() {
    let mut office = Office::new();
    assert_eq!(office.fails(COLLECTOR, 5 * MINUTE, 55 * MINUTE), []);
    assert_eq!(office.works(COLLECTOR), []);
    assert_eq!(office.fails(COLLECTOR, 5 * MINUTE, 55 * MINUTE), []);
    office.works(COLLECTOR);
    // One failure, and nothing more to send for a day.
    office.fails(SENDER, MINUTE, MINUTE);
    office.seconds += DAY;
    assert_eq!(office.look(), []);
    // It worked and failed between two looks: that begins anew.
    office.parts[SENDER].successes += 1;
    assert_eq!(office.fails(SENDER, MINUTE, MINUTE), []);
}

#[test]
fn what_is_not_tried_again_is_not_told_again() {
    let mut office = Office::new();
    assert_eq!(office.fails(SENDER, 5 * MINUTE, 2 * HOUR).len(), 1);
    office.seconds += 3 * DAY;
    assert_eq!(office.look(), []);
    assert_eq!(office.fails(SENDER, 5 * MINUTE, 5 * MINUTE).len(), 1);
}

#[test]
fn at_the_first_failure_where_that_is_wanted() {
    let mut office = Office::new();
    office.limits = Some(Limits { after: Duration::ZERO, again: 86_400_000 });
    assert_eq!(office.fails(SENDER, MINUTE, MINUTE)[0].1.failing[0].failures, 1);
}

#[test]
fn a_connection_is_reported_as_a_whole() {
    let mut office = Office::new();
    office.fails(COLLECTOR, 5 * MINUTE, 2 * HOUR);
    assert_eq!(office.fails(SENDER, 5 * MINUTE, 2 * HOUR), [], "not more than one a day");
    // What was reported works, but not all of the Connection.
    assert_eq!(office.works(COLLECTOR), []);
    let told = office.fails(SENDER, 5 * MINUTE, DAY);
    assert_eq!(told.len(), 1);
    assert_eq!((names(&told[0].1), told[0].1.since), (vec!["sender"], BEGIN));
    assert_eq!(office.works(SENDER).len(), 1);
}

#[test]
fn a_restart_forgets_nothing_that_was_told() {
    let mut office = Office::new();
    office.fails(SENDER, 5 * MINUTE, 2 * HOUR);
    let reported = office.failing.reported();
    let restart = |office: &mut Office| {
        office.failing = Failing::new(reported.clone());
        office.parts.iter_mut().for_each(|part| (part.ok, part.failures, part.successes) = (true, 0, 0));
    };
    restart(&mut office);
    assert_eq!(office.fails(SENDER, 5 * MINUTE, 3 * HOUR), []);
    restart(&mut office);
    assert_eq!(office.works(COLLECTOR), [], "that is not what failed");
    assert_eq!(office.works(SENDER), [Report { connection: 1, since: BEGIN, failing: Vec::new() }]);
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut office = Office::new();
    office.fails(COLLECTOR, 5 * MINUTE, 2 * HOUR);
    assert_eq!(
        office.failing.look(&office.parts[1..], Now { wall: office.wall(), monotonic: Duration::ZERO }, office.limits),
        []
    );
    assert_eq!(office.failing.reported(), [], "it has not worked: nothing is told");
    let mut office = Office::new();
    office.fails(COLLECTOR, 5 * MINUTE, 2 * HOUR);
    office.limits = None;
    assert_eq!(office.look(), []);
    assert_eq!(office.failing.reported(), []);
}

#[test]
fn a_report_from_the_future_counts_for_nothing() {
    let mut office = Office::new();
    let far = ReportedError { connection: 1, at: BEGIN * 2, since: BEGIN * 2, collectors: vec![7], sender: false };
    office.failing = Failing::new(vec![far]);
    assert_eq!(office.fails(COLLECTOR, 5 * MINUTE, 2 * HOUR).len(), 1);
}
