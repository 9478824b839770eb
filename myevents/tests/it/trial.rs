//! One platform on trial: a folder that outlives its processes, and clients that outlive them too.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use chassis::faults;
use tempfile::TempDir;
use testkit::history::{Address, Findings, History, Load, LoadOptions, Parts, check};
use testkit::{Platform, PlatformBuilder};
use tokio::time::timeout;

/// How long it may take until a point is reached.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long clients wait where a guard is off: much of what they wait for never comes.
const IN_VAIN: Duration = Duration::from_secs(1);

pub(crate) const SIGKILL: i32 = 9;

pub(crate) struct Trial {
    folder: TempDir,
    pub(crate) address: Address,
    unguarded: Option<&'static str>,
}

impl Trial {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            address: Address::default(),
            unguarded: None,
        }
    }

    /// With a guard taken away: now something has to go wrong.
    pub(crate) fn without(guard: &'static str) -> Self {
        assert!(faults::GUARDS.contains(&guard), "{guard}");
        Self {
            unguarded: Some(guard),
            ..Self::new()
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn builder(&self) -> PlatformBuilder {
        let builder = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"]).folder(self.folder());
        match self.unguarded {
            Some(guard) => builder.variable(faults::UNGUARD, guard),
            None => builder,
        }
    }

    /// Starts it where clients find it.
    pub(crate) async fn start(&self) -> Platform {
        self.enter(self.builder()).await
    }

    pub(crate) async fn enter(&self, builder: PlatformBuilder) -> Platform {
        let platform = builder.start().await;
        self.address.set(&platform);
        platform
    }

    /// SIGKILL, while clients are at it.
    pub(crate) async fn kill(&self, platform: Platform) {
        self.address.clear();
        platform.kill().await;
    }

    /// Starts it with the order to die at a point, and waits until it has.
    pub(crate) async fn die_at(&self, point: &str, nth: u32) {
        let builder = self.builder().variable(faults::KILL, &format!("{point}@{nth}"));
        let ended = match builder.try_start().await {
            Ok(mut platform) => {
                self.address.set(&platform);
                let ended = timeout(PATIENCE, platform.ended()).await;
                let status = ended.unwrap_or_else(|_| panic!("{point} is not reached {nth} times"));
                self.address.clear();
                status
            }
            Err(ended) => ended.status,
        };
        assert_eq!(ended.signal(), Some(SIGKILL), "{point}@{nth}: {ended}");
    }

    pub(crate) fn load(&self, seed: u64) -> Load {
        let mut options = LoadOptions {
            seed,
            ..LoadOptions::default()
        };
        if self.unguarded.is_some() {
            options.patience = IN_VAIN;
        }
        Load::start(&self.address, options)
    }

    /// Ends the load and holds what was recorded against the platform.
    pub(crate) async fn judge(&self, load: Load, platform: &Platform) -> Findings {
        self.judge_history(&load.finish().await, platform).await
    }

    pub(crate) async fn judge_history(&self, history: &History, platform: &Platform) -> Findings {
        check(history, &platform.client(), &Parts::of_folder(self.folder())).await
    }
}
