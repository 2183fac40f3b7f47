//! What clients seal and open: the relay keeps it and may change it.

use crate::{Target, seeds};

pub const KEYSTORE: Target = Target {
    name: "keystore",
    what: "a sealed keystore as the relay serves it, and the content inside",
    run: sealpost_sdk::fuzzing::keystore,
    seeds: sealpost_sdk::fuzzing::keystores,
};

pub const CONTENT: Target = Target {
    name: "content",
    what: "the padded plaintext of an event, from another member",
    run: sealpost_sdk::fuzzing::content,
    seeds: || {
        let padded = seeds::of_vectors(include_str!("../../../protocol/vectors/padding.json"));
        let contents = seeds::of_vectors(include_str!("../../../protocol/vectors/epoch.json"));
        [padded, contents].concat()
    },
};

pub const APPROVAL: Target = Target {
    name: "approval",
    what: "the plaintext of what lets a new device in, from somebody who has seen its code",
    run: sealpost_sdk::fuzzing::approval,
    seeds: sealpost_sdk::fuzzing::approvals,
};
