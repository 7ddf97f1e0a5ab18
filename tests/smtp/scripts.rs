//! `SMTPSVR.LUA` and `UserManager.LUA` in real sessions (spec lua-hooks §6, §21).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use pillarbox::config::{AccessRule, LOCAL_NETWORKS};

use super::office::{Client, Office};

fn office(script: &str) -> Office {
    let office = Office::open();
    office.script("smtpsvr.lua", script);
    office
}

/// All lines of a reply.
fn reply(client: &mut Client) -> Vec<String> {
    let mut lines = vec![client.line()];
    while lines.last().unwrap().as_bytes().get(3) == Some(&b'-') {
        lines.push(client.line());
    }
    lines
}

#[test]
fn every_command_may_be_answered_in_other_words() {
    let office = office(
        "function Start() return '220 ' .. ServerName .. ' hears ' .. IPAddress end
         function DoHELO(name, response) return '250 Hello ' .. name .. ', ' .. (response:find('^250 %S+$') and 'whole' or response) end
         function DoHELP() return '214-Line one\\r\\n214 Line two' end
         function DoNOOP() return '250 Nothing done' end
         function DoRSET() return '250 Forgotten' end
         function DoVRFY(list, response) return '252 ' .. #list .. response end
         function DoUnrecognised(line, response) return '500 What is ' .. line .. '?' end
         function DoMAILFROM(address, response) return '250 From ' .. address end
         function DoRCPTTO(address, response) return '250 To ' .. address end
         function DoQUIT() return '221 So long' end",
    );
    office.change(|config| {
        config.smtp[0].name = "Main".into();
        config.smtp[0].vrfy_expn = true;
        config.smtp[0].vrfy_expn_access = [AccessRule::allow(LOCAL_NETWORKS)].into();
    });
    let mut client = office.connect();
    assert_eq!(client.line(), "220 Main hears 127.0.0.1");
    client.expect("HELO pc", "250 Hello pc, whole");
    client.send("HELP\r\n");
    assert_eq!(reply(&mut client), ["214-Line one", "214 Line two"]);
    client.expect("NOOP", "250 Nothing done");
    client.expect("FROBNICATE now", "500 What is FROBNICATE now?");
    client.expect("VRFY anna", "252 1250 <anna@office.example>");
    client.expect("MAIL FROM:<a@far.example>", "250 From a@far.example");
    client.expect("RCPT TO:<anna@office.example>", "250 To anna@office.example");
    client.expect("RSET", "250 Forgotten");
    client.expect("MAIL FROM:<>", "250 From");
    client.expect("QUIT", "221 So long");
}

#[test]
fn errors_refuse_and_a_refused_recipient_gets_nothing() {
    let office = office(
        "function DoMAILFROM(address) if address:find('bad@') then return '550 5.7.1 Not you' end end
         function DoRCPTTO(address) if address:find('^bert') then return '450 4.7.1 Later' end end
         function DoDATAStart() if refuse then return '554 5.7.1 No text' end end
         function DoNOOP() refuse = not refuse return '' end
         function CheckRecipients(from, to) if #to > 1 then return '550 5.7.1 One at a time' end end",
    );
    let mut client = office.greeted();
    client.expect("MAIL FROM:<bad@far.example>", "550 5.7.1 Not you");
    client.expect("RCPT TO:<anna@office.example>", "503");
    client.expect("MAIL FROM:<good@far.example>", "250 2.1.0");
    client.expect("RCPT TO:<bert@office.example>", "450 4.7.1 Later");
    client.expect("RCPT TO:<anna@office.example>", "250 2.1.5");
    client.expect("NOOP", "250 2.0.0");
    client.expect("DATA", "554 5.7.1 No text");
    client.expect("NOOP", "250 2.0.0");
    client.expect("MAIL FROM:<good@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", "250");
    client.expect("RCPT TO:<sales@office.example>", "250");
    client.expect("DATA", "354");
    client.expect("Subject: two\r\n\r\n.", "550 5.7.1 One at a time");
    client.mail("good@far.example", &["anna@office.example"], "Subject: one\r\n\r\n");
    assert_eq!((office.inbox(1).len(), office.inbox(2).len()), (1, 0));
}

#[test]
fn start_may_turn_a_client_away_and_any_function_may_end_the_session() {
    let turned = office("function Start() return '554 5.7.1 Not today' end");
    let mut client = turned.connect();
    assert_eq!(client.line(), "554 5.7.1 Not today");
    client.closed();
    let ending = office("function DoNOOP() ForceDisconnect = true return '250 Last words' end");
    let mut client = ending.greeted();
    client.expect("NOOP", "250 Last words");
    client.closed();
}

#[test]
fn ehlo_offers_what_is_left_and_sizes_are_limited() {
    let office = office(
        "function GetMaxMessageSize(current) return 1000 end
         function GetEHLOCapabilities(list)
           local kept = {'XSECRET'}
           for _, line in ipairs(list) do if line ~= 'PIPELINING' then kept[#kept + 1] = line end end
           return kept
         end",
    );
    let mut client = office.connect();
    client.line();
    client.send("EHLO pc\r\n");
    let lines = reply(&mut client);
    assert!(lines[0].starts_with("250-mail.office.example"), "{lines:?}");
    assert!(lines.contains(&"250-SIZE 1000".to_string()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("PIPELINING") || line.contains("XSECRET")), "{lines:?}");
    client.expect("MAIL FROM:<a@far.example> SIZE=1001", "552");
}

#[test]
fn who_may_send_out_can_be_changed_and_variables_live_for_the_session() {
    let office = office(
        "count = 0
         function DoHELO() ValidClientAddress = false end
         function DoNOOP() count = count + 1 return '250 ' .. count .. tostring(ValidClientAddress) end",
    );
    let mut client = office.greeted();
    client.expect("NOOP", "250 1false");
    client.expect("NOOP", "250 2false");
    client.expect("MAIL FROM:<a@far.example>", "250");
    client.expect("RCPT TO:<b@away.example>", "550");
    let mut other = office.greeted();
    other.expect("NOOP", "250 1false");
}

#[test]
fn a_script_that_fails_or_never_ends_changes_nothing() {
    let office = office(
        "function DoNOOP() error('no') end
         function DoHELP() return {} end
         function DoRSET() while true do pcall(error) end end
         function DoMAILFROM() return 'certainly' end
         function DoRCPTTO() return '354 Strange' end",
    );
    office.change(|config| config.scripts.soft_limit = 50);
    let mut client = office.greeted();
    client.expect("NOOP", "250 2.0.0 Ok");
    client.expect("HELP", "214 2.0.0");
    client.expect("RSET", "250 2.0.0 Ok");
    client.mail("a@far.example", &["anna@office.example"], "Subject: x\r\n\r\n");
    assert_eq!(office.inbox(1).len(), 1);
}

#[test]
fn login_names_are_translated() {
    let office = Office::open();
    office.script(
        "UserManager.LUA",
        "function TranslateUsername(p, n) if p == 'SMTP' and n == 'boss' then return 'anna' end end",
    );
    let mut client = office.greeted();
    let plain = STANDARD.encode("\0boss\0secret word");
    client.expect(&format!("AUTH PLAIN {plain}"), "235");
    let mut other = office.greeted();
    let unknown = STANDARD.encode("\0chief\0secret word");
    other.expect(&format!("AUTH PLAIN {unknown}"), "535");
}
