# Written by sealpost-relay at every start. Paths are relative to this folder, where the server runs.
api_addr     = "http://@ADDRESS@"
cluster_addr = "https://127.0.0.1:0"
ui           = false

storage "raft" {
  path                   = "data"
  node_id                = "embedded"
  performance_multiplier = 1 # one node: nobody to wait for before it elects itself
}

listener "tcp" {
  address                  = "@ADDRESS@"
  cluster_address          = "127.0.0.1:0"
  tls_disable              = true  # loopback only
  max_request_json_strings = 20000 # the default of 1000 refuses batches of 150 items with associated data
}

seal "static" {
  current_key_id = "embedded-1"
  current_key    = "file://seal.key"
}

audit "file" "audit" {
  options { file_path = "audit.log" }
}

initialize "transit" {
  request "mount" {
    operation = "update"
    path      = "sys/mounts/transit"
    data      = { type = "transit" }
  }
  request "key" {
    operation = "update"
    path      = "transit/keys/relay-atrest"
    data      = { type = "aes256-gcm96" }
  }
}

# Least privilege: "update" rather than "create", so that a mistyped name cannot make a key.
initialize "policies" {
  request "relay" {
    operation = "update"
    path      = "sys/policies/acl/relay-atrest"
    data = {
      policy = <<EOT
path "transit/encrypt/relay-atrest" { capabilities = ["update"] }
path "transit/decrypt/relay-atrest" { capabilities = ["update"] }
path "auth/token/renew-self"        { capabilities = ["update"] }
path "auth/token/lookup-self"       { capabilities = ["read"] }
EOT
    }
  }
  request "backup" {
    operation = "update"
    path      = "sys/policies/acl/relay-backup"
    data = {
      policy = <<EOT
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
EOT
    }
  }
  request "operator" {
    operation = "update"
    path      = "sys/policies/acl/operator"
    data      = { policy = { eval_type = "string" eval_source = "file" path = "operator.policy.hcl" } }
  }
}

initialize "relay" {
  request "enable" {
    operation = "update"
    path      = "sys/auth/approle"
    data      = { type = "approle" }
  }
  request "role" {
    operation = "update"
    path      = "auth/approle/role/relay"
    data = {
      role_id                 = "relay"
      token_policies          = ["relay-atrest"]
      token_no_default_policy = true
      token_type              = "service"
      token_period            = "1h"
    }
  }
  request "secret" {
    operation = "update"
    path      = "auth/approle/role/relay/custom-secret-id"
    data      = { secret_id = { eval_type = "string" eval_source = "file" path = "relay-secret-id" } }
  }
}

# Takes snapshots, for backups, and can do nothing else.
initialize "backup" {
  request "role" {
    operation = "update"
    path      = "auth/approle/role/backup"
    data = {
      role_id                 = "backup"
      token_policies          = ["relay-backup"]
      token_no_default_policy = true
      token_type              = "service"
      token_ttl               = "5m"
    }
  }
  request "secret" {
    operation = "update"
    path      = "auth/approle/role/backup/custom-secret-id"
    data      = { secret_id = { eval_type = "string" eval_source = "file" path = "backup-secret-id" } }
  }
}

# Self-initialisation leaves no root token: without this user the server could never be administered.
initialize "operator" {
  request "enable" {
    operation = "update"
    path      = "sys/auth/userpass"
    data      = { type = "userpass" }
  }
  request "user" {
    operation = "update"
    path      = "auth/userpass/users/operator"
    data = {
      password       = { eval_type = "string" eval_source = "file" path = "operator-password" }
      token_policies = ["operator"]
      token_ttl      = "15m"
    }
  }
}
