//! Scripts of the administrator in collecting and delivering: from the provider to the mailboxes.

use pillarbox::config::{Collector, CollectorRouting};

use crate::office::{BOB, BOSS, INFO, Office, collector, mail, names};
use crate::provider::Provider;

fn office(provider: &Provider, script: &str) -> Office {
    let office = Office::with(Collector { keep_log: true, ..collector(7, provider) });
    office.scripts(&[("POP3CLT.LUA", script)]);
    office
}

/// A provider with messages of these subjects, which are their identifiers too.
fn provider(subjects: &[&str]) -> Provider {
    let provider = Provider::start();
    for subject in subjects {
        provider.put(*subject, mail(subject));
    }
    provider
}

fn waiting(office: &Office) -> Vec<String> {
    smol::block_on(office.store.settled()).unwrap();
    let entries = office.store.queue_list(None, 100).unwrap();
    entries.iter().flat_map(|entry| &entry.recipients).map(|to| to.address.to_string()).collect()
}

#[test]
fn download_rules_of_a_script() {
    let provider = provider(&["take", "skip", "kill", "bob", "both", "odd"]);
    let office = office(
        &provider,
        r#"
        function DownloadRules(uid, size, lines)
            assert(size > 10 and lines[1]:find(":"))
            local what = { take = "download", skip = "ignore", kill = "delete", odd = "nonsense" }
            if uid == "bob" then return "redirect", "bob" end
            if uid == "both" then return "copy", "bob@office.example" end
            return what[uid]
        end"#,
    );
    let state = office.run(7);
    assert!(state.ok, "{}", state.state);
    assert_eq!(office.subjects(INFO), names(&["both", "odd", "take"]));
    assert_eq!(office.subjects(BOB), names(&["bob", "both"]));
    let left: Vec<String> = provider.state().messages.iter().map(|message| message.uid.clone()).collect();
    assert_eq!(left, ["skip"]);
}

#[test]
fn a_session_and_its_messages_line_by_line() {
    let provider = provider(&["one", "two"]);
    let office = office(
        &provider,
        r#"
        function Start(name) print("start " .. name) seen = name end
        function StartMessage() lines = 0 end
        function MessageLineRaw(line)
            lines = lines + 1
            return (line:gsub("Hello", "Good day"))
        end
        function MessageLine(line)
            if line == "End" then return "The end\nreally" end
        end
        function EndMessage() assert(lines > 3) end
        function ProcessMessage(from, subject, to, actions)
            actions.HeaderModifiers = { "X-Collector: " .. seen }
            return actions, "seen"
        end
        function End() ended = true end"#,
    );
    assert_eq!(office.run(7).collected_last, 2);
    for mail in office.inbox(INFO) {
        assert!(mail.ends_with("Good day.\r\n.dot\r\nThe end\r\nreally\r\n"), "{mail}");
        assert!(mail.contains("\r\nX-Collector: Mailbox 7\r\n"), "{mail}");
    }
    assert!(provider.state().messages.is_empty());
}

#[test]
fn process_message_decides_where_a_message_goes() {
    let provider = provider(&["plain", "more", "instead", "nowhere", "wrong", "renamed"]);
    let office = office(
        &provider,
        r#"
        function ProcessMessage(from, subject, recipients, actions, structure, size, attachments)
            assert(from == "alice@far.example" and recipients[1] == "info" and size > 50)
            assert(structure[1].Path == "1" and structure[1].ContentType == "text" and #attachments == 0)
            assert(VPOP3.GetMessageLines(1)[1] and #VPOP3.GetMessageLines(1000) > 3)
            VPOP3.MessageReset()
            assert(VPOP3.GetMessagePartBody("1"):find("Hello"))
            if subject == "more" then actions.Recipients = { "bob", "out@far.example" } end
            if subject == "instead" then
                actions.SendToOriginalRecipients = false
                actions.Recipients = { "boss" }
            end
            if subject == "nowhere" then return { Ignore = 1, Reason = "unwanted" } end
            if subject == "wrong" then return { SendToOriginalRecipients = false, Recipients = { "no such body" } } end
            if subject == "renamed" then actions.HeaderModifiers = { "Subject: new name" } end
            return actions, "done"
        end"#,
    );
    assert_eq!(office.run(7).collected_last, 5);
    assert_eq!(office.subjects(INFO), names(&["more", "new name", "plain", "wrong"]));
    assert_eq!(office.subjects(BOB), names(&["more"]));
    assert_eq!(office.subjects(BOSS), names(&["instead"]));
    assert_eq!(waiting(&office), ["out@far.example"]);
    assert!(provider.state().messages.is_empty());
    let journal = office.store.journal(20).unwrap();
    assert!(journal.iter().any(|row| row.event == "ignored" && row.detail.contains("unwanted")));
    assert_eq!(office.run(7).state, "fine, nothing new");
}

#[test]
fn a_script_looks_into_mailboxes() {
    let provider = provider(&["one"]);
    let office = office(&provider, "");
    office.run(7);
    provider.put("two", mail("two"));
    // What is not as it should be ends Start, and then the second message goes where it went anyway.
    office.scripts(&[(
        "POP3CLT.LUA",
        r#"
        function Start()
            local folders = VPOP3.GetFolders("Info")
            assert(folders.INBOX.Count == 1 and folders.INBOX.Size > 50 and next(VPOP3.GetFolders("nobody")) == nil)
            local messages = VPOP3.GetMessages("info", "INBOX")
            local uid, message = next(messages)
            assert(uid == 1 and message.Subject == "one" and message.FromAddr == "alice@far.example")
            assert(message.New and not message.Flagged and message.InternalTime:find("^20%d%d%-"))
            assert(next(VPOP3.GetMessages("info", "Other")) == nil and next(messages, uid) == nil)
            right = true
        end
        function DownloadRules() if right then return "redirect", "bob" end end"#,
    )]);
    office.run(7);
    assert_eq!((office.subjects(INFO), office.subjects(BOB)), (names(&["one"]), names(&["two"])));
}

#[test]
fn scripts_that_fail_lose_nothing() {
    for script in [
        "error('no')",
        "function DownloadRules() error('no') end function ProcessMessage() error('no') end function MessageLine() error('x') end",
        "function Start() while true do end end function ProcessMessage() return 5, {} end",
        "function ProcessMessage() return { Recipients = 7, HeaderModifiers = { {} , 'no header' } } end",
        "function MessageLine() return {} end function DownloadRules() return {}, {} end",
    ] {
        let provider = provider(&["one", "two"]);
        let office = office(&provider, script);
        assert_eq!(office.run(7).collected_last, 2, "{script}");
        assert_eq!(office.subjects(INFO), names(&["one", "two"]), "{script}");
        assert!(office.inbox(INFO)[0].ends_with("Hello.\r\n.dot\r\nEnd\r\n"));
    }
}

#[test]
fn a_user_s_mail_is_led_elsewhere_by_his_script() {
    let provider = provider(&["one"]);
    let office = Office::with(collector(7, &provider));
    office.scripts(&[
        ("info/user_redirect.lua", "assert(SendToNormalRecipient and not UseForwards and BigRedirect.Bigger) UseForwards = true Forwards = 'bob, far@far.example'"),
        ("user_redirect.lua", "error('not for info')"),
    ]);
    office.run(7);
    assert_eq!((office.subjects(INFO), office.subjects(BOB)), (names(&["one"]), names(&["one"])));
    assert!(office.inbox_heads(BOB)[0].contains("X-VPOP3-RCPTTYPE: F\r\n"));
    assert_eq!(waiting(&office), ["far@far.example"]);
    for (number, (script, info, bob)) in [
        ("Assistants = 'bob' RedirectToAssistant = 1", 0, 1),
        ("BigRedirect = { Target = 'bob', Threshold = 0.001, Copy = false, Bigger = true }", 0, 1),
        ("SmallRedirect.Target = 'bob' SmallRedirect.Threshold = 0.001", 1, 0),
        ("UseForwards = true Forwards = 'bob' ShouldForward = false", 1, 0),
        // Nobody is left: the user has it.
        ("SendToNormalRecipient = false UseForwards = true Forwards = 'no body'", 1, 0),
        ("SendToNormalRecipient = false UseForwards = true Forwards = 'info'", 1, 0),
        ("Forwards = {} SendToNormalRecipient = nil error('x')", 1, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let before = (office.inbox(INFO).len(), office.inbox(BOB).len());
        office.scripts(&[("user_redirect.lua", script)]);
        provider.put(format!("next{number}"), mail("next"));
        office.run(7);
        let now = (office.inbox(INFO).len(), office.inbox(BOB).len());
        assert_eq!((now.0 - before.0, now.1 - before.1), (info, bob), "{script}");
    }
}

#[test]
fn delivery_forwards_and_loses_nothing() {
    let provider = provider(&["one"]);
    let office = Office::with(collector(7, &provider));
    office.scripts(&[(
        "delivery.lua",
        r#"
        function PreDeliver()
            assert(User == "info" and Subject == "one" and Originator == "alice@far.example" and MessageSize > 50)
            assert(Headers[1][1] and Folders[1] == "Inbox")
            Forwards = { "bob", "far@far.example" }
        end
        function DeliverMessage() Seen = true Folders = {} end"#,
    )]);
    office.run(7);
    assert_eq!((office.subjects(INFO), office.subjects(BOB)), (names(&["one"]), names(&["one"])));
    assert_eq!(waiting(&office), ["far@far.example"]);
    for (number, script) in
        ["error('x')", "function PreDeliver() while true do end end", "Forwards = 5 function PreDeliver() end"]
            .into_iter()
            .enumerate()
    {
        let before = office.inbox(INFO).len();
        office.scripts(&[("delivery.lua", script)]);
        provider.put(format!("next{number}"), mail("next"));
        office.run(7);
        assert_eq!(office.inbox(INFO).len(), before + 1, "{script}");
    }
}

#[test]
fn the_administrator_s_message_is_changed_or_left_out() {
    let provider = provider(&["lost-1"]);
    let by_headers = CollectorRouting::ByHeaders { accepted_domains: vec!["office.example".into()] };
    let office = Office::with(Collector { routing: by_headers, ..collector(7, &provider) });
    office.scripts(&[(
        "errors.lua",
        r#"
        function ProcessMessage3(component, id, kind, severity, err, connect, tid, title, mid, message, target, sender)
            assert(component == 32 and id == 7 and title:find("nobody") and target == "boss")
            return "Astray: " .. title, "Look!\n\n" .. message, "bob", "robot@office.example"
        end"#,
    )]);
    office.notify();
    office.run(7);
    let mails = office.mails(BOB, 1);
    assert!(mails[0].contains("Subject: Astray: Collected mail for nobody known\r\n"), "{}", mails[0]);
    assert!(mails[0].contains("<robot@office.example>") && mails[0].contains("\r\nLook!\r\n\r\n"), "{}", mails[0]);
    assert!(mails[0].contains("Subject: lost-1"), "the mail is enclosed");
    // Words fail, the message is written all the same; suppressed, it is not.
    office.scripts(&[("errors.lua", "function ProcessMessage3() error('x') end")]);
    provider.put("lost-2", mail("lost-2"));
    office.run(7);
    assert!(office.mails(BOSS, 1)[0].contains("Subject: lost-2"));
    office.scripts(&[("errors.lua", "function ProcessMessage3() return nil, nil, '' end")]);
    provider.put("lost-3", mail("lost-3"));
    office.run(7);
    crate::office::wait("the task to be done", || office.tasks().is_empty().then_some(()));
    assert_eq!((office.inbox(BOSS).len(), office.inbox(BOB).len()), (1, 1));
    let journal = office.store.journal(20).unwrap();
    assert!(journal.iter().any(|row| row.event == "dropped" && row.detail.contains("errors.lua has suppressed it")));
}
