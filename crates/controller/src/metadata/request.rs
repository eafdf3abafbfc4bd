//! What Nova is asked for a guest: the guest's own request, with headers that say who it is.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use ring::hmac;

use super::directory::Instance;

/// Headers that concern a connection and not what is asked.
const OF_CONNECTION: [&str; 9] = [
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// What headers begin with that say who asks, or who vouches for that.
const OF_IDENTITY: [&str; 6] =
    ["x-forwarded", "x-instance", "x-tenant", "x-project", "x-metadata-provider", "x-real-ip"];

/// The header of the standard that says who asks.
const FORWARDED: &str = "forwarded";

/// Signs ids of instances.
pub(super) struct Signer(hmac::Key);

impl Signer {
    pub(super) fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// The signature of an id, in hexadecimal digits.
    fn sign(&self, id: &str) -> String {
        let tag = hmac::sign(&self.0, id.as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The path and query that a guest asks for; none, if it asks for no such thing.
pub(super) fn target(method: &Method, uri: &Uri) -> Option<Uri> {
    if *method == Method::CONNECT {
        return None;
    }
    uri.path_and_query().cloned().map(Uri::from).filter(|uri| uri.path().starts_with('/'))
}

/// The headers that Nova gets.
pub(super) fn headers(
    guest: &HeaderMap,
    instance: &Instance,
    host: &str,
    signer: &Signer,
) -> Option<HeaderMap> {
    let named: Vec<String> = guest
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let passes = |name: &HeaderName| {
        // Servers that keep headers as variables take both for one.
        let plain = name.as_str().replace('_', "-");
        !OF_CONNECTION.contains(&plain.as_str())
            && plain != FORWARDED
            && !OF_IDENTITY.iter().any(|prefix| plain.starts_with(prefix))
            && !named.iter().any(|other| other == name.as_str())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in guest.iter().filter(|(name, _)| passes(name)) {
        headers.append(name.clone(), value.clone());
    }
    let address = instance.address.map(|address| address.to_string()).unwrap_or_default();
    let own = [
        ("host", host),
        ("x-forwarded-for", &address),
        ("x-instance-id", &instance.id),
        ("x-tenant-id", &instance.project),
        ("x-instance-id-signature", &signer.sign(&instance.id)),
    ];
    for (name, value) in own {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    }
    Some(headers)
}

/// The headers of Nova's answer that a guest gets.
pub(super) fn answer_headers(nova: &mut HeaderMap) {
    for name in OF_CONNECTION {
        nova.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> Instance {
        Instance {
            id: "vm-1".to_owned(),
            project: "blue".to_owned(),
            address: Some("10.0.0.1".parse().unwrap()),
        }
    }

    fn asked(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut guest = HeaderMap::new();
        for (name, value) in pairs {
            guest.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers(&guest, &instance(), "nova:8775", &Signer::new("s3cret")).unwrap()
    }

    #[test]
    fn nova_is_told_who_asks_with_a_signature() {
        let headers =
            asked(&[("host", "169.254.169.254"), ("accept", "*/*"), ("x-aws-ec2-metadata-token", "t")]);
        let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(get("host"), Some("nova:8775"));
        assert_eq!((get("accept"), get("x-aws-ec2-metadata-token")), (Some("*/*"), Some("t")));
        assert_eq!(get("x-forwarded-for"), Some("10.0.0.1"));
        assert_eq!((get("x-instance-id"), get("x-tenant-id")), (Some("vm-1"), Some("blue")));
        // printf vm-1 | openssl dgst -sha256 -hmac s3cret
        assert_eq!(
            get("x-instance-id-signature"),
            Some("2b08fde115ef3d74adb36d6e466c9703dd2ba7ee0dd548a17587a7cb11b0da5e")
        );
    }

    #[test]
    fn what_a_guest_says_about_itself_is_not_believed() {
        let headers = asked(&[
            ("X-Instance-ID", "vm-2"),
            ("x_instance_id", "vm-2"),
            ("X-Instance-ID-Signature", "00"),
            ("X-Tenant-ID", "red"),
            ("X_Tenant-ID", "red"),
            ("X-Forwarded-For", "10.0.0.9"),
            ("X-Forwarded-Host", "evil"),
            ("X-Real-IP", "10.0.0.9"),
            ("Forwarded", "for=10.0.0.9"),
            ("X-Metadata-Provider", "p"),
            ("X-Metadata-Provider-Signature", "00"),
        ]);
        let text = format!("{headers:?}");
        for lie in ["vm-2", "red", "10.0.0.9", "evil", "provider"] {
            assert!(!text.contains(lie), "{lie}: {text}");
        }
        assert_eq!(headers.get_all("x-instance-id").iter().count(), 1);
    }

    #[test]
    fn headers_of_the_connection_stay_here() {
        let headers = asked(&[
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
        ]);
        assert_eq!(headers.len(), 5, "{headers:?}");
    }

    #[test]
    fn only_a_path_is_asked_for() {
        let target =
            |method: Method, uri: &str| target(&method, &uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(target(Method::GET, "/latest?a=b").as_deref(), Some("/latest?a=b"));
        assert_eq!(target(Method::GET, "http://169.254.169.254/latest").as_deref(), Some("/latest"));
        assert_eq!(target(Method::CONNECT, "example.org:80"), None);
        assert_eq!(target(Method::OPTIONS, "*"), None);
    }
}
