//! The engine under scripts that mean no good, and every declared function under each of them.

use std::sync::{Mutex, PoisonError};

use super::declare::{Declaration, Function, Kind, Record};
use super::scripts::ALL;
use super::scripts::mxout::{CheckFile, CheckFileActions, ConnectionGlobals};
use super::scripts::user_redirect::{RedirectGlobals, SizeRedirect};
use super::*;

/// Keeps what scripts say.
#[derive(Default)]
pub(super) struct Ears {
    heard: Mutex<Vec<(String, String)>>,
}

impl Outlet for Ears {
    fn line(&self, file: &str, text: &str) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push((file.into(), text.into()));
    }

    fn problem(&self, place: &str, text: &str) {
        self.line(place, text);
    }
}

impl Ears {
    fn lines(&self, file: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|(name, _)| name == file).map(|(_, text)| text.clone()).collect()
    }
}

fn config(soft: u32, hard: u32) -> Published {
    let mut config = Config::default();
    config.scripts.soft_limit = soft;
    config.scripts.hard_limit = hard;
    Published::new(config)
}

fn hooks_of(config: Published, scripts: &[(&str, &str)]) -> (Hooks, Arc<Ears>) {
    let ears = Arc::new(Ears::default());
    let hooks = Hooks::new(config, ears.clone());
    hooks.put(Shelf::new(scripts.iter().map(|(name, text)| Arc::new(Stored::new(*name, *text)))));
    (hooks, ears)
}

fn hooks(scripts: &[(&str, &str)]) -> (Hooks, Arc<Ears>) {
    hooks_of(Published::default(), scripts)
}

fn globals() -> ConnectionGlobals {
    ConnectionGlobals { id: Some(3), name: Some("Provider".into()) }
}

fn mxout(script: &str) -> (Instance, Arc<Ears>) {
    let (hooks, ears) = hooks(&[("mxout.lua", script)]);
    (smol::block_on(hooks.open(Script::MxOut, None, globals())).expect("the script loads"), ears)
}

fn check_file() -> CheckFile {
    CheckFile {
        filename: "Q1".into(),
        actions: CheckFileActions { skip_send: Some(false), priority: Some(50), ..CheckFileActions::default() },
        size: 1234,
        creation_time: "20260102030405".into(),
        return_path: "a@office.example".into(),
        recipients: vec!["b@example.com".into()],
        header_lines: vec!["Subject: x".into()],
        ..CheckFile::default()
    }
}

fn actions(instance: &mut Instance) -> Option<CheckFileActions> {
    smol::block_on(instance.call(check_file())).actions
}

#[test]
fn a_call_goes_there_and_back() {
    let (mut script, _) = mxout(
        "function CheckFile(name, actions, size, created, retries, last, from, to, header, lines)
           actions.Reason = name .. size .. created .. retries .. last .. from .. to[1] .. lines[1] .. ConnectionName
           actions['SkipSend'] = 1
           actions.Priority = ConnectionId
           return actions
         end",
    );
    let actions = actions(&mut script).unwrap();
    let reason = "Q11234202601020304050a@office.exampleb@example.comSubject: xProvider";
    assert_eq!(
        actions,
        CheckFileActions {
            force_last_try: None,
            skip_send: Some(true),
            priority: Some(3),
            reason: Some(reason.into())
        }
    );
}

#[test]
fn what_is_not_there_costs_nothing_and_changes_nothing() {
    let (hooks, _) = hooks(&[("delivery.lua", "")]);
    assert!(!hooks.has(Script::MxOut) && hooks.has(Script::Delivery));
    assert!(smol::block_on(hooks.open(Script::MxOut, None, ())).is_none());
    let (mut script, _) = mxout("function ServerDetails() end");
    assert!(!script.defines::<CheckFile>());
    assert_eq!(actions(&mut script), None);
    assert_eq!(script.hooks.calls(), []);
}

#[test]
fn functions_may_come_and_go_while_it_runs() {
    let (mut script, _) = mxout("function CheckFile(_, a) CheckFile = nil; return a end");
    assert!(actions(&mut script).is_some());
    assert!(!script.defines::<CheckFile>());
}

#[test]
fn variables_live_as_long_as_the_instance() {
    let (hooks, _) = hooks(&[("mxout.lua", "n = 0; function CheckFile(_, a) n = n + 1; a.Priority = n; return a end")]);
    let open = || smol::block_on(hooks.open(Script::MxOut, None, ())).unwrap();
    let (mut one, mut other) = (open(), open());
    let priority = |instance: &mut Instance| actions(instance).unwrap().priority;
    assert_eq!([priority(&mut one), priority(&mut one), priority(&mut other)], [Some(1), Some(2), Some(1)]);
    other.set(CounterGlobals { n: Some(40) });
    assert_eq!(priority(&mut other), Some(41));
    assert_eq!(smol::block_on(other.globals::<CounterGlobals>()).unwrap().n, Some(41));
}

declare::record! {
    /// For the test.
    CounterGlobals {
        /// A number.
        n: i64 = "n",
    }
}

#[test]
fn a_script_of_variables_is_run_whole_and_a_user_may_have_his_own() {
    let (hooks, _) = hooks(&[
        ("user_redirect.lua", "UseForwards = false"),
        ("anna/user_redirect.lua", "Forwards = Forwards .. ';c@d'; BigRedirect.Copy = 1; SmallRedirect = nil"),
    ]);
    let before = RedirectGlobals {
        forwards: Some("a@b".into()),
        use_forwards: Some(true),
        big_redirect: Some(SizeRedirect { copy: Some(false), threshold: Some(100.0), ..SizeRedirect::default() }),
        small_redirect: Some(SizeRedirect::default()),
        ..RedirectGlobals::default()
    };
    let run = |user| smol::block_on(hooks.run(Script::UserRedirect, Some(user), before.clone())).unwrap();
    let anna = run("Anna");
    assert_eq!(anna.forwards.as_deref(), Some("a@b;c@d"));
    assert_eq!(anna.big_redirect.unwrap().copy, Some(true));
    assert_eq!(anna.small_redirect, None);
    assert_eq!(run("bob").use_forwards, Some(false));
}

#[test]
fn errors_are_told_with_place_and_traceback_and_the_next_call_works() {
    let (mut script, ears) =
        mxout("function CheckFile(_, a, size)\n  if size then helper() end\nend\nfunction helper()\n error('no')\nend");
    assert_eq!(actions(&mut script), None);
    let lines = ears.lines(ERRORS);
    assert!(lines[0].starts_with("mxout.lua: CheckFile: ") && lines[0].contains("mxout.lua:5: no"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("mxout.lua:2: in")), "{lines:?}");
    assert!(ears.lines("script mxout.lua")[0].contains("mxout.lua:5: no"));
    assert_eq!(actions(&mut script), None, "still there");
    assert_eq!(script.hooks.calls()[0].failures, 2);
}

#[test]
fn print_goes_to_its_file() {
    let (mut script, ears) = mxout("print('loaded', 1, nil) function CheckFile() print(string.rep('x', 3)) end");
    actions(&mut script);
    assert_eq!(ears.lines(PRINTED), ["loaded\t1\tnil", "xxx"]);
}

#[test]
fn a_script_with_a_mistake_is_as_if_it_were_not_there() {
    let (hooks, ears) = hooks(&[("mxout.lua", "function CheckFile(\n\nend")]);
    assert!(smol::block_on(hooks.open(Script::MxOut, None, ())).is_none());
    assert!(ears.lines(ERRORS)[0].contains("mxout.lua:3:"), "{:?}", ears.lines(ERRORS));
}

#[test]
fn other_scripts_can_be_included() {
    let (hooks, _) = hooks(&[
        (
            "mxout.lua",
            "require 'Common'; local n = require('common'); dofile('common.lua'); function CheckFile(_, a) a.Priority = n * times; return a end",
        ),
        ("common.lua", "times = (times or 0) + 1; return 7"),
    ]);
    let mut script = smol::block_on(hooks.open(Script::MxOut, None, ())).unwrap();
    assert_eq!(actions(&mut script).unwrap().priority, Some(14));
}

#[test]
fn login_names_and_passwords() {
    let (hooks, _) = hooks(&[
        ("usermanager.lua", "function TranslateUsername(p, name) if p == 'POP3' then return name .. '2' end end"),
        (
            "PASSWORDCHECK.LUA",
            "function Check(user, password, least) return #password > least and password ~= user end",
        ),
    ]);
    smol::block_on(async {
        assert_eq!(hooks.login_name("POP3", "bob").await.as_deref(), Some("bob2"));
        assert_eq!(hooks.login_name("SMTP", "bob").await, None);
        assert!(hooks.password_is_good("bob", "123456", 5).await);
        assert!(!hooks.password_is_good("bobobob", "bobobob", 5).await);
        assert!(!hooks.password_is_good("bob", "12345", 5).await);
        assert!(Hooks::default().password_is_good("bob", "", 5).await);
    });
}

// -- limits -------------------------------------------------------------------------------------------------------

/// What a script does instead of answering. All end at the soft limit, well before the hard one.
const ENDLESS: &[&str] = &[
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "local t = setmetatable({}, {__index = function(t, k) return t[k .. ''] end}) while true do pcall(function() return t.x end) end",
    "table.sort({1,2,3,4,5,6,7,8}, function() while true do end end)",
    "while true do pcall(string.gsub, 'x', '.', function() while true do end end) end",
    "while true do pcall(string.gsub, string.rep('x', 1000), '.', function() return 'y' end) end",
    "while true do pcall(coroutine.wrap(function() while true do end end)) end",
    "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
    "while true do local c = coroutine.create(function() coroutine.yield() end) coroutine.resume(c) coroutine.close(c) end",
    "string.find(string.rep('a', 50), string.rep('a*', 30) .. 'b')",
    "while true do pcall(string.match, string.rep('a', 50), string.rep('a*', 30) .. 'b') end",
    "for _ in string.gmatch(string.rep('a', 50), string.rep('a*', 30) .. 'b') do end",
    "local s = string.rep('ab', 100000) while true do s:find('.-c') end",
    "while true do tostring(setmetatable({}, {__tostring = function() while true do end end})) end",
    "while true do string.rep('x', 1000000) end",
    "xpcall(error, function() while true do end end)",
    "local function f() return f() end f()",
    "while true do load('while true do end')() end",
];

/// What fails at once rather than looping inside of C.
const BOUNDED: &[&str] = &[
    "table.move({}, 1, 1e15, 2)",
    "table.sort(setmetatable({}, {__len = function() return 2^31 - 2 end, __index = rawlen, __newindex = rawequal}))",
    "table.insert(setmetatable({}, {__len = function() return 2^31 - 2 end, __index = rawlen}), 1, 1)",
    "setmetatable({}, {__gc = function() while true do end end})",
    "local x <close> = setmetatable({}, {__close = function() while true do end end})",
    "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1000) .. i end",
    "local s = 'x' while true do s = s .. s end",
    "string.gsub(string.rep('x', 1000000), '.', string.rep('y', 1000))",
    "local function f() return f() + 1 end f()",
    "string.rep('x', 1e10)",
    "load(string.dump(function() end))",
    "io.open('/etc/passwd')",
    "os.execute('true')",
    "os.exit()",
    "debug.sethook()",
    "require 'nothing'",
];

fn with(body: &str, soft: u32, hard: u32) -> (Result<Vec<Value>, CallError>, Duration) {
    let script = format!("function CheckFile(_, a)\n{body}\nend");
    let (hooks, _) = hooks_of(config(soft, hard), &[("mxout.lua", &script)]);
    let mut instance = smol::block_on(hooks.open(Script::MxOut, None, ())).expect("it loads");
    let begin = std::time::Instant::now();
    let result = smol::block_on(instance.call_untyped("CheckFile", Vec::new(), Vec::new()));
    (result.map(|called| called.returned), begin.elapsed())
}

#[test]
fn nothing_runs_past_the_soft_limit() {
    for body in ENDLESS {
        let (result, took) = with(body, 60, 20_000);
        match result {
            Err(CallError::Failed(error)) => assert!(error.contains("taken too long"), "{body}: {error}"),
            other => panic!("{body}: {other:?}"),
        }
        assert!(took < Duration::from_secs(10), "{body}: {took:?}");
    }
}

#[test]
fn loops_inside_of_c_and_bad_behaviour_fail() {
    for body in BOUNDED {
        match with(body, 10_000, 20_000).0 {
            Err(CallError::Failed(error)) => assert!(!error.contains("taken too long"), "{body}: {error}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert_eq!(with("return string.rep('', 1e18)", 10_000, 20_000).0, Ok(vec![Value::text("")]));
}

#[test]
fn the_load_of_a_script_is_limited_too() {
    let (hooks, ears) = hooks_of(config(60, 20_000), &[("mxout.lua", "while true do end")]);
    assert!(smol::block_on(hooks.open(Script::MxOut, None, ())).is_none());
    assert!(ears.lines(ERRORS)[0].contains("taken too long"));
}

#[test]
fn after_two_strikes_a_script_is_off_until_it_is_saved_again() {
    let (hooks, ears) = hooks(&[("mxout.lua", "function CheckFile(_, a) return a end")]);
    let stored = hooks.shelf().named("mxout.lua").unwrap().clone();
    let mut open = smol::block_on(hooks.open(Script::MxOut, None, ())).unwrap();
    left_behind(&stored, &*ears);
    assert!(actions(&mut open).is_some());
    left_behind(&stored, &*ears);
    assert!(ears.lines("script mxout.lua")[1].contains("switched off"));
    assert_eq!(actions(&mut open), None);
    assert!(smol::block_on(hooks.open(Script::MxOut, None, ())).is_none());
    hooks.put(Shelf::new([Arc::new(Stored::new("mxout.lua", "function CheckFile(_, a) return a end"))]));
    assert!(smol::block_on(hooks.open(Script::MxOut, None, ())).is_some());
}

#[test]
fn a_dropped_call_ends_its_instance_and_nothing_else() {
    let (hooks, _) = hooks(&[("mxout.lua", "function CheckFile(_, a) return a end")]);
    let mut instance = smol::block_on(hooks.open(Script::MxOut, None, ())).unwrap();
    {
        let call = instance.call(check_file());
        let mut call = std::pin::pin!(call);
        smol::block_on(smol::future::poll_once(call.as_mut()));
    }
    let mut fresh = smol::block_on(hooks.open(Script::MxOut, None, ())).unwrap();
    assert!(actions(&mut fresh).is_some());
}

// -- older versions of Lua ------------------------------------------------------------------------------------------

#[test]
fn what_older_scripts_use_is_there() {
    for (code, expected) in [
        ("return unpack({1, 2})", vec![Value::Integer(1), Value::Integer(2)]),
        ("return loadstring('return 5')()", vec![Value::Integer(5)]),
        ("return math.pow(2, 3), math.log10(1000)", vec![Value::Number(8.0), Value::Number(3.0)]),
        ("return table.getn({1, 2, 3}), table.maxn({1, [10] = 1})", vec![Value::Integer(3), Value::Integer(10)]),
        ("local s = '' for w in string.gfind('a b', '%a') do s = s .. w end return s", vec![Value::text("ab")]),
        ("return string.format('%d %5.1f %s', 7.9, 2.25, 1.5)", vec![Value::text("7   2.2 1.5")]),
        (
            "return bit32.band(12, 10), bit32.bnot(0), bit32.rshift(-1, 28)",
            vec![Value::Integer(8), Value::Integer(0xffff_ffff), Value::Integer(15)],
        ),
        (
            "return bit32.arshift(0x80000000, 4), bit32.lrotate(0x80000001, 1)",
            vec![Value::Integer(0xf800_0000), Value::Integer(3)],
        ),
        ("return ('x=1, y=2'):gsub('(%w+)=(%w+)', '%2=%1')", vec![Value::text("1=x, 2=y"), Value::Integer(2)]),
        ("return ('hello'):gsub('', '-')", vec![Value::text("-h-e-l-l-o-"), Value::Integer(6)]),
        ("return ('abc'):gsub('%w', {a = 1, b = false}, 2)", vec![Value::text("1bc"), Value::Integer(2)]),
        (
            "return ('abc'):find('b', 1, true), ('a.c'):find('.', 2, true)",
            vec![Value::Integer(2), Value::Integer(2), Value::Integer(2)],
        ),
        ("return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')", vec![Value::text("key"), Value::text("value")]),
        (
            "return ('abc'):find('()b()')",
            vec![Value::Integer(2), Value::Integer(2), Value::Integer(2), Value::Integer(3)],
        ),
        ("return ('aXb'):gsub('^a', ''), #('x'):rep(3, ',')", vec![Value::text("Xb"), Value::Integer(5)]),
        (
            "return type(os.time()), type(os.date()), os.getenv, io, debug",
            vec![Value::text("number"), Value::text("string"), Value::Nil, Value::Nil, Value::Nil],
        ),
        ("local ok, e = pcall(error, {code = 5}) return ok, e.code", vec![Value::Bool(false), Value::Integer(5)]),
        (
            "local c = coroutine.wrap(function() pcall(coroutine.yield, 1) return 2 end) return c(), c()",
            vec![Value::Integer(1), Value::Integer(2)],
        ),
        ("return 2^31, 7 // 2, 10 % 3", vec![Value::Number(2147483648.0), Value::Integer(3), Value::Integer(1)]),
    ] {
        assert_eq!(with(code, 5000, 20_000).0, Ok(expected), "{code}");
    }
}

#[test]
fn files_and_programs_where_they_are_allowed() {
    let published = Published::default();
    let mut config = Config::default();
    config.scripts.files_and_programs = true;
    published.publish(config);
    let (hooks, _) = hooks_of(
        published,
        &[(
            "mxout.lua",
            "function CheckFile(_, a) a.Reason = type(io.open) .. type(os.execute) .. type(os.exit) return a end",
        )],
    );
    let mut script = smol::block_on(hooks.open(Script::MxOut, None, ())).unwrap();
    assert_eq!(actions(&mut script).unwrap().reason.as_deref(), Some("functionfunctionnil"));
}

// -- every declared function ------------------------------------------------------------------------------------------

/// A value of the kind, as Rust would give it.
fn sample(kind: Kind, depth: u32) -> Value {
    match kind {
        Kind::Boolean => Value::Bool(true),
        Kind::Number => Value::Integer(5),
        Kind::Text | Kind::NumberOrText | Kind::Any => Value::text("word"),
        Kind::List(of) => Value::List(vec![sample(*of, depth)]),
        Kind::Named(of) => Value::Table(vec![(Value::text("name"), sample(*of, depth))]),
        Kind::Record(record) => fields(record, depth),
    }
}

fn fields(record: &Record, depth: u32) -> Value {
    assert!(depth < 5, "{} holds itself", record.name);
    let pair = |field: &declare::Part| (Value::text(field.name), sample(field.kind, depth + 1));
    Value::Table(record.fields.iter().map(pair).collect())
}

fn each_function(mut check: impl FnMut(Script, &'static Declaration, &'static Function)) {
    for declaration in ALL {
        let script = Script::of_file(&declaration.name.replace("<n>", "1")).expect("its name leads to it");
        for function in declaration.functions {
            check(script, declaration, function);
        }
    }
}

fn call(script: Script, function: &Function, body: &str, limits: (u32, u32)) -> Result<Vec<Value>, CallError> {
    let text = format!("function {}(...)\n{body}\nend", function.name);
    let (hooks, _) = hooks_of(config(limits.0, limits.1), &[(&script.file_name(), &text)]);
    let mut instance = smol::block_on(hooks.open(script, None, ())).expect("it loads");
    let arguments = function.arguments.iter().map(|argument| sample(argument.kind, 0)).collect();
    smol::block_on(instance.call_untyped(function.name, arguments, Vec::new())).map(|called| called.returned)
}

#[test]
fn every_function_gets_every_argument_and_gives_it_back() {
    each_function(|script, declaration, function| {
        let given: Vec<Value> = function.arguments.iter().map(|argument| sample(argument.kind, 0)).collect();
        let returned = call(script, function, "return ...", (5000, 20_000)).expect(function.name);
        assert_eq!(returned.len(), given.len().min(16), "{} {}", declaration.name, function.name);
        for (given, returned) in given.into_iter().zip(returned) {
            assert_eq!(sorted(returned), sorted(given), "{} {}", declaration.name, function.name);
        }
    });
}

fn sorted(value: Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.into_iter().map(sorted).collect()),
        Value::Table(mut pairs) => {
            pairs.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Table(pairs.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        other => other,
    }
}

#[test]
fn every_function_may_return_nothing_or_fail() {
    each_function(|script, _, function| {
        assert_eq!(call(script, function, "", (5000, 20_000)), Ok(vec![]), "{}", function.name);
        let failed = call(script, function, "error('meant to')", (5000, 20_000));
        assert!(matches!(failed, Err(CallError::Failed(_))), "{}: {failed:?}", function.name);
    });
}

#[test]
fn every_function_may_return_what_does_not_fit() {
    let odd = [
        Value::Other("a function"),
        Value::List(vec![Value::Other("a thread"), Value::Bool(true)]),
        Value::Table(vec![(Value::Number(0.5), Value::Nil), (Value::text("Priority"), Value::List(vec![]))]),
        Value::Number(f64::NAN),
        Value::Bytes(vec![0xff, 0]),
        Value::Bool(true),
    ];
    each_function(|_, _, function| {
        for value in &odd {
            let misfits = (function.misfits)(vec![value.clone(); 16]);
            let takes_all = |part: &declare::Part| matches!(part.kind, Kind::Boolean | Kind::Any);
            let is_other = matches!(value, Value::Other(_));
            let expected = is_other && !function.returns.iter().all(takes_all);
            assert!(!expected || !misfits.is_empty(), "{}: {value:?}", function.name);
        }
        let fitting = function.returns.iter().map(|part| sample(part.kind, 0)).collect();
        assert_eq!((function.misfits)(fitting), [""; 0], "{}", function.name);
    });
}

#[test]
fn every_function_may_loop_for_ever() {
    each_function(|script, _, function| {
        let looped = call(script, function, "while true do pcall(error) end", (50, 20_000));
        assert!(matches!(looped, Err(CallError::Failed(_))), "{}: {looped:?}", function.name);
    });
}

// -- the library ----------------------------------------------------------------------------------------------------

#[test]
fn digests_are_lists_of_bytes() {
    for (code, expected) in [
        (
            "return VPOP3.HexString(VPOP3.HMAC('SHA1', 'what do ya want for nothing?', 'Jefe'))",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            "return VPOP3.HexString(VPOP3.HMAC('SHA256', 'what do ya want for nothing?', 'Jefe'))",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("return VPOP3.HexString(VPOP3.MD5('abc'))", "900150983cd24fb0d6963f7d28e17f72"),
        ("return VPOP3.HexString(VPOP3.SHA1('abc'))", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("return VPOP3.HexString('\\1\\255')", "01ff"),
        (
            "return #VPOP3.HMAC('SHA3', 'a', 'b') .. tostring(VPOP3.HexString(nil)) .. tostring(VPOP3.UnHexString('abc'))",
            "0nilnil",
        ),
        ("return table.concat(VPOP3.UnHexString('00zzFF'), ' ')", "0 0 255"),
    ] {
        assert_eq!(with(code, 5000, 20_000).0, Ok(vec![Value::text(expected)]), "{code}");
    }
}

#[test]
fn attempts_can_be_asked_for() {
    use crate::store::{Change, MailId, SendAttempt, Store};
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let now = Timestamp::now().as_millisecond();
    let attempt = |minutes: i64, server: &str, result: &str| {
        Change::Attempt(SendAttempt {
            at: now - minutes * 60_000,
            mail: MailId(1),
            connection: 1,
            server: server.into(),
            recipients: 1,
            result: result.into(),
        })
    };
    let changes = vec![attempt(1, "mx.a", "451 busy"), attempt(2, "mx.a", "250 ok"), attempt(99, "mx.a", "451 old")];
    smol::block_on(store.commit(changes)).unwrap();
    let (hooks, ears) = hooks(&[]);
    hooks.load(&store).unwrap();
    hooks.put(Shelf::new([Arc::new(Stored::new(
        "mxserverrules.lua",
        "function CheckServer(domain, server, retries, size)
           local rows = VPOP3.PostgresQuery(\"SELECT COUNT(*) AS n FROM outqueue.sendattempts WHERE server = '\" .. server ..
             \"' AND starttime > now() - interval '10 minutes' AND result LIKE '4%'\")
           if tonumber(rows[1].n) > 0 then return false, 10 end
         end
         function GetCheckCache() return VPOP3.PostgresQuery('DROP TABLE x') == nil end",
    ))]));
    let mut script = smol::block_on(hooks.open(Script::MxServerRules, None, ())).unwrap();
    let mut check = |server: &str| {
        let call = scripts::mx_server_rules::CheckServer { mx_server: server.into(), ..Default::default() };
        let back = smol::block_on(script.call(call));
        (back.usable, back.hold_minutes)
    };
    assert_eq!(check("mx.a"), (Some(false), Some(10.0)));
    assert_eq!(check("mx.b"), (None, None));
    let back = smol::block_on(script.call(scripts::mx_server_rules::GetCheckCache::default()));
    assert_eq!(back.check_cache, Some(true));
    assert!(ears.lines(ERRORS)[0].contains("SELECT is missing"), "{:?}", ears.lines(ERRORS));
    store.close().unwrap();
}

// -- values of all kinds ----------------------------------------------------------------------------------------------

fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let names = ["Actions", "Priority", "SkipSend", "Recipients", "HoldUntil", "Target", "x"];
    let word = prop_oneof![
        prop::sample::select(names.to_vec()).prop_map(Value::text),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::Bytes)
    ];
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Number),
        word.clone(),
        Just(Value::Other("a function")),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let key = prop_oneof![word.clone(), any::<i64>().prop_map(Value::Integer)];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            prop::collection::vec((key, inner), 0..8).prop_map(Value::Table),
        ]
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Whatever comes back is read, and what does not fit is noted in bounds.
    #[test]
    fn every_function_reads_whatever_comes_back(values in proptest::collection::vec(any_value(), 0..12)) {
        each_function(|_, _, function| {
            let misfits = (function.misfits)(values.clone());
            assert!(misfits.len() <= 20);
        });
    }
}
