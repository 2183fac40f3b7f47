# Takes and restores snapshots.
path "sys/storage/raft/snapshot"       { capabilities = ["read", "update"] }
path "sys/storage/raft/snapshot-force" { capabilities = ["update"] }

# Rotates the key and retires old versions. An unrestricted "config" could make the key exportable for good.
path "transit/keys/relay-atrest"        { capabilities = ["read"] }
path "transit/keys/relay-atrest/rotate" { capabilities = ["update"] }
path "transit/keys/relay-atrest/config" {
  capabilities       = ["update"]
  allowed_parameters = { "min_decryption_version" = [], "min_encryption_version" = [], "auto_rotate_period" = [] }
}

# Puts the relay's and the backup job's new secret ids in place, and takes old ones back.
path "auth/approle/role/relay/custom-secret-id"   { capabilities = ["update"] }
path "auth/approle/role/relay/secret-id/destroy"  { capabilities = ["update"] }
path "auth/approle/role/backup/custom-secret-id"  { capabilities = ["update"] }
path "auth/approle/role/backup/secret-id/destroy" { capabilities = ["update"] }
path "auth/userpass/users/operator/password"      { capabilities = ["update"] }

# Makes recovery keys and, with a quorum of them, a root token to break the glass.
path "sys/rotate/recovery/*"     { capabilities = ["read", "update", "sudo"] }
path "sys/generate-root-token/*" { capabilities = ["read", "update", "delete", "sudo"] }
path "auth/token/lookup-self"    { capabilities = ["read"] }
