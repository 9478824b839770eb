//! Every view as clients read it, against what a replay of the journals says.

use std::collections::BTreeMap;

use contracts::{DomainEvent, EventDetails, StreamKind};
use serde_json::{Value, json};

use super::facts::{Booked, Inventory, Journals};
use super::record::{History, Request};
use super::{Findings, Kind};
use crate::Client;

/// Guests whose own lists are read; each takes a request.
const MOST_GUESTS: usize = 100;

pub(super) struct Views<'a> {
    pub(super) client: &'a Client,
    pub(super) journals: &'a Journals,
    pub(super) inventories: &'a BTreeMap<String, Inventory>,
}

impl Views<'_> {
    pub(super) async fn check(&self, history: &History, findings: &mut Findings) {
        for (id, inventory) in self.inventories {
            self.check_availability(id, inventory, findings).await;
            self.check_bookings(id, inventory, findings).await;
        }
        let listed = self.all("/events?status=all&limit=200").await;
        let events: Vec<_> = self.events().collect();
        compare(
            findings,
            "the number of listed events",
            &json!({ "count": listed.len() }),
            &json!({ "count": events.len() }),
        );
        for (id, details, version) in events {
            self.check_event(id, details, version, &listed, findings).await;
        }
        self.check_locations(findings).await;
        self.check_guests(findings).await;
        self.check_users(history, findings).await;
    }

    /// Every event's id, state and version.
    fn events(&self) -> impl Iterator<Item = (&str, &EventDetails, u64)> {
        self.journals.of_kind(StreamKind::Event).filter_map(|(id, facts)| {
            let details = facts.iter().rev().find_map(|fact| match &fact.event {
                DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => Some(details),
                _ => None,
            });
            Some((id, details?, facts.last()?.version))
        })
    }

    async fn check_availability(&self, id: &str, inventory: &Inventory, findings: &mut Findings) {
        let capacity = inventory.terms.as_ref().map_or(0, |terms| terms.capacity);
        let replayed = json!({
            "event_id": id, "capacity": capacity, "seats_sold": inventory.sold,
            "seats_left": capacity.saturating_sub(inventory.sold), "version": inventory.version,
        });
        let shown = self.get(&format!("/events/{id}/availability")).await;
        compare(findings, "availability", &shown, &replayed);
    }

    async fn check_bookings(&self, id: &str, inventory: &Inventory, findings: &mut Findings) {
        let shown = self.all(&format!("/events/{id}/bookings?limit=200")).await;
        compare_bookings(
            findings,
            &format!("bookings of event {id}"),
            &shown,
            &inventory.bookings.iter().collect::<Vec<_>>(),
        );
    }

    async fn check_event(
        &self,
        id: &str,
        details: &EventDetails,
        version: u64,
        listed: &[Value],
        findings: &mut Findings,
    ) {
        let inventory = self.inventories.get(id);
        let sold = inventory.map_or(0, |inventory| inventory.sold);
        let capacity = inventory.and_then(|inventory| Some(inventory.terms.as_ref()?.capacity));
        let replayed = json!({
            "id": id, "name": details.name, "capacity": details.capacity, "version": version,
            "seats_sold": sold, "seats_left": capacity.map(|capacity| capacity.saturating_sub(sold)),
        });
        compare(
            findings,
            "an event",
            &self.get(&format!("/events/{id}")).await,
            &replayed,
        );
        let in_list: Vec<&Value> = listed.iter().filter(|event| event["id"] == id).collect();
        compare(
            findings,
            "an event in a list",
            in_list.first().unwrap_or(&&Value::Null),
            &replayed,
        );
        let found = self.all(&format!("/events?status=all&text={}", details.name)).await;
        compare(
            findings,
            "an event found by its words",
            found.first().unwrap_or(&Value::Null),
            &replayed,
        );
    }

    async fn check_locations(&self, findings: &mut Findings) {
        for (id, facts) in self.journals.of_kind(StreamKind::Location) {
            let Some(fact) = facts.last() else { continue };
            let (DomainEvent::LocationCreated(details) | DomainEvent::LocationChanged(details)) = &fact.event else {
                continue;
            };
            let shown = self.get(&format!("/locations/{id}")).await;
            let halls: Vec<_> = details.halls.iter().map(|hall| hall.capacity).collect();
            let shown_halls = shown["halls"].as_array().map(Vec::as_slice).unwrap_or_default();
            let shown_halls: Vec<_> = shown_halls.iter().map(|hall| hall["capacity"].clone()).collect();
            let replayed = json!({ "name": details.name, "version": fact.version });
            compare(findings, "a location", &shown, &replayed);
            compare(
                findings,
                "halls",
                &json!({ "halls": shown_halls }),
                &json!({ "halls": halls }),
            );
        }
    }

    async fn check_guests(&self, findings: &mut Findings) {
        let bookings = self.inventories.values().flat_map(|inventory| &inventory.bookings);
        let mut by_guest: BTreeMap<&str, Vec<&Booked>> = BTreeMap::new();
        for booked in bookings {
            by_guest.entry(booked.guest.as_str()).or_default().push(booked);
        }
        for (guest, booked) in by_guest.into_iter().take(MOST_GUESTS) {
            let shown = self.all(&format!("/users/{guest}/bookings?limit=200")).await;
            compare_bookings(findings, &format!("bookings of {guest}"), &shown, &booked);
        }
    }

    async fn check_users(&self, history: &History, findings: &mut Findings) {
        for record in &history.records {
            let Request::Register { last, .. } = &record.request else {
                continue;
            };
            let Some((reply, _)) = record.outcome.done() else {
                continue;
            };
            let shown = self
                .get(&format!("/users/{}", reply["id"].as_str().unwrap_or_default()))
                .await;
            compare(findings, "a user", &shown, &json!({ "id": reply["id"], "last": last }));
        }
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(path).await.json()
    }

    /// All pages of a list; nothing where there is no such list, which is for the comparison to find.
    async fn all(&self, path: &str) -> Vec<Value> {
        let mut page = self.get(path).await;
        let mut all = Vec::new();
        loop {
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            let Some(cursor) = page["next_cursor"].as_str() else {
                return all;
            };
            page = self.get(&format!("{path}&cursor={cursor}")).await;
        }
    }
}

/// Whether all fields of `replayed` are shown like that.
fn compare(findings: &mut Findings, what: &str, shown: &Value, replayed: &Value) {
    let fields = replayed.as_object().unwrap();
    if let Some((name, value)) = fields.iter().find(|(name, value)| shown[*name] != **value) {
        let what = format!("{what} shows {name} {} and not {value}: {shown}", shown[name]);
        findings.add(Kind::View, what);
    }
}

fn compare_bookings(findings: &mut Findings, what: &str, shown: &[Value], replayed: &[&Booked]) {
    let key = |id: &Value| id.as_str().unwrap_or_default().to_owned();
    let shown: BTreeMap<String, &Value> = shown.iter().map(|booking| (key(&booking["id"]), booking)).collect();
    if shown.len() != replayed.len() {
        findings.add(
            Kind::View,
            format!("{what}: {} are shown and not {}", shown.len(), replayed.len()),
        );
    }
    for booked in replayed {
        let status = if booked.cancelled_at.is_some() {
            "cancelled"
        } else {
            "booked"
        };
        let expected = json!({
            "id": booked.id, "seats": booked.seats, "event_id": booked.event, "date": booked.at.to_string(),
            "status": status, "cancelled_at": booked.cancelled_at.map(|at| at.to_string()),
        });
        compare(
            findings,
            what,
            shown.get(&booked.id).unwrap_or(&&Value::Null),
            &expected,
        );
    }
}
