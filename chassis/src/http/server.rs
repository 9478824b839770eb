//! One port pair: plain HTTP and HTTPS side by side, with everything that is the same on every port around the routes.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use rustls::ServerConfig;
use tokio::task::JoinHandle;
use utoipa::openapi::OpenApi;

use super::body::MAX_BODY_BYTES;
use super::middleware::{Draining, Strict, head_as_get, observe};
use super::{docs, health, routing};
use crate::health::Health;
use crate::metrics::{HttpMetrics, Metrics};

/// Puts a service's handlers and their state on paths.
pub type Routes = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// What one port pair serves.
#[derive(Clone)]
pub struct Api {
    pub routes: Vec<Routes>,
    pub documents: Vec<OpenApi>,
    /// What browsers are shown, where there is something.
    pub page: Option<Routes>,
    pub health: Vec<Health>,
    pub metrics: HttpMetrics,
    /// Origins whose pages may call; `*` for all.
    pub cors_origins: Vec<String>,
}

/// Where to listen.
pub struct Listeners {
    pub http: TcpListener,
    pub https: Option<Https>,
}

pub struct Https {
    pub listener: TcpListener,
    pub tls: ServerConfig,
    /// Whether who has come by HTTPS is told to come by nothing else from then on.
    pub is_strict: bool,
}

/// A server at work.
pub struct Server {
    pub http: SocketAddr,
    pub https: Option<SocketAddr>,
    handle: ServerHandle,
    draining: Draining,
    task: JoinHandle<std::io::Result<()>>,
}

/// Begins to serve.
pub fn start(api: Api, listeners: Listeners, patience: Duration) -> std::io::Result<Server> {
    let http = listeners.http.local_addr()?;
    let https = listeners
        .https
        .as_ref()
        .map(|https| https.listener.local_addr())
        .transpose()?;
    let draining = Draining::default();
    let state = draining.clone();
    let strict = Strict(listeners.https.as_ref().is_some_and(|https| https.is_strict));
    let document = docs::document(api.documents.clone());
    let mut server = HttpServer::new(move || {
        let (api, document) = (api.clone(), document.clone());
        App::new()
            .app_data(web::Data::new(state.clone()))
            .app_data(web::Data::new(strict))
            .app_data(web::Data::new(api.metrics.clone()))
            .app_data(web::Data::new(api.health.clone()))
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .wrap(cors(&api.cors_origins))
            .wrap(from_fn(observe))
            .configure(move |config| configure(config, &api, &document))
    })
    .disable_signals()
    .shutdown_timeout(patience.as_secs())
    .listen(listeners.http)?;
    if let Some(https) = listeners.https {
        server = server.listen_rustls_0_23(https.listener, https.tls)?;
    }
    let server = server.run();
    Ok(Server {
        http,
        https,
        handle: server.handle(),
        draining,
        task: tokio::spawn(server),
    })
}

/// Begins to serve `/metrics` and nothing else.
pub fn start_metrics(metrics: Metrics, listener: TcpListener) -> std::io::Result<Server> {
    let http = listener.local_addr()?;
    let server = HttpServer::new(move || {
        let metrics = metrics.clone();
        let render = move || {
            let text = metrics.render();
            async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text) }
        };
        App::new()
            .wrap(from_fn(head_as_get))
            .service(routing::resource("/metrics", "GET").get(render))
            .service(routing::unknown_path())
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(Server {
        http,
        https: None,
        handle: server.handle(),
        draining: Draining::default(),
        task: tokio::spawn(server),
    })
}

impl Server {
    /// From now on readiness says no, and each reply is its connection's last: whoever balances the load goes elsewhere.
    pub fn drain(&self) {
        self.draining.begin();
    }

    /// Takes no new connections, answers what was accepted, and returns when that is done or its time is over.
    pub async fn stop(self) {
        self.drain();
        self.handle.stop(true).await;
        // The task ends with the server; how is of no interest any more.
        let _ = self.task.await;
    }
}

fn configure(config: &mut web::ServiceConfig, api: &Api, document: &OpenApi) {
    // Paths are tried in this order, so those that are asked for most come first.
    for routes in &api.routes {
        routes(config);
    }
    health::routes(config);
    docs::routes(config, document);
    if let Some(page) = &api.page {
        page(config);
    }
    config.service(routing::unknown_path());
}

fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers([
            "ETag",
            "Link",
            "Location",
            "Retry-After",
            "X-Request-Id",
            "Consistency-Token",
        ])
        // Requests without a browser behind them carry no Origin; those with another one are the browser's to refuse.
        .block_on_origin_mismatch(false)
        .max_age(3_600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
