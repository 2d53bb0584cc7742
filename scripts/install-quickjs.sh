#!/usr/bin/env bash
# Builds Fabrice Bellard's `qjs` from Debian's source package and installs it in /usr/local/bin: Debian 12 has no binary
# package. Needs apt, a C compiler and make; takes half a minute.
set -euo pipefail

RELEASE=trixie

if command -v qjs >/dev/null; then
  echo "qjs is already installed"
  exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial cache/archives/partial
# From the same archive as this machine's Debian packages.
archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $RELEASE main" >sources.list
# Only the list of sources of that release, and only in this folder: the machine's own packages do not change.
options=(-o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$folder/lists"
  -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=)
apt-get "${options[@]}" update -q
apt-get "${options[@]}" source -q --download-only quickjs
tar xf quickjs_*.orig.tar.*
make -s -C quickjs-*/ CONFIG_LTO= qjs
if [ "$(id -u)" -eq 0 ]; then root=; else root=sudo; fi
$root install -m 755 quickjs-*/qjs /usr/local/bin/qjs
qjs --help | head -1 || true # its help exits with an error code
