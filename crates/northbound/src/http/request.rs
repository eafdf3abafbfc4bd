//! What a request says besides its body.

use axum::http::{HeaderMap, Method, Uri};

use crate::error::ApiError;
use crate::query::Parameters;
use crate::query::parameters::decode;

/// Parts of a path; what has more is nothing that we know.
const SEGMENTS_MAX: usize = 16;

/// Bytes of a URL, query included.
const URL_BYTES_MAX: usize = 32 * 1024;

/// The header with the token that a request or an answer is about.
pub const SUBJECT_TOKEN: &str = "x-subject-token";

/// A request, without its body.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method; HEAD is GET here.
    pub method: Method,
    /// The parts of the path, without empty ones and without `.json`.
    pub segments: Vec<String>,
    /// The query.
    pub parameters: Parameters,
    /// The address of the path, for links.
    pub url: String,
    /// The address of the server, for links.
    pub base: String,
    /// The revision that `If-Match` wants.
    pub revision: Option<u64>,
    /// The token that is asked about.
    pub subject_token: Option<String>,
}

impl Request {
    /// What method, URL and headers say.
    ///
    /// # Errors
    /// When they say too much, or nothing sensible.
    pub fn new(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, ApiError> {
        if uri.path().len() + uri.query().map_or(0, str::len) > URL_BYTES_MAX {
            let text = format!("A URL has at most {URL_BYTES_MAX} bytes");
            return Err(ApiError::new(414, "HTTPRequestURITooLong", text));
        }
        let parts = uri.path().split('/').filter(|part| !part.is_empty());
        let mut segments: Vec<String> =
            parts.map(|part| decode(part, false)).take(SEGMENTS_MAX + 1).collect();
        if segments.len() > SEGMENTS_MAX {
            return Err(ApiError::not_found());
        }
        // A tag is whatever it is; of other parts the suffix says the format.
        let is_tag = segments.iter().rev().nth(1).is_some_and(|part| part == "tags");
        if let Some(last) = segments.last_mut().filter(|_| !is_tag)
            && let Some(stem) = last.strip_suffix(".json")
        {
            *last = stem.to_owned();
        }
        let base = base(uri, headers);
        Ok(Self {
            method: if *method == Method::HEAD { Method::GET } else { method.clone() },
            segments,
            parameters: Parameters::parse(uri.query().unwrap_or_default())?,
            url: format!("{base}{}", uri.path()),
            base,
            revision: revision(headers)?,
            subject_token: headers
                .get(SUBJECT_TOKEN)
                .and_then(|token| token.to_str().ok())
                .map(str::to_owned),
        })
    }

    /// Refuses every other method.
    ///
    /// # Errors
    /// When the method is another one.
    pub fn only(&self, method: &Method) -> Result<(), ApiError> {
        if self.method == *method { Ok(()) } else { Err(ApiError::method_not_allowed()) }
    }

    /// The attributes that the answer is to hold: who does something is shown all of them.
    #[must_use]
    pub fn fields_shown(&self) -> Vec<String> {
        if self.method == Method::GET { self.parameters.fields() } else { Vec::new() }
    }

    /// The parts of the path as texts.
    #[must_use]
    pub fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

/// How the requester reaches us, as far as headers tell.
fn base(uri: &Uri, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_host = |host: &&str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
    };
    let host = text("host").or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
    let scheme =
        text("x-forwarded-proto").filter(|scheme| ["http", "https"].contains(scheme)).unwrap_or("http");
    format!("{scheme}://{}", host.filter(is_host).unwrap_or("localhost"))
}

/// The revision that the requester wants a resource to have.
fn revision(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let texts = headers.get_all("if-match").into_iter().filter_map(|value| value.to_str().ok());
    let tags = texts.flat_map(|text| text.split(',')).map(|tag| tag.trim().trim_matches('"'));
    let mut numbers = tags.filter_map(|tag| tag.strip_prefix("revision_number="));
    let Some(number) = numbers.next() else {
        return Ok(None);
    };
    if numbers.next().is_some() {
        return Err(ApiError::bad_resource("if-match", "Multiple revision_number etags are not supported."));
    }
    let text = "Revision number etag must be in the format of revision_number=<int>";
    number.parse().map(Some).map_err(|_| ApiError::bad_resource("if-match", text))
}
