//! Well-formed inputs, taken from the vectors of the protocol.

use serde_json::Value;

/// Every run of hex in a vector file, as bytes.
pub fn of_vectors(json: &str) -> Vec<Vec<u8>> {
    let value = serde_json::from_str(json).expect("vector files are JSON");
    let mut found = Vec::new();
    collect(&value, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) if text.len() >= 8 => found.extend(hex::decode(text)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// These texts, as bytes.
pub fn of_texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
