#!/usr/bin/env bash
# Installs what the tests need and is not there yet, on Debian and Ubuntu. Does nothing when everything is there.
# Without root and without sudo it says what is missing; under CI=true that is an error, for nothing is skipped there.
set -euo pipefail

missing=()
need() { # package, then a command that succeeds when it is there
	local package=$1
	shift
	if ! "$@" >/dev/null 2>&1; then missing+=("$package"); fi
}
postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' || command -v postgres; }
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
# A browser that knows no Chinese font draws boxes, and a picture of boxes proves nothing.
font() { command -v fc-list && [ -n "$(fc-list :lang=zh)" ]; }
venv() { python3 -c 'import ensurepip, venv'; }

need postgresql postgres
need chromium browser
need fontconfig command -v fc-list
need fonts-wqy-microhei font
need libimage-exiftool-perl command -v exiftool
need ffmpeg command -v ffmpeg
need mediainfo command -v mediainfo
need espeak-ng command -v espeak-ng
need openssl command -v openssl
need qpdf command -v qpdf
need poppler-utils command -v pdfinfo
need nodejs command -v node
need npm command -v npm
need python3-venv venv
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt

if [ ${#missing[@]} -eq 0 ]; then
	echo "tools: everything the tests need is there"
	exit 0
fi
echo "tools: missing: ${missing[*]}"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root=(sudo -n)
	else
		echo "tools: install them as root: apt-get install ${missing[*]}"
		if [ "${CI:-}" = true ]; then exit 1; fi
		exit 0
	fi
fi
if ! command -v apt-get >/dev/null; then
	echo "tools: this is no Debian; install them with your package manager"
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
fi

# The packaged server starts a cluster of its own by default; the tests start theirs.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	"${as_root[@]}" mkdir -p /etc/postgresql-common
	echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
export DEBIAN_FRONTEND=noninteractive
echo "tools: apt-get update"
"${as_root[@]}" apt-get update -qq
for package in "${missing[@]}"; do
	echo "tools: apt-get install $package"
	"${as_root[@]}" apt-get install -y -qq --no-install-recommends "$package" >/tmp/hegui-apt.$$ 2>&1 || {
		tail -n 20 /tmp/hegui-apt.$$
		echo "tools: $package could not be installed"
		if [ "${CI:-}" = true ]; then exit 1; fi
	}
done
rm -f /tmp/hegui-apt.$$
