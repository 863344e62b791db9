//! What the operating system says of processes.

use std::process::Child;

/// This process's CPU time in seconds, from `/proc`; 0 where there is none.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// A process's highest resident memory in MB, from `/proc`; 0 where there is none.
#[must_use]
pub fn peak_memory_mb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Waits for a process to end, and says the highest memory that was seen meanwhile, in MB.
///
/// # Errors
/// Where it cannot be waited for.
pub fn watched(child: &mut Child) -> std::io::Result<(std::process::ExitStatus, u64)> {
    let mut highest = 0;
    loop {
        highest = highest.max(peak_memory_mb(child.id()));
        if let Some(status) = child.try_wait()? {
            return Ok((status, highest));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
