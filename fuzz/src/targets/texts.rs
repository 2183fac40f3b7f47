//! Texts that people, proxies and operators write.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{EventId, PrincipalId, SpaceId, WriterId};
use sealpost_relay::config::{Config, Sources};
use sealpost_sdk::{DeviceCode, RecoveryCode};

use crate::{Target, seeds};

pub const CONTACT_CARD: Target = Target {
    name: "contact_card",
    what: "a contact card, pasted by a person",
    run: |bytes| with_text(bytes, sealpost_sdk::fuzzing::contact_card),
    seeds: || vec![sealpost_sdk::fuzzing::a_contact_card().into_bytes()],
};

pub const RECOVERY_CODE: Target = Target {
    name: "recovery_code",
    what: "a recovery code, typed by a person",
    run: |bytes| with_text(bytes, |text| drop(RecoveryCode::parse(text))),
    seeds: || vec![sealpost_sdk::fuzzing::a_recovery_code().into_bytes()],
};

pub const DEVICE_CODE: Target = Target {
    name: "device_code",
    what: "the code of a new device, typed by a person",
    run: |bytes| {
        with_text(bytes, |text| {
            if let Ok(code) = DeviceCode::parse(text) {
                let again = DeviceCode::parse(&code.expose_text());
                assert!(again.is_ok_and(|again| again.expose_text() == code.expose_text()));
            }
        });
    },
    seeds: || vec![DEVICE_CODE_SEED.as_bytes().to_vec()],
};

const DEVICE_CODE_SEED: &str = "sealpost-new-device:alice:000G-40R4-0M30-E209-185G-R38E-1W5G-0R95-EFPT-BTDW-73RA-FSBT-AGTJ-K7JT-DGBK-FP09-ARFK-EJXN-A306-VPM2";

pub const IDS_AND_TOKENS: Target = Target {
    name: "ids_and_tokens",
    what: "ids, tokens and codes in paths, headers and bodies",
    run: |bytes| {
        with_text(bytes, |text| {
            same_text::<SpaceId>(text);
            same_text::<PrincipalId>(text);
            same_text::<EventId>(text);
            same_text::<WriterId>(text);
            same_text::<ErrorCode>(text);
            drop(SecretToken::parse(text));
        });
    },
    seeds: || {
        seeds::of_texts(&[
            "4141414141414141414141414141414141414141414141414141414141414141",
            "41414141414141414141414141414141",
            "stale_epoch",
            "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE",
        ])
    },
};

pub const FORWARDED_FOR: Target = Target {
    name: "forwarded_for",
    what: "the header X-Forwarded-For behind a trusted proxy",
    run: |bytes| {
        let mut headers = HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(value) = line.try_into() {
                headers.append("x-forwarded-for", value);
            }
        }
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let stranger = IpAddr::from([192, 0, 2, 1]);
        sealpost_relay::fuzzing::client_address(proxy, &headers, |hop| hop == proxy);
        let own = sealpost_relay::fuzzing::client_address(stranger, &headers, |hop| hop == proxy);
        assert_eq!(own, stranger, "a header of a stranger counts for nothing");
    },
    seeds: || {
        seeds::of_texts(&[
            "192.0.2.7",
            "198.51.100.9, 10.0.0.1",
            "[2001:db8::1]:443,10.0.0.1\n192.0.2.7:80",
        ])
    },
};

pub const CONFIGURATION: Target = Target {
    name: "configuration",
    what: "the operator's configuration file",
    run: |bytes| {
        with_text(bytes, |text| {
            if let Ok(table) = toml::from_str(text) {
                drop(Config::load(Sources::default().over(table)));
            }
        });
    },
    seeds: || vec![include_bytes!("../../../relay/sealpost.example.toml").to_vec()],
};

fn with_text(bytes: &[u8], run: impl Fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        run(text);
    }
}

/// What parses says of itself what was parsed.
fn same_text<T: FromStr + ToString>(text: &str) {
    if let Ok(value) = T::from_str(text) {
        assert_eq!(value.to_string(), text, "one text for one value");
    }
}
