//! Scripts of the sending side, through real conversations.

use pillarbox::net::now_ms;
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
