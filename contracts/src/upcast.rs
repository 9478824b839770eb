//! Old payloads in newer clothes.
//!
//! To change a payload's format: raise its number in [`current_schema_version`], add an [`Upcaster`] to `UPCASTERS`
//! that turns the last version into the new one, and put a golden file of the new version beside the old ones.
//! Upcasters run in a chain, each one version up.

use serde_json::{Value, json};

use crate::EventName;

/// Turns a payload of version `from` into one of version `from + 1`.
pub struct Upcaster {
    pub name: &'static str,
    pub from: u32,
    pub upcast: fn(Value) -> Value,
}

const UPCASTERS: &[Upcaster] = &[Upcaster {
    name: "booking.cancelled",
    from: 1,
    upcast: say_that_the_holder_cancelled,
}];

/// The version that this build writes; it reads every version up to it. `None` for a name it does not know.
pub fn current_schema_version(name: &EventName) -> Option<u32> {
    match name.as_str() {
        "event.created" | "event.changed" | "event.cancelled" | "location.created" | "location.changed"
        | "inventory.opened" | "inventory.changed" | "inventory.closed" | "event.booked" | "user.registered" => Some(1),
        "booking.cancelled" => Some(2),
        _ => None,
    }
}

/// The payload in its current version.
pub fn to_current(name: &EventName, schema_version: u32, payload: Value) -> Value {
    run(UPCASTERS, name, schema_version, payload)
}

fn run(upcasters: &[Upcaster], name: &EventName, schema_version: u32, payload: Value) -> Value {
    let mut version = schema_version;
    let mut payload = payload;
    while let Some(step) = upcasters
        .iter()
        .find(|step| step.name == name.as_str() && step.from == version)
    {
        payload = (step.upcast)(payload);
        version += 1;
    }
    payload
}

/// Version 1 of `booking.cancelled` took everybody for the holder.
fn say_that_the_holder_cancelled(mut payload: Value) -> Value {
    if let Some(fields) = payload.as_object_mut() {
        fields.insert("cancelled_by".to_owned(), json!("holder"));
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upcasters_run_in_a_chain_from_the_version_that_was_written() {
        let steps = [
            Upcaster {
                name: "event.booked",
                from: 1,
                upcast: |_| json!({"two": true}),
            },
            Upcaster {
                name: "event.booked",
                from: 2,
                upcast: |mut payload| {
                    payload["three"] = json!(true);
                    payload
                },
            },
        ];
        let name = EventName::parse("event.booked");
        assert_eq!(run(&steps, &name, 1, json!({})), json!({"two": true, "three": true}));
        assert_eq!(run(&steps, &name, 2, json!({})), json!({"three": true}));
        assert_eq!(run(&steps, &name, 3, json!({})), json!({}));
    }
}
