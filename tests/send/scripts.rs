//! Scripts of the sending side, through real conversations.

use pillarbox::intake::MailParams;
use pillarbox::mail::{Address, Recipient};
use pillarbox::net::now_ms;
use pillarbox::net::tls::ServerTls;
use pillarbox::store::Hold;

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};
use crate::world::World;

fn direct(world: &World) -> Office {
    Office::direct(config(world.sender()), world.port)
}

#[test]
fn check_server_with_four_arguments_leaves_a_server_out() {
    let world = World::start();
    let office = direct(&world);
    office.script(
        "mxserverrules.lua",
        "function CheckServer(domain, server, retries, size)\n\
         if domain == 'pref.example' and server == 'mx1.world.example' then return false end\nend",
    );
    office.submit(&["bob@pref.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (0, 1));
    office.submit(&["bob@plain.example"], &text("2"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (1, 1));
}

#[test]
fn where_no_server_is_left_the_mail_waits_for_the_minutes_without_an_error() {
    let world = World::start();
    let office = direct(&world);
    office.script("mxserverrules.lua", "function CheckServer() return false, 10 end");
    office.submit(&["bob@pref.example"], &text("1"));
    let reply = || office.queue()[0].recipients[0].reply.clone();
    until("the reason", || !reply().is_empty());
    assert_eq!(reply(), "Kept in the queue for 10 minutes: mxserverrules.lua allows no server of pref.example");
    let recipient = office.queue()[0].recipients[0].clone();
    let minutes = (recipient.due - now_ms()) / 60_000;
    assert!((9..=10).contains(&minutes) && recipient.tries == 0, "{recipient:?}");
    assert!(office.inbox().is_empty() && office.board.problems().is_empty());
    office.script("mxserverrules.lua", "function CheckServer(_, _, _, _, default) return default end");
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (1, 0));
}

#[test]
fn overrides_of_a_script_take_the_place_of_dns() {
    let world = World::start();
    let office = direct(&world);
    office.script(
        "mxserverrules.lua",
        "function GetCheckCache() return false end\n\
         function GetOverrides(domain)\n\
         if domain == 'pref.example' then return {[20] = 'mx1.world.example', [10] = 'mx2.world.example'} end\n\
         if domain == 'plain.example' then return nil, false end\nend\n\
         function FinalOverrides(domain, retries, size, servers)\n\
         if domain == 'address.example' then return {'mx1.world.example'} end\nend",
    );
    office.submit(&["bob@pref.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (0, 1));
    office.submit(&["bob@address.example"], &text("2"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (1, 1));
    office.submit(&["bob@plain.example"], &text("3"));
    office.wait_for_empty_queue();
    until("the report", || office.inbox().len() == 1);
    assert!(office.inbox()[0].contains("Status: 5.4.4"), "{}", office.inbox()[0]);
}

#[test]
fn a_script_that_fails_changes_nothing() {
    let world = World::start();
    let office = direct(&world);
    for script in
        ["function CheckServer() error('no') end", "function GetOverrides() return 5, 'x' end", "this is no Lua"]
    {
        office.script("mxserverrules.lua", script);
        office.submit(&["bob@pref.example"], &text("1"));
        office.wait_for_empty_queue();
    }
    assert_eq!(world.received(), (3, 0));
}

#[test]
fn outmessage_holds_and_orders_in_the_commit_that_adds_the_mail() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    office.script(
        "outmessage.lua",
        "function NewMessage(auth, from, created, subject, ip, length, priority, headers, message, hold, delete)\n\
         if subject ~= 'test' or from ~= 'ann@office.example' or priority ~= 50 or hold ~= 0 then return end\n\
         if not message:find('hello') or #headers < 4 or #created ~= 14 then return end\n\
         return {Hold = 'hold', Priority = 3, DeleteAfter = 3600}\nend",
    );
    let mail = office.submit(&["bob@else.example"], &text("1"));
    let entry = office.queue()[0].clone();
    assert_eq!((entry.mail, entry.hold, entry.priority), (mail, Hold::ByAdministrator, 3));
    assert!(entry.delete_after.is_some_and(|time| (3_590_000..=3_600_000).contains(&(time - entry.accepted_at))));
    office.script("outmessage.lua", "function NewMessage() return {HoldUntil = 600} end");
    office.submit(&["bob@else.example"], &text("2"));
    assert!(matches!(office.queue()[1].hold, Hold::Until(time) if time > now_ms() + 500_000));
    for script in ["function NewMessage() error('no') end", "function NewMessage() return 7 end", "return"] {
        office.script("outmessage.lua", script);
        office.submit(&["bob@else.example"], &text("3"));
    }
    until("the others", || host.received() == 3);
    assert_eq!(office.queue().len(), 2);
}

#[test]
fn server_details_switches_tls_off_for_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_tls(Some(ServerTls::self_signed(dir.path(), "mx1.world.example").unwrap()));
    let office = direct(&world);
    office.script(
        "mxout.lua",
        "function ServerDetails(parameters, headers, actions)\n\
         if parameters['server'] == 'mx1.world.example' and parameters['domain'] == 'pref.example'\n\
         and parameters['connnid'] == ConnectionId and #headers > 3 then actions['tryTLS'] = 0 end\n\
         if parameters['server'] == 'mx2.world.example' then actions.helo = 'other.office.example' end\n\
         return actions\nend",
    );
    office.submit(&["bob@pref.example"], &text("1"));
    office.wait_for_empty_queue();
    assert!(!world.one.state().received[0].encrypted);
    office.submit(&["bob@address.example"], &text("2"));
    office.wait_for_empty_queue();
    assert!(world.two.state().received[0].encrypted);
    assert!(world.two.state().commands.iter().any(|line| line == "EHLO other.office.example"));
}

#[test]
fn check_file_skips_a_mail_and_says_why() {
    let world = World::start();
    let office = direct(&world);
    office.script(
        "mxout.lua",
        "function CheckFile(file, actions, size, created, retries, last, from, to, data, lines)\n\
         if data['X-Id'] == '1' and to[1] == 'bob@pref.example' and from == 'ann@office.example' and #created == 14 then\n\
         actions['SkipSend'] = 1 actions['Reason'] = 'not on Tuesdays' end\n\
         return actions\nend",
    );
    office.submit(&["bob@pref.example"], &text("1"));
    office.submit(&["bob@pref.example"], &text("2"));
    until("the other", || world.one.received() == 1);
    until("the reason", || office.queue().len() == 1 && !office.queue()[0].recipients[0].reply.is_empty());
    let recipient = office.queue()[0].recipients[0].clone();
    assert_eq!(recipient.reply, "Not sent in this run, by a script: not on Tuesdays");
    assert!(recipient.tries == 0 && recipient.due > now_ms() + 60_000, "{recipient:?}");
    // A session keeps the script it began with.
    office.renew_sender(|sender| sender.warn_after += 1);
    office.script("mxout.lua", "function CheckFile() while true do end end");
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(world.one.received(), 2, "a script that never ends changes nothing");
}

#[test]
fn check_file_is_told_of_the_last_try() {
    let world = World::start();
    let office = direct(&world);
    office.script(
        "mxout.lua",
        "function CheckFile(file, actions, size, created, retries, last)\n\
         if retries == 0 and last == '' then return actions end\n\
         if retries == 1 and #last == 14 and last >= created then actions.Reason = 'tried' end\n\
         actions.SkipSend = true return actions\nend",
    );
    world.one.rule("RCPT", "450 4.2.0 not now", 1);
    office.submit(&["bob@pref.example"], &text("1"));
    office.wait_for_tries();
    let reply = || office.queue()[0].recipients[0].reply.clone();
    until("the try", || reply().contains("450 4.2.0"));
    office.retry_all();
    until("the reason", || reply() == "Not sent in this run, by a script: tried");
}

#[test]
fn force_last_try_sends_a_failure_back() {
    let world = World::start();
    let office = direct(&world);
    office.script("mxout.lua", "function CheckFile(file, actions) actions.ForceLastTry = true return actions end");
    world.one.rule("RCPT", "450 4.2.0 not now", 1);
    office.submit(&["bob@pref.example"], &text("1"));
    until("the report", || office.inbox().len() == 1);
    assert!(office.inbox()[0].contains("450 4.2.0 not now (the last try, by a script)"), "{}", office.inbox()[0]);
    office.wait_for_empty_queue();
}

#[test]
fn modify_return_path_rewrites_it_and_nonsense_does_not() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    let from = || host.state().received.last().unwrap().from.clone();
    for (returned, expected) in [
        ("'SRS0=' .. #headers .. '=' .. original:gsub('@', '=') .. '@office.example'", "<SRS0="),
        ("''", "<>"),
        ("nil", "<ann@office.example>"),
        ("'a b>c'", "<ann@office.example>"),
        ("{}", "<ann@office.example>"),
    ] {
        let script = format!(
            "function ModifyReturnPath(computed, from, original, auth, to, created, headers, size, ip, subject, all)\n\
             if subject == 'test' and computed == from and to[1] == all[1] then return {returned} end\nend"
        );
        // The sender's session has its script from its begin.
        office.renew_sender(|sender| sender.warn_after += 1);
        office.script("relayout.lua", &script);
        let before = host.received();
        office.submit(&["bob@else.example"], &text("1"));
        until("the mail", || host.received() > before);
        assert!(from().starts_with(expected), "{returned}: {}", from());
    }
}

#[test]
fn relayout_sets_limits_at_the_start_and_when_connected() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    office.script(
        "relayout.lua",
        "function Start() if MaxRecipientsPerMessage > 2 then MaxRecipientsPerMessage = 2 end end\n\
         function ServerConnected() if ConnectedServer == '127.0.0.1' then MaxMessagesPerConnection = 1 end end\n\
         function CheckFile(file, actions, size, created, from, to, data, lines)\n\
         if data.Subject ~= 'test' then actions.SkipSend = true end return actions end",
    );
    office.submit(&["a@else.example", "b@else.example", "c@else.example"], &text("1"));
    office.submit(&["d@else.example"], &text("2"));
    office.submit(&["e@else.example"], &text("3").replace("Subject: test", "Subject: other"));
    until("the two", || host.received() == 3);
    let state = host.state();
    assert!(state.received.iter().all(|mail| mail.to.len() <= 2), "{:?}", state.received);
    assert!(state.sessions >= 2, "a message a session");
    drop(state);
    until("the third to wait", || office.queue().len() == 1 && !office.queue()[0].recipients[0].reply.is_empty());
}

/// 450 becomes 550, by a handler with a rest of its own.
fn harder(parameters: &str, rest: &str) -> String {
    format!(
        "function ReturnCodeHandler({parameters})\nif full:match('^450') then return '550' .. full:sub(4) end\n{rest}\nend"
    )
}

#[test]
fn return_code_handler_of_relayout_makes_a_450_a_bounce_at_once() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    let known = "local known = command == '' or command:match('^EHLO ') or command:match('^MAIL FROM:<ann@office.example>')\n\
                 or command == 'RCPT TO:<bob@else.example>' or command == 'RSET' or command == 'DATA'\n\
                 or command == '.' or command:match('^BDAT') or command == 'QUIT'\n\
                 if not known or full:sub(-#last) ~= last then return '554 ' .. command .. ' / ' .. last end";
    office.script("relayout.lua", &harder("command, full, last", known));
    host.rule("RCPT", "450 4.1.1 no such user", 1);
    office.submit(&["bob@else.example"], &text("1"));
    until("the report", || office.inbox().len() == 1);
    assert!(office.inbox()[0].contains("550 4.1.1 no such user"), "{}", office.inbox()[0]);
    office.submit(&["bob@else.example"], &text("2"));
    until("the next", || host.received() == 1);
    office.wait_for_empty_queue();
    assert_eq!(office.inbox().len(), 1);
}

#[test]
fn return_code_handler_of_mxout_has_two_arguments() {
    let world = World::start();
    let office = direct(&world);
    office.script("mxout.lua", &harder("command, full, last", "if last then return '554 too many arguments' end"));
    world.one.rule("RCPT", "450-4.1.1 no\r\n450 4.1.1 such user", 1);
    office.submit(&["bob@pref.example"], &text("1"));
    until("the report", || office.inbox().len() == 1);
    assert!(office.inbox()[0].contains("550 4.1.1 no"), "{}", office.inbox()[0]);
    office.submit(&["bob@pref.example"], &text("2"));
    office.wait_for_empty_queue();
    assert_eq!((world.received(), office.inbox().len()), ((1, 0), 1));
}

#[test]
fn return_code_handlers_that_are_wrong_or_never_end_change_nothing() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    for (place, body) in [
        "return 'no code'",
        "return 7",
        "return {}",
        "return '354 go on'",
        "if full:match('^354') then return '250 done' end",
        "error('no')",
        "while true do end",
    ]
    .into_iter()
    .enumerate()
    {
        office.renew_sender(|sender| sender.warn_after += 1);
        office.script("relayout.lua", &format!("function ReturnCodeHandler(command, full, last) {body} end"));
        office.submit(&["bob@else.example"], &text("1"));
        until("the mail", || host.received() == place + 1);
        office.wait_for_empty_queue();
    }
    assert!(office.inbox().is_empty());
}

/// The script of a how-to page.
fn of_page(page: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/howto").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    text.split_once("```lua\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0.to_string()
}

#[test]
fn the_page_on_srs_is_right() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    office.script("relayout.lua", &of_page("srs.md"));
    let from = |path: &str| MailParams { return_path: Address::parse(path).ok(), ..MailParams::default() };
    let to = || vec![Recipient::new(Address::parse("bob@else.example").unwrap())];
    office.submit_as(from("Eve.Far@far.example"), to(), text("1").as_bytes());
    office.submit_as(from("ann@office.example"), to(), text("2").as_bytes());
    office.submit_as(MailParams::default(), to(), text("3").as_bytes());
    until("all", || host.received() == 3);
    let mut paths: Vec<String> = host.state().received.iter().map(|mail| mail.from.clone()).collect();
    paths.sort();
    assert!(paths[0].starts_with("<>") && paths[2].starts_with("<ann@office.example>"), "{paths:?}");
    let parts: Vec<&str> = paths[1].trim_start_matches('<').split(['=', '@']).collect();
    assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("SRS0", 8, 2), "{paths:?}");
    assert_eq!(parts[3..5], ["far.example", "Eve.Far"], "{paths:?}");
    assert!(parts[5].starts_with("office.example>"), "{paths:?}");
}

#[test]
fn the_page_on_throttling_is_right() {
    let world = World::start();
    let office = direct(&world);
    office.script("mxserverrules.lua", &of_page("throttle-a-destination.md"));
    world.two.rule("RCPT", "450 4.7.1 slow down", 1000);
    for n in 0..10 {
        office.submit(&["bob@address.example"], &text(&n.to_string()));
    }
    until("enough to be put off", || office.queue().iter().filter(|entry| entry.tries() == 1).count() >= 5);
    // Another session, so that the servers are looked up again.
    office.renew_sender(|sender| sender.warn_after += 1);
    office.submit(&["bob@address.example"], &text("late"));
    until("the reason", || {
        office.queue().iter().any(|entry| entry.recipients[0].reply.starts_with("Kept in the queue"))
    });
    assert_eq!(world.two.received(), 0);
}
