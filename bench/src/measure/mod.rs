//! How things are measured: CPU time and memory from `/proc`, latencies in histograms, all within one window of time.

mod cpu;
mod latency;
mod machine;
mod memory;
mod window;

pub use cpu::{Actor, CpuTimes};
pub use latency::{Latencies, Percentiles};
pub use machine::{Machine, is_in_memory, is_optimised};
pub use memory::proportional_set_size;
pub use window::{Measured, Meter, Times, Window};
