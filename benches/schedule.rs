//! How much of the quotas is used, who waits for whom, and is any window ever over? In virtual time, on the real client, a
//! real store and the simulator, which enforces and watches every window.
//!
//! `cargo bench --bench schedule` prints the figures and fails where a promise is broken; a word behind it
//! (`-- leaver`) runs only the stories whose name holds it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a report, and helpers of tests"
)]
#![allow(unused_crate_dependencies, reason = "the package's other targets use them")]

#[path = "../tests/cycle/bench.rs"]
mod bench;
#[path = "../tests/cycle/figures.rs"]
mod figures;

use figures::{Size, Used};

/// What the last argument asks for.
fn asked_for(story: &str) -> bool {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    wanted.is_empty() || wanted.iter().any(|w| story.contains(w.as_str()))
}

/// Runs one story under paused time and prints its line; answers whether the promise was kept.
fn story(name: &str, run: impl Future<Output = (String, bool)>) -> bool {
    if !asked_for(name) {
        return true;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (line, kept) = runtime.block_on(run);
    println!("{} {name}: {line}", if kept { "kept  " } else { "BROKEN" });
    kept
}

fn told(used: &Used) -> String {
    let Used { seconds, ratio, refused, fullest } = used;
    format!("{seconds:.0} s, {ratio:.4} of the bound, {refused} times 429, fullest window {:.1} %", fullest * 100.0)
}

fn main() -> std::process::ExitCode {
    let kept = [
        story("quota, 20,000 provisions at two writes, killed halfway", async {
            let used = figures::a_quota_is_used_up(Size::full(20_000)).await;
            (told(&used), used.ratio <= 1.02 && used.refused == 0)
        }),
        story("foreign app takes 30 %, the tenant does not say how full it is", async {
            let used = figures::a_foreign_app_takes_its_share(Size::full(20_000), false).await;
            (told(&used), used.refused <= 8 && used.ratio <= 1.1)
        }),
        story("foreign app takes 30 %, the tenant says it", async {
            let used = figures::a_foreign_app_takes_its_share(Size::full(20_000), true).await;
            (told(&used), used.refused <= 8 && used.ratio <= 1.1)
        }),
        story("leaver behind 100,000 pending provisions, polled every minute", async {
            let seconds = figures::a_leaver_behind(Size::full(100_000), 60).await;
            (format!("gone after {seconds:.1} s"), seconds <= 65.0)
        }),
        story("twelve tenants on one client id, 15 minutes", async {
            let (unfair, used) = figures::twelve_targets_of_one_app(Size::full(10_000), 3).await;
            (format!("most over least {unfair:.3}; {}", told(&used)), unfair <= 1.05 && used.refused == 0)
        }),
        story("tenant that hangs for an hour beside two that work", async {
            let (well, hanging) = figures::beside_a_tenant_that_hangs(Size::full(5_000)).await;
            (format!("{well:.1} s without it, {hanging:.1} s beside it"), (hanging - well).abs() <= 1.0)
        }),
    ];
    if kept.iter().all(|kept| *kept) { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
