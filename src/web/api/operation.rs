//! What the API can do, as a table. The router, the check of who may, and the OpenAPI description are made from it, so
//! that none of them can say something else than the others.
//!
//! Each file of this folder has the rows of its own requests beside the functions that answer them.

use std::cell::RefCell;
use std::pin::Pin;

use serde_json::Value;

use super::{Answer, Api, ApiError, Caller, Request, decoded};

/// Who may ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Everybody who reaches the page.
    Anyone,
    /// Whoever is in the office's networks, as long as there is no administrator.
    Newcomer,
    /// Everybody with a mailbox here, after a login.
    User,
    Administrator,
    /// Who reaches the socket in the data directory.
    Owner,
}

impl May {
    pub fn admits(self, caller: &Caller) -> bool {
        match caller {
            Caller::Owner => true,
            Caller::User(visitor) => match self {
                May::Anyone | May::User => true,
                May::Administrator => visitor.administrator,
                May::Newcomer | May::Owner => false,
            },
            Caller::Newcomer => matches!(self, May::Anyone | May::Newcomer),
            Caller::Stranger => self == May::Anyone,
        }
    }
}

/// What a request carries.
#[derive(Clone, Copy)]
pub enum Body {
    None,
    /// JSON of this schema.
    Json(fn() -> Value),
    /// Text of this media type.
    Text(&'static str),
}

/// The schema of `T`, for [`Body::Json`].
pub fn json<T: schemars::JsonSchema>() -> Value {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// What an answer is.
#[derive(Clone, Copy)]
pub enum Gives {
    /// A JSON object with these members: `name:type`, divided by spaces.
    Object(&'static str),
    /// Another media type.
    File(&'static str),
}

/// One request.
pub struct Operation {
    pub method: &'static str,
    /// Below `/api/v1/`, with `{name}` for steps that vary.
    pub path: &'static str,
    pub may: May,
    /// One line, for the description.
    pub summary: &'static str,
    /// Name and meaning of each parameter that may follow a question mark.
    pub query: &'static [(&'static str, &'static str)],
    pub body: Body,
    pub gives: Gives,
    pub run: for<'a> fn(&'a Api, Call<'a>) -> Work<'a>,
}

pub type Work<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// The usual row: no parameters, no body.
pub const PLAIN: Operation = Operation {
    method: "GET",
    path: "",
    may: May::Administrator,
    summary: "",
    query: &[],
    body: Body::None,
    gives: Gives::Object(""),
    run: |_, _| Box::pin(async { Ok(Value::Null) }),
};

/// What an answer has beside its JSON.
#[derive(Default)]
pub struct Extra {
    /// The value of Set-Cookie.
    pub cookie: Option<String>,
    /// Sent in place of JSON: media type and bytes.
    pub file: Option<(&'static str, Vec<u8>)>,
}

/// A request that has found its row.
pub struct Call<'a> {
    steps: Vec<String>,
    query: Vec<(String, String)>,
    pub body: &'a [u8],
    pub caller: &'a Caller,
    /// Where it comes from; `None` through the socket.
    pub peer: Option<std::net::IpAddr>,
    pub extra: &'a RefCell<Extra>,
}

impl Call<'_> {
    /// What stands for the nth `{name}` of the path, from 0.
    pub fn step(&self, place: usize) -> &str {
        self.steps.get(place).map(String::as_str).unwrap_or_default()
    }

    /// A parameter, `None` where it is not given.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let wrong = |text: &str| ApiError::Bad(format!("{name}: {text} is no number here"));
        self.query(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }
}

/// The row for a request, and what it is called with.
pub fn find<'a>(
    all: impl Iterator<Item = &'static Operation> + Clone,
    request: &'a Request<'a>,
    extra: &'a RefCell<Extra>,
) -> Result<(&'static Operation, Call<'a>), ApiError> {
    let Request { method, path, body, ref caller, peer } = *request;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let of_path = |operation: &&'static Operation| steps(operation.path, path).is_some();
    let Some(operation) = all.clone().filter(of_path).find(|operation| operation.method == method) else {
        return Err(match all.clone().any(|operation| of_path(&operation)) {
            true => ApiError::Method { method: method.into(), path: path.into() },
            false => ApiError::Unknown(path.into()),
        });
    };
    if !operation.may.admits(caller) {
        let logged_in = matches!(caller, Caller::User(_));
        return Err(if logged_in || operation.may == May::Owner { ApiError::Forbidden } else { ApiError::Login });
    }
    let steps = steps(operation.path, path).unwrap_or_default();
    let steps = steps.into_iter().map(decoded).collect::<Result<_, _>>()?;
    let query = parameters(operation, query)?;
    Ok((operation, Call { steps, query, body, caller, peer, extra }))
}

/// What stands for the `{name}`s of `pattern`, if `path` is of it.
fn steps<'p>(pattern: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let mut found = Vec::new();
    let mut given = path.split('/');
    for step in pattern.split('/') {
        let given = given.next()?;
        match step.starts_with('{') {
            true => found.push(given),
            false if step == given => {}
            false => return None,
        }
    }
    given.next().is_none().then_some(found)
}

fn parameters(operation: &Operation, query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name)?;
        if !operation.query.iter().any(|(known, _)| *known == name) {
            return Err(ApiError::Bad(format!("{} has no parameter {name}", operation.path)));
        }
        found.push((name, decoded(value)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_steps() {
        assert_eq!(steps("queue/{mail}/hold", "queue/A1/hold"), Some(vec!["A1"]));
        assert_eq!(steps("queue", "queue"), Some(vec![]));
        assert_eq!(steps("queue", "queue/A1"), None);
        assert_eq!(steps("queue/{mail}", "queue"), None);
        assert_eq!(steps("queue/{mail}", "queues/A1"), None);
    }

    #[test]
    fn nobody_gets_more_than_is_his() {
        let visitor = |administrator| {
            Caller::User(super::super::Visitor { user: 1, name: "anna".into(), administrator, session: [0; 32] })
        };
        let all = [May::Anyone, May::Newcomer, May::User, May::Administrator, May::Owner];
        let rights = |caller: Caller| all.map(|may| may.admits(&caller));
        assert_eq!(rights(Caller::Owner), [true; 5]);
        assert_eq!(rights(visitor(true)), [true, false, true, true, false]);
        assert_eq!(rights(visitor(false)), [true, false, true, false, false]);
        assert_eq!(rights(Caller::Newcomer), [true, true, false, false, false]);
        assert_eq!(rights(Caller::Stranger), [true, false, false, false, false]);
    }
}
