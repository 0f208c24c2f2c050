# Sourced by ./quickstart and ./test: makes a Python environment outside the tree and prints what it does.
# Sets PY to its interpreter. Needs root only where a Debian package is missing.
# shellcheck shell=bash

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

PODVIRT_CACHE=${PODVIRT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/podvirt}
export PODVIRT_CACHE

# need_packages PACKAGE… : installs the Debian packages that are missing, and only those.
need_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" = 0 ] || die "these Debian packages are missing: ${missing[*]} (install them, or run as root)"
    say "installing Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # An index may be out of date on a fresh machine; a second try after an update settles it.
    apt_get install --no-install-recommends "${missing[@]}" 2>/dev/null && return
    apt_get update || die "apt-get update failed (is the package mirror in reach?)"
    apt_get install --no-install-recommends "${missing[@]}" || die "could not install: ${missing[*]}"
}

# apt_get WORD… : waits for whoever else is installing, such as the upgrades of a first boot: apt itself waits for
# the lock of dpkg, and tries only once for the lock of the package lists.
apt_get() {
    local said tries
    for tries in $(seq 300); do
        said=$(apt-get -y -qq -o DPkg::Lock::Timeout=600 "$@" 2>&1 >/dev/null) && return
        [[ $said == *"Could not get lock"* ]] || break
        sleep 2
    done
    printf '%s\n' "$said" >&2
    return 1
}

# python_environment EXTRA : one virtual environment for each content of setup.cfg and Python version, made once.
python_environment() {
    local extra=$1 base key
    base=$(command -v python3) || die "python3 is missing (apt-get install python3)"
    "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed, found $("$base" -V)"
    key=$( { cat setup.cfg; "$base" -VV; echo "$base $extra"; } | sha256sum | cut -c1-12)
    local home=$PODVIRT_CACHE/venv-$key
    PY=$home/bin/python
    if [ ! -e "$home/ready" ]; then
        "$base" -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv
        say "making a Python environment (${extra}) in $home"
        rm -rf "$home"
        "$base" -m venv "$home" || die "python3 -m venv failed"
        "$home/bin/pip" install -q --disable-pip-version-check ".[$extra]" || die "pip could not install the Python packages"
        # The environment holds the dependencies; the code itself runs from this tree.
        "$home/bin/pip" uninstall -q -y podvirt
        touch "$home/ready"
    fi
    export PYTHONPATH=$PWD
}
