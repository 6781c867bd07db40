#!/bin/bash
# make-registry.sh PORT DIR [plain|tls|basic|token]    start Debian's docker-registry on 127.0.0.1:PORT with its store,
#   log, pid, certs under DIR and push the test images into it.  Prints what a test needs as KEY=VALUE lines:
#   REGISTRY URL CA USER PASS PID REF_<name>...   Stop it with: kill $(cat DIR/pid)
#   plain  http, no auth          tls    https with a CA made here (DIR/ca.crt), no auth
#   basic  https + htpasswd (bob/hunter2)
#   token  https + Bearer tokens from DIR's own token server on TOKEN_PORT (PORT+1) (bob/hunter2; anonymous gets pull of public/*)
# NOPUSH=1 starts it empty.
# Needs: apt-get install -y --no-install-recommends docker-registry skopeo umoci busybox-static apache2-utils zstd openssl attr python3
set -euo pipefail
TOKEN_PORT=${TOKEN_PORT:-$(($1+1))}
here=$(cd "$(dirname "$0")" && pwd); PORT=$1 D=$2 MODE=${3:-plain}; mkdir -p "$D/store"; D=$(cd "$D" && pwd)
H=127.0.0.1:$PORT SCHEME=http CA= U= P=
extra_http='' auth=''
if [ "$MODE" != plain ]; then
  SCHEME=https CA=$D/ca.crt
  if [ ! -s "$D/srv.crt" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=kakuri test CA' \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -keyout "$D/ca.key" -out "$D/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' -keyout "$D/srv.key" -out "$D/srv.csr" 2>/dev/null
    openssl x509 -req -in "$D/srv.csr" -CA "$D/ca.crt" -CAkey "$D/ca.key" -CAcreateserial -days 3650 -out "$D/srv.crt" \
      -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n') 2>/dev/null
    mkdir -p "$D/certs.d/$H" && cp "$D/ca.crt" "$D/certs.d/$H/ca.crt"
  fi
  extra_http=$'\n  tls:\n    certificate: '"$D/srv.crt"$'\n    key: '"$D/srv.key"
fi
case $MODE in
 basic) U=bob P=hunter2; htpasswd -Bbn $U $P > "$D/htpasswd"; auth=$'auth:\n  htpasswd:\n    realm: kakuri-test\n    path: '"$D/htpasswd";;
 token) U=bob P=hunter2
   openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=token signer' -keyout "$D/tok.key" -out "$D/tok.crt" 2>/dev/null
   auth=$'auth:\n  token:\n    realm: https://127.0.0.1:'"$TOKEN_PORT"$'/token\n    service: kakuri-registry\n    issuer: kakuri-issuer\n    rootcertbundle: '"$D/tok.crt"
   TOK_KEY=$D/tok.key TOK_CRT=$D/tok.crt TLS_CRT=$D/srv.crt TLS_KEY=$D/srv.key /usr/bin/python3 "$here/token-server.py" $TOKEN_PORT >"$D/token.log" 2>&1 & echo $! > "$D/token.pid";;
esac
cat > "$D/config.yml" <<Y
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage:
  filesystem: {rootdirectory: $D/store}
  delete: {enabled: true}
http:
  addr: $H$extra_http
$auth
Y
docker-registry serve "$D/config.yml" >"$D/log" 2>&1 & PID=$!; echo $PID > "$D/pid"; disown
C=(curl -s -o /dev/null -w '%{http_code}'); [ -n "$CA" ] && C+=(--cacert "$CA")
[ "$MODE" != token ] || for i in $(seq 200); do (: </dev/tcp/127.0.0.1/$TOKEN_PORT) 2>/dev/null && break; sleep 0.05; done
for i in $(seq 200); do c=$("${C[@]}" $SCHEME://$H/v2/ || :); case $c in 200|401) break;; esac; kill -0 $PID || { cat "$D/log" >&2; exit 1; }; sleep 0.05; done
echo "REGISTRY=$H"; echo "URL=$SCHEME://$H"; echo "CA=$CA"; echo "USER=$U"; echo "PASS=$P"; echo "PID=$PID"
[ -n "${NOPUSH:-}" ] && exit 0
I=${IMAGES:-$D/images}; [ -s "$I/done" ] || "$here/make-images.sh" "$I"
S=(skopeo --insecure-policy copy -q); [ -n "$CA" ] && S+=(--dest-cert-dir "$D/certs.d/$H") || S+=(--dest-tls-verify=false); [ -n "$U" ] && S+=(--dest-creds "$U:$P")
while read -r name src opts; do
  "${S[@]}" $opts "oci:$I/oci:$src" "docker://$H/public/$name" && echo "REF_${name//[:.-]/_}=$H/public/$name"
done <<L
busybox:latest busybox --format=v2s2
busybox:oci busybox --format=oci
layers:gzip layers-gzip --format=oci
layers:zstd layers-zstd --preserve-digests
layers:plain layers-plain --preserve-digests
layers:docker layers-gzip --format=v2s2
multi:latest multi --all
config:all config --format=oci
L
