//! Plots of a run as SVG. Colours of text and lines are the page's to say; those of curves are told here.

use std::error::Error;
use std::ops::Range;

use plotters::prelude::*;

use super::summary::{OperationSummary, Quantiles, Summary};
use super::tally::Operation;
use super::timeline::Slot;

const SIZE: (u32, u32) = (880, 320);
/// Times below are drawn there: a logarithm has no zero.
const LEAST_MILLISECONDS: f64 = 0.01;
const MOST_NINES: f64 = 5.0;

/// Told apart by people who see few colours, too.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);

struct Curve {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

struct Axis {
    name: &'static str,
    range: Range<f64>,
    labels: usize,
    format: fn(f64) -> String,
}

/// Answers a second over the run, by what was asked.
pub(crate) fn throughput(summary: &Summary) -> Result<String, Box<dyn Error>> {
    let length = slot_length(&summary.timeline);
    let curve = |name, colour, count: fn(&Slot) -> u64| {
        let point = |slot: &Slot| (slot.second as f64, count(slot) as f64 / length);
        let points = whole_slots(summary).map(point).collect();
        Curve { name, colour, points }
    };
    let mut curves = vec![
        curve("browse", GREEN, |slot| slot.browsed),
        curve("book", BLUE, |slot| slot.booked),
        curve("cancel", PURPLE, |slot| slot.cancelled),
        curve("failed", ORANGE, |slot| slot.failed),
    ];
    curves.retain(|curve| curve.points.iter().any(|(_, count)| *count > 0.0));
    let counts = curves.iter().flat_map(|curve| &curve.points).map(|(_, count)| *count);
    let answers = Axis {
        name: "answers a second",
        range: 0.0..counts.fold(1.0, f64::max) * 1.35,
        labels: 6,
        format: |count| format!("{count:.0}"),
    };
    draw(&curves, &seconds(summary), &answers, SeriesLabelPosition::UpperLeft)
}

/// Response times over the run.
pub(crate) fn latency(summary: &Summary) -> Result<String, Box<dyn Error>> {
    let curve = |name, colour, time: fn(&Slot) -> f64| {
        let answered = whole_slots(summary).filter(|slot| slot.max > 0.0);
        let points = answered.map(|slot| (slot.second as f64, power(time(slot)))).collect();
        Curve { name, colour, points }
    };
    let curves = [
        curve("max", ORANGE, |slot| slot.max),
        curve("p99", PURPLE, |slot| slot.p99),
        curve("p50", BLUE, |slot| slot.p50),
    ];
    let mut times = logarithmic(&curves);
    // Room for the names.
    times.range.end += 1.0;
    times.labels += 1;
    draw(&curves, &seconds(summary), &times, SeriesLabelPosition::UpperLeft)
}

/// How many of the answers were as fast. Each nine more has as much room as the one before.
pub(crate) fn distribution(summary: &Summary) -> Result<String, Box<dyn Error>> {
    let curve = |operation: &OperationSummary| Curve {
        name: operation.operation.name(),
        colour: match operation.operation {
            Operation::Browse => GREEN,
            Operation::Book => BLUE,
            Operation::Cancel => PURPLE,
        },
        points: points_of(&operation.service),
    };
    let mut curves: Vec<Curve> = summary.operations.iter().map(curve).collect();
    curves.push(Curve {
        name: summary.model.measured(),
        colour: ORANGE,
        points: points_of(&summary.response),
    });
    let answers = Axis {
        name: "of the answers took at most",
        range: 0.0..MOST_NINES,
        labels: 6,
        format: percentile,
    };
    draw(
        &curves,
        &answers,
        &logarithmic(&curves),
        SeriesLabelPosition::LowerRight,
    )
}

fn seconds(summary: &Summary) -> Axis {
    Axis {
        name: "seconds",
        range: 0.0..last_second(summary),
        labels: 10,
        format: |second| format!("{second:.0}"),
    }
}

/// Of ten.
fn power(milliseconds: f64) -> f64 {
    milliseconds.max(LEAST_MILLISECONDS).log10()
}

fn points_of(quantiles: &Quantiles) -> Vec<(f64, f64)> {
    let points = quantiles.curve.iter();
    points.map(|(percent, time)| (nines(*percent), power(*time))).collect()
}

/// 90 % is 1, 99 % is 2, and so on; what no number of nines reaches is [`MOST_NINES`].
fn nines(percent: f64) -> f64 {
    (-(1.0 - percent / 100.0).log10()).min(MOST_NINES)
}

fn percentile(nines: f64) -> String {
    if nines >= MOST_NINES {
        return "100 %".to_owned();
    }
    let digits = (nines - 2.0).max(0.0);
    format!("{:.*} %", digits as usize, 100.0 - 10f64.powf(2.0 - nines))
}

/// Seconds of a slot.
fn slot_length(timeline: &[Slot]) -> f64 {
    match timeline {
        [first, second, ..] => (second.second - first.second) as f64,
        _ => 1.0,
    }
}

/// Without one that the run ended in: fewer came in it, because nobody asked any more.
fn whole_slots(summary: &Summary) -> impl Iterator<Item = &Slot> {
    let last = summary.took_seconds - slot_length(&summary.timeline);
    let is_whole = move |slot: &&Slot| slot.second as f64 <= last.max(0.0);
    summary.timeline.iter().filter(is_whole)
}

fn last_second(summary: &Summary) -> f64 {
    whole_slots(summary)
        .last()
        .map_or(1.0, |slot| slot.second as f64)
        .max(1.0)
}

fn logarithmic(curves: &[Curve]) -> Axis {
    let times = curves.iter().flat_map(|curve| &curve.points).map(|(_, time)| *time);
    let (least, most) = times.fold((f64::MAX, f64::MIN), |(least, most), time| {
        (least.min(time), most.max(time))
    });
    let (least, most) = if least > most {
        (0.0, 1.0)
    } else {
        (least.floor(), most.ceil().max(least.floor() + 1.0))
    };
    Axis {
        name: "milliseconds",
        range: least..most,
        labels: (most - least) as usize + 1,
        format: |power| format!("{}", 10f64.powf(power)),
    }
}

fn draw(curves: &[Curve], x: &Axis, y: &Axis, names: SeriesLabelPosition) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(36)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.range.clone(), y.range.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", 15))
        .x_desc(x.name)
        .y_desc(y.name)
        .x_labels(x.labels)
        .y_labels(y.labels)
        .x_label_formatter(&|value| (x.format)(*value))
        .y_label_formatter(&|value| (y.format)(*value))
        .draw()?;
    for Curve { name, colour, points } in curves {
        let stroke = colour.stroke_width(2);
        let sample = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], stroke);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), stroke))?
            .label(*name)
            .legend(sample);
    }
    chart
        .configure_series_labels()
        .position(names)
        .label_font(("sans-serif", 15))
        .draw()?;
    area.present()?;
    drop(chart);
    drop(area);
    Ok(svg)
}
