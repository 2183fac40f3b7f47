# The relay: encrypts and decrypts, keeps its own token alive, and nothing else. "update" rather than "create", so that a mistyped
# name cannot make a key.
path "transit/encrypt/relay-atrest" { capabilities = ["update"] }
path "transit/decrypt/relay-atrest" { capabilities = ["update"] }
path "auth/token/renew-self"        { capabilities = ["update"] }
path "auth/token/lookup-self"       { capabilities = ["read"] }
