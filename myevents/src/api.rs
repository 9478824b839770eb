//! The platform's HTTP API as the commands need it: requests, replies, and faults in words.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Longer than the platform itself lets anything wait.
const TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);
const OPENED_WITHIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// Of an answer that is no problem document.
const MOST_CHARACTERS: usize = 200;

pub(crate) const CONSISTENCY_TOKEN: &str = "Consistency-Token";
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("`{0}` is not the URL of a platform; it is like http://127.0.0.1:8181")]
    Url(String),
    #[error("nothing answers at {0}; start the platform first: myevents serve")]
    Silent(String),
    #[error("{what}: {cause}")]
    Failed { what: String, cause: String },
    #[error("{what}: {status} {detail}")]
    Refused { what: String, status: u16, detail: String },
    #[error("{what}: the answer cannot be read: {cause}")]
    Unreadable { what: String, cause: serde_json::Error },
    #[error("event {0} did not open for booking in time")]
    NotOpened(String),
}

/// A platform at a URL. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    url: Url,
    base: String,
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) token: Option<String>,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl Api {
    /// Keeps up to `connections` open.
    pub(crate) fn open(url: &str, connections: u32) -> Result<Self, ApiError> {
        let wrong = || ApiError::Url(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong());
        }
        // Installed once for the process; later calls find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .pool_max_idle_per_host(connections as usize)
            // On this machine it is the platform's own, which is self-signed.
            .tls_danger_accept_invalid_certs(is_loopback(&parsed));
        Ok(Self {
            http: client.build().map_err(|error| failed("the HTTP client", &error))?,
            base: parsed.as_str().trim_end_matches('/').to_owned(),
            url: parsed,
        })
    }

    pub(crate) fn is_on_this_machine(&self) -> bool {
        is_loopback(&self.url)
    }

    pub(crate) fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url_of(path))
    }

    pub(crate) fn post_to(&self, url: Url) -> RequestBuilder {
        self.http.post(url)
    }

    /// Sends once; whatever is answered is an answer.
    pub(crate) async fn send(request: RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        Ok(Reply {
            status: response.status().as_u16(),
            token: token_in(response.headers()),
            body: response.bytes().await?.into(),
        })
    }

    /// Sends again while the platform says "not just now", for a bounded time. `what` goes into faults.
    pub(crate) async fn ask(&self, what: &str, request: impl Fn() -> RequestBuilder) -> Result<Reply, ApiError> {
        for _ in 0..ATTEMPTS {
            let reply = Self::send(request()).await.map_err(|error| self.fault(what, &error))?;
            if reply.status != 503 {
                return Ok(reply);
            }
            sleep(PAUSE).await;
        }
        Self::send(request()).await.map_err(|error| self.fault(what, &error))
    }

    /// POSTs a body under an idempotency key, and reads the success.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<(T, Option<String>), ApiError> {
        let what = format!("POST {path}");
        let request = || with(self.request(Method::POST, path), headers).json(body);
        let reply = self.ask(&what, request).await?.succeeded(&what)?;
        Ok((reply.read(&what)?, reply.token))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, headers: &[(&str, &str)]) -> Result<T, ApiError> {
        let what = format!("GET {path}");
        let request = || with(self.request(Method::GET, path), headers);
        self.ask(&what, request).await?.succeeded(&what)?.read(&what)
    }

    /// Waits until an event is open for booking, which a new one is a moment after its creation. `token` is that of the creation.
    pub(crate) async fn wait_until_open(&self, event: &str, token: &str) -> Result<(), ApiError> {
        let path = format!("/events/{event}/availability");
        let deadline = Instant::now() + OPENED_WITHIN;
        while Instant::now() < deadline {
            let request = || self.request(Method::GET, &path).header(CONSISTENCY_TOKEN, token);
            if self.ask("waiting for the event to open", request).await?.status == 200 {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        Err(ApiError::NotOpened(event.to_owned()))
    }

    fn fault(&self, what: &str, error: &reqwest::Error) -> ApiError {
        if error.is_connect() {
            return ApiError::Silent(self.base.clone());
        }
        failed(what, error)
    }
}

impl Reply {
    pub(crate) fn succeeded(self, what: &str) -> Result<Self, ApiError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(ApiError::Refused {
            what: what.to_owned(),
            status: self.status,
            detail: self.words(),
        })
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|cause| ApiError::Unreadable {
            what: what.to_owned(),
            cause,
        })
    }

    fn words(&self) -> String {
        match serde_json::from_slice::<Problem>(&self.body) {
            Ok(
                Problem {
                    detail: Some(words), ..
                }
                | Problem { title: Some(words), .. },
            ) => words,
            _ => String::from_utf8_lossy(&self.body)
                .chars()
                .take(MOST_CHARACTERS)
                .collect(),
        }
    }
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
}

fn token_in(headers: &HeaderMap) -> Option<String> {
    headers.get(CONSISTENCY_TOKEN)?.to_str().ok().map(str::to_owned)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// reqwest says what it did; why it failed is in the innermost cause.
fn failed(what: &str, error: &reqwest::Error) -> ApiError {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    ApiError::Failed {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_on_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:8181", true),
            ("http://127.1.2.3", true),
            ("https://[::1]:9191/", true),
            ("http://localhost:1", true),
            ("http://192.0.2.1", false),
            ("http://127.0.0.1.example", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
