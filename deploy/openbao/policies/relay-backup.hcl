# The backup job: takes snapshots. It can neither restore one nor decrypt anything.
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
