//! Creating something under an id of its own, and the replies to writes.

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use contracts::{StreamId, StreamKind};
use serde::Serialize;

use super::conditional;
use super::consistency;
use super::idempotency::new_id;
use super::problem::Problem;
use crate::desk::{Aggregate, Desk, DeskError, Outcome, Request};

/// Creates an aggregate by the command that `command` makes for its id. `taken` says whether a rejection means that
/// the id stands for something already: then the idempotency key was used before and has expired since.
pub async fn create<A: Aggregate>(
    desk: &Desk<A>,
    kind: StreamKind,
    request: Request<()>,
    command: impl Fn(String) -> A::Command,
    taken: impl Fn(&A::Rejection) -> bool,
) -> Result<Outcome, Problem>
where
    A::Rejection: Into<Problem>,
{
    let mut attempt = 0;
    loop {
        let id = new_id(request.idempotency.as_ref(), attempt);
        let stream = StreamId::new(kind, &id).map_err(|_| Problem::internal())?;
        match desk.handle(&stream, request.clone().with(command(id))).await {
            Err(DeskError::Rejected(rejection)) if taken(&rejection) => attempt += 1,
            outcome => return Ok(outcome?),
        }
    }
}

/// 201 with where the new thing is, its tag, and the token to see it.
pub fn created(location: String, outcome: &Outcome, entity: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, location));
    written(response, outcome, outcome.version, entity)
}

/// 200 with the thing at `version` after a write, its tag, and the token to see it.
pub fn changed(outcome: &Outcome, version: u64, entity: &impl Serialize) -> HttpResponse {
    written(HttpResponse::Ok(), outcome, version, entity)
}

fn written(
    mut response: HttpResponseBuilder,
    outcome: &Outcome,
    version: u64,
    entity: &impl Serialize,
) -> HttpResponse {
    let body = conditional::json(entity);
    let token = consistency::token(&[(&outcome.stream, outcome.version)]);
    response
        .insert_header((consistency::NAME, token))
        .insert_header((header::ETAG, conditional::entity_tag(version, &body)))
        .insert_header((header::CONTENT_TYPE, conditional::JSON))
        .body(body)
}
