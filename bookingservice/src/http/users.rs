use actix_web::{HttpRequest, HttpResponse, web};
use chassis::desk::{DeskError, Outcome};
use chassis::faults;
use chassis::http::consistency::Token;
use chassis::http::form::{self, Form};
use chassis::http::paging::{Page, PageRequest, query_of};
use chassis::http::{JsonBody, Problem, caller, idempotency, writing};
use contracts::{Actor, StreamId, StreamKind};
use utoipa::ToSchema;

use super::BookingApi;
use super::bookings::bookings_of_user;
use super::replies::{BookingReply, UserReply};
use crate::domain::guest;
use crate::domain::user::{Register, UserRejection};
use crate::users::{NameFilter, Person};

/// Bookings inside a user.
const LATEST: usize = 20;

/// A user to register.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes in OpenAPI what is read straight into Person")]
pub(crate) struct NewUser {
    /// 1 to 100 characters.
    first: String,
    /// 1 to 100 characters.
    last: String,
    /// 0 to 150.
    #[schema(maximum = 150)]
    age: Option<u8>,
}

fn read_person(form: &mut Form) -> Option<Person> {
    let first = form.required(&["first", "first_name"], form::line(1, 100));
    let last = form.required(&["last", "last_name"], form::line(1, 100));
    let age = form.optional(&["age"], form::integer(0, 150));
    Some(Person {
        first: first?,
        last: last?,
        age: age.and_then(|age| u8::try_from(age).ok()),
    })
}

/// Register a user.
#[utoipa::path(post, path = "/users", operation_id = "registerUser", tag = "users", request_body = NewUser,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key means the same user, for 48 hours")),
    responses(
        (status = 201, description = "Registered", body = UserReply),
        (status = 422, description = "A field breaks its rule", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn register(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    JsonBody(body): JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::new(&body);
    let person = read_person(&mut form);
    form.finish().map_err(Problem::invalid)?;
    let person = person.ok_or_else(Problem::internal)?;
    let base = caller::request(&http, &body, (), Actor::system())?;
    let mut attempt = 0;
    loop {
        let id = idempotency::new_id(base.idempotency.as_ref(), attempt);
        let stream = StreamId::new(StreamKind::User, &id).map_err(|_| Problem::internal())?;
        // Names first: a user in the log without a name could not be repaired.
        api.users.add(&id, &person).await?;
        faults::point("users.named");
        let mut request = base.clone().with(Register { id: id.clone() });
        request.actor = Actor::new(id.clone());
        match api.registrations.handle(&stream, request).await {
            // The key was used before and has expired since.
            Err(DeskError::Rejected(UserRejection::AlreadyRegistered)) => attempt += 1,
            outcome => return registered(&api, id, person, &outcome?).await,
        }
    }
}

/// The names of an earlier try that was not carried out give way; those of the first one that was stay.
async fn registered(api: &BookingApi, id: String, person: Person, outcome: &Outcome) -> Result<HttpResponse, Problem> {
    faults::point("users.registered");
    let person = if outcome.replayed {
        api.users.get(&id).await?.unwrap_or(person)
    } else {
        api.users.set(&id, &person).await?;
        person
    };
    let location = format!("/users/{id}");
    Ok(writing::created(location, outcome, &UserReply::of(id, person, None)))
}

/// Users, by last name; `first` and `last` narrow them down, in any letter case.
#[utoipa::path(get, path = "/users", operation_id = "listUsers", tag = "users",
    params(
        ("first" = Option<String>, Query),
        ("last" = Option<String>, Query),
        ("limit" = Option<u32>, Query),
        ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, description = "A page", body = Page<UserReply>)))]
pub(super) async fn list(http: HttpRequest, api: web::Data<BookingApi>) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&query_of(&http));
    let names = NameFilter {
        first: form.optional(&["first"], form::line(1, 100)),
        last: form.optional(&["last"], form::line(1, 100)),
    };
    let page = PageRequest::read(&mut form);
    form.finish().map_err(Problem::invalid)?;
    let found = api.users.find(&names, page).await?;
    let mut items = Vec::with_capacity(found.documents.len());
    for document in found.documents {
        let id = document.id.clone();
        items.push(UserReply::of(id, document.read()?, None));
    }
    Ok(Page::new(items, found.next.as_ref()).respond(&http))
}

/// One user, with the latest bookings.
#[utoipa::path(get, path = "/users/{id}", operation_id = "getUser", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "The user", body = UserReply),
    (status = 404, description = "Unknown", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Token::of(&http)?.wait(&api.views.progress).await?;
    let person = api.users.get(&id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let latest = PageRequest {
        limit: LATEST,
        after: None,
    };
    let bookings = bookings_of_user(&api, &id, latest).await?;
    Ok(HttpResponse::Ok().json(UserReply::of(id.into_inner(), person, Some(bookings.items))))
}

/// The bookings of a user or a guest, latest first.
#[utoipa::path(get, path = "/users/{id}/bookings", operation_id = "listBookingsOfUser", tag = "users",
    params(("id" = String, Path), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page", body = Page<BookingReply>),
        (status = 404, description = "Unknown", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list_bookings(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let page = PageRequest::of(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    if !guest::is_guest(&id) && api.users.get(&id).await?.is_none() {
        return Err(Problem::not_found("user"));
    }
    Ok(bookings_of_user(&api, &id, page).await?.respond(&http))
}
