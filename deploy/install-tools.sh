#!/usr/bin/env bash
# Sees to the programs that `make dev` (postgresql) and `make test` (postgresql,
# redis-server, pgbouncer, chromium) start. As root on Debian it installs those that are
# missing; anywhere else it says what to install, and stops (`dev` goes on where it
# can help itself).
set -euo pipefail

any_of() { # is one of these commands on the PATH, or one of these files there?
  local it
  for it in "$@"; do
    if command -v "$it" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

has() {
  case $1 in
    postgresql)
      any_of postgres /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
        /opt/homebrew/opt/postgresql*/bin/postgres /usr/local/opt/postgresql*/bin/postgres ;;
    redis-server) any_of redis-server ;;
    pgbouncer) any_of pgbouncer /usr/sbin/pgbouncer ;;
    chromium)
      any_of chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ;;
  esac
}

case ${1:-} in
  dev) wanted=(postgresql) ;;
  test) wanted=(postgresql redis-server pgbouncer chromium) ;;
  *) echo "usage: $0 dev|test" >&2; exit 2 ;;
esac
if [ "$1" = dev ] && [ -n "${DATABASE_URL:-}" ]; then
  exit 0 # a Postgres of your own is used as it is
fi

missing=()
for package in "${wanted[@]}"; do
  has "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$1" = dev ] && [ "$(id -u)" != 0 ]; then
  echo "No PostgreSQL on this machine: one will be downloaded. Install postgresql to start faster." >&2
  exit 0
fi
install="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null 2>&1; then
  {
    echo "Missing: ${missing[*]}. Please install, with your package manager (macOS: brew install postgresql@17 redis pgbouncer,"
    echo "brew install --cask chromium; Fedora: dnf install postgresql-server redis pgbouncer chromium), and run make again."
  } >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "Missing: ${missing[*]}. Please run as root: $install" >&2
  exit 1
fi

echo "Installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
wait_for_lock=(-o DPkg::Lock::Timeout=120)
apt-get "${wait_for_lock[@]}" update -qq >&2 || echo "apt-get update failed; trying with the lists at hand" >&2
$install "${wait_for_lock[@]}" -qq >/dev/null || {
  echo "That failed: $install" >&2
  exit 1
}
for package in "${missing[@]}"; do
  has "$package" || { echo "$package was installed, yet its program is not found" >&2; exit 1; }
done
