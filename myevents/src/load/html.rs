//! The page of a run: one file with its plots in it, that asks nobody for anything.

use std::error::Error;
use std::fmt::Write;

use indicatif::HumanCount;

use super::plots;
use super::summary::{Model, Quantiles, Summary};

const STYLE: &str = include_str!("report.css");

/// The whole document.
pub(crate) fn page(summary: &Summary) -> Result<String, Box<dyn Error>> {
    let plots = [
        ("Answers a second", plots::throughput(summary)?),
        ("Response times", plots::latency(summary)?),
        ("How many were as fast", plots::distribution(summary)?),
    ];
    let mut sections = String::new();
    for (title, svg) in plots {
        write!(
            sections,
            "<section>\n<h2>{title}</h2>\n<figure>{svg}</figure>\n</section>\n"
        )?;
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>MyEvents under load</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <h1>MyEvents under load</h1>\n<p>{}</p>\n<p class=\"verdict\">{}</p>\n{}\n{}\n{sections}</main>\n</html>\n",
        escaped(&introduction(summary)),
        escaped(&summary.verdict),
        counts(summary),
        times(summary),
    ))
}

fn introduction(summary: &Summary) -> String {
    let pace = match summary.model {
        Model::Open { rate } => format!("{rate} requests a second, whether or not it kept up"),
        Model::Closed => "each client came again when it was answered".to_owned(),
    };
    format!(
        "{}, on {}: {} clients for {:.0} s, {pace}; {} % browsed, {} % of the bookings were cancelled again. \
         Version {}, seed {}.",
        summary.url,
        summary.started.strftime("%Y-%m-%d %H:%M UTC"),
        summary.connections,
        summary.took_seconds,
        summary.browse_percent,
        summary.cancel_percent,
        summary.version,
        summary.seed,
    )
}

fn counts(summary: &Summary) -> String {
    let others: u64 = summary.other_answers.values().sum();
    let mut rows = vec![
        ("requests", summary.requests),
        ("booked", summary.booked),
        ("seats", summary.seats),
        ("refused: too few seats", summary.refused),
        ("cancelled again", summary.cancelled),
        ("other answers", others),
        ("connection errors", summary.connection_errors),
    ];
    rows.extend(summary.due_but_not_sent.map(|missed| ("due but not sent", missed)));
    let cell = |(name, number): (&str, u64)| {
        let number = HumanCount(number);
        format!("<div><dt>{name}</dt><dd>{number}</dd></div>\n")
    };
    format!("<dl>\n{}</dl>", rows.into_iter().map(cell).collect::<String>())
}

fn times(summary: &Summary) -> String {
    let mut rows = row(summary.model.measured(), &summary.response);
    for operation in &summary.operations {
        let name = operation.operation.name();
        rows += &row(&format!("{name}, from sending"), &operation.service);
        let due = operation.response.iter();
        rows.extend(due.map(|response| row(&format!("{name}, from when it was due"), response)));
    }
    format!(
        "<div class=\"table\"><table>\n<caption>Times to an answer in milliseconds</caption>\n\
         <tr><th>what<th>p50<th>p90<th>p99<th>p99.9<th>max</tr>\n{rows}</table></div>"
    )
}

fn row(name: &str, times: &Quantiles) -> String {
    let cells = [times.p50, times.p90, times.p99, times.p999, times.max];
    let cells: String = cells.iter().map(|time| format!("<td>{time:.2}")).collect();
    format!("<tr><th scope=\"row\">{name}{cells}</tr>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
