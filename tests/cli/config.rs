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
