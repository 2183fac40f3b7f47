//! What a relay tells of itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sealpost_tests::relay::ChildRelay;

/// The relay's metrics at one moment, those with labels aside.
#[derive(Clone, Debug)]
pub struct Numbers(BTreeMap<String, f64>);

impl Numbers {
    /// Asks the relay.
    pub async fn of(relay: &ChildRelay) -> Self {
        let (_, text) = relay.addresses().ask_ops("/metrics").await;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let number = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Self(text.lines().filter_map(number).collect())
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Result<f64> {
        let number = self.0.get(name).copied();
        number.with_context(|| format!("the relay does not tell `{name}`"))
    }

    /// The same where it counts.
    pub fn count(&self, name: &str) -> Result<u64> {
        Ok(self.get(name)? as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_found_by_its_whole_name() {
        let text =
            "# TYPE a_calls counter\na_calls_total_more 5\na_calls_total 12\nb{state=\"c\"} 3\n# EOF\n";
        let numbers = Numbers::parse(text);
        assert_eq!(numbers.count("a_calls_total_more").unwrap(), 5);
        assert_eq!(numbers.count("a_calls_total").unwrap(), 12);
        assert!(numbers.get("b").is_err() && numbers.get("a_calls").is_err());
    }
}
