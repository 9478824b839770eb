use std::collections::BTreeSet;
use std::path::Path;

use contracts::StreamId;

use super::actor::position;
use super::facts::Journals;
use super::log::Log;
use super::parts::Opened;
use super::record::History;
use super::views::Views;
use super::{Findings, Parts, bookings, organising};
use crate::Client;

/// Holds a history against the platform that it was recorded on. Nobody else may be using it. Waits until everything is
/// published and consumed.
pub async fn check(history: &History, client: &Client, parts: &Parts) -> Findings {
    let mut findings = Findings::default();
    let opened = parts.open().await;
    if !opened.settle(&mut findings).await {
        // Views are behind then, and every look at them would be another difference.
        return findings;
    }
    opened.check_nothing_is_parked(&mut findings).await;
    let log = Log::read(&opened).await;
    let streams = log.streams().into_iter().chain(acknowledged_streams(history)).collect();
    let journals = read(&opened, streams, &log, &mut findings).await;
    let inventories = journals.inventories(&mut findings);
    bookings::check(history, &inventories, &mut findings);
    bookings::check_reads(history, &mut findings);
    organising::check(history, &journals, &mut findings);
    let views = Views {
        client,
        journals: &journals,
        inventories: &inventories,
    };
    views.check(history, &mut findings).await;
    findings
}

/// What a data folder says by itself, without a platform and a history: chains, the law, and that the log and the
/// journals agree. What was committed last may not be published yet.
pub async fn verify_offline(folder: &Path) -> Findings {
    let mut findings = Findings::default();
    let opened = Parts::of_folder(folder).open().await;
    let log = Log::read(&opened).await;
    let journals = Journals::read(&opened, log.streams(), &mut findings).await;
    log.check_is_known(&journals, &mut findings);
    journals.inventories(&mut findings);
    findings
}

async fn read(opened: &Opened, streams: BTreeSet<StreamId>, log: &Log, findings: &mut Findings) -> Journals {
    let journals = Journals::read(opened, streams, findings).await;
    log.check_is_known(&journals, findings);
    log.check_is_whole(&journals, findings);
    journals
}

/// What was acknowledged must be in a journal even where the log has never heard of it.
fn acknowledged_streams(history: &History) -> BTreeSet<StreamId> {
    let tokens = history.records.iter().filter_map(|record| record.outcome.done()?.1);
    let streams = tokens.filter_map(position).map(|(stream, _)| stream);
    streams.filter_map(|stream| StreamId::parse(&stream).ok()).collect()
}
