# A certificate authority for tests; sourced after lib.sh.
# shellcheck shell=bash

# new_authority FOLDER: ca.pem and ca.key.
new_authority() {
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj "/CN=Authority of a test" \
        -addext basicConstraints=critical,CA:TRUE -keyout "$1/ca.key" -out "$1/ca.pem"
}

# new_certificate FOLDER TARGET NAME...: TARGET/certificate.pem and TARGET/key.pem, signed by the authority of FOLDER.
new_certificate() {
    local folder=$1 target=$2
    shift 2
    quietly openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$1" -keyout "$target/key.pem" -out "$folder/request.pem"
    quietly openssl x509 -req -in "$folder/request.pem" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -days 2 -out "$target/certificate.pem" \
        -extfile <(printf '%s\n' basicConstraints=critical,CA:FALSE extendedKeyUsage=serverAuth "subjectAltName=$(printf ',DNS:%s' "$@" | cut -c 2-)")
    rm "$folder/request.pem"
    chmod 0444 "$target/key.pem" "$target/certificate.pem"
}
