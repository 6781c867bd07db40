#!/bin/bash
# make-images.sh DIR   OCI layout DIR/oci with the test images: busybox, layers-{gzip,zstd,plain}, multi (index: amd64+arm64+arm/v7), config
# and DIR/expect-layers.txt: what the flattened layers-* root must hold (path type mode [detail])
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); mkdir -p "$1"; cd "$1"; I=$PWD; rm -rf "$I/oci" w; mkdir -p w
/usr/bin/python3 "$here/mkimages.py" "$I"; rm -rf w; touch done
