# shellcheck shell=bash
# What ./test and ./demo both need before they begin. Sourced from the repository's root; says what it does.

say() { printf '\n== %s\n' "$*" >&2; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The two things that are not installed here, since every machine has its own way to them.
check_tools() {
  command -v dotnet >/dev/null || fail "The .NET 10 SDK is needed and 'dotnet' is not on PATH: https://dotnet.microsoft.com/download (Debian: package dotnet-sdk-10.0)."
  dotnet --version >/dev/null || fail "This needs the .NET SDK that global.json names; installed are: $(dotnet --list-sdks | cut -d' ' -f1 | xargs)."
  command -v node >/dev/null && command -v npm >/dev/null || fail "Node.js 20 or newer with npm is needed and not on PATH: https://nodejs.org (Debian: packages nodejs and npm)."
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || fail "Node.js 20 or newer is needed; this is $(node --version)."
}

# Installs exactly what the lock file says, once per lock file. Scripts are off: nothing that is downloaded runs while it is installed.
install_npm() {
  local folder=$1
  if [ ! -f "$folder/node_modules/.package-lock.json" ] || [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    say "Installing what $folder/package-lock.json names (npm ci, scripts off)"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
    touch "$folder/node_modules/.package-lock.json"
  fi
}

# The functional tests run a PostgreSQL of their own, in a folder of their own, from the distribution's package.
install_postgres() {
  ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "PostgreSQL is needed and not installed (Debian: package postgresql). As root on Debian this installs it."
  say "Installing postgresql, of which the tests run a server of their own (apt-get)"
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

# Restores exactly what the lock files say, and builds once, in Release. Arguments: projects, or the solution.
build_dotnet() {
  local project
  for project in "$@"; do
    say "Building $project (Release)"
    dotnet restore "$project" --locked-mode -v quiet --nologo >&2
    dotnet build "$project" --no-restore -c Release -v quiet --nologo >&2
  done
}

build_sdk() {
  install_npm tests/sdk
  say "Building tests/sdk"
  (cd tests/sdk && npm run --silent build) >&2
}

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
