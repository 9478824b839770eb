//! Problem details, RFC 9457: every refusal as `application/problem+json` with a stable `type`.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use persistence::StoreError;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::error;
use utoipa::ToSchema;

use super::form::FieldError;
use crate::desk::DeskError;

/// Problem types are this, followed by the problem's short name.
const TYPE_BASE: &str = "https://myevents.example/problems/";
/// Seconds after which a client may try again.
const RETRY_AFTER: &str = "1";

/// A refusal. Serialises as RFC 9457 asks, with the numbers that a client needs as extension members.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Stable URI of the kind of problem; `https://myevents.example/problems/<short name>`.
    #[serde(rename = "type", serialize_with = "type_uri")]
    #[schema(value_type = String, example = "https://myevents.example/problems/not-enough-seats")]
    short_name: &'static str,
    /// What kind of problem it is, the same for all of a type.
    title: &'static str,
    #[serde(serialize_with = "status_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What is wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The fields at fault and the rule that each breaks.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>)]
    errors: Box<[FieldError]>,
    #[serde(flatten)]
    #[schema(additional_properties = true, value_type = Object)]
    members: Map<String, Value>,
    #[serde(skip)]
    allow: Option<Box<str>>,
}

impl Problem {
    pub fn new(status: StatusCode, short_name: &'static str, title: &'static str) -> Self {
        Self {
            short_name,
            title,
            status,
            detail: None,
            errors: Box::default(),
            members: Map::new(),
            allow: None,
        }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found").detail(format!("There is no such {what}."))
    }

    /// 422: what was sent is JSON, but breaks rules.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-request",
            "The request breaks a rule",
        );
        let sentences: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        problem.detail = Some(sentences.join("; "));
        problem.errors = errors.into();
        problem
    }

    /// 422 for one field.
    pub fn invalid_field(field: &str, rule: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, rule)])
    }

    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            "The request cannot be read",
        )
        .detail(detail)
    }

    /// `allow` are the methods that have routes.
    pub fn method_not_allowed(allow: &str) -> Self {
        let allow = allow.replace("GET", "GET, HEAD");
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not allowed here",
        );
        problem.detail = Some(format!("Allowed: {allow}."));
        problem.allow = Some(allow.into());
        problem
    }

    pub fn precondition_failed(current: u64) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition-failed",
            "It was changed in the meantime",
        )
        .detail("If-Match names another version than the current one; read it again first.")
        .with("current_version", current)
    }

    /// 503 with Retry-After.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Not possible just now; try again",
        )
        .detail(detail)
    }

    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something is wrong on our side",
        )
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, &**allow));
        }
        response
            .content_type("application/problem+json")
            .body(serde_json::to_vec(self).unwrap_or_default())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        of_store(&error)
    }
}

impl<R: Into<Problem>> From<DeskError<R>> for Problem {
    fn from(error: DeskError<R>) -> Self {
        match error {
            DeskError::Rejected(rejection) => rejection.into(),
            DeskError::VersionMismatch { current } => Self::precondition_failed(current),
            DeskError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The idempotency key came with another request before",
            )
            .detail("An Idempotency-Key stands for one request; send a new key with a new request."),
            DeskError::Busy => Self::unavailable("Too many requests wait for the same thing."),
            DeskError::TooLarge => too_large("What the request leads to is too large to be stored."),
            DeskError::Unreadable(detail) => {
                error!(detail, "a stream cannot be read");
                Self::internal()
            }
            DeskError::Store(error) => of_store(&error),
        }
    }
}

pub(crate) fn too_large(detail: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large").detail(detail)
}

fn of_store(error: &StoreError) -> Problem {
    if matches!(error, StoreError::ForeignCursor) {
        return Problem::invalid_field("cursor", "must be a next_cursor of an earlier page of this list");
    }
    error!(%error, cause = ?std::error::Error::source(error), "the store fails");
    match error {
        StoreError::Broken(_) | StoreError::Refused(_) | StoreError::ForeignCursor => Problem::internal(),
        StoreError::Unavailable(_) | StoreError::Unknown(_) | StoreError::Closed => {
            Problem::unavailable("The store does not answer. Send the request again, with the same Idempotency-Key.")
        }
    }
}

fn type_uri<S: serde::Serializer>(short_name: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{TYPE_BASE}{short_name}"))
}

fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
