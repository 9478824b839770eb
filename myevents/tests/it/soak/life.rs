//! One folder with the platform on it, and everything that was ever asked of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use chassis::faults;
use tempfile::TempDir;
use testkit::history::{Address, Findings, History, Load, LoadOptions, Parts, check, verify_offline};
use testkit::{Client, Platform, PlatformBuilder, eventually};
use tokio::time::{sleep, timeout};

use super::schedule::Fault;
use crate::small_disk::SmallDisk;
use crate::support::operate;

/// Enough for what a life writes.
const DISK_MEBIBYTES: u32 = 192;
/// How long a point may take to come by.
const UNTIL_POINT: Duration = Duration::from_secs(8);
/// Requests before, between and after faults.
const BETWEEN: usize = 40;

pub(super) struct Life {
    root: TempDir,
    disk: Option<SmallDisk>,
    address: Address,
    platform: Option<Platform>,
    history: History,
}

impl Life {
    pub(super) async fn begin(on_small_disk: bool) -> Self {
        let mut life = Self {
            root: tempfile::Builder::new().prefix("myevents-soak-").tempdir().unwrap(),
            disk: on_small_disk.then(|| SmallDisk::mount(DISK_MEBIBYTES)),
            address: Address::default(),
            platform: None,
            history: History::default(),
        };
        life.start().await;
        life
    }

    /// One round under load. Returns what was asked in it.
    pub(super) async fn round(&mut self, seed: u64, faults: &[Fault]) -> (usize, usize, usize) {
        let options = LoadOptions {
            seed,
            ..LoadOptions::default()
        };
        let load = Load::go_on(&self.address, options, &self.history);
        load.goes_on(BETWEEN).await;
        for fault in faults {
            self.inflict(fault).await;
            load.goes_on(BETWEEN).await;
        }
        let asked = load.finish().await;
        let counts = asked.counts();
        self.history = std::mem::take(&mut self.history).followed_by(asked);
        counts
    }

    /// Holds everything that was ever asked against what is there.
    pub(super) async fn check(&self) -> Findings {
        check(&self.history, &self.client(), &Parts::of_folder(&self.data())).await
    }

    /// Has the operator's command prove both services.
    pub(super) async fn verify(&self) {
        for service in ["event", "booking"] {
            let verdict = operate("verify", service, &self.data(), &[]).await;
            assert!(
                verdict.status.success(),
                "verify {service}: {}{}",
                verdict.output,
                verdict.error
            );
        }
    }

    /// Ends the platform, and looks at what it leaves.
    pub(super) async fn end(mut self) {
        self.stop().await;
        verify_offline(&self.data()).await.assert_none();
    }

    async fn inflict(&mut self, fault: &Fault) {
        match fault {
            Fault::Kill => {
                self.kill().await;
                self.start().await;
            }
            Fault::KillAt(point, nth) => self.kill_at(point, *nth).await,
            Fault::Pause(span) => self.pause(*span).await,
            Fault::Restart => {
                self.stop().await;
                self.start().await;
            }
            Fault::Rival(span) => self.rival(*span).await,
            Fault::FullDisk(span) => self.fill_disk(*span).await,
            Fault::Clock(hours) => std::fs::write(self.clock(), (hours * 3_600).to_string()).unwrap(),
            Fault::Rebuild(service, killed) => self.rebuild(service, *killed).await,
        }
    }

    fn data(&self) -> PathBuf {
        let own = self.root.path().join("data");
        self.disk.as_ref().map_or(own, |disk| disk.path().to_owned())
    }

    fn clock(&self) -> PathBuf {
        self.root.path().join("clock")
    }

    fn builder(&self, folder: &Path) -> PlatformBuilder {
        PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
            .folder(folder)
            .log(&self.root.path().join("log"))
            .variable(faults::CLOCK_OFFSET, self.clock().to_str().unwrap())
    }

    fn client(&self) -> Client {
        self.running().client()
    }

    fn running(&self) -> &Platform {
        self.platform.as_ref().expect("it runs between faults")
    }

    async fn start(&mut self) {
        let platform = self.builder(&self.data()).start().await;
        self.address.set(&platform);
        self.platform = Some(platform);
    }

    fn take(&mut self) -> Platform {
        self.address.clear();
        self.platform.take().expect("it runs between faults")
    }

    async fn kill(&mut self) {
        self.take().kill().await;
    }

    async fn stop(&mut self) {
        self.take().stop().await;
    }

    async fn kill_at(&mut self, point: &str, nth: u32) {
        self.stop().await;
        let order = format!("{point}@{nth}");
        let builder = self.builder(&self.data()).variable(faults::KILL, &order);
        // Some points are passed before it is ready.
        if let Ok(mut platform) = builder.try_start().await {
            self.address.set(&platform);
            let died = timeout(UNTIL_POINT, platform.exited()).await;
            self.address.clear();
            if died.is_err() {
                platform.kill().await;
            }
        }
        self.start().await;
    }

    async fn pause(&self, span: Duration) {
        self.running().pause();
        sleep(span).await;
        self.running().resume();
    }

    /// Another process on the same stores and the same broker, as a replica would be.
    async fn rival(&self, span: Duration) {
        let parts = Parts::of_folder(&self.data());
        let builder = self
            .builder(&self.root.path().join("rival"))
            .variable("MYEVENTS_EVENT__STORE", &parts.event_store)
            .variable("MYEVENTS_BOOKING__STORE", &parts.booking_store)
            .variable("MYEVENTS_BROKER", &parts.broker);
        let rival = builder.start().await;
        self.address.set(&rival);
        self.pause(span).await;
        sleep(span / 4).await;
        self.address.set(self.running());
        rival.kill().await;
    }

    async fn fill_disk(&self, span: Duration) {
        let disk = self.disk.as_ref().expect("only a small disk is filled");
        disk.fill();
        sleep(span).await;
        disk.make_room();
        eventually("everything is well again", || async {
            (self.client().get("/health/ready").await.json()["state"] == "ok").then_some(())
        })
        .await;
    }

    async fn rebuild(&self, service: &str, killed: Option<Duration>) {
        let Some(after) = killed else {
            operate("rebuild", service, &self.data(), &[]).await.succeeded();
            return;
        };
        let mut rebuild = Command::new(env!("CARGO_BIN_EXE_myevents"))
            .args(["rebuild", service, "--data-dir"])
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(after).await;
        rebuild.kill().unwrap();
        rebuild.wait().unwrap();
    }

    /// Where the folder is left for whoever looks for the fault.
    fn keep(&mut self) -> PathBuf {
        self.root.disable_cleanup(true);
        if let Some(disk) = &self.disk {
            let kept = self.root.path().join("data");
            // What cannot be copied is no reason to hide what was found.
            let _ = Command::new("cp").arg("-a").arg(disk.path()).arg(kept).status();
        }
        self.root.path().to_owned()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if std::thread::panicking() {
            super::tell(&format!("the folder is kept: {}", self.keep().display()));
        }
    }
}
