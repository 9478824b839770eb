//! `myevents verify`: proves what a service has stored, or an exported log by itself.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chassis::audit::{
    Audit, AuditError, FileReport, Heads, JournalReport, Unsettled, ViewReport, ViewsReport, ViewsStep, audit_file,
    audit_journal, audit_views,
};
use chassis::config::{Flags, SettingsError};
use chassis::operator::{Profile, Workplace};
use chassis::service::StartError;
use indicatif::ProgressBar;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::services::ServiceName;
use crate::{interrupt, output};

const EXAMPLES: &str = "\
Examples:
  myevents verify booking
  myevents verify event --data-dir /var/lib/myevents --conf myevents.toml
  myevents verify booking --from log.jsonl

Proves of the journal, version by version: no gaps, whole commits, an unbroken hash chain, payloads that can be read, no
seat sold above the capacity then in force, every booking made once, and only bookings that stand cancelled. Then it
replays the log, and proves that it is whole and unchanged, that journal and log have the same of what was published,
and that every view is what its replay gives. It may run beside the service.
With --from it proves the same of an exported log, without any store; views are not in it.
Exit code 1 means that something differs, and the first difference is named, or that it could not be verified.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Whose journal and views; with --from, whose rules
    service: ServiceName,
    #[command(flatten)]
    flags: Flags,
    /// An exported log to verify instead
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Open(#[from] StartError),
    #[error("`{file}` cannot be read: {cause}")]
    File { file: String, cause: io::Error },
    #[error("signals cannot be handled: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Audit(#[from] AuditError),
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let profile = options.service.profile();
    match &options.from {
        Some(file) => verify_file(&profile, file),
        None => {
            let stop = interrupt::token().map_err(CommandError::Signals)?;
            let place = Workplace::open_for_proof(options.service.settings(&options.flags)?).await?;
            verify_store(&profile, &place, &stop).await
        }
    }
}

fn verify_file(profile: &Profile, path: &Path) -> Result<(), CommandError> {
    let failed = |cause| CommandError::File {
        file: path.display().to_string(),
        cause,
    };
    let file = File::open(path).map_err(failed)?;
    let bar = output::file_bar(file.metadata().map_err(failed)?.len(), "reading");
    let mut audit = (profile.audit)();
    let started = Instant::now();
    let report = audit_file(BufReader::new(file), &mut *audit, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    print_file(&report?, &*audit, started.elapsed());
    output::print("\nEverything agrees.");
    Ok(())
}

async fn verify_store(profile: &Profile, place: &Workplace, stop: &CancellationToken) -> Result<(), CommandError> {
    let mut audit = (profile.audit)();
    let counter = output::counter("journal");
    let started = Instant::now();
    let seen = |envelopes| counter.inc(envelopes);
    let report = tokio::select! {
        report = audit_journal(&place.stores.journal, &mut *audit, &seen) => report,
        () = stop.cancelled() => Err(AuditError::Interrupted),
    };
    counter.finish_and_clear();
    let report = report?;
    print_journal(&report, &*audit, started.elapsed());
    let started = Instant::now();
    let Some(views) = replay(profile, place, &report.heads, stop).await? else {
        output::print(
            "\nThere are no views yet: the service has not run on this store.\n\nThe journal agrees; the log \
             is compared with it when there are views.",
        );
        return Ok(());
    };
    print_views(&views, started.elapsed());
    output::print(if is_settled(&views) {
        "\nEverything agrees."
    } else {
        "\nEverything else agrees."
    });
    Ok(())
}

fn is_settled(report: &ViewsReport) -> bool {
    report.views.iter().all(|view| view.unsettled.is_none())
}

async fn replay(
    profile: &Profile,
    place: &Workplace,
    heads: &Heads,
    stop: &CancellationToken,
) -> Result<Option<ViewsReport>, AuditError> {
    let (replaying, comparing) = (output::bar(0, "replay"), output::counter("comparing"));
    let views = audit_views(place, profile, heads, stop, &|step| show(step, &replaying, &comparing)).await;
    replaying.finish_and_clear();
    comparing.finish_and_clear();
    views
}

fn show(step: ViewsStep, replaying: &ProgressBar, comparing: &ProgressBar) {
    match step {
        ViewsStep::Begins(length) => replaying.set_length(length),
        ViewsStep::Replayed(messages) => replaying.inc(messages),
        ViewsStep::Compares(view) => comparing.set_message(view),
        ViewsStep::Compared(documents) => comparing.inc(documents),
    }
}

type Row = [String; 2];

fn row(name: &str, number: u64) -> Row {
    [name.to_owned(), output::count(number)]
}

fn print_journal(report: &JournalReport, audit: &dyn Audit, took: Duration) {
    let mut rows = vec![
        row("streams", report.streams),
        row("commits", report.commits),
        row("envelopes", report.envelopes),
    ];
    rows.extend(audit.counts().into_iter().map(|(name, number)| row(name, number)));
    rows.push(speed(report.envelopes, took));
    output::print(&format!("JOURNAL\n{}", output::table(&rows)));
    print_unknown(report.unknown);
}

fn print_file(report: &FileReport, audit: &dyn Audit, took: Duration) {
    let mut rows = vec![
        row("streams", report.streams),
        row("commits", report.commits),
        row("envelopes", report.envelopes),
        row("repeats", report.repeats),
    ];
    rows.extend(audit.counts().into_iter().map(|(name, number)| row(name, number)));
    rows.push(speed(report.envelopes, took));
    output::print(&format!("EXPORTED LOG\n{}", output::table(&rows)));
    print_unknown(report.unknown);
    for incomplete in &report.incomplete {
        output::print(&format!("\nThe file is cut off here: {incomplete}."));
    }
}

fn speed(envelopes: u64, took: Duration) -> Row {
    let rate = output::rate(envelopes, took);
    [
        "took".to_owned(),
        format!("{:.1} s, {rate} envelopes a second", took.as_secs_f64()),
    ]
}

fn print_unknown(unknown: u64) {
    if unknown > 0 {
        let unknown = output::plural(unknown, "envelope");
        output::print(&format!(
            "\n{unknown} by names that this build does not know; only their chain is proved."
        ));
    }
}

fn print_views(report: &ViewsReport, took: Duration) {
    let replayed = output::plural(report.replayed, "message");
    output::print(&format!(
        "\nVIEWS, against a replay of {replayed}, {:.1} s",
        took.as_secs_f64()
    ));
    let mut rows = vec![["VIEW", "DOCUMENTS", "DIGEST", ""].map(str::to_owned)];
    rows.extend(report.views.iter().map(view_row));
    output::print(&output::table(&rows));
    if report.behind > 0 && report.views.iter().any(|view| view.unsettled.behind > 0) {
        let behind = output::plural(report.behind, "message");
        output::print(&format!(
            "\nThe views are {behind} behind the log; a service that runs takes them in."
        ));
    }
    if report.unpublished > 0 {
        let unpublished = output::plural(report.unpublished, "stream");
        output::print(&format!("\nThe end of {unpublished} waits to be published."));
    }
    if report.foreign > 0 {
        let foreign = output::plural(report.foreign, "message");
        output::print(&format!(
            "\n{foreign} of the log never were envelopes, and are passed over."
        ));
    }
    if report.newer > 0 {
        let newer = output::plural(report.newer, "message");
        output::print(&format!(
            "\n{newer} written by a newer build, or behind one that is: not compared."
        ));
    }
    if report.parked > 0 {
        let parked = output::plural(report.parked as u64, "message");
        output::print(&format!(
            "\n{parked} could not be taken in: see `myevents parked list`."
        ));
    }
}

fn view_row(report: &ViewReport) -> [String; 4] {
    [
        report.view.clone(),
        output::count(report.digest.documents),
        report.digest.hash.chars().take(16).collect(),
        verdict(report.unsettled),
    ]
}

fn verdict(unsettled: Unsettled) -> String {
    let kinds = [
        (unsettled.behind, "behind the log"),
        (unsettled.parked, "behind what is parked"),
        (unsettled.moving, "moving all the time"),
    ];
    let some = kinds.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = some
        .map(|(number, how)| format!("{} {how}", output::plural(*number, "document")))
        .collect();
    if parts.is_empty() {
        return "same".to_owned();
    }
    format!("same, but for {}", parts.join(", "))
}
