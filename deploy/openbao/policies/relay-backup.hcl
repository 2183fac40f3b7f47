# The backup job: takes snapshots, and can restore none. What it seals and looks into besides it does as relay-atrest.hcl says.
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
