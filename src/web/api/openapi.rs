//! `GET openapi.json`: the description of the API (OpenAPI 3.1), made from the table of operations.

use serde_json::{Map, Value, json};

use super::operation::{Body, Gives, May, Operation};
use super::{Api, operations};

pub const OPERATIONS: &[Operation] = &[Operation {
    path: "openapi.json",
    may: May::Anyone,
    summary: "This description",
    gives: Gives::Object("openapi:string info:object paths:object components:object"),
    run: |_, _| Box::pin(async { Ok(description()) }),
    ..super::operation::PLAIN
}];

impl Api {
    /// The whole description.
    pub fn description() -> Value {
        description()
    }
}

fn description() -> Value {
    let mut paths = Map::new();
    for operation in operations().filter(|operation| operation.may != May::Owner) {
        let path = paths.entry(format!("/api/v1/{}", operation.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_lowercase(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pillarbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the page and the command line ask the box. A request that changes something carries \
                            the token that came with the login in X-CSRF-Token.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-pillarbox" },
                "token": { "type": "apiKey", "in": "header", "name": "X-CSRF-Token" },
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": { "type": "string", "description": "What is wrong, in plain words" },
                        "fields": {
                            "type": "array",
                            "description": "The settings that are wrong",
                            "items": {
                                "type": "object",
                                "required": ["path", "message"],
                                "properties": { "path": { "type": "string" }, "message": { "type": "string" } },
                            },
                        },
                    },
                },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut value = json!({
        "summary": operation.summary,
        "operationId": name(operation),
        "parameters": parameters(operation),
        "responses": {
            "200": { "description": "Done", "content": content(operation.gives) },
            "default": {
                "description": "Not done, and why",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    });
    let Some(object) = value.as_object_mut() else { return value };
    match operation.body {
        Body::None => {}
        Body::Json(schema) => {
            object.insert("requestBody".into(), carries("application/json", schema()));
        }
        Body::Text(kind) => {
            object.insert("requestBody".into(), carries(kind, json!({ "type": "string" })));
        }
    }
    if matches!(operation.may, May::User | May::Administrator) {
        let needed = match operation.method {
            "GET" => json!([{ "session": [] }]),
            _ => json!([{ "session": [], "token": [] }]),
        };
        object.insert("security".into(), needed);
    }
    value
}

fn carries(kind: &str, schema: Value) -> Value {
    json!({ "required": true, "content": { kind: { "schema": schema } } })
}

fn content(gives: Gives) -> Value {
    match gives {
        Gives::File(kind) => json!({ kind: { "schema": { "type": "string" } } }),
        Gives::Object(members) => {
            let members = members.split_whitespace().filter_map(|member| member.split_once(':'));
            let (mut properties, mut required) = (Map::new(), Vec::new());
            for (name, kind) in members {
                properties.insert(name.into(), json!({ "type": kind }));
                required.push(name);
            }
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            json!({ "application/json": { "schema": schema } })
        }
    }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let steps = operation.path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    let steps = steps.map(
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }),
    );
    let query = operation.query.iter().map(|(name, meaning)| {
        json!({ "name": name, "in": "query", "description": meaning, "schema": { "type": "string" } })
    });
    steps.chain(query).collect()
}

/// `POST queue/{mail}/hold` is `post_queue_mail_hold`.
fn name(operation: &Operation) -> String {
    let path: String = operation.path.chars().filter(|c| !"{}".contains(*c)).collect();
    format!("{}_{}", operation.method.to_lowercase(), path.replace(['/', '.'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_described_once() {
        let mut names: Vec<String> = operations().map(name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        for operation in operations() {
            assert!(
                !operation.summary.is_empty() && !operation.path.is_empty(),
                "{} {}",
                operation.method,
                operation.path
            );
        }
    }

    #[test]
    fn what_only_the_owner_may_is_not_told() {
        let description = description();
        assert!(description["paths"]["/api/v1/queue/{mail}/hold"]["post"].is_object());
        assert!(description["paths"]["/api/v1/backup"].is_null());
        assert_eq!(description["paths"]["/api/v1/queue/{mail}/hold"]["post"]["parameters"][0]["name"], "mail");
    }
}
