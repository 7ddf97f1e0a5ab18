use super::*;
use crate::config::{AccessRule, RelayHost, RetryStep, Secret};
use crate::config::{Collector, CollectorRouting, ConnectTo, Connection, Login, ScheduleItem, Sender, User};
use crate::config::{RelayEncryption, ReturnAddress, SendingMethod};

fn user(name: &str, aliases: &[&str]) -> User {
    User { name: name.into(), aliases: aliases.iter().map(|a| a.to_string()).collect(), ..User::default() }
}

fn office() -> Config {
    let collector = Collector {
        host: "pop.provider.example".into(),
        login: Login { user: "office".into(), password: Secret::new("p") },
        routing: CollectorRouting::SendTo("anna".into()),
        ..Collector::default()
    };
    let sender =
        Sender { hosts: vec![RelayHost { host: "relay.provider.example".into(), port: 587 }], ..Sender::default() };
    let mut config = Config {
        connections: vec![Connection { sender: Some(sender), ..Connection::default() }],
        collectors: vec![collector],
        users: vec![user("anna", &["boss", "anna@private.example"]), user("bob", &["boss"])],
        ..Config::fresh()
    };
    config.general.default_domain = "office.example".into();
    config.general.local_domains = vec!["office.example".into(), "*.office.example".into(), "x@y.example".into()];
    config.general.main_administrator = "Anna".into();
    config.dns.servers = vec!["192.0.2.1".into(), "[2001:db8::1]:53".into()];
    config.users.push(User { enabled: false, ..user("gone", &[]) });
    config
}

/// What is wrong after a change of a good configuration.
fn after(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let (mut config, mut found) = (office(), Vec::new());
    change(&mut config);
    check(&config, &mut found);
    found.iter().map(Invalid::to_string).collect()
}

fn sender(config: &mut Config) -> &mut Sender {
    config.connections[0].sender.as_mut().unwrap()
}

#[test]
fn a_good_configuration_is_good() {
    assert_eq!(after(|_| {}), [""; 0]);
    let mut found = Vec::new();
    check(&Config::fresh(), &mut found);
    check(&Config::default(), &mut found);
    assert_eq!(found, []);
}

#[test]
fn general() {
    for bad in ["", "-a.example", "a b", "[192.0.2.1]", "a..b", "bücher.example"] {
        assert_eq!(
            after(|c| c.general.host_name = bad.into()),
            [format!("general.host_name: \"{bad}\" is no host name")]
        );
    }
    assert_eq!(
        after(|c| c.general.default_domain = "a.example; b.example".into()),
        ["general.default_domain: \"a.example; b.example\" is not one domain"]
    );
    assert_eq!(after(|c| c.general.default_domain.clear()), [""; 0]);
    assert_eq!(
        after(|c| c.general.local_domains = vec!["*".into(), "ok.???".into(), "a;b".into(), "".into()]),
        [
            "general.local_domains[0]: \"*\" would make every address a local one, and no mail would go out",
            "general.local_domains[2]: \"a;b\" is no domain, address or pattern of one",
            "general.local_domains[3]: \"\" is no domain, address or pattern of one",
        ]
    );
    for (name, message) in [
        ("carl", "there is no user \"carl\""),
        ("gone", "the user \"gone\" is not enabled"),
        ("", "name an enabled user here"),
    ] {
        let found = after(|c| c.general.main_administrator = name.into());
        assert_eq!(found, [format!("general.main_administrator: {message}")]);
    }
    let found = after(|c| {
        c.users.clear();
        c.connections.clear();
        c.collectors.clear();
    });
    assert_eq!(found, ["general.main_administrator: there is no user \"Anna\""]);
}

#[test]
fn services() {
    assert_eq!(
        after(|c| c.smtp[1].listen = vec!["25".into(), "localhost:25".into()]),
        [
            "smtp[1].listen[0]: \"25\" is no address with a port, such as 0.0.0.0:25 or [::]:25",
            "smtp[1].listen[1]: \"localhost:25\" is no address with a port, such as 0.0.0.0:25 or [::]:25",
        ]
    );
    assert_eq!(
        after(|c| c.pop3[0].listen = vec!["[::]:25".into(), "127.0.0.1:0".into(), "127.0.0.1:0".into()]),
        ["pop3[0].listen[0]: [::]:25 is taken by smtp[0].listen[1]"]
    );
    assert_eq!(after(|c| c.web.listen.clear()), ["web.listen: is empty; to stop the service, set enabled = false"]);
    let off = after(|c| {
        c.web.enabled = false;
        c.web.listen = vec!["0.0.0.0:25".into()];
    });
    assert_eq!(off, [""; 0]);
}

#[test]
fn access_restrictions() {
    let rule = |network: &str| AccessRule::allow(network);
    let of = |users: &[&str]| AccessRule { users: users.iter().map(|u| u.to_string()).collect(), ..rule("any") };
    assert_eq!(
        after(|c| c.pop3[0].access = [rule("Local-Networks"), rule("10.0.0.0/40"), rule("office")].into()),
        [
            "pop3[0].access[1].network: \"10.0.0.0/40\" has a number after the / that is no prefix length (up to 32 here), \
             \"any\" or \"routers\"",
            "pop3[0].access[2].network: \"office\" is no network such as 192.168.1.0/24, no address, and not \
             \"local-networks\", \"any\" or \"routers\"",
        ]
    );
    for network in ["any", "::/0", "0.0.0.0/0"] {
        assert_eq!(
            after(|c| c.smtp[0].access = [AccessRule::trust(network)].into()),
            [format!(
                "smtp[0].access[0].no_auth: \"{network}\" would let everybody send through this box without a login; \
                 list your own networks"
            )]
        );
    }
    assert_eq!(
        after(|c| c.security.global_access = [of(&["anna"]), of(&["carl"])].into()),
        ["security.global_access[1].users[0]: there is no user \"carl\""]
    );
    assert_eq!(
        after(|c| c.web.access = [AccessRule { no_auth: true, ..AccessRule::block("any") }].into()),
        ["web.access[0]: blocks, so that no_auth and users have no meaning here"]
    );
}

#[test]
fn users() {
    assert_eq!(after(|c| c.users[1].name = "ANNA".into()), ["users[1].name: \"ANNA\" is the name of users[0] already"]);
    assert_eq!(after(|c| c.users[1].name.clear()), ["users[1].name: is empty"]);
    for bad in ["b b", "bob@office.example", ".bob", "bob.", "b..b", "bób", "b/b"] {
        assert_eq!(
            after(|c| c.users[1].name = bad.into()),
            [format!(
                "users[1].name: \"{bad}\" may have letters, digits, \".\", \"_\" and \"-\" only, and no dot at an end"
            )]
        );
    }
    let long = "b".repeat(33);
    let found = after(|c| c.users[1].name = long.clone());
    assert_eq!(found, [format!("users[1].name: \"{long}\" is longer than 32 characters")]);
    assert_eq!(
        after(|c| c.users[1].aliases = vec!["Anna".into(), "a b".into(), "x*".into(), "Info".into(), "info".into()]),
        [
            "users[1].aliases[0]: \"Anna\" is the name of the user \"anna\"",
            "users[1].aliases[1]: \"a b\" is no name or address",
            "users[1].aliases[2]: \"x*\" is no name or address",
            "users[1].aliases[4]: \"info\" is listed twice",
        ]
    );
    assert_eq!(after(|c| c.users[1].aliases = vec!["bob".into(), "anna@office.example".into()]), [""; 0]);
    let found = after(|c| {
        c.users[0].password = Secret::new("$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo");
        c.users[1].password = Secret::new("x".repeat(257));
    });
    assert_eq!(
        found,
        [
            "users[0].password: looks like a hash, but is no whole Argon2 hash this box can use",
            "users[1].password: is longer than 256 bytes",
        ]
    );
}

#[test]
fn senders() {
    assert_eq!(
        after(|c| sender(c).hosts.clear()),
        ["connections[0].sender.hosts: is empty; name at least one relay host"]
    );
    assert_eq!(
        after(|c| sender(c).hosts[0].host = "relay example".into()),
        ["connections[0].sender.hosts[0].host: \"relay example\" is no host name and no address"]
    );
    assert_eq!(after(|c| sender(c).hosts[0].host = "2001:db8::1".into()), [""; 0]);
    assert_eq!(
        after(|c| sender(c).helo_name = "a b".into()),
        ["connections[0].sender.helo_name: \"a b\" is no host name"]
    );
    assert_eq!(after(|c| sender(c).login = Some(Login::default())), ["connections[0].sender.login.user: is empty"]);
    let direct = |encryption| {
        after(|c| {
            let sender = sender(c);
            (sender.method, sender.encryption) = (SendingMethod::Direct, encryption);
            sender.hosts.clear();
        })
    };
    assert_eq!(direct(RelayEncryption::Starttls), [""; 0]);
    assert_eq!(
        direct(RelayEncryption::Ssl),
        ["connections[0].sender.encryption: \"ssl\" is not possible with direct sending: no mail server of a domain \
          offers it"]
    );
    assert_eq!(
        after(|c| {
            sender(c).return_address = "office".into();
            sender(c).return_addresses = vec![ReturnAddress { from: "a@b.example".into(), to: "c@".into() }];
        }),
        [
            "connections[0].sender.return_address: \"office\" is no address",
            "connections[0].sender.return_addresses[0].to: \"c@\" is no address",
        ]
    );
    assert_eq!(
        after(|c| {
            sender(c).dns_overrides = vec!["* a".into(), "* b $prio:3".into()];
            sender(c).domain_filter = vec!["Attempt: Form=x".into()];
            sender(c).dns_servers = vec!["ns".into()];
        }),
        [
            "connections[0].sender.dns_servers[0]: \"ns\" is no address such as 192.168.1.1 or 192.168.1.1:53",
            "connections[0].sender.dns_overrides[1]: column 5: no such option: \"$prio:3\"; there are $priority:, $size, \
             $end, $sender:, $auth:, $tries and $age",
            "connections[0].sender.domain_filter[0]: column 10: no such condition: \"Form\"; there are From, To, Auth and \
             Header:Name",
        ]
    );
    let steps = |list: &[u32]| {
        let retry = list.iter().map(|until| RetryStep { every: 5, until: *until }).collect();
        after(|c| sender(c).retry = retry)
    };
    assert_eq!(steps(&[60, 1440, 0]), [""; 0]);
    assert_eq!(steps(&[0]), [""; 0]);
    assert_eq!(steps(&[]), ["connections[0].sender.retry: is empty; one step at least is needed"]);
    assert_eq!(
        steps(&[60, 60, 0, 90]),
        [
            "connections[0].sender.retry[1].until: 60 is not above the 60 of the step before",
            "connections[0].sender.retry[2].until: only the last step may go on until the mail is given up (0)",
            "connections[0].sender.retry[3].until: the last step must go on until the mail is given up (0)",
        ]
    );
}

#[test]
fn connections_and_collectors() {
    let found = after(|c| {
        let other = c.connections[0].clone();
        c.connections.push(Connection { name: "PROVIDER".into(), ..other });
        let one = c.collectors[0].clone();
        c.collectors.push(Collector { name: "mailbox".into(), connections: vec!["provider".into()], ..one.clone() });
        c.collectors.push(Collector { name: " ".into(), connections: vec!["Line".into()], ..one });
    });
    assert_eq!(
        found,
        [
            "connections[1].name: \"PROVIDER\" is the name of connections[0] already",
            "collectors[1].name: \"mailbox\" is the name of collectors[0] already",
            "collectors[2].name: is empty",
            "collectors[2].connections[0]: there is no Connection \"Line\"",
        ]
    );
    let bare = || Collector::default();
    assert_eq!(
        after(|c| c.collectors = vec![bare()]),
        [
            "collectors[0].host: is empty; name the server",
            "collectors[0].login.user: is empty",
            "collectors[0].routing.send-to: is empty; name a user or an address",
        ]
    );
    assert_eq!(after(|c| c.collectors = vec![Collector { enabled: false, ..bare() }]), [""; 0]);
    assert_eq!(
        after(|c| c.connections.clear()),
        ["collectors[0].connections: there is no Connection that could run this collector"]
    );
}

#[test]
fn collected_mail_must_lead_somewhere() {
    let to = |target: &str| after(|c| c.collectors[0].routing = CollectorRouting::SendTo(target.into()));
    for good in [
        "ANNA",
        "boss",
        "boss@office.example",
        "anna@private.example",
        "bob@sub.office.example",
        "me@elsewhere.example",
    ] {
        assert_eq!(to(good), [""; 0], "{good}");
    }
    for (bad, message) in [
        ("carl", "\"carl\" is nobody here"),
        ("carl@office.example", "\"carl@office.example\" is nobody here"),
        ("gone@office.example", "\"gone@office.example\" is nobody here"),
        ("gone", "the user \"gone\" is not enabled"),
        ("a b", "\"a b\" is no user and no address"),
    ] {
        assert_eq!(to(bad), [format!("collectors[0].routing.send-to: {message}")]);
    }
    let accept = |domains: &[&str]| {
        let accepted_domains = domains.iter().map(|domain| domain.to_string()).collect();
        after(|c| c.collectors[0].routing = CollectorRouting::ByHeaders { accepted_domains })
    };
    assert_eq!(accept(&["office.example", "*", "joe.*@x.example", "@y.example", "*.example"]), [""; 0]);
    let path = "collectors[0].routing.by-headers.accepted_domains";
    assert_eq!(accept(&[]), [format!("{path}: is empty; no address would count")]);
    assert_eq!(accept(&["a;b"]), [format!("{path}[0]: \"a;b\" is no domain, address or pattern of one")]);
}

#[test]
fn certificate_and_name_servers() {
    assert_eq!(
        after(|c| c.tls.certificate_file = "c.pem".into()),
        ["tls.key_file: is empty, though certificate_file is given"]
    );
    assert_eq!(
        after(|c| c.tls.key_file = "k.pem".into()),
        ["tls.certificate_file: is empty, though key_file is given"]
    );
    assert_eq!(
        after(|c| c.dns.servers.push("ns.example".into())),
        ["dns.servers[2]: \"ns.example\" is no address such as 192.168.1.1 or 192.168.1.1:53"]
    );
    assert_eq!(
        after(|c| (c.dns.servers, c.dns.detect_servers) = (Vec::new(), false)),
        ["dns.servers: is empty, and servers are not detected either"]
    );
    for wrong in ["localhost", "a b.example", "a..example"] {
        assert_eq!(
            after(|c| c.dns.test_name = wrong.into()),
            [format!("dns.test_name: \"{wrong}\" is no name such as example.com")]
        );
    }
    assert_eq!(after(|c| c.dns.test_name = String::new()), [""; 0]);
}

#[test]
fn download_rules_and_smtp_rules() {
    use crate::config::{DownloadAction, DownloadRule, SmtpAction, SmtpRule};
    let with = |change: &dyn Fn(&mut DownloadRule)| {
        after(|config| {
            let mut rule = DownloadRule { conditions: vec!["Subject: x".into()], ..DownloadRule::default() };
            change(&mut rule);
            config.download_rules = vec![rule].into();
        })
    };
    assert_eq!(with(&|_| {}), [""; 0]);
    assert_eq!(
        with(&|rule| rule.conditions.push("  Subject".into())),
        [
            "download_rules[0].conditions[1]: column 3: there is no colon: a condition is a field, a colon, and what it must be"
        ]
    );
    assert_eq!(
        with(&|rule| rule.action = DownloadAction::Redirect),
        ["download_rules[0].addresses: is empty; the action needs a user or an address at least"]
    );
    assert_eq!(
        with(&|rule| rule.addresses = vec!["bob".into()]),
        ["download_rules[0].addresses: is for actions that copy or redirect only"]
    );
    let copy = |rule: &mut DownloadRule, to: &str| {
        rule.action = DownloadAction::Copy;
        rule.addresses = vec![to.into()];
    };
    assert_eq!(with(&|rule| copy(rule, "bob")), [""; 0]);
    assert_eq!(with(&|rule| copy(rule, "x@elsewhere.example")), [""; 0]);
    assert_eq!(with(&|rule| copy(rule, "carl")).len(), 1);

    let with = |rules: &[SmtpRule]| after(|config| config.smtp[1].rules = rules.to_vec().into());
    let reject = SmtpRule { name: "a".into(), action: SmtpAction::Reject, reply: "No".into(), ..SmtpRule::default() };
    assert_eq!(with(std::slice::from_ref(&reject)), [""; 0]);
    assert_eq!(
        with(&[reject.clone(), SmtpRule { name: "A".into(), ..reject.clone() }]),
        ["smtp[1].rules[1].name: \"A\" is the name of smtp[1].rules[0] already"]
    );
    assert_eq!(
        with(&[SmtpRule { reply: "N\u{f6}".into(), ..reject.clone() }]),
        ["smtp[1].rules[0].reply: is no line of up to 400 ASCII characters"]
    );
    assert_eq!(
        with(&[SmtpRule { action: SmtpAction::Ignore, ..reject.clone() }]),
        ["smtp[1].rules[0].reply: is for the action reject only"]
    );
    assert_eq!(
        with(&[SmtpRule { conditions: vec!["Collector: 1".into()], ..reject }]),
        [
            "smtp[1].rules[0].conditions[0]: column 1: there is no Collector here: mail that comes in by SMTP has no collector"
        ]
    );
}

#[test]
fn the_schedule() {
    let with = |change: fn(&mut ScheduleItem)| {
        after(|c| change(&mut c.schedule.items[0]))
            .into_iter()
            .map(|text| text.replace("schedule.items[0].", ""))
            .collect()
    };
    let good: [Vec<String>; 3] = [
        with(|item| item.until = "0:00".into()),
        with(|item| item.once_at = "9:30".into()),
        with(|item| (item.connect_to, item.connections) = (ConnectTo::TheseConnections, vec!["provider".into()])),
    ];
    assert!(good.iter().all(Vec::is_empty), "{good:?}");
    for (found, expected) in [
        (with(|item| item.from = "24:00".into()), "from: \"24:00\" is no time of day such as 08:30"),
        (with(|item| item.once_at = "noon".into()), "once_at: \"noon\" is no time of day such as 08:30"),
        (
            with(|item| (item.from, item.until) = ("21:00".into(), "9:00".into())),
            "until: \"9:00\" is before \"21:00\"; make one item until 23:59 and another one from 0:00",
        ),
        (with(|item| item.days.clear()), "days: is empty; to switch the item off, set enabled = false"),
        (
            with(|item| (item.connect_to, item.connections) = (ConnectTo::TheseConnections, vec!["X".into()])),
            "connections[0]: there is no Connection \"X\"",
        ),
        (
            with(|item| item.connect_to = ConnectTo::TheseConnections),
            "connections: is empty; name the Connections to start",
        ),
        (
            with(|item| item.connections = vec!["Provider".into()]),
            "connections: counts only with connect_to = \"these-connections\"; leave it empty",
        ),
    ] {
        assert_eq!(found, [expected]);
    }
    assert_eq!(after(|c| c.general.time_zone = "Asia/Kathmandu".into()), [""; 0]);
    assert_eq!(
        after(|c| c.general.time_zone = "Europe/Atlantis".into()),
        ["general.time_zone: \"Europe/Atlantis\" is no time zone such as Europe/Berlin"]
    );
}

#[test]
fn ten_connections_at_most() {
    let found = after(|c| {
        let more = |n: u32| Connection { name: format!("P{n}"), ..Connection::default() };
        c.connections.extend((0..10).map(more));
    });
    assert_eq!(found, ["connections: there are more than 10"]);
}
