//! The command where a tail was superseded: a person's devices, and an agent.

use sealpost_tests::command::{Ended, Sealpost};
use serde_json::Value;

use crate::healing::{Stage, options};
use crate::scene::Vault;

fn text<'l>(line: &'l Value, name: &str) -> &'l str {
    line[name].as_str().unwrap()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| text(line, "text")).collect()
}

/// Alice's agent, in a space of hers.
fn helper(at: &str, alice: &Sealpost, space: &str) -> Sealpost {
    let pairing = alice.json(["agent", "pair", "--name", "helper"]);
    let helper = Sealpost::new(at);
    std::fs::write(helper.file("code"), text(&pairing[0], "pairing_code")).unwrap();
    let mut enrolling = helper.command(["--json", "agent", "enroll"]);
    enrolling.env("SEALPOST_PAIRING_FILE", helper.file("code"));
    let enrolled = Ended::of(enrolling.spawn().unwrap()).expect_done().lines();
    let words = text(&enrolled[0], "fingerprint_words");
    let approving = [
        "agent",
        "approve",
        "helper",
        "--space",
        space,
        "--fingerprint",
        words,
    ];
    alice.json(approving);
    helper
}

#[tokio::test(flavor = "multi_thread")]
async fn command_asks_for_consent_and_publishes_again_what_was_lost() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let at = &stage.way.url;
    let (first, second) = (Sealpost::new(at), Sealpost::new(at));
    first.json(["register", "alice"]);
    let created = first.json(["space", "create", "garden"]);
    let space = text(&created[0], "space");
    let helper = helper(at, &first, space);
    first.json(["send", "garden", "in the backup"]);
    helper.json(["tail", space]);
    let backup = vault.create(&config, &old).await;
    first.json(["send", "garden", "lost"]);
    helper.json(["send", space, "lost answer"]);
    assert_eq!(texts(&helper.json(["tail", space])).len(), 3);
    first.json(["tail", "garden"]);

    let new = stage.restore(old, &vault, &backup.path).await;
    second.json(["login", "alice"]);
    second.json(["send", "garden", "instead"]);
    let told = first.run(["--json", "tail", "garden"]);
    assert_eq!((told.code, texts(&told.lines())[1..].len()), (6, 2), "{told:?}");
    let failure: Value = serde_json::from_str(told.err.lines().last().unwrap()).unwrap();
    assert_eq!(text(&failure["error"], "code"), "superseded");
    assert!(
        text(&failure["error"], "hint").contains("space go-on"),
        "{failure}"
    );
    // There is nobody to ask.
    assert_eq!(first.run(["space", "go-on", "garden"]).code, 2);
    let again = first.json(["space", "go-on", "garden", "--yes"]);
    assert_eq!(again[0]["published_again"], 1, "{again:?}");
    assert_eq!(again[0]["removed"], serde_json::json!([]));
    let lost = first.json(["space", "lost", "garden"]);
    assert_eq!(texts(&lost), ["lost", "lost answer"]);

    // Whoever runs an agent consents for it. What it was told to send meanwhile is kept, and goes with the rest.
    let stopped = helper.run(["--json", "send", space, "into which?"]);
    assert_eq!(stopped.code, 6, "{stopped:?}");
    let failure: Value = serde_json::from_str(stopped.err.lines().last().unwrap()).unwrap();
    assert_eq!(failure["error"]["kept"], 1, "{failure}");
    let again = helper.run(["space", "go-on", space, "--yes"]).expect_done();
    assert!(
        again.out.contains("2 messages of yours published again"),
        "{again:?}"
    );
    let all = second.json(["tail", "garden"]);
    let expected = ["in the backup", "instead", "lost", "lost answer", "into which?"];
    assert_eq!(texts(&all), expected);
    assert!(helper.json(["outbox", "list", space]).is_empty());
    assert_eq!(all[2]["first_event_id"], lost[0]["event_id"]);
    assert_eq!(all[1]["first_event_id"], Value::Null);

    // Nothing is left to ask about, and nothing to publish.
    let again = first.json(["space", "go-on", "garden"]);
    assert_eq!(again[0]["published_again"], 0, "{again:?}");
    let nothing = second.run(["space", "go-on", "garden", "--yes"]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.err.contains("nothing to go on without"), "{nothing:?}");
    new.stop().await;
}
