//! `config check`, `export`, `import`.

use crate::program::{OFFICE, Place};

#[test]
fn what_is_exported_can_be_imported() {
    let place = Place::new();
    let secret = OFFICE.replace("name = \"anna\"", "name = \"anna\"\npassword = \"s3cret-anna\"");
    let file = place.write("a.toml", &secret);
    assert_eq!(place.answer(&["config", "check", file.to_str().unwrap()]), format!("{}: good\n", file.display()));
    place.answer(&["config", "import", file.to_str().unwrap()]);

    let plain = place.answer(&["config", "export"]);
    assert!(plain.contains("box.office.example") && !plain.contains("argon2") && !plain.contains("s3cret"), "{plain}");
    let whole = place.answer(&["config", "export", "--secrets"]);
    assert!(whole.contains("$argon2id$") && !whole.contains("s3cret"), "{whole}");

    let other = Place::new();
    other.answer(&["config", "import", other.write("b.toml", &whole).to_str().unwrap()]);
    assert_eq!(other.answer(&["config", "export", "--secrets"]), whole);

    // Without secrets, an import keeps those that are there.
    place.answer(&["config", "import", place.write("c.toml", &plain).to_str().unwrap()]);
    assert_eq!(place.answer(&["config", "export", "--secrets"]), whole);
}

#[test]
fn the_same_through_the_running_program() {
    let place = Place::new();
    let program = place.start(OFFICE);
    let part = place
        .write("part.toml", "[general]\ndefault_domain = \"other.example\"\nlocal_domains = [\"other.example\"]\n");
    assert_eq!(
        place.answer(&["config", "import", part.to_str().unwrap()]),
        "stored; takes effect when the program is started again: certificate\n"
    );
    let config = place.json(&["config", "export"]);
    assert_eq!(config["general"]["default_domain"], "other.example");
    assert_eq!(config["users"][0]["name"], "anna", "sections that are not in the file stay");
    let wrong = place.write("wrong.toml", "[general]\nlocal_domain = \"x\"\n");
    let line = place.refusal(&["config", "import", wrong.to_str().unwrap()], 1);
    assert!(line.contains("wrong.toml: line 2: general.local_domain"), "{line}");
    assert!(program.stop().success());
    assert_eq!(place.json(&["config", "export"]), config);
}

/// What the README tells people to write down is a good configuration.
#[test]
fn the_readme_is_right() {
    let text = include_str!("../../README.md");
    let file = text.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    let place = Place::new();
    let file = place.write("readme.toml", file);
    place.answer(&["config", "check", file.to_str().unwrap()]);
    let help = place.answer(&["--help"]);
    for command in text.lines().filter_map(|line| line.trim().strip_prefix("sudo pillarbox ")) {
        let word = command.split_whitespace().next().unwrap();
        assert!(help.contains(&format!("pillarbox {word}")), "{command}");
    }
}

#[test]
fn a_page_goes_back_to_its_defaults() {
    let place = Place::new();
    let settings = OFFICE
        .replace("host_name", "max_hops = 30\nhost_name")
        .replace("[web]", "[dns]\nservers = [\"192.0.2.1\"]\n\n[web]");
    let program = place.start(&settings);
    let answer = place.answer(&["config", "restore-defaults", "general"]);
    assert_eq!(answer, "general.max_hops: 30 → 100\n");
    assert_eq!(place.answer(&["config", "restore-defaults", "general"]), "all is at its default already\n");
    let answer = place.json(&["config", "restore-defaults", "dns"]);
    assert_eq!(answer["changed"][0]["before"][0], "192.0.2.1");
    let config = place.json(&["config", "export"]);
    assert_eq!(
        (&config["general"]["max_hops"], &config["general"]["host_name"]),
        (&100.into(), &"box.office.example".into())
    );
    assert_eq!(config["smtp"][0]["listen"][0], "127.0.0.1:0");
    let line = place.refusal(&["config", "restore-defaults", "users"], 1);
    assert!(line.starts_with("\"users\" holds what people have entered"), "{line}");
    assert!(
        place.refusal(&["config", "restore-defaults", "misc"], 1).contains("is no page of settings; there are general")
    );
    assert!(program.stop().success());
}
