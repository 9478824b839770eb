//! A collector of traces, made of OpenTelemetry's own parts in `testkit/collector`: what it is sent it writes to a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::process::silently;
use super::{install, ports};
use crate::eventually;

/// It ends with this.
pub struct Collector {
    url: String,
    spans: PathBuf,
    _process: Child,
    _folder: TempDir,
}

impl Collector {
    /// Starts one, and waits until it listens.
    pub async fn start() -> Self {
        let program = built();
        let folder = tempfile::tempdir().unwrap();
        let spans = folder.path().join("spans.jsonl");
        let [port] = ports::free();
        let address = format!("127.0.0.1:{port}");
        let settings = folder.path().join("collector.yml");
        fs::write(&settings, configured(&address, &spans)).unwrap();
        let mut collector = tokio::process::Command::new(program);
        let process = silently(collector.arg(format!("--config=file:{}", settings.display())));
        let listens = || async { TcpStream::connect(&address).await.ok().map(|_| ()) };
        eventually("the collector listens", listens).await;
        Self {
            url: format!("http://{address}"),
            spans,
            _process: process,
            _folder: folder,
        }
    }

    /// What `otlp_endpoint` has to be.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All spans that have come, as OTLP's JSON has them, each with its process' name as `service`.
    pub fn spans(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.spans).unwrap_or_default();
        // The last line may be at work.
        let batches = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        batches
            .flat_map(|batch| list(&batch["resourceSpans"]))
            .flat_map(spans_of)
            .collect()
    }
}

fn spans_of(process: Value) -> Vec<Value> {
    let attributes = list(&process["resource"]["attributes"]);
    let name = attributes.iter().find(|attribute| attribute["key"] == "service.name");
    let name = name.map_or(Value::Null, |name| name["value"]["stringValue"].clone());
    let spans = list(&process["scopeSpans"])
        .into_iter()
        .flat_map(|scope| list(&scope["spans"]));
    let named = |mut span: Value| {
        span["service"] = name.clone();
        span
    };
    spans.map(named).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn configured(address: &str, spans: &Path) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}'}}}}}}}}\n\
         exporters: {{file: {{path: '{}', flush_interval: 100ms}}}}\n\
         service:\n  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}\n  \
         telemetry: {{metrics: {{level: none}}}}\n",
        spans.display()
    )
}

fn built() -> PathBuf {
    let program = install::cache().join("collector");
    install::once("OpenTelemetry's collector", &program, || {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("collector");
        // Beside its place at first, so that a build that was broken off is not taken for a program.
        let begun = program.with_extension("begun");
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&begun).arg(".");
        install::run(build.current_dir(sources));
        fs::rename(&begun, &program).unwrap();
    });
    program
}
