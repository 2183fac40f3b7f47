//! Codes as people copy them.

use proptest::prelude::*;

use super::*;
use crate::account::approval::NotADeviceCode;

fn code() -> DeviceCode {
    let mut rng = entropy::system();
    DeviceCode::new(entropy::draw(&mut rng), entropy::draw(&mut rng), "alice")
}

#[test]
fn device_code_says_what_it_is_and_is_read_as_people_copy_it() {
    let code = code();
    let text = code.expose_text();
    let symbols = text.strip_prefix("sealpost-new-device:alice:").unwrap();
    assert!(symbols.len() == 99 && symbols.split('-').all(|group| group.len() == 4));
    for typed in [
        format!(" {}\n", *text),
        text.replace(symbols, &symbols.to_lowercase()),
        text.replace(symbols, &symbols.replace('-', "")),
        text.replace(
            symbols,
            &symbols.replace('-', " ").replace('0', "o").replace('1', "l"),
        ),
    ] {
        let read = DeviceCode::parse(&typed).unwrap();
        assert_eq!((read.handle(), read.request()), ("alice", code.request()));
        assert_eq!(read.token().expose_bytes(), code.token().expose_bytes());
    }
}

#[test]
fn device_of_an_account_of_before_the_rule_on_handles_has_a_code_too() {
    let mut rng = entropy::system();
    let code = DeviceCode::new(entropy::draw(&mut rng), entropy::draw(&mut rng), "-alice");
    assert_eq!(DeviceCode::parse(&code.expose_text()).unwrap().handle(), "-alice");
}

#[test]
fn cut_altered_and_foreign_codes_are_refused() {
    let text = code().expose_text();
    let (_, symbols) = text.rsplit_once(':').unwrap();
    for wrong in [
        "",
        symbols,
        &text[..text.len() - 1],
        &format!("{}0", *text),
        &text.replace("alice", "mallory"),
        &text.replace("alice", "Alice"),
        &text.replace("new-device", "agent"),
        &text.replace("alice:", ""),
        &text.replacen(&symbols[..1], "U", 1),
    ] {
        assert_eq!(DeviceCode::parse(wrong).err(), Some(NotADeviceCode), "{wrong}");
    }
    let pairing =
        "000G-40R4-0M30-E209-185G-R38E-1W00-20G3-0G2G-C1R8-1450-P30D-1R7H-048J-2CA1-A5GQ-30CH-M6RW-3MF1-YFWA";
    let as_device = format!("sealpost-new-device:alice:{pairing}");
    assert_eq!(DeviceCode::parse(&as_device).err(), Some(NotADeviceCode));
}

proptest! {
    #[test]
    fn any_text_is_judged_as_a_device_code_without_panic(text: String) {
        let _ = DeviceCode::parse(&text);
        let _ = DeviceCode::parse(&format!("sealpost-new-device:alice:{text}"));
    }
}
