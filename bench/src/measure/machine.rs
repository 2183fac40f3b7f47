//! What the numbers were measured on.

use std::{fs, path::Path};

use serde::Serialize;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of statfs(2).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Its processors, as the kernel calls them.
    pub processor: String,
    /// How many of them this process may use.
    pub cores: usize,
    /// Memory in GiB.
    pub memory_gib: u64,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    /// This one. What cannot be read stays empty.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.map(|line| line.trim_start_matches([' ', '\t', ':']).trim());
            value.unwrap_or_default().to_owned()
        };
        let memory = after(&read("/proc/meminfo"), "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Self {
            processor: after(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// Whether a folder lies in memory, where an fsync costs nothing.
#[must_use]
pub fn is_in_memory(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|facts| {
        let kind = u64::try_from(facts.f_type).unwrap_or_default();
        IN_MEMORY.contains(&kind)
    })
}

/// Whether this program, and so the relay beside it, was built to be fast.
#[must_use]
pub const fn is_optimised() -> bool {
    !cfg!(debug_assertions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_memory_and_a_kernel() {
        let machine = Machine::this();
        assert!(machine.cores > 0 && machine.memory_gib > 0, "{machine:?}");
        assert!(!machine.kernel.is_empty(), "{machine:?}");
    }

    #[test]
    fn files_in_proc_are_not_taken_for_memory_backed_data() {
        assert!(!is_in_memory(Path::new("/proc")));
        assert!(!is_in_memory(Path::new("/does/not/exist")));
    }
}
