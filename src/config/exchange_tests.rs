use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::{
    Collector, CollectorEncryption, CollectorRouting, Connection, Login, RelayEncryption, RelayHost, RetryStep, STARS,
    Secret, Sender, User, password,
};

const OFFICE: &str = r#"
[general]
host_name = "mail.office.example"
default_domain = "office.example"
local_domains = ["office.example"]

[[users]]
name = "anna"
password = "anna's secret"
aliases = ["sales"]

[[users]]
name = "bob"
password = "bob's secret"

[[connections]]
name = "Provider"

[connections.sender]
hosts = [{ host = "relay.provider.example", port = 587 }]
encryption = "starttls"
login = { user = "office", password = "relay secret" }

[[collectors]]
name = "catch-all"
host = "pop.provider.example"
login = { user = "office", password = "pop secret" }
routing = { by-headers = { accepted_domains = ["office.example"] } }
"#;

fn office() -> Config {
    Config::fresh().from_toml(OFFICE).unwrap()
}

fn errors(config: &Config, text: &str) -> Vec<String> {
    config.from_toml(text).unwrap_err().iter().map(Invalid::to_string).collect()
}

#[test]
fn a_file_makes_an_office() {
    let config = office();
    assert_eq!(config.general.host_name, "mail.office.example");
    assert_eq!(config.general.main_administrator, "anna");
    assert_eq!(config.smtp.iter().map(|service| service.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(config.pop3, Config::fresh().pop3, "what is not in the file stays");
    assert_eq!((config.users[1].name.as_str(), config.users[1].id), ("bob", 2));
    assert!(password::verify(&config.users[1].password, "bob's secret"));
    let connection = &config.connections[0];
    assert_eq!((connection.id, config.collectors[0].id), (1, 1));
    assert_eq!(connection.sender.as_ref().unwrap().encryption, RelayEncryption::Starttls);
    assert_eq!(connection.sender.as_ref().unwrap().max_connections, 4);
    assert_eq!(
        config.collectors[0].routing,
        CollectorRouting::ByHeaders { accepted_domains: vec!["office.example".into()] }
    );
    assert_eq!(config.from_toml(OFFICE).unwrap(), config, "a second time changes nothing");
}

#[test]
fn sections_replace_sections() {
    let config = office().from_toml("[general]\nhost_name = \"other.example\"\nmain_administrator = \"bob\"").unwrap();
    assert_eq!(config.general.default_domain, "", "left out in a section that is there: the default");
    assert_eq!(config.users, office_users(&config));
    let config = office().from_toml("[[users]]\nname = \"BOB\"\n[[users]]\nname = \"carl\"\n[general]").unwrap();
    let users: Vec<_> = config.users.iter().map(|user| (user.id, user.name.as_str())).collect();
    assert_eq!(users, [(2, "BOB"), (3, "carl")]);
    assert!(password::verify(&config.users[0].password, "bob's secret"), "a secret that is left out stays");
    assert!(config.users[1].password.is_empty());
    assert_eq!(office().from_toml("").unwrap().general, office().general);
}

fn office_users(config: &Config) -> Vec<User> {
    let mut users = office().users;
    for (user, with_hash) in users.iter_mut().zip(&config.users) {
        user.password = with_hash.password.clone();
    }
    users
}

#[test]
fn errors_name_line_and_setting() {
    let present = Config::fresh();
    let found = errors(&present, "[general]\nmax_hops = 5\nhostname = \"x\"\n\n[[smtp]]\ntimeout = \"5\"\n");
    for (found, expected) in found.iter().zip([
        "line 2: general.max_hops: 5 is below 20",
        "line 3: general.hostname: is no setting; there are host_name, default_domain, local_domains, ",
        "line 6: smtp[0].timeout: should be a whole number, not a text",
    ]) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(found.len(), 3);
    assert_eq!(
        errors(
            &present,
            "[[users]]\nname = \"anna\"\n\n[[users]]\nname = \"bob\"\naliases = [\n  \"x\",\n  \"anna\",\n]"
        ),
        ["line 8: users[1].aliases[1]: \"anna\" is the name of the user \"anna\""]
    );
    assert_eq!(
        errors(&present, "\n[[connections]]\nname = \"P\"\nenabled = true\n[connections.sender]\nmax_recipients = 50"),
        ["line 5: connections[0].sender.hosts: is empty; name at least one relay host"]
    );
    assert_eq!(
        errors(&present, "[[connections.sender]]\nhosts = []"),
        ["line 1: connections: should be a list, not a table"]
    );
}

#[test]
fn syntax_errors_name_the_line_and_show_no_secret() {
    let present = Config::fresh();
    let found = errors(&present, "[general]\nhost_name = mail\n[[users]]\npassword = \"secret\" x\n");
    assert!(found[0].starts_with("line 2: "), "{found:?}");
    assert!(found.iter().any(|error| error.starts_with("line 4: ")), "{found:?}");
    assert!(!found.concat().contains("secret"), "{found:?}");
    let found = errors(&present, "[general]\nhost_name = \"a\"\nhost_name = \"b\"\n");
    assert!(found[0].starts_with("line 3: "), "{found:?}");
    assert!(!errors(&present, &"[".repeat(10_000)).is_empty());
    assert!(!errors(&present, &format!("x = {}", "[".repeat(100_000))).is_empty());
    assert_eq!(errors(&present, &" ".repeat(LARGEST + 1)), [format!("the file is larger than {LARGEST} bytes")]);
}

#[test]
fn odd_numbers_are_refused() {
    for (text, message) in [
        ("99999999999999999999", "9223372036854775807 is above 100"),
        ("0x14", ""),
        ("1e3", "1000.0 is no whole number"),
        ("nan", "should be a whole number, not nothing"),
        ("1979-05-27", "should be a whole number, not a text"),
    ] {
        let found = Config::fresh().from_toml(&format!("general.max_hops = {text}"));
        let found: Vec<String> = found.err().into_iter().flatten().map(|error| error.to_string()).collect();
        let expected: Vec<String> = Some(message)
            .filter(|m| !m.is_empty())
            .map(|m| format!("line 1: general.max_hops: {m}"))
            .into_iter()
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn an_export_without_secrets_keeps_them() {
    let config = office();
    let file = config.to_toml(false);
    for secret in ["secret", "argon2", "\nid ="] {
        assert!(!file.contains(secret), "{secret} in\n{file}");
    }
    assert_eq!(config.from_toml(&file).unwrap(), config);
    let elsewhere = Config::fresh().from_toml(&file).unwrap();
    assert!(elsewhere.users[0].password.is_empty());
    assert_eq!(Config::fresh().from_toml(&config.to_toml(true)).unwrap(), config);
}

#[test]
fn an_export_explains_each_setting_once() {
    let file = office().to_toml(false);
    assert_eq!(file.matches("# Most recipients of one message.\n# 100 to 50000.\nmax_recipients = 1000\n").count(), 1);
    assert_eq!(file.matches("\nmax_recipients = 1000\n").count(), 3);
    assert!(
        file.contains(
            "# One of \"none\", \"ssl\", \"starttls\", \"starttls-if-available\".\nencryption = \"starttls\"\n"
        )
    );
    assert!(file.contains("\nhosts = [{ host = \"relay.provider.example\", port = 587 }]\n"));
    assert!(file.contains("\nrouting = { by-headers = { accepted_domains = [\"office.example\"] } }\n"));
}

#[test]
fn stored_settings_come_back() {
    let config = office();
    assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
    assert!(config.to_json().contains("relay secret"));
    assert_eq!(Config::from_json("{}").unwrap(), Config::default());
    let older = r#"{"general":{"host_name":"a.example","gone":1},"old":[],"ids":{"users":7},"users":[{"id":7,"name":"x","z":0}]}"#;
    let older = Config::from_json(older).unwrap();
    assert_eq!((older.general.host_name.as_str(), older.ids.users, older.users[0].id), ("a.example", 7, 7));
    assert!(Config::from_json("").unwrap_err().message.starts_with("the stored settings cannot be read: "));
    assert!(Config::from_json(r#"{"users":3}"#).is_err());
}

#[test]
fn answers_have_stars_and_stars_mean_the_same() {
    let config = office();
    let mut answer = config.to_json_covered();
    assert_eq!(answer["users"][0]["password"], STARS);
    assert_eq!(answer["connections"][0]["sender"]["login"]["password"], STARS);
    assert!(!answer.to_string().contains("secret"));
    assert_eq!(config.with(answer.clone()).unwrap(), config);
    answer["users"][0]["password"] = json!("new secret");
    answer["general"]["max_hops"] = json!(50);
    let changed = config.with(answer).unwrap();
    assert!(password::verify(&changed.users[0].password, "new secret"));
    assert_eq!((changed.users[1].clone(), changed.general.max_hops), (config.users[1].clone(), 50));
    assert!(config.with(json!([])).is_err());
    assert_eq!(config.with(json!({"nothing": 1})).unwrap_err()[0].path, "nothing");
}

/// Texts as people write them, and as they do not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", r#"[ -~äß€\\"'#=\[\]]{0,12}"#]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,8}"
}

fn users() -> impl Strategy<Value = Vec<User>> {
    let user = (text(), any::<bool>(), any::<bool>(), proptest::collection::vec("[a-z]{3}@[a-z]{3}[.]example", 0..3));
    proptest::collection::btree_map(name(), user, 1..5).prop_map(|users| {
        let user = |(name, (full_name, enabled, administrator, mut aliases)): (String, (_, _, _, Vec<String>))| {
            aliases.dedup();
            aliases.truncate(1);
            User { name, full_name, enabled, administrator, aliases, ..User::default() }
        };
        let mut users: Vec<User> = users.into_iter().map(user).collect();
        users[0].enabled = true;
        users
    })
}

fn login() -> impl Strategy<Value = Login> {
    (text(), text()).prop_map(|(user, password)| Login { user: user + "u", password: Secret::new(password) })
}

fn connections() -> impl Strategy<Value = Vec<Connection>> {
    let sender = (proptest::option::of(login()), 1u16.., 1u32..50, proptest::collection::vec(1u32..1000, 0..3))
        .prop_map(|(login, port, max_connections, mut retry)| {
            retry.sort_unstable();
            retry.dedup();
            let step = |until| RetryStep { every: 7, until };
            let retry = retry.into_iter().chain([0]).map(step).collect();
            let hosts = vec![RelayHost { host: "relay.example".into(), port }, RelayHost::default()];
            let hosts = hosts.into_iter().map(|host| RelayHost { host: "r.example".into(), ..host }).collect();
            Sender { hosts, login, max_connections, retry, ..Sender::default() }
        });
    let connection = (any::<bool>(), proptest::option::of(sender), any::<bool>());
    let connection = connection.prop_map(|(paused, sender, default)| Connection {
        paused,
        sender,
        default,
        ..Connection::default()
    });
    proptest::collection::btree_map(name(), connection, 0..3)
        .prop_map(|all| all.into_iter().map(|(name, connection)| Connection { name, ..connection }).collect())
}

fn collectors() -> impl Strategy<Value = Vec<Collector>> {
    let collector = (login(), any::<bool>(), proptest::collection::vec("[a-z*]{1,5}[.]example", 1..3), 0u64..100_000);
    let collector = collector.prop_map(|(login, stls, accepted_domains, max_size_kb)| Collector {
        host: "192.0.2.1".into(),
        login,
        encryption: if stls { CollectorEncryption::Stls } else { CollectorEncryption::None },
        routing: CollectorRouting::ByHeaders { accepted_domains },
        max_size_kb,
        ..Collector::default()
    });
    proptest::collection::btree_map(name(), collector, 0..3)
        .prop_map(|all| all.into_iter().map(|(name, collector)| Collector { name, ..collector }).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_export_makes_the_same_again(users in users(), connections in connections(), collectors in collectors(), ca_file in text()) {
        let collectors = if connections.is_empty() { Vec::new() } else { collectors };
        let mut config = Config { users, connections, collectors, ..Config::fresh() };
        config.tls.ca_file = ca_file;
        let config = config.prepare(None).unwrap();
        let file = config.to_toml(true);
        match Config::fresh().from_toml(&file) {
            Ok(again) => prop_assert_eq!(again, config.clone(), "{}", file),
            Err(errors) => prop_assert!(false, "{:?}\n{}", errors, file),
        }
        prop_assert_eq!(config.from_toml(&config.to_toml(false)).unwrap(), config.clone());
        prop_assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
    }

    #[test]
    fn no_file_ends_the_program(text in "[\\[\\]a-z.=\"{}, \n#0-9-]{0,200}") {
        let _ = Config::fresh().from_toml(&text);
        let _ = Config::fresh().from_toml(&format!("{OFFICE}{text}"));
    }
}
