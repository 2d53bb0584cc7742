#!/usr/bin/env bash
# Puts Fabrice Bellard's `qjs` into /usr/local/bin, built from Debian's source package: Debian 12 has no binary of it. Needs apt, a C
# compiler and make; takes half a minute.
set -euo pipefail

RELEASE=trixie

if command -v qjs >/dev/null; then
  echo "qjs is here already"
  exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial cache/archives/partial
# From wherever this machine has Debian's packages from.
archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $RELEASE main" >sources.list
# Of that release only the list of sources, and here only: the machine's own packages stay as they are.
options=(-o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$folder/lists"
  -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=)
apt-get "${options[@]}" update -q
apt-get "${options[@]}" source -q --download-only quickjs
tar xf quickjs_*.orig.tar.*
make -s -C quickjs-*/ CONFIG_LTO= qjs
if [ "$(id -u)" -eq 0 ]; then root=; else root=sudo; fi
$root install -m 755 quickjs-*/qjs /usr/local/bin/qjs
qjs --help | head -1 || true # its help ends with an error code
