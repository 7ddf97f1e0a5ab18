//! `VPOP3.HMAC`, `HexString`, `UnHexString`, `MD5`, `SHA1`, `SHA256`: digests are lists of bytes.

use md5::{Digest, Md5};
use mlua::{Lua, LuaString, Table, Value};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, sign};
use sha2::Sha256;

pub fn install(lua: &Lua, table: &Table) -> mlua::Result<()> {
    let hmac = |lua: &Lua, (algorithm, text, key): (LuaString, LuaString, LuaString)| {
        let (text, key) = (text.as_bytes(), key.as_bytes());
        bytes(lua, &keyed(&algorithm.to_string_lossy(), &text, &key))
    };
    table.raw_set("HMAC", lua.create_function(hmac)?)?;
    table.raw_set("HexString", lua.create_function(|_, given: Value| Ok(read(&given).map(|bytes| to_hex(&bytes))))?)?;
    let from_hex = |lua: &Lua, given: Value| match given {
        Value::String(text) => from_hex(&text.as_bytes()).map(|list| bytes(lua, &list)).transpose(),
        _ => Ok(None),
    };
    table.raw_set("UnHexString", lua.create_function(from_hex)?)?;
    table.raw_set("MD5", lua.create_function(|lua, text: LuaString| bytes(lua, &Md5::digest(text.as_bytes())))?)?;
    table.raw_set(
        "SHA1",
        lua.create_function(|lua, text: LuaString| {
            bytes(lua, digest(&SHA1_FOR_LEGACY_USE_ONLY, &text.as_bytes()).as_ref())
        })?,
    )?;
    table.raw_set("SHA256", lua.create_function(|lua, text: LuaString| bytes(lua, &Sha256::digest(text.as_bytes())))?)
}

/// Empty where there is no such algorithm.
fn keyed(algorithm: &str, text: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        "SHA1" => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "SHA256" => HMAC_SHA256,
        _ => return Vec::new(),
    };
    sign(&Key::new(algorithm, key), text).as_ref().to_vec()
}

fn bytes(lua: &Lua, list: &[u8]) -> mlua::Result<Table> {
    lua.create_sequence_from(list.iter().copied())
}

/// Bytes of a string, or of a list of bytes.
fn read(given: &Value) -> Option<Vec<u8>> {
    match given {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Table(list) => (1..=list.raw_len()).map(|place| list.raw_get::<u8>(place).ok()).collect(),
        _ => None,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A pair that is none stands for 0.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default()
    };
    text.len().is_multiple_of(2).then(|| text.chunks(2).map(pair).collect())
}
