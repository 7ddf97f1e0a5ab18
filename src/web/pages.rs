//! The files of the status page, part of the binary.

/// A file of the page.
pub struct Page {
    pub kind: &'static str,
    pub bytes: &'static [u8],
}

pub fn page(path: &str) -> Option<Page> {
    let (kind, bytes): (_, &[u8]) = match path {
        "/" | "/index.html" => ("text/html; charset=utf-8", include_bytes!("../../www/index.html")),
        "/style.css" => ("text/css; charset=utf-8", include_bytes!("../../www/style.css")),
        "/app.js" => ("text/javascript; charset=utf-8", include_bytes!("../../www/app.js")),
        "/lib/api.js" => ("text/javascript; charset=utf-8", include_bytes!("../../www/lib/api.js")),
        "/lib/dom.js" => ("text/javascript; charset=utf-8", include_bytes!("../../www/lib/dom.js")),
        "/favicon.svg" => ("image/svg+xml", include_bytes!("../../www/favicon.svg")),
        _ => return None,
    };
    Some(Page { kind, bytes })
}

/// Sent with every answer. The page needs nothing from anywhere else. No Strict-Transport-Security: it would lock people
/// out when the certificate becomes a self-signed one again.
pub const FIELDS: [(&str, &str); 4] = [
    ("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
];
