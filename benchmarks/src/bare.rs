//! What every figure is held against: the least that a server of the same kind has to do.

use std::io::Write;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};

use crate::Outcome;

#[derive(Deserialize)]
struct NewBooking {
    seats: u32,
    user_id: Option<String>,
}

#[derive(Serialize)]
struct Booking {
    id: &'static str,
    event_id: String,
    event_name: &'static str,
    user_id: String,
    seats: u32,
    date: &'static str,
    status: &'static str,
    event_cancelled: bool,
}

/// Serves until it is killed: `POST /events/{id}/bookings` parses the body and answers 201 with a booking that nobody
/// keeps; `GET /bytes` answers what stands in the variable `BYTES`. Prints its address first.
pub(crate) async fn serve() -> Outcome<()> {
    let bytes = web::Bytes::from(std::env::var("BYTES").unwrap_or_default());
    let server = HttpServer::new(move || {
        let bytes = bytes.clone();
        let answer = move || {
            let bytes = bytes.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(bytes) }
        };
        App::new()
            .route("/events/{id}/bookings", web::post().to(book))
            .route("/bytes", web::get().to(answer))
    });
    let server = server.bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        writeln!(std::io::stdout(), "{address}")?;
    }
    Ok(server.run().await?)
}

async fn book(event_id: web::Path<String>, body: web::Json<NewBooking>) -> HttpResponse {
    let NewBooking { seats, user_id } = body.into_inner();
    HttpResponse::Created().json(Booking {
        id: "01998a00-0000-7000-8000-000000000000",
        event_id: event_id.into_inner(),
        event_name: "Benchmark",
        user_id: user_id.unwrap_or_else(|| "guest-000102030405060708090a0b0c0d0e0f".to_owned()),
        seats,
        date: "2026-12-01T00:00:00Z",
        status: "booked",
        event_cancelled: false,
    })
}
