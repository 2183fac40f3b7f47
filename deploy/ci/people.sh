# Alice and Bob at the command line; sourced after lib.sh. `homes` is the folder of their devices, `cli` the command.
# shellcheck shell=bash
# shellcheck disable=SC2154 # both are of the script

# become HOME VERB...: turns this process into the command on one device; alice-second is another device of alice's.
become() {
    local home=$1
    shift
    export SEALPOST_HOME=$homes/$home SEALPOST_PASSPHRASE_FILE=$homes/${home%%-*}.passphrase \
        SEALPOST_RECOVERY_FILE=$homes/${home%%-*}.recovery SEALPOST_DEVICE_NAME=$home
    exec "$cli" "$@"
}
on() { (become "$@"); }
lines() { wc -l <"$1"; }
at_least() { (($(lines "$1") >= $2)); }

# until_true SECONDS WHAT COMMAND...: waits for something that another process does.
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) || failed "waited in vain for $what"
        sleep 0.05
    done
}

register() {
    openssl rand -hex 16 >"$homes/$1.passphrase"
    on "$1" register "$1-$$" --recovery-code-to "$homes/$1.recovery" --json >/dev/null
}

# let_in SPACE NAME: Alice confirms somebody and adds them.
let_in() {
    on "$2" contact card >"$homes/$2.card"
    on alice contact import "$homes/$2.card" >/dev/null
    on alice contact confirm "$2-$$" --fingerprint "$(on "$2" fingerprint --json | field fingerprint)" >/dev/null
    on alice space add-member "$1" "$2-$$" >/dev/null
}

# share SPACE: a space of Alice's with Bob in it, its id on standard output.
share() {
    local space
    space=$(on alice space create "$1" --json | field space)
    let_in "$space" bob
    printf '%s\n' "$space"
}
