//! Tokens as keystone's API says them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeystoneError, KeystoneSettings};
use crate::auth::Context;
use crate::clock;

#[derive(Deserialize)]
struct Answer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    expires_at: String,
    #[serde(default)]
    user: Named,
    #[serde(default)]
    project: Option<Named>,
    #[serde(default)]
    roles: Vec<Named>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    id: String,
    name: String,
}

/// Who has the token, and until when.
pub(super) fn read(body: &[u8]) -> Result<(Context, SystemTime), KeystoneError> {
    let Answer { token } =
        serde_json::from_slice(body).map_err(|error| KeystoneError::Answer(error.to_string()))?;
    let seconds = clock::seconds(&token.expires_at)
        .ok_or_else(|| KeystoneError::Answer(format!("expires_at is {:?}", token.expires_at)))?;
    let project = token.project.unwrap_or_default();
    let roles = token.roles.into_iter().map(|role| role.name).collect();
    Ok((Context::new(&project.id, &token.user.id, roles), UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// The request for a token of our own.
pub(super) fn request(settings: &KeystoneSettings) -> String {
    let user = json!({
        "name": settings.username,
        "password": settings.password,
        "domain": {"name": settings.user_domain_name},
    });
    let project = json!({"name": settings.project_name, "domain": {"name": settings.project_domain_name}});
    let body: Value = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": project},
    }});
    body.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_and_until_when() {
        let body = br#"{"token": {"expires_at": "2000-02-29T00:00:01.000000Z", "user": {"id": "u", "name": "x"},
            "project": {"id": "p"}, "roles": [{"id": "1", "name": "member"}, {"name": "Admin"}], "catalog": []}}"#;
        let (context, until) = read(body).unwrap();
        assert_eq!((context.project.as_str(), context.user.as_str()), ("p", "u"));
        assert!(context.is_admin);
        assert_eq!(until, UNIX_EPOCH + Duration::from_secs(951_782_401));
        for wrong in ["{}", r#"{"token": {"expires_at": "tomorrow"}}"#, "no"] {
            assert!(matches!(read(wrong.as_bytes()), Err(KeystoneError::Answer(_))), "{wrong}");
        }
    }
}
