//! Each rejection as a problem with a type of its own, and with the seats left in every refusal to sell.

use actix_web::http::StatusCode;
use chassis::http::Problem;

use crate::domain::inventory::InventoryRejection;
use crate::domain::user::UserRejection;

impl From<InventoryRejection> for Problem {
    fn from(rejection: InventoryRejection) -> Self {
        match rejection {
            InventoryRejection::NotOpened => Problem::not_found("event"),
            InventoryRejection::UnknownBooking => Problem::not_found("booking"),
            InventoryRejection::EventCancelled { left } => refused("event-cancelled", "The event is cancelled", left),
            InventoryRejection::EventOver { left } => refused("event-over", "The event is over", left),
            InventoryRejection::SalesEnded { left } => refused("sales-ended", "Sales have ended", left),
            InventoryRejection::SalesNotStarted { start, left } => {
                refused("sales-not-started", "Sales have not started", left).with("sales_start", start.to_string())
            }
            InventoryRejection::NotEnoughSeats { left: 0 } => refused("sold-out", "Sold out", 0),
            InventoryRejection::NotEnoughSeats { left } => {
                refused("not-enough-seats", "Not enough seats are left", left)
            }
            InventoryRejection::OverBookingLimit { most, left } => {
                refused("over-booking-limit", "More seats than one booking may have", left)
                    .with("max_seats_per_booking", most)
            }
            InventoryRejection::OverUserLimit { most, booked, left } => {
                refused("over-user-limit", "More seats than one user may have", left)
                    .with("max_seats_per_user", most)
                    .with("seats_of_user", booked)
            }
            InventoryRejection::EventStarted => Problem::new(
                StatusCode::CONFLICT,
                "event-started",
                "A booking can be cancelled until the event starts",
            ),
        }
    }
}

fn refused(short_name: &'static str, title: &'static str, left: u32) -> Problem {
    let detail = match left {
        0 => "No seats are left.".to_owned(),
        1 => "1 seat is left.".to_owned(),
        left => format!("{left} seats are left."),
    };
    Problem::new(StatusCode::CONFLICT, short_name, title)
        .detail(detail)
        .with("seats_left", left)
}

impl From<UserRejection> for Problem {
    fn from(rejection: UserRejection) -> Self {
        match rejection {
            UserRejection::AlreadyRegistered => {
                Problem::new(StatusCode::CONFLICT, "already-exists", "There is such a user already")
            }
        }
    }
}
