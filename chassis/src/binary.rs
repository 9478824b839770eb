//! What `main` of every service binary does: read the configuration, start, print where to go, end in order.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::causes;
use crate::clock::{Clock, SystemClock};
use crate::config::{Defaults, Flags, Settings};
use crate::http::server::Api;
use crate::probe;
use crate::service::{Endpoints, Service, StartError};
use crate::shown_url::without_secrets;
use crate::shutdown::Shutdown;
use crate::telemetry;

#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
}

/// Runs one service until it is told to end. Faults are one line on standard error and exit code 1.
pub fn main<F>(defaults: &Defaults, about: &'static str, start: impl FnOnce(Settings, Arc<dyn Clock>) -> F) -> ExitCode
where
    F: Future<Output = Result<(Service, Api), StartError>>,
{
    let flags = match read_flags(about) {
        Ok(flags) => flags,
        Err(error) => error.exit(),
    };
    let settings = match Settings::load(defaults, &flags) {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    if flags.check_health {
        return check_health(&settings);
    }
    let program = format!("{}service", defaults.service);
    run_observed(&program, &settings.clone(), async move {
        let mut shutdown = Shutdown::listen().map_err(StartError::Signals)?;
        // A start may wait for its store or its broker.
        let Some(started) = shutdown.or(start(settings, Arc::new(SystemClock))).await else {
            return Ok(());
        };
        let (mut service, api) = started?;
        let endpoints = service.serve(api)?;
        print_banner(&[(&service.settings, endpoints)], None);
        shutdown.requested().await;
        // Who asks twice does not want to wait.
        shutdown.or(service.drain()).await;
        service.stop().await;
        Ok::<(), StartError>(())
    })
}

fn read_flags(about: &'static str) -> Result<Flags, clap::Error> {
    let matches = Cli::command().about(about).try_get_matches_from(arguments())?;
    Cli::from_arg_matches(&matches).map(|cli| cli.flags)
}

/// The command line, where `-conf` with one dash, as the original services take it, is `--conf`.
pub fn arguments() -> impl Iterator<Item = std::ffi::OsString> {
    std::env::args_os().map(|argument| if argument == "-conf" { "--conf".into() } else { argument })
}

/// Runs `work` on a runtime for as long as it takes. A fault, with its causes, is one line on standard error and exit
/// code 1.
pub fn run<E: Error>(work: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What had begun by then ends with the process. Were it taken apart, drivers would panic at what they miss.
            std::mem::forget(runtime);
            fail(&causes(&error))
        }
    }
}

/// The same for a service: with logs and traces, in which the process is called `program`.
pub fn run_observed<E: Error>(
    program: &str,
    settings: &Settings,
    work: impl Future<Output = Result<(), E>>,
) -> ExitCode {
    let telemetry = match telemetry::start(program, settings) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error),
    };
    let code = run(work);
    telemetry.end();
    code
}

/// Asks whether the process with these settings answers.
pub fn check_health(settings: &Settings) -> ExitCode {
    match probe::is_live(settings.listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// One line on standard error.
pub fn fail(error: &impl Display) -> ExitCode {
    let line = error.to_string().replace('\n', " ");
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "error: {line}");
    ExitCode::FAILURE
}

/// Prints the addresses to open and where what is written goes, a line each. `page` is for browsers.
pub fn print_banner(services: &[(&Settings, Endpoints)], page: Option<SocketAddr>) {
    let mut text = String::from("\nMyEvents is ready.\n\n");
    for (settings, endpoints) in services {
        let name = settings.service;
        text += &format!("  {name:<8} API      http://{}\n", endpoints.http);
        if let Some(https) = endpoints.https {
            text += &format!("  {name:<8} HTTPS    https://{https}\n");
        }
        if let Some(metrics) = endpoints.metrics {
            text += &format!("  {name:<8} metrics  http://{metrics}/metrics\n");
        }
        text += &format!("  {name:<8} docs     http://{}/docs\n", endpoints.http);
        text += &format!("  {name:<8} store    {}\n", without_secrets(&settings.store));
        text += &format!("  {name:<8} broker   {}\n", without_secrets(&settings.broker));
    }
    if let Some(page) = page {
        text += &format!("\nOpen http://{page}/ in a browser.\n");
    }
    text += "\nCtrl-C ends it; everything is kept.\n\n";
    // Where standard output is closed there is nobody to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
