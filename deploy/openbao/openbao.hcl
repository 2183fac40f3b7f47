# OpenBao as the relay's key service. At its first start it makes the Transit key, two roles and an operator by itself and
# revokes the token it did that with; afterwards nobody holds a root token. A failed first start must begin again with an
# empty data folder. README.md says what to do with the operator's password and the seal key.
api_addr     = "https://openbao:8200"
cluster_addr = "https://openbao:8201"
ui           = false

storage "raft" {
  path                   = "/openbao/data"
  node_id                = "openbao-1"
  performance_multiplier = 1 # one node: nobody to wait for before it elects itself
}

listener "tcp" {
  address                  = "0.0.0.0:8200"
  cluster_address          = "0.0.0.0:8201"
  tls_cert_file            = "/run/secrets/openbao_certificate"
  tls_key_file             = "/run/secrets/openbao_key"
  tls_min_version          = "tls13"
  max_request_json_strings = 20000 # the default of 1000 refuses batches of 150 items with associated data
}

# Opens the server by itself after a restart. A snapshot is worth nothing without this key.
seal "static" {
  current_key_id = "seal-1"
  current_key    = "file:///run/secrets/openbao_seal_key"
}

# To the container's log, which is rotated: a full disk would otherwise stop every request. A restored snapshot needs the same stanza.
audit "file" "to-stdout" {
  options { file_path = "stdout" }
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

initialize "policies" {
  request "relay" {
    operation = "update"
    path      = "sys/policies/acl/relay-atrest"
    data      = { policy = { eval_type = "string" eval_source = "file" path = "/openbao/config/policies/relay-atrest.hcl" } }
  }
  request "backup" {
    operation = "update"
    path      = "sys/policies/acl/relay-backup"
    data      = { policy = { eval_type = "string" eval_source = "file" path = "/openbao/config/policies/relay-backup.hcl" } }
  }
  request "operator" {
    operation = "update"
    path      = "sys/policies/acl/operator"
    data      = { policy = { eval_type = "string" eval_source = "file" path = "/openbao/config/policies/operator.hcl" } }
  }
}

initialize "roles" {
  request "enable" {
    operation = "update"
    path      = "sys/auth/approle"
    data      = { type = "approle" }
  }
  request "relay" {
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
  request "relay-secret" {
    operation = "update"
    path      = "auth/approle/role/relay/custom-secret-id"
    data      = { secret_id = { eval_type = "string" eval_source = "file" path = "/run/secrets/openbao_relay_secret_id" } }
  }
  request "backup" {
    operation = "update"
    path      = "auth/approle/role/backup"
    data = {
      role_id                 = "backup"
      token_policies          = ["relay-backup", "relay-atrest"]
      token_no_default_policy = true
      token_type              = "service"
      token_ttl               = "5m"
      token_max_ttl           = "5m"
    }
  }
  request "backup-secret" {
    operation = "update"
    path      = "auth/approle/role/backup/custom-secret-id"
    data      = { secret_id = { eval_type = "string" eval_source = "file" path = "/run/secrets/openbao_backup_secret_id" } }
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
      password       = { eval_type = "string" eval_source = "file" path = "/run/secrets/openbao_operator_password" }
      token_policies = ["operator"]
      token_ttl      = "15m"
    }
  }
}
