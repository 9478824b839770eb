use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::EventStream;

/// How long a client goes on to ask where it is told to come again, as on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

/// An HTTP client for one base URL. Accepts the platform's self-signed certificate. What presents
/// headers and may be done twice is sent again where the answer is "not just now", but by [`Client::send`].
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub version: reqwest::Version,
    pub headers: HeaderMap,
    pub text: String,
}

impl Client {
    pub fn new(base: impl Into<String>) -> Self {
        // Installed once for the process; later calls find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            http,
            base: base.into(),
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.insist(Method::GET, path, headers, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        self.insist(Method::POST, path, headers, Some(body)).await
    }

    pub async fn patch_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        self.insist(Method::PATCH, path, headers, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], None).await
    }

    async fn insist(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        let may_repeat = method == Method::GET || headers.iter().any(|(name, _)| *name == "Idempotency-Key");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.send(method.clone(), path, headers, body.clone()).await;
            if reply.status != 503 || !may_repeat || Instant::now() >= deadline {
                return reply;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// Fails where the connection does.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Reply, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request = request.header(name, HeaderValue::from_str(value).unwrap());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Reply::read(request.send().await?).await
    }

    /// Server-Sent Events, from behind the message `last` on.
    pub async fn listen(&self, path: &str, last: Option<u64>) -> EventStream {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        EventStream::of(request.send().await.unwrap())
    }

    /// A body as it is, of any content type.
    pub async fn send_raw(&self, method: Method, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        Reply::read(request.send().await.unwrap()).await.unwrap()
    }
}

impl Reply {
    async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        Ok(Self {
            status: response.status().as_u16(),
            version: response.version(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    /// Asserts the status and returns the body.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields that a 422 names.
    pub fn faulty_fields(&self) -> Vec<String> {
        let body = self.expect(422);
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("{body}"));
        errors
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    }
}
