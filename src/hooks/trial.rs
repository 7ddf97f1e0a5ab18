//! Trying a hook on a mail before it is trusted: arguments are made from the mail, the function is called, and what it
//! would change is told. Nothing is sent, stored or logged.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, json};

use super::declare::{Access, Declaration, Kind, Part, Record};
use super::scripts::Script;
use super::shelf::Stored;
use super::{CallError, Hooks, Value, local_time};
use crate::mail::Header;
use crate::mail::header::body_offset;

/// What a trial has shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Trial {
    pub script: String,
    /// Empty where the script is run whole.
    pub function: String,
    pub arguments: Vec<Shown>,
    pub returned: Vec<Shown>,
    /// What the hook would change, one a line: `Actions.SkipSend: false → true`.
    pub effects: Vec<String>,
    /// Returned values that do not fit.
    pub misfits: Vec<String>,
    pub printed: Vec<String>,
    pub error: Option<String>,
    /// Microseconds of the call.
    pub took: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub name: &'static str,
    pub value: serde_json::Value,
}

impl Hooks {
    /// Calls `function` of a script, or runs it whole where `function` is empty, as if for `mail`.
    pub async fn trial(&self, stored: Arc<Stored>, function: &str, mail: &[u8]) -> Trial {
        let mut trial = Trial { script: stored.name.clone(), function: function.into(), ..Trial::default() };
        let Some(script) = Script::of_file(&stored.name) else {
            trial.error = Some(format!("{} is not called by itself", stored.name));
            return trial;
        };
        let declaration = script.declaration();
        let sample = Sample::of(mail);
        let declared = declaration.functions.iter().find(|declared| declared.name == function);
        // A function that rules name has the arguments of the first.
        let declared = declared.or_else(|| {
            let named = matches!(script, Script::SmtpRules(_)) && !function.is_empty();
            declaration.functions.first().filter(|_| named)
        });
        if declared.is_none() && !function.is_empty() {
            trial.error = Some(format!("{} has no function {function}", declaration.name));
            return trial;
        }
        let before = globals(declaration, &sample);
        let begin = Instant::now();
        let mut instance = match self.try_out(script, stored, before.clone()).await {
            Ok(instance) => instance,
            Err(error) => {
                trial.error = Some(error.to_string());
                return trial;
            }
        };
        let read: Vec<&'static str> = before.iter().map(|(name, _)| *name).collect();
        let arguments = declared.map(|declared| declared.arguments).unwrap_or_default();
        let values: Vec<Value> = arguments.iter().map(|part| sample.value(part)).collect();
        trial.arguments = shown(arguments, &values);
        let called = match declared {
            Some(_) => {
                instance.set_untyped(before.clone());
                instance.call_untyped(function, values.clone(), read).await
            }
            None => instance.globals_untyped(read).await,
        };
        trial.took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        trial.printed = instance.take_printed();
        match called {
            Ok(called) => {
                let returns = declared.map(|declared| declared.returns).unwrap_or_default();
                trial.returned = shown(returns, &called.returned);
                trial.misfits = declared.map(|d| (d.misfits)(called.returned.clone())).unwrap_or_default();
                for (part, value) in returns.iter().zip(&called.returned).filter(|(_, value)| **value != Value::Nil) {
                    let given = arguments.iter().position(|argument| argument.name == part.name);
                    let given = given.and_then(|at| values.get(at));
                    differences(part.name, given, value, &mut trial.effects);
                }
                for (name, value) in &called.globals {
                    let given = before.iter().find(|(known, _)| known == name).map(|(_, value)| value);
                    if is_read_back(declaration, name) {
                        differences(name, given, value, &mut trial.effects);
                    }
                }
            }
            Err(CallError::Failed(error)) => trial.error = Some(error),
            Err(error) => trial.error = Some(error.to_string()),
        }
        trial
    }
}

fn is_read_back(declaration: &Declaration, name: &str) -> bool {
    let has = |record: &Record| record.fields.iter().any(|field| field.name == name);
    declaration.globals.iter().any(|(access, record)| *access == Access::ReadWrite && has(record))
}

fn globals(declaration: &Declaration, sample: &Sample<'_>) -> Vec<(&'static str, Value)> {
    let fields = declaration.globals.iter().flat_map(|(_, record)| record.fields);
    fields.map(|field| (field.name, sample.value(field))).collect()
}

fn shown(parts: &'static [Part], values: &[Value]) -> Vec<Shown> {
    parts.iter().zip(values).map(|(part, value)| Shown { name: part.name, value: plain(value) }).collect()
}

/// As JSON; what is not UTF-8 is replaced, long strings are cut.
pub fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Number(value) => json!(value),
        Value::Bytes(bytes) => {
            let mut text = String::from_utf8_lossy(bytes.get(..4096).unwrap_or(bytes)).into_owned();
            if bytes.len() > 4096 {
                text.push_str(&format!("… ({} bytes)", bytes.len()));
            }
            json!(text)
        }
        Value::List(list) => list.iter().map(plain).collect(),
        Value::Table(pairs) => {
            let name = |key: &Value| match plain(key) {
                serde_json::Value::String(name) => name,
                other => other.to_string(),
            };
            pairs.iter().map(|(key, value)| (name(key), plain(value))).collect::<Map<_, _>>().into()
        }
        Value::Other(what) => json!(format!("({what})")),
    }
}

/// What is different in `after`, by field where both are tables.
fn differences(name: &str, before: Option<&Value>, after: &Value, found: &mut Vec<String>) {
    if before == Some(after) {
        return;
    }
    if let (Some(Value::Table(old)), Value::Table(new)) = (before, after) {
        for (key, value) in new {
            let before = old.iter().find(|(known, _)| known == key).map(|(_, value)| value);
            let field = match plain(key) {
                serde_json::Value::String(field) => field,
                other => other.to_string(),
            };
            differences(&format!("{name}.{field}"), before, value, found);
        }
        return;
    }
    match before {
        Some(before) => found.push(format!("{name}: {} → {}", plain(before), plain(after))),
        None => found.push(format!("{name}: {}", plain(after))),
    }
}

/// What arguments are made of.
struct Sample<'a> {
    mail: &'a [u8],
    from: String,
    recipients: Vec<String>,
    now: String,
}

impl<'a> Sample<'a> {
    fn of(mail: &'a [u8]) -> Sample<'a> {
        let header = Header::of(mail);
        let addresses =
            |name: &str| header.all(name).flat_map(|field| addresses(&field.unfolded())).collect::<Vec<_>>();
        let from = ["Return-Path", "Sender", "From"].into_iter().find_map(|name| addresses(name).into_iter().next());
        let recipients = ["To", "Cc", "Bcc"].into_iter().flat_map(addresses).collect();
        let now = local_time(Timestamp::now().as_millisecond(), &TimeZone::system());
        Sample { mail, from: from.unwrap_or_default(), recipients, now }
    }

    fn recipient(&self) -> String {
        self.recipients.first().cloned().unwrap_or_default()
    }

    fn domain(&self) -> String {
        self.recipient().rsplit_once('@').map(|(_, domain)| domain.to_string()).unwrap_or_default()
    }

    /// By the name of the argument or field; where that says nothing, what stands for nothing of its kind.
    fn value(&self, part: &Part) -> Value {
        let name: String = part.name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let known = match part.kind {
            Kind::Number => self.number(&name).map(Value::Integer),
            Kind::Text | Kind::NumberOrText | Kind::Any => self.text(&name),
            Kind::Boolean => Some(Value::Bool(name == "defaultresult" || name == "sendtooriginalrecipients")),
            Kind::List(Kind::Text) => self.list(&name),
            Kind::List(_) => None,
            Kind::Named(_) => (name == "headerdata").then(|| self.header_data()),
            Kind::Record(record) => {
                let pair = |field: &Part| (Value::text(field.name), self.value(field));
                Some(Value::Table(record.fields.iter().map(pair).collect()))
            }
        };
        known.unwrap_or_else(|| match part.kind {
            Kind::Boolean => Value::Bool(false),
            Kind::Number => Value::Integer(0),
            Kind::Text | Kind::NumberOrText | Kind::Any => Value::text(""),
            Kind::List(_) | Kind::Named(_) | Kind::Record(_) => Value::List(Vec::new()),
        })
    }

    fn number(&self, name: &str) -> Option<i64> {
        match name {
            "size" | "length" | "messagesize" | "filelength" => i64::try_from(self.mail.len()).ok(),
            "priority" => Some(50),
            "mailcollector" => Some(-1),
            "position" => Some(3),
            "connnid" | "connid" | "connectionid" | "senderid" | "serverid" => Some(1),
            "minlength" => Some(5),
            "port" | "serverport" => Some(25),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<Value> {
        Some(Value::text(match name {
            "subject" => self.first("Subject"),
            "messageid" => self.first("Message-ID"),
            "returnpath" | "mailfrom" | "originalmailfrom" | "computedmailfrom" | "senderemail" | "sender"
            | "originator" | "address" | "headerfrom" => self.from.clone(),
            "recipient" | "originalrecipient" | "targetrecipient" => self.recipient(),
            "domain" | "policydomain" | "recipientdomain" => self.domain(),
            "recipientlocalpart" => {
                self.recipient().rsplit_once('@').map(|(local, _)| local.into()).unwrap_or_default()
            }
            "server" | "mxserver" | "targetserver" | "connectedserver" => format!("mx.{}", self.domain()),
            "creationtime" | "creationdate" | "time" => self.now.clone(),
            "ipaddress" | "clientip" | "senderipaddress" | "clientipaddress" | "ipaddr" => "192.0.2.1".into(),
            "lastcommand" => format!("RCPT TO:<{}>", self.recipient()),
            "fullresponse" | "lastline" => "250 2.1.5 ok".into(),
            "filename" => "trial".into(),
            "username" | "user" => "trial".into(),
            "protocol" => "POP3".into(),
            "messagetype" => "message".into(),
            "header" => return Some(Value::Bytes(self.header_block().to_vec())),
            "message" | "content" | "incomingmessage" | "generatedmessage" => {
                return Some(Value::Bytes(self.mail.to_vec()));
            }
            _ => return None,
        }))
    }

    fn list(&self, name: &str) -> Option<Value> {
        let texts = match name {
            "recipients" | "recipientlist" | "allrecipients" | "torecipients" => self.recipients.clone(),
            "headerlines" | "headers" | "header" => {
                let block = String::from_utf8_lossy(self.header_block()).into_owned();
                block.lines().filter(|line| !line.is_empty()).map(String::from).collect()
            }
            "folders" => vec!["INBOX".into()],
            _ => return None,
        };
        Some(Value::List(texts.into_iter().map(Value::text).collect()))
    }

    fn header_block(&self) -> &'a [u8] {
        body_offset(self.mail).and_then(|end| self.mail.get(..end)).unwrap_or(self.mail)
    }

    fn header_data(&self) -> Value {
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        for field in Header::of(self.mail).fields() {
            let name = Value::text(field.name);
            if !pairs.iter().any(|(known, _)| *known == name) {
                pairs.push((name, Value::text(field.unfolded())));
            }
        }
        Value::Table(pairs)
    }

    fn first(&self, name: &str) -> String {
        Header::of(self.mail).first(name).map(|field| field.decoded()).unwrap_or_default()
    }
}

/// The addresses in a header field, roughly: words with an @ in them.
fn addresses(value: &str) -> Vec<String> {
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '(' | ')' | '"'));
    words.filter(|word| word.contains('@')).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"From: Anna <anna@office.example>\r\nTo: bob@example.com, \"C\" <c@example.org>\r\n\
                          Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n";

    fn trial(name: &str, text: &str, function: &str) -> Trial {
        smol::block_on(Hooks::default().trial(Arc::new(Stored::new(name, text)), function, MAIL))
    }

    #[test]
    fn what_a_hook_would_change_is_told() {
        let script = "function CheckFile(name, actions, size, _, _, _, from, to, data, lines)
                        print(from, to[2], data.Subject, #lines, size)
                        actions.SkipSend = 1
                        actions.Priority = {}
                        return actions
                      end";
        let trial = trial("mxout.lua", script, "CheckFile");
        assert_eq!(trial.error, None);
        assert_eq!(trial.printed, ["anna@office.example\tc@example.org\t=?utf-8?q?Gr=C3=BC=C3=9Fe?=\t3\t123"]);
        assert_eq!(trial.effects, ["Actions.Priority: 50 → []", "Actions.SkipSend: false → 1"]);
        assert_eq!(trial.misfits, ["Actions.Priority: should be a number, not a table"]);
        assert_eq!(trial.arguments.len(), 10);
    }

    #[test]
    fn a_script_of_variables_is_run_whole() {
        let trial = trial("bob/user_redirect.lua", "UseForwards = true BigRedirect.Copy = 1", "");
        assert_eq!(trial.error, None);
        assert_eq!(trial.effects, ["UseForwards: false → true", "BigRedirect.Copy: false → 1"]);
    }

    #[test]
    fn failures_are_told() {
        assert!(trial("mxout.lua", "function CheckFile() error('no') end", "CheckFile").error.unwrap().contains("no"));
        assert_eq!(trial("mxout.lua", "", "CheckFil").error.unwrap(), "mxout.lua has no function CheckFil");
        assert_eq!(trial("mxout.lua", "", "CheckFile").error.unwrap(), "there is no function CheckFile");
        assert_eq!(trial("common.lua", "", "").error.unwrap(), "common.lua is not called by itself");
        assert!(trial("smtprules_1.lua", "function Mine(m) return 0 end", "Mine").error.is_none());
    }

    #[test]
    fn every_function_can_be_tried() {
        for declaration in super::super::scripts::ALL {
            for function in declaration.functions {
                let name = declaration.name.replace("<n>", "1");
                let trial = trial(&name, &format!("function {}(...) return ... end", function.name), function.name);
                assert_eq!(trial.error, None, "{name} {}", function.name);
                assert_eq!(trial.arguments.len(), function.arguments.len());
            }
        }
    }
}
