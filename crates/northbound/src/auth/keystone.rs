//! Keystone vouches for tokens.
//!
//! The token of a request is shown to keystone with our own credentials, and the answer is kept for a while: also that a
//! token is not valid, so that somebody who guesses does not make keystone work. Tokens are in the memory of this process
//! and nowhere else, not in the log either.

mod client;
mod token;

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use rustc_hash::FxHashMap;
use thiserror::Error;
use tokio::time::Instant;

use self::client::{Client, Exchange};
use super::{Context, Refusal, header};
use crate::error::ApiError;

/// Tokens whose answers are kept; the oldest go first.
pub const CACHED_TOKENS_MAX: usize = 10_000;

/// Bytes of a token; a longer one is none.
const TOKEN_BYTES_MAX: usize = 8192;

/// How long a refusal is kept.
const REFUSAL_KEPT_S: u64 = 10;

/// Before our own token ends, we get another.
const OWN_TOKEN_MARGIN_S: u64 = 30;

/// How a domain is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// By its id.
    Id(String),
    /// By its name.
    Name(String),
}

/// Where keystone is, and who we are to it.
#[derive(Clone)]
pub struct KeystoneSettings {
    /// Its address, as `https://controller:5000`; `/v3` behind it does not matter.
    pub auth_url: String,
    /// What requesters are told to use; `auth_url` if nothing is said.
    pub www_authenticate_uri: Option<String>,
    /// Our user.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The domain of the user.
    pub user_domain: Domain,
    /// Our project.
    pub project_name: String,
    /// The domain of the project.
    pub project_domain: Domain,
    /// Certificates of authorities that vouch for keystone's; those of the system if not said.
    pub cafile: Option<PathBuf>,
    /// Seconds for which an answer is kept; 0 asks every time.
    pub token_cache_s: u64,
    /// Seconds until keystone is taken to be away.
    pub timeout_s: u64,
}

impl fmt::Debug for KeystoneSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keystone at {} as {}", self.auth_url, self.username)
    }
}

/// Keystone cannot be used.
#[derive(Debug, Error)]
pub enum KeystoneError {
    /// The address makes no sense.
    #[error("keystone's address {0:?} is none: expected http://HOST:PORT or https://HOST:PORT")]
    Address(String),
    /// The certificates cannot be used.
    #[error("the certificates in {path:?} cannot be used: {reason}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It cannot be reached, or does not answer in time.
    #[error("keystone at {address} does not answer: {reason}")]
    Away {
        /// Where.
        address: String,
        /// What happened.
        reason: String,
    },
    /// It refuses our credentials.
    #[error(
        "keystone does not accept our user and password (status {0}); check the options of its credentials"
    )]
    Refused(u16),
    /// It does not let us ask about tokens.
    #[error(
        "keystone does not let our user ask about tokens (status 403); give the user role service in its project"
    )]
    Forbidden,
    /// It says what makes no sense.
    #[error("keystone's answer makes no sense: {0}")]
    Answer(String),
}

/// What is known of a token, and until when that counts.
#[derive(Debug, Clone)]
struct Known {
    context: Option<Context>,
    until: Instant,
}

#[derive(Debug, Default)]
struct Cache {
    known: FxHashMap<String, Known>,
    /// The tokens in the order in which they came.
    order: VecDeque<String>,
}

impl Cache {
    fn get(&self, token: &str) -> Option<Option<Context>> {
        let known = self.known.get(token).filter(|known| known.until > Instant::now())?;
        Some(known.context.clone())
    }

    fn put(&mut self, token: &str, known: Known) {
        if self.known.insert(token.to_owned(), known).is_some() {
            return;
        }
        self.order.push_back(token.to_owned());
        if self.order.len() > CACHED_TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Our own token.
#[derive(Debug, Clone)]
struct OwnToken {
    text: String,
    until: SystemTime,
}

/// Keystone, and what it said.
pub struct Keystone {
    settings: KeystoneSettings,
    client: Client,
    cache: Mutex<Cache>,
    own: tokio::sync::Mutex<Option<OwnToken>>,
}

impl fmt::Debug for Keystone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl Keystone {
    /// Keystone as it is configured. It need not be there yet.
    ///
    /// # Errors
    /// When the address or the certificates cannot be used.
    pub fn new(settings: KeystoneSettings) -> Result<Self, KeystoneError> {
        let client = Client::new(
            &settings.auth_url,
            settings.cafile.as_deref(),
            Duration::from_secs(settings.timeout_s),
        )?;
        Ok(Self { settings, client, cache: Mutex::default(), own: tokio::sync::Mutex::default() })
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unauthenticated(&self) -> Refusal {
        let uri = self.settings.www_authenticate_uri.as_ref().unwrap_or(&self.settings.auth_url);
        Refusal::Unauthenticated { challenge: format!("Keystone uri=\"{uri}\"") }
    }

    /// Who sends a request with these headers.
    pub(super) async fn authenticate(&self, headers: &HeaderMap) -> Result<Context, Refusal> {
        let token = header(headers, "x-auth-token").filter(|token| token.len() <= TOKEN_BYTES_MAX);
        let Some(token) = token else {
            return Err(self.unauthenticated());
        };
        let known = self.cache().get(token);
        let context = match known {
            Some(context) => context,
            None => self.ask(token).await.map_err(|error| {
                tracing::error!(%error, "a token cannot be checked");
                Refusal::Failed(ApiError::unavailable())
            })?,
        };
        context.ok_or_else(|| self.unauthenticated())
    }

    /// Asks keystone, and keeps the answer.
    async fn ask(&self, token: &str) -> Result<Option<Context>, KeystoneError> {
        let mut own = self.own_token(None).await?;
        let mut exchange = self.show(&own, token).await?;
        if exchange.status == 401 {
            own = self.own_token(Some(&own)).await?;
            exchange = self.show(&own, token).await?;
        }
        let (context, kept_s) = match exchange.status {
            200 => {
                let (context, ends) = token::read(&exchange.body)?;
                let left = ends.duration_since(SystemTime::now()).unwrap_or_default();
                (Some(context), left.as_secs().min(self.settings.token_cache_s))
            }
            401 => return Err(KeystoneError::Refused(401)),
            403 => return Err(KeystoneError::Forbidden),
            400 | 404 => (None, REFUSAL_KEPT_S.min(self.settings.token_cache_s)),
            status => return Err(KeystoneError::Answer(format!("status {status}"))),
        };
        if kept_s > 0 {
            let until = Instant::now() + Duration::from_secs(kept_s);
            self.cache().put(token, Known { context: context.clone(), until });
        }
        Ok(context)
    }

    async fn show(&self, own: &str, token: &str) -> Result<Exchange, KeystoneError> {
        self.client.exchange("GET", &[("x-auth-token", own), ("x-subject-token", token)], String::new()).await
    }

    /// Our token; another than the one that keystone did not accept.
    async fn own_token(&self, unaccepted: Option<&str>) -> Result<String, KeystoneError> {
        let mut own = self.own.lock().await;
        let soon = SystemTime::now() + Duration::from_secs(OWN_TOKEN_MARGIN_S);
        if let Some(token) =
            own.as_ref().filter(|token| token.until > soon && Some(token.text.as_str()) != unaccepted)
        {
            return Ok(token.text.clone());
        }
        let exchange = self.client.exchange("POST", &[], token::request(&self.settings)).await?;
        if exchange.status != 201 {
            return Err(KeystoneError::Refused(exchange.status));
        }
        let text =
            exchange.subject_token.ok_or_else(|| KeystoneError::Answer("no X-Subject-Token".to_owned()))?;
        let (_, until) = token::read(&exchange.body)?;
        *own = Some(OwnToken { text: text.clone(), until });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_forgets_the_oldest() {
        let mut cache = Cache::default();
        let until = Instant::now() + Duration::from_secs(60);
        for number in 0..=CACHED_TOKENS_MAX {
            cache.put(&number.to_string(), Known { context: None, until });
        }
        assert!(cache.get("0").is_none());
        assert_eq!(cache.get("1"), Some(None));
        assert_eq!(cache.known.len(), CACHED_TOKENS_MAX);
        cache.put("1", Known { context: None, until: Instant::now() });
        assert!(cache.get("1").is_none(), "its time is over");
        assert_eq!(cache.order.len(), CACHED_TOKENS_MAX);
    }
}
