//! Configuration: one documented struct, filled from defaults, a file and the environment, validated before anything
//! starts.
//!
//! A key is looked for as a command-line flag (where there is one), then in the environment (`MYEVENTS_LISTEN`), then
//! in the file. `event.listen` and `booking.listen` (`MYEVENTS_BOOKING__LISTEN`) are for one service only and go before
//! plain `listen`. The keys and variables of the original Go services are read too.

use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::http::Uri;
use config::{Config, ConfigError, Environment, File, FileFormat, Value};
use thiserror::Error;

/// Everything a service can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `event` or `booking`; not configurable.
    pub service: &'static str,
    /// `listen`: HOST:PORT for HTTP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// `listen_tls`: HOST:PORT for HTTPS, or `off`.
    pub listen_tls: Option<SocketAddr>,
    /// `listen_metrics`: HOST:PORT for `/metrics`, or `off`.
    pub listen_metrics: Option<SocketAddr>,
    /// `data_dir`: folder for everything embedded and for the certificate that is made where none is given.
    pub data_dir: PathBuf,
    /// `store`: URL of the store; default `sqlite:<data_dir>/<service>`.
    pub store: String,
    /// `broker`: URL of the broker; default `embedded:<data_dir>/broker`.
    pub broker: String,
    /// `certificate` and `private_key`: PEM files for HTTPS. Read again when they change.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// `cors_origins`: origins whose pages may call, separated by commas; `*` for all.
    pub cors_origins: Vec<String>,
    /// `drain_seconds`: how long after SIGTERM requests are still taken, each as its connection's last, 0 to 600.
    pub drain: Duration,
    /// `shutdown_seconds`: how long requests under way may take after that, 1 to 600.
    pub shutdown: Duration,
    pub logging: Logging,
    /// `otlp_endpoint`: URL of a collector of traces that speaks OTLP over HTTP, without `/v1/traces`.
    pub otlp_endpoint: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Logging {
    /// `log_format`: `human` or `json`.
    pub json: bool,
    /// `log`: what to log, in the syntax of tracing's `EnvFilter`.
    pub filter: String,
}

/// What differs between the services, and what the command line said.
#[derive(Debug, Clone)]
pub struct Defaults {
    pub service: &'static str,
    /// At a server of databases whose URL names none.
    pub database: &'static str,
    pub listen: &'static str,
    pub listen_tls: &'static str,
    pub listen_metrics: &'static str,
    /// Whether plain `listen…` keys are meant for this service; false for the second one in a process.
    pub owns_plain_ports: bool,
}

/// Flags that go before everything else.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Configuration file, JSON or TOML
    #[arg(long = "conf", visible_alias = "config", value_name = "FILE")]
    pub conf: Option<PathBuf>,
    /// Folder for all data [default: the user's data folder]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Only ask whether the process with these settings answers, as health checks of containers do
    #[arg(long)]
    pub check_health: bool,
}

#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("configuration: {key}: {rule}")]
    Invalid { key: String, rule: String },
    #[error("configuration: {0}")]
    Unreadable(#[from] ConfigError),
}

/// RabbitMQ's driver takes every question whether a queue is there for an error, and what does go wrong its adapter tells.
/// That a collector of traces is away is told by its exporter once, and not by the library at each attempt.
/// The server calls whatever a stranger says to a port an error, as often as that is said.
const LOG: &str = "info,actix_server=warn,actix_http=off,lapin=off,opentelemetry-otlp=off";

const KEYS: &[&str] = &[
    "listen",
    "listen_tls",
    "listen_metrics",
    "data_dir",
    "store",
    "broker",
    "certificate",
    "private_key",
    "cors_origins",
    "drain_seconds",
    "shutdown_seconds",
    "log",
    "log_format",
    "otlp_endpoint",
];
/// Of the original Go services.
const OLD_KEYS: &[&str] = &[
    "databasetype",
    "dbconnection",
    "restfulapi_endpoint",
    "restfulapi-tlsendpoint",
    "restfulapi_tlsendpoint",
    "message_broker_type",
    "amqp_message_broker",
    "kafka_message_brokers",
];
/// Keys that may hold a list of texts.
const LISTS: &[&str] = &["cors_origins", "kafka_message_brokers"];
const SECTIONS: &[&str] = &["event", "booking"];

impl Settings {
    /// # Errors
    /// One line that names the key and the rule it breaks.
    pub fn load(defaults: &Defaults, flags: &Flags) -> Result<Self, SettingsError> {
        let source = Source::read(defaults, flags.conf.as_deref())?;
        let data_dir = match &flags.data_dir {
            Some(folder) => folder.clone(),
            None => source
                .text("data_dir")
                .map_or_else(default_data_dir, |text| Ok(PathBuf::from(text)))?,
        };
        let port = |key, old: &[&str], default: &str| source.port(key, old, default);
        let optional = |key, old: &[&str], default: &str| source.optional_port(key, old, default);
        Ok(Self {
            service: defaults.service,
            listen: port("listen", &["LISTEN_URL", "restfulapi_endpoint"], defaults.listen)?,
            listen_tls: optional(
                "listen_tls",
                &["restfulapi-tlsendpoint", "restfulapi_tlsendpoint"],
                defaults.listen_tls,
            )?,
            listen_metrics: optional("listen_metrics", &[], defaults.listen_metrics)?,
            store: source
                .store()?
                .map(|url| persistence::in_database(&url, defaults.database))
                .unwrap_or_else(|| under("sqlite", &data_dir, defaults.service)),
            broker: source
                .broker()?
                .unwrap_or_else(|| under("embedded", &data_dir, "broker")),
            certificate: source.certificate()?,
            cors_origins: source.origins()?,
            drain: source.seconds("drain_seconds", 0, 0..=600)?,
            shutdown: source.seconds("shutdown_seconds", 30, 1..=600)?,
            logging: source.logging()?,
            otlp_endpoint: source.otlp_endpoint()?,
            data_dir,
        })
    }
}

fn under(scheme: &str, folder: &Path, name: &str) -> String {
    format!("{scheme}:{}", folder.join(name).display())
}

fn default_data_dir() -> Result<PathBuf, SettingsError> {
    let folders = directories::ProjectDirs::from("", "", "myevents");
    let folders = folders.ok_or_else(|| invalid("data_dir", "is needed where the user has no home folder"))?;
    Ok(folders.data_dir().to_owned())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// With the partitions that the original's variable asks for.
fn pinned(url: String) -> String {
    match variable("KAFKA_PARTITIONS") {
        Some(partitions) if url.starts_with("kafka:") && !url.contains("assign=") => {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}assign={partitions}")
        }
        _ => url,
    }
}

/// A broker's address that its type asks for.
fn needed(key: &str, address: Option<String>) -> Result<Option<String>, SettingsError> {
    let missing = || invalid(key, "is needed with this message_broker_type");
    address
        .filter(|address| !address.is_empty())
        .map(Some)
        .ok_or_else(missing)
}

fn invalid(key: &str, rule: impl Into<String>) -> SettingsError {
    SettingsError::Invalid {
        key: key.to_owned(),
        rule: rule.into(),
    }
}

/// File and environment, as text by key.
struct Source {
    config: Config,
    service: &'static str,
    owns_plain_ports: bool,
}

impl Source {
    fn read(defaults: &Defaults, conf: Option<&Path>) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        if let Some(path) = conf {
            let file = file_source(path)?;
            check_keys(Config::builder().add_source(file.clone()).build()?)?;
            builder = builder.add_source(file);
        }
        let environment = Environment::with_prefix("MYEVENTS")
            .prefix_separator("_")
            .separator("__");
        Ok(Self {
            config: builder.add_source(environment).build()?,
            service: defaults.service,
            owns_plain_ports: defaults.owns_plain_ports,
        })
    }

    fn text(&self, key: &str) -> Option<String> {
        let own = self.config.get_string(&format!("{}.{key}", self.service)).ok();
        let plain_counts = self.owns_plain_ports || !key.starts_with("listen") && !key.starts_with("restfulapi");
        own.or_else(|| self.config.get_string(key).ok().filter(|_| plain_counts))
            .filter(|text| !text.is_empty())
    }

    /// A key, else one of its old names: variables are in capitals.
    fn text_or_old(&self, key: &str, old: &[&str]) -> Option<String> {
        self.text(key).or_else(|| {
            old.iter()
                .find_map(|name| match name.chars().all(|c| !c.is_lowercase()) {
                    true => std::env::var(name)
                        .ok()
                        .filter(|text| !text.is_empty() && self.owns_plain_ports),
                    false => self.text(name),
                })
        })
    }

    fn list(&self, key: &str) -> Option<Vec<String>> {
        let own = self.config.get_array(&format!("{}.{key}", self.service));
        if let Ok(values) = own.or_else(|_| self.config.get_array(key)) {
            return Some(
                values
                    .into_iter()
                    .filter_map(|value| value.into_string().ok())
                    .collect(),
            );
        }
        let text = self.text(key)?;
        Some(
            text.split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        )
    }

    fn port(&self, key: &str, old: &[&str], default: &str) -> Result<SocketAddr, SettingsError> {
        let text = self.text_or_old(key, old).unwrap_or_else(|| default.to_owned());
        resolve(&text).ok_or_else(|| invalid(key, format!("`{text}` is not HOST:PORT")))
    }

    fn optional_port(&self, key: &str, old: &[&str], default: &str) -> Result<Option<SocketAddr>, SettingsError> {
        let text = self.text_or_old(key, old).unwrap_or_else(|| default.to_owned());
        if text == "off" {
            return Ok(None);
        }
        let rule = || invalid(key, format!("`{text}` is neither HOST:PORT nor `off`"));
        resolve(&text).map(Some).ok_or_else(rule)
    }

    fn store(&self) -> Result<Option<String>, SettingsError> {
        if let Some(url) = self.text("store") {
            return Ok(Some(url));
        }
        let connection = std::env::var("MONGO_URL")
            .ok()
            .filter(|url| !url.is_empty())
            .or_else(|| self.text("dbconnection"));
        match (self.text("databasetype").as_deref(), connection) {
            (Some("mongodb") | None, connection) => Ok(connection),
            (Some(other), _) => Err(invalid("databasetype", format!("`{other}` is not known; mongodb is"))),
        }
    }

    fn broker(&self) -> Result<Option<String>, SettingsError> {
        if let Some(url) = self.text("broker") {
            return Ok(Some(pinned(url)));
        }
        let amqp = variable("AMQP_BROKER_URL").or_else(|| self.text("amqp_message_broker"));
        let kafka = variable("KAFKA_BROKER_URLS").or_else(|| Some(self.list("kafka_message_brokers")?.join(",")));
        match self.text("message_broker_type").as_deref() {
            Some("amqp") => needed("amqp_message_broker", amqp),
            Some("kafka") => needed(
                "kafka_message_brokers",
                kafka.map(|brokers| pinned(format!("kafka:{brokers}"))),
            ),
            Some(other) => Err(invalid(
                "message_broker_type",
                format!("`{other}` is not known; amqp and kafka are"),
            )),
            None => Ok(variable("AMQP_BROKER_URL")
                .or_else(|| variable("KAFKA_BROKER_URLS").map(|urls| pinned(format!("kafka:{urls}"))))),
        }
    }

    fn certificate(&self) -> Result<Option<(PathBuf, PathBuf)>, SettingsError> {
        match (self.text("certificate"), self.text("private_key")) {
            (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(invalid("private_key", "is needed with certificate")),
            (None, Some(_)) => Err(invalid("certificate", "is needed with private_key")),
        }
    }

    fn origins(&self) -> Result<Vec<String>, SettingsError> {
        let origins = self.list("cors_origins").unwrap_or_else(|| vec!["*".to_owned()]);
        let host = |origin: &str| {
            origin
                .strip_prefix("https://")
                .or(origin.strip_prefix("http://"))
                .map(str::to_owned)
        };
        let proper = |host: String| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        match origins
            .iter()
            .find(|origin| *origin != "*" && !host(origin).is_some_and(proper))
        {
            Some(bad) => Err(invalid(
                "cors_origins",
                format!("`{bad}` is neither `*` nor like https://example.org"),
            )),
            None => Ok(origins),
        }
    }

    fn seconds(&self, key: &str, default: u64, allowed: RangeInclusive<u64>) -> Result<Duration, SettingsError> {
        let Some(text) = self.text(key) else {
            return Ok(Duration::from_secs(default));
        };
        let seconds = text.parse().ok().filter(|seconds| allowed.contains(seconds));
        let (least, most) = (allowed.start(), allowed.end());
        let rule = || invalid(key, format!("`{text}` is not a whole number from {least} to {most}"));
        seconds.map(Duration::from_secs).ok_or_else(rule)
    }

    /// MyEvents' own setting, else the variable that everything with OpenTelemetry reads.
    fn otlp_endpoint(&self) -> Result<Option<String>, SettingsError> {
        let own = self.text("otlp_endpoint");
        let Some(text) = own.or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT")) else {
            return Ok(None);
        };
        match text.as_str() {
            "off" => Ok(None),
            url if is_base_url(url) => Ok(Some(url.trim_end_matches('/').to_owned())),
            other => {
                let rule = format!("`{other}` is neither like http://collector:4318 nor `off`");
                Err(invalid("otlp_endpoint", rule))
            }
        }
    }

    fn logging(&self) -> Result<Logging, SettingsError> {
        let format = self.text("log_format").unwrap_or_else(|| "human".to_owned());
        let filter = self.text("log").unwrap_or_else(|| LOG.to_owned());
        if tracing_subscriber::EnvFilter::try_new(&filter).is_err() {
            return Err(invalid(
                "log",
                format!("`{filter}` is not a filter such as `info` or `warn,chassis=debug`"),
            ));
        }
        match format.as_str() {
            "human" | "json" => Ok(Logging {
                json: format == "json",
                filter,
            }),
            other => Err(invalid("log_format", format!("`{other}` is neither human nor json"))),
        }
    }
}

/// Whether it is an HTTP URL that a path can be put behind.
fn is_base_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
}

fn file_source(path: &Path) -> Result<File<config::FileSourceFile, FileFormat>, SettingsError> {
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => FileFormat::Toml,
        _ => FileFormat::Json,
    };
    if !path.is_file() {
        return Err(invalid("--conf", format!("there is no file `{}`", path.display())));
    }
    Ok(File::new(&path.to_string_lossy(), format))
}

fn check_keys(file: Config) -> Result<(), SettingsError> {
    let table = file.cache.into_table()?;
    for (key, value) in table {
        if SECTIONS.contains(&key.as_str()) {
            for (inner, value) in value.into_table()? {
                check_key(&inner, &value).map_err(|rule| invalid(&format!("{key}.{inner}"), rule))?;
            }
        } else {
            check_key(&key, &value).map_err(|rule| invalid(&key, rule))?;
        }
    }
    Ok(())
}

/// What is wrong with it, if anything is.
fn check_key(key: &str, value: &Value) -> Result<(), String> {
    if KEYS.contains(&key) || OLD_KEYS.contains(&key) {
        let fits = match value.clone().into_array() {
            Ok(list) if LISTS.contains(&key) => list.into_iter().all(|element| element.into_string().is_ok()),
            _ => value.clone().into_string().is_ok(),
        };
        return if fits { Ok(()) } else { Err("must be text".to_owned()) };
    }
    Err(format!("is not a setting; known are {}", KEYS.join(", ")))
}

/// `:8181` listens on all addresses, as the original's endpoints do.
fn resolve(text: &str) -> Option<SocketAddr> {
    let text = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    text.to_socket_addrs().ok()?.next()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const DEFAULTS: Defaults = Defaults {
        service: "event",
        database: "events",
        listen: "127.0.0.1:8181",
        listen_tls: "127.0.0.1:9191",
        listen_metrics: "127.0.0.1:9100",
        owns_plain_ports: true,
    };

    fn load(json: &str) -> Result<Settings, String> {
        let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        file.write_all(json.as_bytes()).unwrap();
        let flags = Flags {
            check_health: false,
            conf: Some(file.path().to_owned()),
            data_dir: Some("data".into()),
        };
        Settings::load(&DEFAULTS, &flags).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        let settings = load("{}").unwrap();
        assert_eq!(settings.listen.port(), 8181);
        assert_eq!(settings.store, "sqlite:data/event");
        assert_eq!(settings.broker, "embedded:data/broker");
    }

    #[test]
    fn a_service_section_goes_before_plain_keys() {
        let settings = load(r#"{"store": "sqlite:a", "event": {"store": "sqlite:b"}}"#).unwrap();
        assert_eq!(settings.store, "sqlite:b");
    }

    #[test]
    fn the_original_keys_are_read() {
        let settings = load(
            r#"{"databasetype": "mongodb", "dbconnection": "mongodb://127.0.0.1", "restfulapi_endpoint": "localhost:1",
                "restfulapi-tlsendpoint": "localhost:2", "message_broker_type": "kafka",
                "kafka_message_brokers": ["a:1", "b:2"]}"#,
        )
        .unwrap();
        assert_eq!(settings.store, "mongodb://127.0.0.1/events");
        assert_eq!(settings.broker, "kafka:a:1,b:2");
        assert_eq!((settings.listen.port(), settings.listen_tls.unwrap().port()), (1, 2));
    }

    #[test]
    fn faults_name_the_key_and_the_rule_on_one_line() {
        for (json, key) in [
            (r#"{"listen": "here"}"#, "listen"),
            (r#"{"listen_tls": "there"}"#, "listen_tls"),
            (r#"{"shutdown_seconds": 0}"#, "shutdown_seconds"),
            (r#"{"drain_seconds": 601}"#, "drain_seconds"),
            (r#"{"log_format": "xml"}"#, "log_format"),
            (r#"{"otlp_endpoint": "collector:4318"}"#, "otlp_endpoint"),
            (r#"{"otlp_endpoint": "http://collector:4318/?a=b"}"#, "otlp_endpoint"),
            (r#"{"certificate": "a.pem"}"#, "private_key"),
            (r#"{"databasetype": "paper"}"#, "databasetype"),
            (r#"{"message_broker_type": "pigeon"}"#, "message_broker_type"),
            (r#"{"message_broker_type": "amqp"}"#, "amqp_message_broker"),
            (r#"{"listen": ["127.0.0.1:1"]}"#, "listen"),
            (r#"{"store": {}}"#, "store"),
            (r#"{"cors_origins": ["http://a b"]}"#, "cors_origins"),
            (r#"{"lissten": "127.0.0.1:1"}"#, "lissten"),
        ] {
            let error = load(json).unwrap_err();
            assert!(error.starts_with(&format!("configuration: {key}: ")), "{json}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
